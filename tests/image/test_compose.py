"""compose.yaml, from an empty folder to a running service, as its first lines say."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.image.conftest import docker

HERE = Path(__file__).parent
Compose = Callable[..., str]


@pytest.fixture(scope="module")
def postgres_image(engine: None) -> None:
    """The one that compose.yaml names, or where no registry has it, a stand-in."""
    [name] = re.findall(r"image: (postgres:\S+)", (ROOT / "compose.yaml").read_text())
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True).returncode == 0:
        return
    if subprocess.run(["docker", "pull", "--quiet", name], capture_output=True).returncode != 0:
        docker("build", "--network", "host", "--tag", name, str(HERE / "postgres"))


@pytest.fixture(scope="module")
def compose_command(engine: None) -> list[str]:
    """`docker compose`, or where this machine does not have it, Debian's in a container."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    docker("build", "--network", "host", "--tag", "snippets-compose", str(HERE / "compose"))
    socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    return ["docker", "run", "--rm", "--volume", f"{socket}:/var/run/docker.sock", "snippets-compose", "docker-compose"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file and the secrets that its first lines make."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "compose.yaml", folder)
    lines = (ROOT / "compose.yaml").read_text().splitlines()
    commands = [line[3:] for line in lines if line.startswith("#   ") and "docker compose" not in line]
    subprocess.run(["sh", "-euc", "\n".join(commands)], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def ports() -> str:
    """Two free ones, one after the other, below those that the kernel gives to whoever connects."""
    for first in range(18_080, 30_000, 2):
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", first))
                other.bind(("127.0.0.1", first + 1))
            except OSError:
                continue
        return f"127.0.0.1:{first}-{first + 1}"
    pytest.fail("No two ports are free.")


@pytest.fixture(scope="module")
def compose(
    image: str, postgres_image: None, compose_command: list[str], project: Path, ports: str
) -> Iterator[Compose]:
    variables = {"SNIPPETS_IMAGE": image, "WEB_PORTS": ports, "ANONYMOUS_POSTING": "true"}
    if compose_command[0:2] == ["docker", "run"]:
        passed = [option for name, value in variables.items() for option in ("--env", f"{name}={value}")]
        at = ["--volume", f"{project}:{project}", "--workdir", str(project)]
        command = [*compose_command[:3], *passed, *at, *compose_command[3:]]
    else:
        command = compose_command

    def run(*arguments: str) -> str:
        environment = os.environ | variables
        result = subprocess.run(
            [*command, *arguments], cwd=project, env=environment, capture_output=True, text=True, timeout=600
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    try:
        run("up", "--detach", "--no-build", "--scale", "web=2", "--wait")
        yield run
    finally:
        run("down", "--volumes", "--timeout", "45")


@pytest.fixture(scope="module")
def urls(compose: Compose, ports: str) -> list[str]:
    return [f"http://{ports.rpartition(':')[0]}:{port}" for port in ports.rpartition(":")[2].split("-")]


def test_both_instances_work(urls: list[str]) -> None:
    for url in urls:
        assert httpx.get(f"{url}/health/ready/").json()["status"] == "ok"


def test_the_admin_of_the_environment_logs_in_at_one_and_is_known_at_the_other(urls: list[str], project: Path) -> None:
    password = (project / "secrets" / "admin_password").read_text()
    with httpx.Client() as browser:
        browser.get(f"{urls[0]}/auth/login/", headers={"Accept": "text/html"})
        form = {"username": "admin", "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post(f"{urls[0]}/auth/login/", data=form).status_code == 302
        assert browser.get(f"{urls[1]}/users/me/").json()["username"] == "admin"
        assert browser.get(f"{urls[1]}/admin/").status_code == 200


def test_migrations_ran_once(compose: Compose) -> None:
    log = compose("logs", "--no-color", "migrate")
    assert log.count("Applying snippets.0001_snippet... OK") == 1
    assert log.count("The admin admin has been made.") == 1


def test_what_is_posted_at_one_is_read_at_the_other_and_survives_a_restart(compose: Compose, urls: list[str]) -> None:
    made = httpx.post(f"{urls[0]}/snippets/", json={"code": "shared\n"}).json()
    assert httpx.get(f"{urls[1]}/snippets/{made['pk']}/raw/").text == "shared\n"
    compose("restart", "--timeout", "45", "web")
    deadline = time.monotonic() + 60
    for url in urls:
        while not _lives(url):
            assert time.monotonic() < deadline
        assert httpx.get(f"{url}/snippets/{made['pk']}/raw/").text == "shared\n"


def _lives(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready/", timeout=5).status_code == 200
    except httpx.TransportError:
        time.sleep(0.1)
        return False


def test_no_secret_is_in_the_environment_or_in_the_log(compose: Compose, project: Path) -> None:
    secrets = {path.name: path.read_text() for path in (project / "secrets").iterdir()}
    assert set(secrets) == {"secret_key", "database_password", "admin_password"}
    log = compose("logs", "--no-color")
    containers = compose("ps", "--all", "--quiet").split()
    environment = "".join(docker("inspect", "--format", "{{.Config.Env}}", name) for name in containers)
    assert [name for name, secret in secrets.items() if secret in log + environment] == []


def test_a_backup_is_restored(compose: Compose, urls: list[str]) -> None:
    """As docs/deploy-docker.md has it."""
    made = httpx.post(f"{urls[0]}/snippets/", json={"code": "backed up\n"}).json()
    address = f"{urls[1]}/snippets/{made['pk']}/"
    dump = ["exec", "-T", "database", "sh", "-c"]
    compose(*dump, "pg_dump --username=snippets --format=custom --file=/tmp/backup snippets")
    assert httpx.delete(address, headers={"X-Edit-Key": made["edit_key"]}).status_code == 204
    compose(
        *dump, "pg_restore --username=snippets --clean --if-exists --single-transaction --dbname=snippets /tmp/backup"
    )
    assert httpx.get(f"{address}raw/").text == "backed up\n"
    assert httpx.get(f"{urls[0]}/snippets/", params={"q": "backed up"}).json()["count"] == 1
