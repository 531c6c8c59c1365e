"""Deployments on Elastic Beanstalk, played through with the real bundle: who migrates, when, and what if it fails."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.deploy.beanstalk import DeploymentFailedError, Instance
from tests.deploy.conftest import Altered, MakeInstance

LEADER = ".ebextensions/50-leader.config"
HOOK = ".platform/hooks/predeploy/50_migrate.sh"
MIGRATE = "predeploy 50_migrate.sh"
EVERYBODY = ["leader", "follower-1", "follower-2"]


@pytest.fixture
def leader(make_instance: MakeInstance) -> Instance:
    return make_instance("leader")


@pytest.fixture
def followers(make_instance: MakeInstance) -> list[Instance]:
    return [make_instance("follower-1"), make_instance("follower-2")]


def asked(instance: Instance) -> list[str]:
    """What Docker was asked on it, in that order."""
    log = instance.folder / "docker.log"
    return log.read_text().splitlines() if log.exists() else []


def migrations(*instances: Instance) -> list[str]:
    """The names of the instances that have migrated, as often as they have."""
    runs = [(instance, line) for instance in instances for line in asked(instance) if line.startswith("run --rm ")]
    return [instance.folder.name for instance, line in runs if line.endswith(" migrate")]


def make_fail(instance: Instance, pattern: str) -> None:
    (instance.folder.parent / "docker-fails").write_text(pattern)


def make_well(instance: Instance) -> None:
    (instance.folder.parent / "docker-fails").unlink()


def deploy(bundle: Path, leader: Instance, followers: list[Instance]) -> None:
    leader.deploy(bundle, leader=True)
    for follower in followers:
        follower.deploy(bundle, leader=False)


def test_the_leader_alone_migrates_with_the_new_image_before_it_serves(
    bundle: Path, leader: Instance, followers: list[Instance]
) -> None:
    deploy(bundle, leader, followers)
    assert migrations(leader, *followers) == ["leader"]
    assert leader.steps == [
        "docker build",
        "container_command 10_mark_leader",
        MIGRATE,
        "flip",
        "docker tag",
        "docker run",
    ]
    words = [" ".join(line.split()[:2]) for line in asked(leader)]
    assert words == ["build -t", "image inspect", "run --rm", "tag aws_beanstalk/staging-app", "run -d"]
    assert asked(leader)[2].endswith(" aws_beanstalk/staging-app migrate")
    assert "This instance is the leader: migrating" in leader.log
    assert "Migrated." in leader.log
    for follower in followers:
        assert "This instance is not the leader of a deployment: it migrates nothing." in follower.log
        assert follower.steps[-3:] == ["flip", "docker tag", "docker run"]


def test_no_marker_stays(bundle: Path, leader: Instance) -> None:
    leader.deploy(bundle, leader=True)
    assert list(leader.folder.rglob(".leader")) == []


def test_the_migration_has_what_the_environment_says(bundle: Path, make_instance: MakeInstance) -> None:
    secret = "a b'c\"d=$e"
    leader = make_instance("leader", SECRET_KEY=secret, ADMIN_USERNAME="ada", TRUSTED_PROXIES="10.0.0.0/16")
    leader.deploy(bundle, leader=True)
    migrate = asked(leader)[2]
    for variable in (f"SECRET_KEY={secret}", "ADMIN_USERNAME=ada", "STORAGE=s3", "TRUSTED_PROXIES=10.0.0.0/16"):
        assert f"--env {variable}" in migrate
    for name in ("PATH", "HOME", "PORT"):
        assert f"--env {name}=" not in migrate


def test_a_failed_migration_ends_the_deployment_and_the_old_version_serves_on(bundle: Path, leader: Instance) -> None:
    leader.deploy(bundle, leader=True)
    before = leader.current.stat().st_ino
    make_fail(leader, "migrate$")
    with pytest.raises(DeploymentFailedError, match="ERROR: the migration has failed with status 3"):
        leader.deploy(bundle, leader=True)
    assert leader.current.stat().st_ino == before
    assert [line.split()[0] for line in asked(leader)[5:]] == ["build", "image", "run"]
    assert list(leader.folder.rglob(".leader")) == []
    make_well(leader)
    leader.deploy(bundle, leader=True)
    assert leader.current.stat().st_ino != before


def test_a_migration_that_is_stopped_leaves_no_marker(bundle: Path, leader: Instance, tmp_path: Path) -> None:
    """The platform stops what takes longer than the deployment's Timeout."""
    docker = tmp_path / "slow/docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/bash\n{leader.docker}/docker "$@"\n[[ $* == *migrate ]] && exec sleep 60\nexit 0\n')
    docker.chmod(0o755)
    leader.docker = docker.parent
    ended: list[str] = []

    def run() -> None:
        try:
            leader.deploy(bundle, leader=True)
        except DeploymentFailedError as error:
            ended.append(str(error))

    deployment = threading.Thread(target=run)
    deployment.start()
    while not migrations(leader):
        time.sleep(0.05)
    hook = subprocess.check_output(["pgrep", "-f", f"{leader.staging}/.platform/hooks/predeploy"], text=True).split()[0]
    children = subprocess.check_output(["pgrep", "-P", hook], text=True).split()
    os.kill(int(hook), signal.SIGTERM)
    for child in children:
        os.kill(int(child), signal.SIGTERM)
    deployment.join(20)
    assert ended
    assert "flip" not in leader.steps
    assert list(leader.folder.rglob(".leader")) == []


def test_a_deployment_that_died_before_the_migration_makes_no_leader_of_the_next(
    bundle: Path, altered: Altered, leader: Instance, followers: list[Instance]
) -> None:
    fails = "container_commands:\n  20_of_the_operator:\n    command: 'false'\n"
    dies = altered({LEADER: ("container_commands:\n", fails)})
    with pytest.raises(DeploymentFailedError, match="20_of_the_operator"):
        leader.deploy(dies, leader=True)
    assert migrations(leader) == []
    assert not leader.current.exists()
    # Another one is the leader now.
    deploy(bundle, followers[0], [leader, followers[1]])
    assert migrations(leader, *followers) == ["follower-1"]


def test_a_marker_from_elsewhere_makes_no_leader(bundle: Path, leader: Instance, followers: list[Instance]) -> None:
    deploy(bundle, leader, followers)
    for folder in (followers[0].staging, followers[0].current):
        folder.mkdir(exist_ok=True)
        (folder / ".leader").touch()
    deploy(bundle, leader, followers)
    assert migrations(leader, *followers) == ["leader", "leader"]


def test_the_next_deployment_migrates_on_its_own_leader(
    bundle: Path, leader: Instance, followers: list[Instance]
) -> None:
    deploy(bundle, leader, followers)
    deploy(bundle, followers[1], [leader, followers[0]])
    assert migrations(leader, *followers) == ["leader", "follower-2"]


def test_a_configuration_alone_migrates_nothing(bundle: Path, leader: Instance) -> None:
    leader.deploy(bundle, leader=True)
    leader.configure(bundle, {"RDS_HOSTNAME": "database.example.org", "SIGN_UP": "true"})
    assert migrations(leader) == ["leader"]
    assert leader.steps[-4:] == ["docker build", "flip", "docker tag", "docker run"]
    assert "SIGN_UP=true\n" in (leader.folder / "env.list").read_text()


def test_an_instance_that_auto_scaling_starts_migrates_nothing(
    bundle: Path, leader: Instance, make_instance: MakeInstance
) -> None:
    leader.deploy(bundle, leader=True)
    late = make_instance("late")
    late.deploy(bundle, leader=False)
    assert migrations(leader, late) == ["leader"]
    assert late.steps[-1] == "docker run"


def test_without_run_bits_the_hook_runs_all_the_same(altered: Altered, leader: Instance) -> None:
    leader.deploy(altered(run_bits=False), leader=True)
    assert migrations(leader) == ["leader"]


def test_without_a_database_nothing_is_deployed(bundle: Path, make_instance: MakeInstance) -> None:
    leader = make_instance("leader", RDS_HOSTNAME="")
    with pytest.raises(DeploymentFailedError, match="ERROR: neither DATABASE_URL nor RDS_HOSTNAME is set"):
        leader.deploy(bundle, leader=True)
    assert migrations(leader) == []
    assert not leader.current.exists()


def test_an_image_of_another_name_ends_the_deployment(bundle: Path, leader: Instance) -> None:
    make_fail(leader, "^image inspect")
    with pytest.raises(DeploymentFailedError, match="ERROR: there is no image aws_beanstalk/staging-app"):
        leader.deploy(bundle, leader=True)
    assert migrations(leader) == []


def test_an_image_that_cannot_be_built_ends_the_deployment(bundle: Path, leader: Instance) -> None:
    make_fail(leader, "^build")
    with pytest.raises(DeploymentFailedError, match="docker build"):
        leader.deploy(bundle, leader=True)
    assert leader.steps == ["docker build"]


@pytest.mark.parametrize(
    ("change", "migrated"),
    [
        ({LEADER: ("leader_only: true", "leader_only: false")}, EVERYBODY),
        ({LEADER: ("touch .leader", "touch ../.leader")}, []),
        ({HOOK: ("if [[ ! -e $marker ]]", "if false")}, EVERYBODY),
    ],
    ids=["everybody is marked", "the marker is elsewhere", "nobody looks for the marker"],
)
def test_the_rehearsal_notices_what_is_wrong(
    altered: Altered,
    leader: Instance,
    followers: list[Instance],
    change: dict[str, tuple[str, str]],
    migrated: list[str],
) -> None:
    deploy(altered(change), leader, followers)
    assert migrations(leader, *followers) == migrated
