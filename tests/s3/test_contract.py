"""What Django promises of a storage, of each that STORAGE names: S3 over HTTP against two servers that have nothing in
common, the local disk, and Dropbox against a stand-in."""

import hashlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.uploadedfile import TemporaryUploadedFile

from tests.s3.servers import BUCKET, S3Server
from uploads.local_storage import LocalStorage

MIB = 1024 * 1024


def test_save_open_read_and_delete(storage: Storage) -> None:
    name = storage.save("folder/file", ContentFile(b"hello world"))
    assert name == "folder/file"
    assert storage.exists(name)
    assert storage.size(name) == 11
    with storage.open(name) as file:
        assert file.read() == b"hello world"
    storage.delete(name)
    assert not storage.exists(name)
    storage.delete(name)  # which is no error


def test_read_in_pieces(storage: Storage) -> None:
    content = bytes(range(256)) * 1000
    name = storage.save("pieces", ContentFile(content))
    with storage.open(name) as file:
        assert file.read(10) == content[:10]
        assert file.read(10) == content[10:20]
        file.seek(1000)
        assert file.read(24) == content[1000:1024]
    with storage.open(name) as file:
        assert b"".join(file.chunks(1000)) == content


def test_write_and_lines(storage: Storage) -> None:
    storage.save("first", ContentFile(b"x"))  # a folder of the disk must be there
    with storage.open("written", "wb") as file:
        file.write(b"one\n")
        file.write(b"two\n")
    with storage.open("written") as file:
        assert list(file) == [b"one\n", b"two\n"]


def test_what_is_not_there(storage: Storage) -> None:
    assert not storage.exists("nothing")
    with pytest.raises(FileNotFoundError):
        storage.size("nothing")
    with pytest.raises(FileNotFoundError), storage.open("nothing") as file:
        file.read()


def test_a_name_that_is_taken_is_not_overwritten(storage: Storage) -> None:
    first, second = (storage.save("same.txt", ContentFile(content)) for content in (b"one", b"two"))
    assert first == "same.txt"
    assert second != first
    assert [storage.open(name).read() for name in (first, second)] == [b"one", b"two"]


@pytest.mark.parametrize("name", ["ünïcode 日本語.txt", "a 'quoted' name & more", "100% + 50%"])
def test_names_of_all_kinds(storage: Storage, name: str) -> None:
    saved = storage.save(f"names/{name}", ContentFile(b"x"))
    assert saved == f"names/{name}"
    assert storage.open(saved).read() == b"x"
    assert name in storage.listdir("names")[1]


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/etc/passwd"])
def test_no_name_leads_outside(storage: Storage, name: str) -> None:
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b"x"))


def test_listing_a_folder(storage: Storage) -> None:
    for name in ("list/a/1", "list/b/1", *(f"list/{number}" for number in range(8))):
        storage.save(name, ContentFile(b"x"))
    folders, files = storage.listdir("list")
    assert sorted(folders) == ["a", "b"]
    assert sorted(files) == [str(number) for number in range(8)]


def test_when_it_was_stored(storage: Storage) -> None:
    name = storage.save("when", ContentFile(b"x"))
    assert abs(storage.get_modified_time(name) - datetime.now(UTC)) < timedelta(seconds=5)


def test_twenty_mebibytes_in_parts(storage: Storage) -> None:
    content = hashlib.sha256(b"seed").digest() * (20 * MIB // 32)
    upload = TemporaryUploadedFile("large", "application/octet-stream", len(content), None)
    upload.write(content)
    upload.seek(0)
    name = storage.save("large", upload)
    upload.close()
    assert storage.size(name) == 20 * MIB
    digest = hashlib.sha256()
    with storage.open(name) as file:
        for chunk in file.chunks():
            digest.update(chunk)
    assert digest.digest() == hashlib.sha256(content).digest()
    storage.delete(name)


def test_large_files_go_to_s3_in_parts(moto: S3Server) -> None:
    storage = moto.storage
    storage.location = "uploads/"
    storage.save("parts", ContentFile(b"x" * 9 * MIB))
    storage.save("whole", ContentFile(b"x" * 7 * MIB))
    tags = [moto.client.head_object(Bucket=BUCKET, Key=f"uploads/{name}")["ETag"] for name in ("parts", "whole")]
    assert tags[0].endswith('-2"')  # S3 appends the number of parts
    assert "-" not in tags[1]


# --- Addresses --------------------------------------------------------------------------------------------------------


def test_an_address_that_gives_out_the_file(storage: Any) -> None:
    name = storage.save("address", ContentFile(b"0123456789"))
    url = storage.download_url(name, filename="a.txt", media_type="text/plain", inline=False, method="GET")
    if isinstance(storage, LocalStorage):
        assert url is None  # the service, or the web server in front of it, sends the file
        assert storage.url(name) == "/media/address"
        return
    assert httpx.get(url).content == b"0123456789"
    assert httpx.get(storage.url(name)).content == b"0123456789"


@pytest.mark.parametrize("name", ['say "hi".txt', "日本語.txt", "plain.bin"])
def test_s3_sends_the_name_and_the_type_that_it_is_told(s3: S3Server, name: str) -> None:
    storage = s3.storage
    key = storage.save("told", ContentFile(b"0123456789"))
    url = storage.download_url(key, filename=name, media_type="text/plain", inline=False, method="GET")
    answer = httpx.get(url)
    assert answer.headers["Content-Type"].partition(";")[0] == "text/plain"
    expected = {
        'say "hi".txt': 'attachment; filename="say \\"hi\\".txt"',
        "日本語.txt": "attachment; filename*=utf-8''%E6%97%A5%E6%9C%AC%E8%AA%9E.txt",
        "plain.bin": 'attachment; filename="plain.bin"',
    }
    assert answer.headers["Content-Disposition"] == expected[name]


def test_s3_sends_a_range_and_a_head(s3: S3Server) -> None:
    storage = s3.storage
    key = storage.save("range", ContentFile(b"0123456789"))
    options: dict[str, Any] = {"filename": "a", "media_type": "text/plain", "inline": False}
    part = httpx.get(storage.download_url(key, method="GET", **options), headers={"Range": "bytes=3-5"})
    assert part.content == b"345"
    assert part.status_code == (206 if s3.name == "moto" else 200)  # rclone sends the range and calls it all
    assert part.headers["Content-Range"] == "bytes 3-5/10"
    head = httpx.head(storage.download_url(key, method="HEAD", **options))
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "10", b"")


def test_an_address_holds_for_a_short_time_and_cannot_be_changed(rclone: S3Server, settings: Any) -> None:
    storage = rclone.storage
    key = storage.save("secret", ContentFile(b"x"))
    options: dict[str, Any] = {"filename": "a", "media_type": "text/plain", "inline": False, "method": "GET"}
    url = storage.download_url(key, **options)
    assert "X-Amz-Expires=60" in url
    assert httpx.get(url).status_code == 200
    assert httpx.get(url.partition("?")[0]).status_code == 400  # for which Amazon has 403
    assert httpx.get(url.replace("text%2Fplain", "text%2Fhtml")).status_code == 403
    settings.DOWNLOAD_URL_SECONDS = 1
    url = storage.download_url(key, **options)
    time.sleep(2.1)
    assert httpx.get(url).status_code == 400
