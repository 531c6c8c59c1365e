"""Several containers on one PostgreSQL: a balancer before them, a restart of the database behind them."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.image.conftest import Container, StartContainer, docker
from tests.live.conftest import free_port
from tests.nginx import AS_ORDINARY_USER, own_folder, wait_until_it_listens
from tests.postgres import Postgres

BALANCER = """
daemon off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
    upstream snippets {{
        {servers}
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://snippets;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_next_upstream error timeout http_502 http_503;
        }}
    }}
}}
"""


@contextmanager
def balancer(folder: Path, containers: list[Container]) -> Iterator[str]:
    port = free_port()
    # Without max_fails=0 it would leave alone for ten seconds who has refused it once, also when that one is back.
    addresses = [container.url.replace("http://localhost", "127.0.0.1") for container in containers]
    servers = "\n".join(f"server {address} max_fails=0;" for address in addresses)
    configuration = own_folder(folder) / "nginx.conf"
    configuration.write_text(BALANCER.format(servers=servers, port=port))
    command = [*AS_ORDINARY_USER, "nginx", "-p", str(folder), "-c", str(configuration)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until_it_listens(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_one_of_two_containers_restarts_under_load_and_no_request_is_lost(
    tmp_path: Path,
    start_container: StartContainer,
    start_postgres: Callable[..., AbstractContextManager[Postgres]],
    needs_nginx: None,
) -> None:
    if not shutil.which("wrk"):
        pytest.skip("wrk is not installed.")
    with (
        start_postgres() as database,
        start_container(DATABASE_URL=database.url) as first,
        start_container(DATABASE_URL=database.url) as second,
        balancer(tmp_path / "balancer", [first, second]) as url,
    ):
        pk = httpx.post(f"{url}/snippets/", json={"code": "under load\n"}).json()["pk"]
        command = ["wrk", "--threads=2", "--connections=16", "--duration=300s", f"{url}/snippets/{pk}/raw/"]
        load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for container in (first, second):
            time.sleep(2)
            assert container.stop() == 0
            docker("start", container.name)
            container.wait_until_it_lives()
        load.send_signal(signal.SIGINT)
        report, _ = load.communicate(timeout=60)
        assert "requests in" in report
        assert "Non-2xx" not in report, report
        assert "Socket errors" not in report, report


def test_a_restart_of_the_database_is_survived(
    start_container: StartContainer, start_postgres: Callable[..., AbstractContextManager[Postgres]]
) -> None:
    with start_postgres() as database, start_container(DATABASE_URL=database.url) as running:
        made = httpx.post(f"{running.url}/snippets/", json={"code": "kept\n"}).json()
        before = docker("top", running.name)
        address = f"{running.url}/snippets/{made['pk']}/raw/"
        database.stop()
        away = httpx.get(address)
        assert (away.status_code, list(away.json())) == (503, ["detail"])
        assert away.headers["Retry-After"].isdigit()
        assert httpx.get(f"{running.url}/health/live/").status_code == 200
        assert httpx.get(f"{running.url}/health/ready/").json()["checks"]["database"] == "failed"
        database.start()
        assert [httpx.get(address).text for _ in range(20)] == ["kept\n"] * 20
        assert httpx.get(f"{running.url}/health/ready/").status_code == 200
        pids = [line.split()[1] for line in before.splitlines()[1:]]
        assert [line.split()[1] for line in docker("top", running.name).splitlines()[1:]][: len(pids)] == pids


def test_two_at_once_migrate_and_make_one_admin(
    image: str, variables: dict[str, str], start_postgres: Callable[..., AbstractContextManager[Postgres]]
) -> None:
    with start_postgres() as database:
        admin = {"ADMIN_USERNAME": "ann", "ADMIN_PASSWORD": "correct horse battery staple"}
        settings = variables | admin | {"DATABASE_URL": database.url}
        options = [option for name, value in settings.items() for option in ("--env", f"{name}={value}")]
        command = ["docker", "run", "--rm", "--network", "host", *options, image, "migrate"]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        said = [process.communicate(timeout=300)[0] for process in both]
        assert [process.returncode for process in both] == [0, 0], said
        assert sum("Applying snippets.0001_snippet... OK" in text for text in said) == 1
        assert sum("The admin ann has been made." in text for text in said) == 1
