"""What an instance of ec2.yaml runs at its start: the script itself, in a folder in place of the system's root, with
stand-ins for the programs of Amazon Linux that write down how they were called."""

import os
import re
import shlex
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.templates import resource

IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/snippets@sha256:" + "0" * 64
VALUES = {
    "AWS::StackName": "snippets-ec2",
    "AWS::Region": "eu-central-1",
    "Image": IMAGE,
    "Domain": "snippets.example.org",
    "TrustedProxies": "10.20.0.0/20,10.20.16.0/20",
    "DatabaseUrl": "postgres://snippets@snippets.abc.eu-central-1.rds.amazonaws.com:5432/snippets",
    "DatabasePassword": "arn:password",
    "SecretKey": "arn:key",
    "Bucket": "snippets-bucket",
    "Logs": "/snippets",
}
PROGRAMS = ["dnf", "systemctl", "docker", "curl", "sleep", "chown", "journalctl", "cfn-signal", "aws"]
STAND_IN = """#!/bin/bash
echo "$(basename "$0") $*" >> {calls}
case "$(basename "$0") $*" in
  "aws ecr get-login-password"*) echo password ;;
  "aws secretsmanager"*arn:password*) echo the-password ;;
  "aws secretsmanager"*arn:key*) echo the-key ;;
  "docker login"*) cat >/dev/null ;;
esac
[[ "$(basename "$0") $*" != $FAILS ]]
"""


def script() -> str:
    data = resource("ec2", "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]
    text = str(data["Fn::Base64"]["Fn::Sub"][0])
    for name, value in VALUES.items():
        text = text.replace(f"${{{name}}}", value)
    assert not re.search(r"\$\{[^!]", text), "Fn::Sub would replace this."
    return text.replace("${!", "${")


@dataclass
class Instance:
    """`root` is in place of /: what the script writes to /etc, /run and /usr/local goes there."""

    root: Path

    def start(self, fails: str = "") -> list[str]:
        """The calls of the programs, in order. Where one of them looks as `fails` does, it fails."""
        text = re.sub(r"(?<![\w.-])/(etc|run/snippets-secrets|usr/local|opt/aws/bin)\b", rf"{self.root}/\1", script())
        for folder in ("etc/systemd/system", "usr/local/sbin", "opt/aws/bin", "bin", "run"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for name in PROGRAMS:
            place = self.root / ("opt/aws/bin" if name == "cfn-signal" else "bin") / name
            place.write_text(STAND_IN.format(calls=self.root / "calls"))
            place.chmod(0o755)
        variables = {"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}", "FAILS": fails, "HOME": str(self.root)}
        subprocess.run(["bash", "-c", text], env=variables, cwd=self.root, capture_output=True, check=False, timeout=60)
        return (self.root / "calls").read_text().splitlines()

    def unit(self) -> dict[str, list[str]]:
        """The lines of the unit, by their names."""
        text = (self.root / "etc/systemd/system/snippets.service").read_text().replace("\\\n", "")
        found: dict[str, list[str]] = {}
        for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
            found.setdefault(name, []).append(value)
        return found


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(tmp_path)


def test_the_image_is_pulled_by_its_digest_and_the_service_started(instance: Instance) -> None:
    calls = instance.start()
    wanted = [
        "dnf install --assumeyes docker aws-cfn-bootstrap",
        "systemctl enable --now docker",
        "docker login --username AWS --password-stdin 123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        f"docker pull --quiet {IMAGE}",
        "systemctl daemon-reload",
        "systemctl enable --now snippets",
        "curl --silent --fail --max-time 10 http://127.0.0.1:8080/health/ready/",
        "cfn-signal --exit-code 0 --stack snippets-ec2 --resource Group --region eu-central-1",
    ]
    assert [call for call in calls if call in wanted] == wanted


@pytest.mark.parametrize("fails", ["dnf *", "docker pull*", "aws ecr*", "systemctl enable --now snippets", "curl *"])
def test_what_fails_is_said_to_cloudformation(instance: Instance, fails: str) -> None:
    signal = instance.start(fails=fails)[-1]
    assert signal.startswith("cfn-signal --exit-code ")
    assert "--exit-code 0" not in signal


def test_the_variables_hold_no_secret(instance: Instance) -> None:
    instance.start()
    lines = (instance.root / "etc/snippets.env").read_text().splitlines()
    assert "ALLOWED_HOSTS=snippets.example.org" in lines
    assert "TRUSTED_PROXIES=10.20.0.0/20,10.20.16.0/20" in lines
    assert all(re.fullmatch(r"[A-Z0-9_]+=[^\"' ]+", line) for line in lines)  # docker takes them as they are


def test_the_secrets_are_files_in_memory_for_the_container_alone(instance: Instance) -> None:
    instance.start()
    program = instance.root / "usr/local/sbin/snippets-secrets"
    assert program.stat().st_mode & 0o111
    assert instance.unit()["ExecStartPre"][0] == str(program)
    variables = {"PATH": f"{instance.root / 'bin'}:{os.environ['PATH']}", "FAILS": ""}
    subprocess.run([str(program)], env=variables, check=True, timeout=20)
    folder = instance.root / "run/snippets-secrets"
    assert {file.name: file.read_text() for file in folder.iterdir()} == {
        "secret_key": "the-key\n",
        "database_password": "the-password\n",
    }
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert f"chown 10001 {folder}/secret_key.new" in (instance.root / "calls").read_text()
    # Where a secret cannot be had, the old one stays, and the service does not start with half of them.
    failed = subprocess.run([str(program)], env=variables | {"FAILS": "aws *arn:key*"}, check=False, timeout=20)
    assert failed.returncode != 0
    assert (folder / "secret_key").read_text() == "the-key\n"


def test_the_unit_runs_the_container_confined_and_gives_it_time(instance: Instance) -> None:
    instance.start()
    unit = instance.unit()
    (run,) = (shlex.split(line) for line in unit["ExecStart"])
    assert run[:2] == ["/usr/bin/docker", "run"]
    assert run[-2:] == [IMAGE, "serve"]
    assert f"{instance.root}/run/snippets-secrets:/run/secrets:ro" in run
    assert {"--read-only", "--rm", "no-new-privileges", "awslogs-group=/snippets"} <= set(run)
    assert unit["Restart"] == ["always"]
    assert unit["WantedBy"] == ["multi-user.target"]


def test_the_script_has_no_fault_that_shellcheck_knows(tmp_path: Path) -> None:
    file = tmp_path / "script.sh"
    file.write_text(script())
    shellcheck = Path(sysconfig.get_path("scripts")) / "shellcheck"
    result = subprocess.run([str(shellcheck), str(file)], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout
    assert len(script()) < 16_000  # what an instance takes is 16 KiB
