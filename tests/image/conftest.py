"""The image, built from this checkout, and containers of it on the host's network."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

import httpx
import pytest

from tests.conftest import ROOT
from tests.servers import free_port

IMAGE = "snippets:test"
KEY = "a key for the tests of the image alone, and of no use anywhere else"
# A read-only file system, no capabilities, no way to more of either.
CONFINED = ["--read-only", "--tmpfs", "/tmp", "--tmpfs", "/run", "--cap-drop", "ALL"]  # noqa: S108 - its own
CONFINED += ["--security-opt", "no-new-privileges"]
STARTUP_SECONDS = 60


def docker(*arguments: str, check: bool = True, timeout: float = 1200) -> str:
    """What the command prints. The classic builder, which every engine has."""
    environment = os.environ | {"DOCKER_BUILDKIT": "0"}
    result = subprocess.run(
        ["docker", *arguments], env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert not check or result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


@dataclass(frozen=True)
class Container:
    name: str
    url: str = ""

    def logs(self) -> str:
        result = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, check=True)
        return result.stdout + result.stderr

    def inspect(self, template: str) -> str:
        return docker("inspect", "--format", template, self.name).strip()

    def run(self, *command: str) -> str:
        """What a command prints inside."""
        return docker("exec", self.name, *command)

    def stop(self, seconds: int = 45) -> int:
        docker("stop", "--time", str(seconds), self.name)
        return int(self.inspect("{{.State.ExitCode}}"))

    def wait_until_it_lives(self) -> float:
        """Seconds since this was called."""
        began = time.monotonic()
        while time.monotonic() - began < STARTUP_SECONDS and self.inspect("{{.State.Running}}") == "true":
            try:
                if httpx.get(f"{self.url}/health/live/", timeout=5).status_code == 200:
                    return time.monotonic() - began
            except httpx.TransportError:
                time.sleep(0.02)
        pytest.fail(f"The container did not start:\n{self.logs()}")


StartContainer = Callable[..., AbstractContextManager[Container]]


@pytest.fixture(scope="session")
def engine() -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        pytest.skip("No Docker engine answers. `.ci/docker-engine` starts one.")


@pytest.fixture(scope="session")
def image(engine: None) -> str:
    docker("build", "--network", "host", "--tag", IMAGE, "--build-arg", "VERSION=1.2.3", str(ROOT))
    return IMAGE


@pytest.fixture(scope="session")
def variables(image: str) -> dict[str, str]:
    return {
        "SECRET_KEY": KEY,
        "SECURE_SSL_REDIRECT": "false",
        "SECURE_COOKIES": "false",
        "ANONYMOUS_POSTING": "true",
        "ANONYMOUS_POSTING_RATE": "off",
    }


def options_of(variables: dict[str, str]) -> list[str]:
    return [option for name, value in variables.items() for option in ("--env", f"{name}={value}")]


@pytest.fixture(scope="session")
def start_container(image: str, variables: dict[str, str]) -> StartContainer:
    """`with start_container(NAME="value") as container: ...`; on SQLite in a volume of its own, unless it is named."""

    @contextmanager
    def running(*options: str, **more: str) -> Iterator[Container]:
        settings = variables | {"PORT": str(free_port())} | more
        with ExitStack() as cleaning:
            volume = docker("volume", "create").strip()
            cleaning.callback(docker, "volume", "rm", volume)
            shared = ["--network", "host", *CONFINED, "--volume", f"{volume}:/var/lib/snippets", *options]
            docker("run", "--rm", *shared, *options_of(settings), image, "migrate")
            name = docker("run", "--detach", *shared, *options_of(settings), image).strip()
            cleaning.callback(docker, "rm", "--force", name)
            container = Container(name, f"http://localhost:{settings['PORT']}")
            container.wait_until_it_lives()
            yield container

    return running


@pytest.fixture(scope="session")
def container(start_container: StartContainer) -> Iterator[Container]:
    """One for all tests that leave it as it was."""
    with start_container() as running:
        yield running


@pytest.fixture(scope="session")
def image_files(image: str) -> str:
    """The paths of all files in the image, one a line."""
    find = ["--entrypoint", "find", image, "/", "-xdev", "-type", "f"]
    return docker("run", "--rm", "--user", "0", *find)
