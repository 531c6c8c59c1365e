"""How much memory an upload costs the server process that takes it.

    .venv/bin/python -m benchmarks.upload_memory [filesystem] [s3]

Starts the service with one process on a storage of each kind (for S3: rclone's server) and uploads 25 MiB five times,
the first of which loads what is needed. Prints how far the process's resident memory rose at its peak, as Linux counts
it (VmHWM).
"""

import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks import databases, processes, servers
from benchmarks.processes import memory
from tests.servers import free_port

SCRIPTS = Path(sysconfig.get_path("scripts"))
MIB = 1024 * 1024
SIZE = 25 * MIB


def measure(folder: Path, storage: str, **variables: str) -> None:
    own = folder / storage
    own.mkdir()
    file = own / "file"
    file.write_bytes(os.urandom(SIZE))
    static = servers.collect_static(own)
    settings = {"UWSGI_PROCESSES": "1", "STORAGE": storage, "STATIC_ROOT": str(static)} | variables
    with databases.SQLite().fresh(own / "database") as url:
        filled = databases.fill(url, own, 1, 100)
        with servers.service(own, DATABASE_URL=url, **settings) as server:
            headers = {"Authorization": f"Bearer {filled.token}"}
            (worker,) = processes.workers(server.pid)
            with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
                for attempt in range(5):
                    _upload(client, file, worker, f"{storage:10} upload {attempt + 1}")


def _upload(client: httpx.Client, file: Path, worker: int, title: str) -> None:
    before = memory(worker)
    Path(f"/proc/{worker}/clear_refs").write_text("5")  # the peak counts from here on
    began = time.monotonic()
    with file.open("rb") as content:
        answer = client.post("/snippets/1/attachments/", files={"file": content})
    seconds = time.monotonic() - began
    if answer.status_code != 201:
        raise SystemExit(answer.text)
    peak, after = memory(worker, "VmHWM"), memory(worker)
    client.delete(answer.json()[0]["url"]).raise_for_status()
    print(
        f"{title}: {seconds:4.1f} s, before {before:5.1f} MB, "
        f"peak +{peak - before:4.1f} MB, after +{after - before:4.1f} MB",
        flush=True,
    )


@contextmanager
def rclone(folder: Path) -> Iterator[str]:
    """The address of an S3 server with an empty bucket."""
    (folder / "buckets" / "bucket").mkdir(parents=True)
    port = free_port()
    command = [str(SCRIPTS / "rclone"), "serve", "s3", str(folder / "buckets"), "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", "benchmark-key,benchmark-secret", "--config", os.devnull]
    with (folder / "rclone.log").open("wb") as log:
        process = subprocess.Popen(command, env={"HOME": str(folder)}, stdout=log, stderr=log)
    try:
        for _ in range(200):
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def main(storages: list[str]) -> None:
    servers.check_programs()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the servers run as somebody else where this is root
        if "filesystem" in storages:
            measure(folder, "filesystem")
        if "s3" in storages:
            keys = {"AWS_ACCESS_KEY_ID": "benchmark-key", "AWS_SECRET_ACCESS_KEY": "benchmark-secret"}
            with rclone(folder) as url:
                measure(folder, "s3", S3_BUCKET="bucket", S3_REGION="us-east-1", S3_ENDPOINT_URL=url, **keys)


if __name__ == "__main__":
    main(sys.argv[1:] or ["filesystem", "s3"])
