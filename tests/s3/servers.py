"""Servers that speak S3's protocol, each a process of its own, so that a test can kill it."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tests.servers import free_port
from uploads.s3_storage import S3Storage, client_config

SCRIPTS = Path(sysconfig.get_path("scripts"))
KEY, SECRET = "snippets-key", "snippets-secret-key"
BUCKET = "snippets-uploads"
STARTUP_SECONDS = 30


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

    def stored(self) -> list[str]:
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


class Proxy(ThreadingHTTPServer):
    """Stands before a server, and calls `before` and `after` with each request's method and address."""

    daemon_threads = True

    def __init__(self, server: S3Server) -> None:
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        self.server = server
        self.before: Callable[[str, str], None] = lambda method, path: None
        self.after: Callable[[str, str], None] = lambda method, path: None
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class ProxyHandler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.before(self.command, self.path)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server.port)
        # The headers as they are, Host included: the signature counts them.
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        self.server.after(self.command, self.path)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = forward  # noqa: N815

    def log_message(self, *args: Any) -> None:
        """Nothing is said."""

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the server behind it is dead: the connection breaks off
            super().handle()
