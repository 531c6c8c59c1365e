"""Uploads to a running server: by curl, and by clients that break off."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.live.conftest import Server, StartServer
from tests.servers import free_port

MIB = 1024 * 1024


@pytest.fixture
def own(start_server: StartServer, tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A server of this test's own, and the folder where it keeps its temporary files."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with start_server(tmp_path / "data", tmp_path / "server.log", TMPDIR=str(temporary)) as server:
        yield server, temporary


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_curl_uploads_several_files_and_fetches_a_part(own: tuple[Server, Path], tmp_path: Path) -> None:
    server, temporary = own
    large, small = tmp_path / "large file.bin", tmp_path / "naïve.txt"
    large.write_bytes(os.urandom(20 * MIB))
    small.write_text("small\n")
    curl = [shutil.which("curl") or "curl", "--silent", "--show-error", "--fail-with-body"]
    curl += ["--header", f"Authorization: Bearer {server.token}"]
    send = ["--form", f"file=@{large}", "--form", f"file=@{small}", f"{server.url}/snippets/1/attachments/"]
    answer = subprocess.run([*curl, *send], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    made = json.loads(answer.stdout)
    assert [it["name"] for it in made] == ["large file.bin", "naïve.txt"]
    got = tmp_path / "got"
    subprocess.run([*curl, "--range", "1000-", "--output", got, made[0]["content"]], check=True)
    assert got.read_bytes() == large.read_bytes()[1000:]
    head = subprocess.run([*curl, "--head", made[0]["content"]], capture_output=True, text=True, check=True).stdout
    assert f"Content-Length: {20 * MIB}" in head
    assert files_in(temporary) == []


@pytest.mark.parametrize("sent", [0.5, 0.98])
def test_a_client_that_breaks_off_leaves_nothing(own: tuple[Server, Path], tmp_path: Path, sent: float) -> None:
    server, temporary = own
    start = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    body = start + bytes(10 * MIB) + b"\r\n--b--\r\n"
    head = (
        "POST /snippets/1/attachments/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Authorization: Bearer {server.token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    address = urlsplit(server.url)
    with socket.create_connection((str(address.hostname), int(address.port or 80))) as connection:
        connection.sendall(head.encode() + body[: int(len(body) * sent)])
    deadline = time.monotonic() + 10
    while files_in(temporary) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert files_in(temporary) == []
    assert not (tmp_path / "data/media/attachments").exists()
    assert httpx.get(f"{server.url}/snippets/1/attachments/").json()["count"] == 0


@pytest.mark.parametrize(
    ("path", "content_type", "begun"),
    [
        ("/snippets/", "application/json", b'{"code": "x'),
        ("/snippets/1/attachments/", "multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; nam"),
    ],
)
def test_who_ends_a_body_too_early_is_told_so(server: Server, path: str, content_type: str, begun: bytes) -> None:
    address = urlsplit(server.url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n"
        f"Authorization: Bearer {server.token}\r\nContent-Length: {MIB}\r\n\r\n"
    )
    with socket.create_connection((str(address.hostname), int(address.port or 80)), timeout=30) as connection:
        connection.sendall(head.encode() + begun)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"detail":"The request was cut off."}')


def test_a_file_that_is_too_large_gets_its_answer(own: tuple[Server, Path]) -> None:
    server, temporary = own
    headers = {"Authorization": f"Bearer {server.token}"}
    answer = httpx.post(
        f"{server.url}/snippets/1/attachments/", headers=headers, files={"file": ("big", bytes(26 * MIB))}, timeout=30
    )
    assert answer.status_code == 413
    assert answer.json() == {"file": [f"big: A file may be at most {25 * MIB} bytes long."]}
    assert files_in(temporary) == []


def test_without_its_bucket_it_says_so_at_the_start_and_serves_snippets(
    start_server: StartServer, tmp_path: Path
) -> None:
    nowhere = {"S3_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", "S3_BUCKET": "bucket", "S3_REGION": "us-east-1"}
    keys = {"AWS_ACCESS_KEY_ID": "key-of-nobody", "AWS_SECRET_ACCESS_KEY": "secret-of-nobody"}
    log = tmp_path / "server.log"
    with start_server(tmp_path / "data", log, STORAGE="s3", **nowhere, **keys) as server:
        assert "Uploads cannot be stored: S3 cannot be reached (EndpointConnectionError)." in log.read_text()
        headers = {"Authorization": f"Bearer {server.token}"}
        sent = httpx.post(f"{server.url}/snippets/1/attachments/", headers=headers, files={"file": b"x"}, timeout=30)
        assert (sent.status_code, sent.headers["Retry-After"]) == (503, "2")
        assert httpx.get(f"{server.url}/snippets/1/").status_code == 200
        ready = httpx.get(f"{server.url}/health/ready/", timeout=30)
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert "secret-of-nobody" not in log.read_text()
