"""`manage.py serve`: everything from an empty folder to a running server, for a laptop."""

import socket
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from config.server import exec_uwsgi
from uploads.errors import UploadsUnavailableError
from uploads.storage import upload_storage

LOG_FORMAT = "%(ltime) %(addr) %(method) %(var.SENT_PATH) %(status) %(rsize) bytes %(msecs) ms"


class Command(BaseCommand):
    help = "Creates the database where there is none, fills it with a demo the first time, and serves with uWSGI."
    requires_system_checks: list[str] = []  # migrate runs them, once the folder is known to be writable

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        self.check_port(host, port)
        self.check_folder(settings.DATA_DIR)
        self.prepare()
        self.try_storage()
        call_command("load_demo", url=f"http://{host}:{port}", stdout=self.stdout)
        self.stdout.flush()
        self.exec_uwsgi(host, port)

    def prepare(self) -> None:
        try:
            call_command("migrate", verbosity=0)
        except OperationalError as error:
            reason = str(error).splitlines()[0]
            raise CommandError(f"The database does not work: {reason}") from error
        if not settings.DEBUG:
            call_command("collectstatic", verbosity=0, interactive=False)

    def try_storage(self) -> None:
        """Says what uploads lack. Snippets can do without them."""
        try:
            upload_storage().probe()
        except UploadsUnavailableError as error:
            self.stderr.write(f"Uploads cannot be stored: {error}.")

    def check_port(self, host: str, port: int) -> None:
        if not 1 <= port <= 65535:
            raise CommandError(f"There is no port {port}: take one from 1 to 65535, such as make run PORT=8000")
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((host, port))
            except OSError as error:
                raise CommandError(
                    f"Cannot listen on {host}:{port}: {error.strerror}. "
                    f"Stop what listens there, or take another port: make run PORT={port + 1 if port < 65535 else 8000}"
                ) from error

    def check_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise CommandError(
                f"Cannot write to {folder}: {error.strerror}. "
                "Make it writable, or keep the data elsewhere: make run DATA_DIR=/a/folder/of/yours"
            ) from error

    def exec_uwsgi(self, host: str, port: int) -> None:
        ready = f"print:Serving on http://{host}:{port}/ - what to try is printed above. Ctrl-C stops it."
        arguments = ["--http-socket", f"{host}:{port}", "--hook-accepting1-once", ready]
        # Bodies arrive as slowly as the client sends them, and not whole as behind nginx: the deadline would kill the
        # process in the midst of a large upload. Highlighting and images have deadlines of their own.
        arguments += ["--harakiri", "0"]
        # It closes each connection, and must say so: else clients send their next request into a closed one.
        arguments += ["--add-header", "Connection: close"]
        # The path alone, since a query may hold a title; and as it was sent, since a decoded one could forge lines.
        arguments += ["--route-uri", "^([^?]*) addvar:SENT_PATH=$1", "--log-format", LOG_FORMAT]
        if not settings.DEBUG:  # else Django serves them
            arguments += ["--static-map", f"/static={settings.STATIC_ROOT}"]
        exec_uwsgi(*arguments)
