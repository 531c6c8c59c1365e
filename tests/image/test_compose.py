"""compose.yaml, from an empty folder to a running service, as its first lines say."""

import os
import re
import shlex
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
from tests.servers import free_port
from tests.uploading import BINARY

HERE = Path(__file__).parent
Compose = Callable[..., str]
WITH_S3 = "--file compose.yaml --file compose.s3.yaml"
# What a container in which Compose runs is told.
VARIABLES = (
    "SNIPPETS_IMAGE",
    "WEB_PORTS",
    "ANONYMOUS_POSTING",
    "HTTPS",
    "ALLOWED_HOSTS",
    "STORAGE_PORT",
    "S3_PUBLIC_URL",
)


@pytest.fixture(scope="module")
def other_images(engine: None) -> None:
    """Those that the files name, or where no registry has them, stand-ins."""
    for file, folder in (("compose.yaml", "postgres"), ("compose.s3.yaml", "rclone")):
        [name] = re.findall(rf"image: (.*{folder}:\S+)", (ROOT / file).read_text())
        if subprocess.run(["docker", "image", "inspect", name], capture_output=True).returncode == 0:
            continue
        if subprocess.run(["docker", "pull", "--quiet", name], capture_output=True).returncode != 0:
            docker("build", "--network", "host", "--tag", name, str(HERE / folder))


def commands_in(file: str) -> list[str]:
    """What the comment at the head of the file says to do, apart from starting it."""
    lines = (ROOT / file).read_text().splitlines()
    return [line[3:] for line in lines if line.startswith("#   ") and "docker compose" not in line]


@pytest.fixture(scope="module")
def compose_command(engine: None) -> list[str]:
    """`docker compose`, or where this machine does not have it, Debian's in a container."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    docker("build", "--network", "host", "--tag", "snippets-compose", str(HERE / "compose"))
    socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    names = [option for name in VARIABLES for option in ("--env", name)]
    run = ["docker", "run", "--rm", "--interactive", "--volume", f"{socket}:/var/run/docker.sock", *names]
    return [*run, "--volume", "$PWD:$PWD", "--workdir", "$PWD", "snippets-compose", "docker-compose"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file and the secrets that its first lines make."""
    folder = tmp_path_factory.mktemp("project")
    for file in ("compose.yaml", "compose.s3.yaml"):
        shutil.copy(ROOT / file, folder)
        subprocess.run(["sh", "-euc", "\n".join(commands_in(file))], cwd=folder, check=True)
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
def shell(
    image: str, other_images: None, compose_command: list[str], project: Path, ports: str
) -> Iterator[Callable[[str], str]]:
    """Runs a script in the project, as the documentation has it: whose `docker compose` works."""
    programs = project / "bin"
    programs.mkdir()
    real = shutil.which("docker")
    words = [f'"{word}"' for word in [real, *compose_command[1:]]]
    script = f'#!/bin/sh\n[ "$1" = compose ] || exec {real} "$@"\nshift\nexec {" ".join(words)} "$@"\n'
    (programs / "docker").write_text(script)
    (programs / "docker").chmod(0o755)
    storage_port = str(free_port())
    chosen = {
        "SNIPPETS_IMAGE": image,
        "WEB_PORTS": ports,
        "ANONYMOUS_POSTING": "true",
        "HTTPS": "",
        "ALLOWED_HOSTS": "",
        "STORAGE_PORT": storage_port,
        "S3_PUBLIC_URL": f"http://localhost:{storage_port}",
    }
    environment = os.environ | chosen | {"PATH": f"{programs}:{os.environ['PATH']}"}

    def run(script: str) -> str:
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    try:
        run("docker compose up --detach --no-build --scale web=2 --wait")
        yield run
    finally:
        run(f"docker compose {WITH_S3} down --volumes --timeout 45")


@pytest.fixture(scope="module")
def compose(shell: Callable[[str], str]) -> Compose:
    return lambda *arguments: shell("docker compose " + shlex.join(arguments))


def commands_of(heading: str) -> str:
    """The commands of a section of the documentation, in their order."""
    section = (ROOT / "docs/deploy-docker.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return "\n".join(re.sub(r"^[$>] ", "", block, flags=re.MULTILINE) for block in blocks)


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
    assert set(secrets) >= {"secret_key", "database_password", "admin_password"}
    log = compose("logs", "--no-color")
    containers = compose("ps", "--all", "--quiet").split()
    environment = "".join(docker("inspect", "--format", "{{.Config.Env}}", name) for name in containers)
    assert [name for name, secret in secrets.items() if secret in log + environment] == []


def test_a_backup_is_restored_by_the_commands_of_the_documentation(
    compose: Compose, shell: Callable[[str], str], urls: list[str]
) -> None:
    backup, restore = commands_of("Backup and restore").split("docker compose stop web", maxsplit=1)
    made = httpx.post(f"{urls[0]}/snippets/", json={"code": "backed up\n"}).json()
    compose("exec", "web", "sh", "-c", "echo uploaded > /var/lib/snippets/upload")
    shell(backup)
    key = {"X-Edit-Key": made["edit_key"]}
    assert httpx.delete(f"{urls[1]}/snippets/{made['pk']}/", headers=key).status_code == 204
    compose("exec", "web", "rm", "/var/lib/snippets/upload")
    shell("docker compose stop web" + restore.replace("up --detach", "up --detach --no-build --scale web=2 --wait"))
    assert httpx.get(f"{urls[1]}/snippets/{made['pk']}/raw/").text == "backed up\n"
    assert httpx.get(f"{urls[0]}/snippets/", params={"q": "backed up"}).json()["count"] == 1
    assert compose("exec", "web", "cat", "/var/lib/snippets/upload") == "uploaded\n"


def test_the_secrets_are_made_as_the_file_itself_says() -> None:
    said = [line.strip() for line in commands_in("compose.yaml")]
    documented = [line.strip() for line in commands_of("From nothing to a running service").splitlines()]
    assert documented[: len(said)] == said


def test_an_s3_server_joins_them_and_takes_the_uploads_of_both(shell: Callable[[str], str], urls: list[str]) -> None:
    shell(f"docker compose {WITH_S3} up --detach --no-build --scale web=2 --wait")
    for url in urls:
        assert httpx.get(f"{url}/health/ready/").json()["status"] == "ok"
    made = httpx.post(f"{urls[0]}/snippets/", json={"code": "with a file\n"}).json()
    address = f"{urls[0]}/snippets/{made['pk']}/attachments/"
    key = {"X-Edit-Key": made["edit_key"]}
    [file] = httpx.post(address, files=[("file", ("a.bin", BINARY))], headers=key).json()
    there = httpx.get(file["content"].replace(urls[0], urls[1]))
    assert there.status_code == 302
    fetched = httpx.get(there.headers["Location"])
    assert fetched.content == BINARY
    assert fetched.headers["Content-Disposition"] == 'attachment; filename="a.bin"'
    assert httpx.get(there.headers["Location"].partition("?")[0]).status_code in (400, 403)
