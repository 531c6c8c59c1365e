"""Servers that speak S3's protocol, each a process of its own, so that a test can kill it."""

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from uploads.s3_storage import S3Storage, client_config

SCRIPTS = Path(sysconfig.get_path("scripts"))
KEY, SECRET = "snippets-key", "snippets-secret-key"
BUCKET = "snippets-uploads"
STARTUP_SECONDS = 30


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass
class S3Server:
    """`name` is `moto` or `rclone`. What rclone stores outlives it: it stands in `folder`."""

    name: str
    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "S3Server":
        self.port = self.port or free_port()
        (self.folder / BUCKET).mkdir(parents=True, exist_ok=True)
        moto = [sys.executable, str(SCRIPTS / "moto_server"), "--host", "127.0.0.1", "--port", str(self.port)]
        rclone = [str(SCRIPTS / "rclone"), "serve", "s3", str(self.folder), "--addr", f"127.0.0.1:{self.port}"]
        rclone += ["--auth-key", f"{KEY},{SECRET}", "--config", os.devnull, "--vfs-cache-mode", "off"]
        self.process = subprocess.Popen(
            moto if self.name == "moto" else rclone,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            start_new_session=True,
        )
        self._await()
        return self

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def options(self, **others: Any) -> dict[str, Any]:
        """Those of uploads.s3_storage.S3Storage, as the settings make them."""
        options = {"bucket_name": BUCKET, "region_name": "us-east-1", "endpoint_url": self.url, "location": "uploads/"}
        return options | {"access_key": KEY, "secret_key": SECRET, "timeout": 5} | others

    @cached_property
    def client(self) -> Any:
        keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=self.url, config=client_config(5, self.url), **keys)

    def keys(self) -> list[str]:
        """All that is stored."""
        found = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [entry["Key"] for entry in found]

    @cached_property
    def storage(self) -> S3Storage:
        """One for all tests: making a client of boto3 takes a second."""
        return S3Storage(**self.options())

    def _await(self) -> None:
        deadline = time.monotonic() + STARTUP_SECONDS
        while True:
            try:
                if self.name == "moto":
                    self.client.create_bucket(Bucket=BUCKET)
                self.client.head_bucket(Bucket=BUCKET)
                return
            except (BotoCoreError, ClientError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
