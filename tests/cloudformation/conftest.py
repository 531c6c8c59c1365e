"""An account at Amazon, for which moto stands, and a shell in it."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.cloudformation.stand_ins import OURS
from tests.conftest import ROOT
from tests.s3.servers import KEY, SCRIPTS, SECRET, S3Server

REGION = "eu-central-1"
NEVER_RUN = re.compile(r"curl https://snippets|\.\.\.$|aws logs tail")  # what takes a service that runs, or a choice


def commands(document: str, heading: str) -> str:
    """The commands of the blocks below a heading, as they stand there. What is indented belongs to it."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)
    assert section, heading
    blocks = re.findall(r"^( *)```console\n(.*?)^ *```", section[1], re.MULTILINE | re.DOTALL)
    found = []
    for _, block in blocks:
        found += re.findall(r"^\$ (.*(?:\n[ ]{4}.*)*)", textwrap.dedent(block), re.MULTILINE)
    assert found, heading
    return "\n".join(command for command in found if not NEVER_RUN.search(command)) + "\n"


@dataclass
class Account:
    """`folder` is where the shell stands: it holds the stand-ins, and deploy/."""

    moto: S3Server
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "deploy").symlink_to(ROOT / "deploy")
        (self.folder / "bin").mkdir()
        for name in ("aws", "docker", "curl"):
            script = self.folder / "bin" / name
            ours = f'exec {sys.executable} -m tests.cloudformation.stand_ins {name} "$@"'
            if name == "aws":
                patterns = "|".join(f'"{command}"' for command in OURS)
                ours = f'case "$1 $2" in {patterns}) {ours};; esac\nexec {SCRIPTS / "aws"} "$@"'
            script.write_text(f"#!/bin/sh\n{ours}\n")
            script.chmod(0o755)

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}
        return boto3.client(service, endpoint_url=self.moto.url, region_name=REGION, **keys)

    def run(self, script: str, check: bool = True, **variables: str) -> str:
        """What the commands print, one shell for all of them; variables that they set stay for the next."""
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "STATE": str(self.folder),
            "GIT_DIR": str(ROOT / ".git"),
            "AWS_ENDPOINT_URL": self.moto.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        kept = self.folder / "variables"
        script = f"set -euo pipefail\n{script}\nset -o posix; set > {kept}\n"
        result = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=environment | self.variables | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        said = result.stdout
        assert not check or result.returncode == 0, said
        if result.returncode == 0:
            names = "DOMAIN|ZONE|VERSION|REPOSITORY|IMAGE|BUCKET|GROUP|BEFORE|NEW|SECRET"
            self.variables |= dict(re.findall(rf"^({names})=(.*)$", kept.read_text(), re.MULTILINE))
        return said

    def output(self, stack: str, key: str) -> str:
        outputs = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
        return next(str(one["OutputValue"]) for one in outputs if one["OutputKey"] == key)

    def stacks(self) -> set[str]:
        found = self.client("cloudformation").describe_stacks()["Stacks"]
        return {stack["StackName"] for stack in found if stack["StackStatus"] != "DELETE_COMPLETE"}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A new one for each module."""
    moto = S3Server("moto", tmp_path_factory.mktemp("moto")).start()
    yield Account(moto, tmp_path_factory.mktemp("account"))
    moto.kill()
