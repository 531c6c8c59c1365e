"""Elastic Beanstalk's Docker platform on one instance: what it does with a bundle, in its order, in a folder.

The order is that of "Docker running on 64bit Amazon Linux 2023" (the documentation's page on the workflow of instances,
and the log of its engine). What is left out: cfn-init's packages and files, health, the proxy, and the balancer.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

IMAGE_BUILT, IMAGE_IN_USE = "aws_beanstalk/staging-app", "aws_beanstalk/current-app"


class DeploymentFailedError(Exception):
    """The command has ended here, as what the platform logs says."""


class StrictLoader(yaml.SafeLoader):
    """A name that stands twice in a mapping is a mistake; YAML's usual loaders take the last one without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [self.construct_object(key) for key, _ in node.value]
        assert len(names) == len(set(names)), f"twice in one mapping: {names} {node.start_mark}"
        return super().construct_mapping(node, deep)


def configuration(folder: Path) -> dict[str, dict[str, Any]]:
    """What each file of .ebextensions says, in the order in which the platform reads them."""
    files = sorted((folder / ".ebextensions").glob("*.config"))
    return {file.name: yaml.load(file.read_text(), StrictLoader) for file in files}  # noqa: S506 - a safe one


def container_commands(folder: Path, *, leader: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """By name, those of the leader before all others."""
    named: dict[str, dict[str, Any]] = {}
    for file in configuration(folder).values():
        named |= file.get("container_commands", {})
    for name, command in sorted(named.items(), key=lambda item: (not item[1].get("leader_only", False), item[0])):
        if leader or not command.get("leader_only", False):
            yield name, command


def environment_properties(folder: Path) -> dict[str, str]:
    """Those that the bundle names."""
    named: dict[str, str] = {}
    for file in configuration(folder).values():
        named |= file.get("option_settings", {}).get("aws:elasticbeanstalk:application:environment", {})
    return named


@dataclass
class Instance:
    """A machine of the environment, below `folder`; `docker` is the folder of the command of that name.

    `properties` are those that were set on the environment itself; they win over those of the bundle. `log` is what the
    logs of the engine and of the hooks say; `steps` are the names of what was done.
    """

    folder: Path
    docker: Path
    properties: Mapping[str, str]
    log: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    container: str = ""
    steps: list[str] = field(default_factory=list)

    @property
    def staging(self) -> Path:
        return self.folder / "var/app/staging"

    @property
    def current(self) -> Path:
        return self.folder / "var/app/current"

    def deploy(self, bundle: Path, *, leader: bool) -> None:
        """An application deployment; of an instance that auto-scaling starts too, which has no leader."""
        self._stage(bundle)
        self._hooks("prebuild", self.staging)
        self._build()
        for name, command in container_commands(self.staging, leader=leader):
            self._run(["bash", "-c", command["command"]], self.staging, f"container_command {name}")
        shutil.rmtree(self.staging / ".ebextensions")
        self._hooks("predeploy", self.staging)
        self._flip()
        self._hooks("postdeploy", self.current)

    def configure(self, bundle: Path, properties: Mapping[str, str]) -> None:
        """A deployment of the configuration alone: other hooks, and nothing of .ebextensions."""
        self.properties = properties
        self._stage(bundle)
        self._hooks("prebuild", self.staging, below="confighooks")
        self._build()
        self._hooks("predeploy", self.staging, below="confighooks")
        self._flip()
        self._hooks("postdeploy", self.current, below="confighooks")

    def _stage(self, bundle: Path) -> None:
        shutil.rmtree(self.staging, ignore_errors=True)
        self.staging.mkdir(parents=True)
        subprocess.run(["unzip", "-q", "-o", str(bundle), "-d", str(self.staging)], check=True)
        # The platform gives run bits to the hooks, and to nothing else.
        for hook in self.staging.glob(".platform/*hooks/*/*"):
            hook.chmod(0o755)
        self.environment = environment_properties(self.staging) | dict(self.properties)

    def _build(self) -> None:
        dockerfile = (self.staging / "Dockerfile").read_text()
        if not re.search(r"^EXPOSE \d+", dockerfile, re.MULTILINE):
            self._fail("no EXPOSE directive found in Dockerfile, abort deployment")
        self._run(["docker", "build", "-t", IMAGE_BUILT, "."], self.staging, "docker build")

    def _flip(self) -> None:
        self.steps.append("flip")
        shutil.rmtree(self.current, ignore_errors=True)
        self.staging.rename(self.current)
        variables = self.folder / "env.list"
        variables.write_text("".join(f"{name}={value}\n" for name, value in self.environment.items()))
        self._run(["docker", "tag", IMAGE_BUILT, IMAGE_IN_USE], self.current, "docker tag")
        if self.container:
            self._run(["docker", "stop", self.container], self.current, "docker stop")
        start = ["docker", "run", "-d", "--env-file", str(variables), IMAGE_IN_USE]
        self.container = self._run(start, self.current, "docker run").strip()

    def _hooks(self, phase: str, working: Path, *, below: str = "hooks") -> None:
        for hook in sorted(working.glob(f".platform/{below}/{phase}/*")):
            self._run([str(hook)], working, f"{phase} {hook.name}")

    def _run(self, command: list[str], working: Path, step: str) -> str:
        """What it prints; one that fails ends the deployment."""
        self.steps.append(step)
        path = f"{self.docker}:{os.environ['PATH']}"
        own = {"HOME": "/root", "PATH": path, "PORT": "8000", "INSTANCE": str(self.folder)}
        result = subprocess.run(
            command, cwd=working, env=own | self.environment, capture_output=True, text=True, timeout=1200
        )
        self.log += result.stdout + result.stderr
        if result.returncode:
            self._fail(step)
        return result.stdout

    def _fail(self, step: str) -> NoReturn:
        raise DeploymentFailedError(f"{step}\n{self.log}")
