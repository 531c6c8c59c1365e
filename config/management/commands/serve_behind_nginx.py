"""`manage.py serve_behind_nginx`: uWSGI on a unix socket, and what nginx cannot read from the environment itself."""

import os
import shutil
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from api.upload_parser import ROOM_FOR_FRAMING
from config.server import exec_uwsgi

# Connections that wait to be accepted. The kernel allows no more than its own limit, and uWSGI refuses to start beyond.
BACKLOG = 1024
KERNEL_BACKLOG = Path("/proc/sys/net/core/somaxconn")


class Command(BaseCommand):
    help = "Writes nginx's configuration into a folder, and serves with uWSGI on a socket there."
    requires_system_checks: list[str] = []  # uWSGI's workers load the application at once

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        socket = folder / "uwsgi.sock"
        self.write_nginx_configuration(folder, socket)
        # A socket option in the ini that comes from the environment would silently be a backlog of 0.
        arguments = ["--socket", str(socket), "--chmod-socket=660", "--listen", str(backlog())]
        # The files of MEDIA_ROOT are nginx's to send.
        os.environ.setdefault("X_ACCEL_REDIRECT", "true")
        # nginx writes the log of requests.
        arguments += ["--disable-logging", "--hook-accepting1-once", f"write:{folder / 'ready'} ready"]
        exec_uwsgi(*arguments)

    def write_nginx_configuration(self, folder: Path, socket: Path) -> None:
        """The files of nginx/ as they are, and beside them what depends on the settings."""
        configuration = folder / "nginx"
        shutil.rmtree(configuration, ignore_errors=True)
        shutil.copytree(settings.BASE_DIR / "nginx", configuration, symlinks=True)
        (configuration / "listen.conf").write_text(f"listen {settings.PORT};\n")
        uploads = settings.SNIPPET_UPLOADS_MAX_BYTES + ROOM_FOR_FRAMING
        (configuration / "uploads.conf").write_text(f"client_max_body_size {uploads};\n")
        (configuration / "values.conf").write_text("\n".join(values(socket)) + "\n")
        # nginx's paths are relative to the folder.
        for name, place in (("static", settings.STATIC_ROOT), ("media", settings.MEDIA_ROOT)):
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(place)


def backlog() -> int:
    try:
        return min(BACKLOG, int(KERNEL_BACKLOG.read_text()))
    except FileNotFoundError:  # not Linux
        return 100


def _as_it_is(host: str) -> str:
    """A host may have a name that means something to nginx."""
    return f"\\{host}" if host in ("default", "hostnames", "include", "volatile") else host


def values(socket: Path) -> Iterator[str]:
    """Lines for nginx's http block. The settings have been checked, so nothing here needs quoting."""
    yield "# Written at each start, from the environment."
    yield f"upstream snippets {{ server unix:{socket}; }}"
    yield f"client_max_body_size {settings.DATA_UPLOAD_MAX_MEMORY_SIZE + ROOM_FOR_FRAMING};"
    yield from (f"set_real_ip_from {network};" for network in settings.TRUSTED_PROXIES)
    yield "geo $realip_remote_addr $from_trusted_proxy {"
    yield "    default 0;"
    yield from (f"    {network} 1;" for network in settings.TRUSTED_PROXIES)
    yield "}"
    yield "map $host $known_host {"
    yield "    hostnames;"
    yield f"    default {1 if '*' in settings.ALLOWED_HOSTS else 0};"
    # nginx refuses to be told twice: `.example.org` is example.org too.
    hosts = {host.lower() for host in settings.ALLOWED_HOSTS if host != "*"}
    yield from (f"    {_as_it_is(host)} 1;" for host in sorted(hosts) if f".{host}" not in hosts)
    yield "}"
