"""What is in the image, and what it does as an operator runs it."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.image.conftest import IMAGE, KEY, Container, StartContainer, docker, options_of
from tests.servers import free_port
from tests.templates import resource
from tests.uploading import picture

MEGABYTE = 1_000_000
BASE = "debian:trixie-slim"


def inspect(image: str, template: str) -> str:
    return docker("image", "inspect", "--format", template, image).strip()


def test_it_adds_no_more_than_200_megabytes_to_its_base(image: str) -> None:
    added = int(inspect(image, "{{.Size}}")) - int(inspect(BASE, "{{.Size}}"))
    assert added < 200 * MEGABYTE


def test_its_base_is_named_literally_and_the_port_is_exposed() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) == [BASE, BASE]
    assert re.findall(r"^EXPOSE (.*)", dockerfile, re.MULTILINE) == ["8080"]
    assert not re.search(r"--mount|--chmod|<<|^# *syntax", dockerfile, re.MULTILINE), "That needs BuildKit."


def test_it_holds_no_compiler_no_history_no_tests_and_no_secret(image: str, image_files: str) -> None:
    for part in (
        "/bin/gcc",
        "/bin/cc",
        "/cc1",
        "bin/pip",
        "/.git/",
        "/.env",
        "/app/tests/",
        "/app/var/",
        "/app/secrets/",
    ):
        assert part not in image_files
    assert "/app/manage.py\n" in image_files
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    assert "SECRET_KEY" not in history
    assert not [line for line in inspect(image, "{{json .Config.Env}}").split(",") if "SECRET" in line]


def test_its_labels_user_and_health(image: str) -> None:
    labels = json.loads(inspect(image, "{{json .Config.Labels}}"))
    wanted = {"title", "description", "licenses", "version", "revision"}
    assert {name.removeprefix("org.opencontainers.image.") for name in labels} >= wanted
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    assert inspect(image, "{{.Config.User}}") == "10001:10001"
    assert inspect(image, "{{.Config.StopSignal}}") == "SIGTERM"
    assert "health/live" in inspect(image, "{{json .Config.Healthcheck.Test}}")


def test_the_static_files_are_compressed_beforehand(container: Container) -> None:
    page = httpx.get(f"{container.url}/docs/").text
    address = next(found for found in re.findall(r'"(/static/[^"]+\.js)"', page) if "swagger-ui-bundle" in found)
    answer = httpx.get(container.url + address, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    plain = httpx.get(container.url + address, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.content == answer.content


def test_it_is_python_313_as_an_ordinary_user(container: Container) -> None:
    assert container.run("python", "--version").startswith("Python 3.13.")
    assert container.run("id", "-u") == "10001\n"


def test_it_is_built_by_buildkit_too(image: str) -> None:
    """By whichever client here can ask for it."""
    environment = os.environ | {"DOCKER_BUILDKIT": "1"}
    clients = [client for client in {shutil.which("docker"), "/usr/bin/docker"} if client and Path(client).exists()]
    said = ""
    for client in clients:
        command = [client, "build", "--network", "host", "--tag", "snippets:buildkit", str(ROOT)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        said += result.stderr
        if "buildx component is missing or broken" not in result.stderr:
            assert result.returncode == 0, result.stderr[-3000:]
            assert "#1 " in result.stderr, "That was the classic builder."
            return
    pytest.skip(f"No client with BuildKit: {said}")


def test_it_is_ready_in_under_five_seconds(container: Container) -> None:
    """At least once in three restarts: others may be using the machine."""
    seconds = []
    for _ in range(3):
        docker("restart", container.name)
        seconds.append(container.wait_until_it_lives())
    assert min(seconds) < 5
    assert httpx.get(f"{container.url}/health/ready/").json()["status"] == "ok"


def test_docker_sees_its_health(container: Container) -> None:
    deadline = time.monotonic() + 60
    while container.inspect("{{.State.Health.Status}}") == "starting":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert container.inspect("{{.State.Health.Status}}") == "healthy", container.inspect("{{json .State.Health}}")


def test_snippets_are_made_read_changed_and_deleted(container: Container) -> None:
    with httpx.Client(base_url=container.url) as client:
        made = client.post("/snippets/", json={"code": "print(1)\n", "filename": "a.py"}).json()
        address = f"/snippets/{made['pk']}"
        key = {"X-Edit-Key": made["edit_key"]}
        assert client.get(f"{address}/raw").text == "print(1)\n"
        assert client.get(f"{address}/highlight.png").content.startswith(b"\x89PNG")
        highlighted = client.get(f"{address}/highlight/", headers={"Accept": "text/html"})
        assert (highlighted.headers["X-Highlighted"], "<span" in highlighted.text) == ("true", True)
        assert client.patch(f"{address}/", json={"title": "Changed"}, headers=key).json()["version"] == 2
        assert client.delete(f"{address}/", headers=key).status_code == 204
        assert client.get(f"{address}/").status_code == 404


def test_files_are_taken_and_given_with_a_read_only_file_system(container: Container) -> None:
    made = httpx.post(f"{container.url}/snippets/", json={"code": "with files\n"}).json()
    address = f"{container.url}/snippets/{made['pk']}/attachments/"
    files = [("file", ("large.bin", bytes(25 * 1024 * 1024))), ("file", ("cat.png", picture()))]
    answer = httpx.post(address, files=files, headers={"X-Edit-Key": made["edit_key"]}, timeout=60)
    assert [row["content_type"] for row in answer.json()] == ["application/octet-stream", "image/png"]
    large, image = answer.json()
    assert httpx.get(large["content"]).content == bytes(25 * 1024 * 1024)
    assert httpx.get(image["preview"]).headers["Content-Type"] == "image/webp"
    assert container.run("find", "/run/snippets/client_body", "/tmp", "-type", "f") == ""  # noqa: S108


def test_it_writes_nowhere_but_where_it_may(start_container: StartContainer) -> None:
    """Without a read-only file system, to see what it would have written."""
    with start_container("--read-only=false") as running:
        made = httpx.post(f"{running.url}/snippets/", json={"code": "x = 1\n"}).json()
        assert httpx.get(f"{running.url}/snippets/{made['pk']}/highlight.svg").status_code == 200
        changed = [line.split()[1] for line in docker("diff", running.name).splitlines()]
        assert [path for path in changed if not path.startswith(("/run", "/tmp", "/var/lib/snippets"))] == []  # noqa: S108


def test_its_limits(container: Container) -> None:
    answer = httpx.post(f"{container.url}/snippets/", content=b"a" * 6_000_000, headers={"Content-Type": "text/plain"})
    assert (answer.status_code, list(answer.json())) == (413, ["detail"])
    assert httpx.get(f"{container.url}/", headers={"Host": "evil.example.org"}).status_code == 400
    assert httpx.get(f"{container.url}/health/ready/", headers={"Host": "10.0.0.1"}).status_code == 200
    flood = [httpx.post(f"{container.url}/snippets/", json={"code": "x"}).status_code for _ in range(60)]
    assert 429 in flood


def test_stopping_finishes_a_request_of_several_seconds(start_container: StartContainer) -> None:
    with start_container(HIGHLIGHT_TIMEOUT="5") as running:
        made = httpx.post(f"{running.url}/snippets/", json={"code": "<!--", "language": "mcschema"}).json()
        answers = []
        address = f"{running.url}/snippets/{made['pk']}/highlight/"
        asking = threading.Thread(target=lambda: answers.append(httpx.get(address, timeout=30)))
        asking.start()
        time.sleep(1)
        began = time.monotonic()
        # Docker's own patience, unless one asks for more, is ten seconds.
        assert running.stop(seconds=10) == 0
        assert time.monotonic() - began < 10
        asking.join()
        assert answers[0].status_code == 200


def _worker(container: Container) -> int:
    """The last of uWSGI's processes, as the host numbers them."""
    processes = [line.split(maxsplit=1) for line in docker("top", container.name, "-eo", "pid,args").splitlines()[1:]]
    return max(int(pid) for pid, command in processes if "uwsgi.sock" in command or "uWSGI worker" in command)


def test_a_killed_worker_is_replaced(container: Container) -> None:
    victim = _worker(container)
    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while _worker(container) == victim:
        assert time.monotonic() < deadline
    assert {httpx.get(f"{container.url}/snippets/").status_code for _ in range(20)} == {200}


@pytest.mark.parametrize("victim", ["nginx: master", "serve_behind_nginx|uwsgi.sock"])
def test_the_container_ends_when_one_of_the_two_has_ended(start_container: StartContainer, victim: str) -> None:
    with start_container() as running:
        processes = docker("top", running.name, "-eo", "pid,args").splitlines()[1:]
        first = min(int(line.split()[0]) for line in processes if re.search(victim, line))
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while running.inspect("{{.State.Running}}") == "true":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert running.inspect("{{.State.ExitCode}}") == "1"


def test_its_log_is_json_lines_without_its_key(container: Container) -> None:
    httpx.get(f"{container.url}/snippets/?q=sought")
    log = container.logs()
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"nginx.access", "uwsgi"} <= {line["logger"] for line in lines}
    assert KEY not in log
    assert "sought" not in log


def test_without_a_key_it_says_so_and_ends(image: str) -> None:
    result = subprocess.run(["docker", "run", "--rm", "--network", "host", image], capture_output=True, text=True)
    assert result.returncode == 1
    assert "SECRET_KEY is not set" in result.stdout


def test_nothing_of_the_clients_gets_to_nginx_configuration(image: str) -> None:
    """What is in the environment is checked before nginx is told of it."""
    for name, value in {"PORT": "80; include /etc/passwd", "ALLOWED_HOSTS": "a; b", "TRUSTED_PROXIES": "all;"}.items():
        options = ["--env", f"{name}={value}", "--env", f"SECRET_KEY={KEY}"]
        command = ["docker", "run", "--rm", "--network", "host", *options, image]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 1
        assert f"Configuration: {name} " in result.stdout


def test_the_image_of_the_tests_is_this_checkout(image: str) -> None:
    assert image == IMAGE
    nginx = docker("run", "--rm", "--entrypoint", "cat", image, "/app/nginx/sites-available/snippets.conf")
    assert nginx == (ROOT / "nginx/sites-available/snippets.conf").read_text()
    link = docker("run", "--rm", "--entrypoint", "readlink", image, "/app/nginx/sites-enabled/snippets.conf")
    assert link == "../sites-available/snippets.conf\n"
    assert free_port()


def test_it_runs_with_one_writable_folder_as_on_fargate(image: str, variables: dict[str, str]) -> None:
    """deploy/ecs.yaml has no memory for /run and /tmp: both are in the volume, which belongs to the image's user."""
    (found,) = resource("ecs", "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    told = {one["Name"]: one["Value"] for one in found["Environment"] if one["Name"] in ("TMPDIR", "RUN_DIR")}
    assert found["ReadonlyRootFilesystem"] is True
    (mount,) = found["MountPoints"]
    settings = variables | told | {"PORT": str(free_port())}
    volume = docker("volume", "create").strip()
    shared = ["--network", "host", "--read-only", "--cap-drop", "ALL", "--volume", f"{volume}:{mount['ContainerPath']}"]
    try:
        docker("run", "--rm", *shared, *options_of(settings), image, "migrate")
        name = docker("run", "--detach", *shared, *options_of(settings), image, *found["Command"]).strip()
        try:
            container = Container(name, f"http://localhost:{settings['PORT']}")
            container.wait_until_it_lives()
            command = found["HealthCheck"]["Command"]
            assert command[0] == "CMD"
            container.run(*command[1:])
            assert httpx.post(f"{container.url}/snippets/", json={"code": "x" * 300_000}).status_code == 201
            assert container.stop() == 0
        finally:
            docker("rm", "--force", name)
    finally:
        docker("volume", "rm", volume)
