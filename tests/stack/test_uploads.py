"""Uploads through the real nginx and uWSGI: into local files that nginx sends, and onto one S3 by two instances."""

import hashlib
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.s3.servers import BUCKET, KEY, SECRET, S3Server
from tests.stack.conftest import Stack, StartStack
from tests.uploading import BINARY, PAGE, picture

MIB = 1024 * 1024


def post(url: str) -> tuple[str, dict[str, str]]:
    """A new snippet: the address of its files, and the key to change them."""
    answer = httpx.post(f"{url}/snippets/", json={"code": "with files\n"})
    while answer.status_code == 429:  # the tests before this one have posted much
        time.sleep(0.5)
        answer = httpx.post(f"{url}/snippets/", json={"code": "with files\n"})
    made = answer.json()
    return f"{url}/snippets/{made['pk']}/attachments/", {"X-Edit-Key": made["edit_key"]}


def test_a_file_goes_in_and_nginx_sends_it_out(stack: Stack) -> None:
    address, key = post(stack.url)
    name = "zwei Wörter.bin"
    answer = httpx.post(address, files=[("file", (name, BINARY))], headers=key)
    [made] = answer.json()
    assert made["sha256"] == hashlib.sha256(BINARY).hexdigest()
    whole = httpx.get(made["content"])
    assert (whole.content, whole.headers["Content-Type"]) == (BINARY, "application/octet-stream")
    assert whole.headers["Content-Disposition"] == "attachment; filename*=utf-8''zwei%20W%C3%B6rter.bin"
    assert whole.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert whole.headers.get_list("Content-Security-Policy") == [
        "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    ]
    assert whole.headers.get_list("Cache-Control") == ["private, no-store"]
    assert len(whole.headers.get_list("X-Request-ID")) == 1
    part = httpx.get(made["content"], headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, BINARY[10:20])
    head = httpx.head(made["content"])
    assert (head.headers["Content-Length"], head.content) == (str(len(BINARY)), b"")
    beyond = httpx.get(made["content"], headers={"Range": "bytes=99999-"})
    assert (beyond.status_code, list(beyond.json())) == (416, ["detail"])
    assert httpx.delete(made["url"], headers=key).status_code == 204
    assert httpx.get(made["content"]).status_code == 404


def test_the_folder_of_uploads_is_closed(stack: Stack) -> None:
    address, key = post(stack.url)
    httpx.post(address, files=[("file", ("a.bin", BINARY))], headers=key)
    media = Path(stack.variables["DATA_DIR"]) / "media"
    [stored, *_] = [path for path in media.rglob("*") if path.is_file()]
    assert httpx.get(f"{stack.url}/media/{stored.relative_to(media)}").status_code == 404


def test_what_could_act_is_downloaded(stack: Stack) -> None:
    address, key = post(stack.url)
    files = [("file", ("page.html", PAGE, "text/html")), ("file", ("a.png", picture(), "text/html"))]
    page, image = httpx.post(address, files=files, headers=key).json()
    shown = httpx.get(page["content"])
    assert shown.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert shown.headers["Content-Disposition"].startswith("attachment")
    assert httpx.get(image["content"]).headers["Content-Type"] == "image/png"
    assert httpx.get(image["preview"]).headers["Content-Type"] == "image/webp"


def test_a_large_file_passes_and_a_larger_one_is_refused(stack: Stack) -> None:
    address, key = post(stack.url)
    largest = b"\0" * (25 * MIB)
    [made] = httpx.post(address, files=[("file", ("large.bin", largest))], headers=key, timeout=60).json()
    assert httpx.get(made["content"]).content == largest
    refused = httpx.post(address, files=[("file", ("larger.bin", largest + b"\0"))], headers=key, timeout=60)
    assert (refused.status_code, list(refused.json())) == (413, ["file"])
    assert httpx.get(address).json()["count"] == 1


def test_who_is_refused_before_the_upload_was_read_is_told_so(stack: Stack) -> None:
    address, _ = post(stack.url)
    token = {"Authorization": "Bearer nonsense"}
    for _ in range(5):
        for method, url, size in (("POST", address, 20), ("POST", f"{stack.url}/snippets/", 3), ("PUT", stack.url, 3)):
            answer = httpx.request(method, url, content=bytes(size * MIB), headers=token, timeout=60)
            assert answer.status_code == 401


def test_a_body_beyond_all_limits_is_refused_by_nginx(stack: Stack) -> None:
    address, _ = post(stack.url)
    path = address.removeprefix(stack.url)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=a\r\n"
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: {200 * MIB}\r\n\r\n".encode())
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/json" in answer


def test_an_upload_that_is_cut_off_leaves_nothing(stack: Stack) -> None:
    address, key = post(stack.url)
    before = _files(stack)
    path = address.removeprefix(stack.url)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=a\r\n"
    head += f"X-Edit-Key: {key['X-Edit-Key']}\r\nContent-Length: {2 * MIB}\r\n\r\n"
    body = b'--a\r\nContent-Disposition: form-data; name="file"; filename="half.bin"\r\n\r\n' + b"x" * MIB
    with socket.create_connection(("127.0.0.1", stack.port)) as connection:
        connection.sendall(head.encode() + body)
    assert httpx.get(address).json()["count"] == 0
    assert _files(stack) == before


def _files(stack: Stack) -> set[Path]:
    return {path for path in (Path(stack.variables["DATA_DIR"]) / "media").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def on_one_s3(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    folder = tmp_path_factory.mktemp("s3")
    server = S3Server("rclone", folder / "bucket").start()
    variables = {"STORAGE": "s3", "S3_BUCKET": BUCKET, "S3_ENDPOINT_URL": server.url, "S3_REGION": "us-east-1"}
    variables |= {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    with ExitStack() as running:
        running.callback(server.kill)
        first = running.enter_context(start_stack(folder / "first", **variables))
        database = first.variables["DATABASE_URL"] or f"sqlite:///{first.variables['DATA_DIR']}/db.sqlite3"
        second = running.enter_context(start_stack(folder / "second", DATABASE_URL=database, **variables))
        yield [first.url, second.url]


def test_what_one_instance_takes_the_other_gives(on_one_s3: list[str]) -> None:
    first, second = on_one_s3
    for url in on_one_s3:
        assert httpx.get(f"{url}/health/ready/").json()["status"] == "ok"
    address, key = post(first)
    [made] = httpx.post(address, files=[("file", ("cat.png", picture()))], headers=key).json()
    there = made["content"].replace(first, second)
    redirect = httpx.get(there)
    assert redirect.status_code == 302
    assert re.search(r"X-Amz-Expires=60\b", redirect.headers["Location"])
    file = httpx.get(redirect.headers["Location"])
    assert (file.content, file.headers["Content-Type"]) == (picture(), "image/png")
    assert httpx.delete(made["url"].replace(first, second), headers=key).status_code == 204
    assert httpx.get(made["content"]).status_code == 404
