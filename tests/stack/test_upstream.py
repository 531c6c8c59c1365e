"""What nginx answers while uWSGI is away, or silent. nginx alone, from the files that the service writes for it."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.management.commands.serve_behind_nginx import Command
from tests.nginx import AS_ORDINARY_USER, own_folder, wait_until_it_listens
from tests.servers import free_port


@contextmanager
def nginx(folder: Path, settings: Any, patience: str = "35s") -> Iterator[str]:
    settings.PORT = free_port()
    Command().write_nginx_configuration(folder, folder / "uwsgi.sock")
    site = folder / "nginx" / "sites-available" / "snippets.conf"
    site.write_text(site.read_text().replace("uwsgi_read_timeout 35s;", f"uwsgi_read_timeout {patience};"))
    command = [*AS_ORDINARY_USER, "nginx", "-p", str(folder), "-c", str(folder / "nginx" / "nginx.conf")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_it_listens(settings.PORT, process)
        yield f"http://localhost:{settings.PORT}"
    finally:
        process.terminate()
        process.wait(timeout=30)


# A short name: the path of a unix socket has at most 107 characters.
@pytest.mark.parametrize(("patience", "there", "status"), [("35s", False, 502), ("1s", True, 504)])
def test_uwsgi_is_away_or_silent(
    tmp_path: Path, settings: Any, needs_nginx: None, patience: str, there: bool, status: int
) -> None:
    folder = own_folder(tmp_path / "run")
    with socket.socket(socket.AF_UNIX) as silent, nginx(folder, settings, patience) as url:
        if there:
            silent.bind(str(folder / "uwsgi.sock"))
            (folder / "uwsgi.sock").chmod(0o777)
            silent.listen()
        answer = httpx.get(f"{url}/snippets/", timeout=30)
        assert (answer.status_code, list(answer.json())) == (status, ["detail"])
        assert answer.headers["Retry-After"] == "5"
        page = httpx.get(f"{url}/snippets/", headers={"Accept": "text/html"}, timeout=30)
        assert page.status_code == status
        assert f"<h1>{status}</h1>" in page.text


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        (["*"], "anything.example", 502),
        ([".example.org"], "example.org", 502),
        ([".example.org"], "a.b.example.org", 502),
        ([".example.org"], "example.com", 400),
        (["Example.org"], "EXAMPLE.org:8080", 502),
        (["example.org", ".example.org", "a.example.org", "Example.org"], "a.example.org", 502),
        (["[::1]"], "[::1]:8080", 502),
        (["[::1]"], "[::2]:8080", 400),
        ([], "localhost", 400),
        (["default", "include"], "include", 502),
        (["default"], "anything.example", 400),
    ],
)
def test_a_host_is_known_as_django_knows_it(
    tmp_path: Path, settings: Any, needs_nginx: None, allowed: list[str], host: str, status: int
) -> None:
    """502 is what lies behind the door here."""
    settings.ALLOWED_HOSTS = allowed
    with nginx(own_folder(tmp_path / "run"), settings) as url:
        assert httpx.get(f"{url}/snippets/", headers={"Host": host}).status_code == status
