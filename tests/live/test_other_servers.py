"""Nothing in the application needs uWSGI: other servers run it too."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.postgres import fresh_database
from tests.servers import free_port, wait_until_it_lives

COMMANDS = {
    "gunicorn": ["-m", "gunicorn", "config.wsgi", "--threads=4", "--bind"],
    "runserver": ["manage.py", "runserver", "--noreload"],
}


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    with fresh_database() as database:
        environment = {"PATH": os.environ["PATH"], "DEBUG": "true", "ENV_FILE": os.devnull, "DATA_DIR": str(folder)}
        environment["DATABASE_URL"] = database
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *command, address], cwd=ROOT, env=environment, stdout=output, stderr=output
            )
        try:
            wait_until_it_lives(process, f"http://{address}", log)
            yield f"http://{address}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


@pytest.mark.parametrize("server", COMMANDS)
def test_another_server_runs_it(server: str, tmp_path: Path) -> None:
    with running(COMMANDS[server], tmp_path) as url, httpx.Client(base_url=url) as client:
        made = client.post("/snippets/", json={"code": "x = 1\n"}).json()
        address = f"/snippets/{made['pk']}"
        account = {"username": "ann", "password": "correct horse battery"}
        assert client.post("/users/", json=account).status_code == 201
        assert client.post("/tokens/", json={"name": "x"}, auth=tuple(account.values())).status_code == 201
        key = {"X-Edit-Key": made["edit_key"]}
        assert client.get(f"{address}/raw/").text == "x = 1\n"
        assert client.get(f"{address}/highlight.svg").headers["X-Highlighted"] == "true"
        assert client.patch(f"{address}/", json={"title": "Changed"}, headers=key).status_code == 200
        assert client.delete(f"{address}/", headers=key).status_code == 204
        assert client.get("/static/snippets/highlight.css").status_code == 200
        assert client.get("/health/ready/").status_code == 200
        claims = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
        assert client.get("/", headers=claims).json()["snippets"] == f"{url}/snippets/"
