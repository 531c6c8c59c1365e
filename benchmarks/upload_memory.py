"""How much memory an upload costs the server process that takes it.

    .venv/bin/python benchmarks/upload_memory.py [filesystem] [s3]

Starts the service with one process on a storage of each kind (for S3: rclone's server) and uploads 25 MiB five times,
the first of which loads what is needed. Prints how far the process's resident memory rose at its peak, as Linux counts
it (VmHWM).
"""

import os
import re
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import httpx
from servers import free_port, running

SCRIPTS = Path(sysconfig.get_path("scripts"))
MIB = 1024 * 1024
SIZE = 25 * MIB


def worker_of(master: int) -> int:
    """The one server process, a child of uWSGI's master."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return int(children[0])


def memory(pid: int, name: str) -> float:
    match = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert match
    return int(match[1]) / 1024


def measure(folder: Path, storage: str, **variables: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    settings = {"DEBUG": "true", "DATA_DIR": str(folder / storage), "UWSGI_PROCESSES": "1", "STORAGE": storage}
    file = folder / "file"
    file.write_bytes(os.urandom(SIZE))
    log = folder / f"{storage}.log"
    with running(command, f"{url}/health/live/", log, **settings, **variables) as server:
        token = re.search(r"token: (\S+)", log.read_text())
        assert token, log.read_text()
        headers = {"Authorization": f"Bearer {token[1]}"}
        worker = worker_of(server.pid)
        with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            ref = client.post("/snippets/", json={"code": "x"}).json()["pk"]
            for attempt in range(5):
                before = memory(worker, "VmRSS")
                Path(f"/proc/{worker}/clear_refs").write_text("5")  # the peak counts from here on
                began = time.monotonic()
                with file.open("rb") as content:
                    answer = client.post(f"/snippets/{ref}/attachments/", files={"file": content})
                seconds = time.monotonic() - began
                if answer.status_code != 201:
                    sys.exit(f"{answer.text}\n{log.read_text()}")
                peak, after = memory(worker, "VmHWM"), memory(worker, "VmRSS")
                client.delete(answer.json()[0]["url"]).raise_for_status()
                print(
                    f"{storage:10} upload {attempt + 1}: {seconds:4.1f} s, before {before:5.1f} MiB, "
                    f"peak +{peak - before:4.1f} MiB, after +{after - before:4.1f} MiB",
                    flush=True,
                )


def main(storages: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "filesystem" in storages:
            measure(folder, "filesystem")
        if "s3" in storages:
            (folder / "buckets" / "bucket").mkdir(parents=True)
            url = f"http://127.0.0.1:{free_port()}"
            serve = [str(SCRIPTS / "rclone"), "serve", "s3", str(folder / "buckets"), "--addr", url.partition("//")[2]]
            serve += ["--auth-key", "benchmark-key,benchmark-secret", "--config", os.devnull]
            keys = {"AWS_ACCESS_KEY_ID": "benchmark-key", "AWS_SECRET_ACCESS_KEY": "benchmark-secret"}
            with running(serve, url, folder / "rclone.log", HOME=name):
                measure(folder, "s3", S3_BUCKET="bucket", S3_REGION="us-east-1", S3_ENDPOINT_URL=url, **keys)


if __name__ == "__main__":
    main(sys.argv[1:] or ["filesystem", "s3"])
