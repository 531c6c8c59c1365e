"""The same deployments with the real bundle, Docker's own engine, and PostgreSQL."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.conftest import PASSWORD, ROOT
from tests.deploy.beanstalk import DeploymentFailedError, Instance
from tests.deploy.conftest import Altered
from tests.image.conftest import docker, engine, image
from tests.postgres import Postgres, StartPostgres
from tests.servers import free_port

__all__ = ["engine", "image"]  # fixtures

# Each instance has an engine of its own, whose images have the same names; here they share one. They share the network
# of this machine too, where PostgreSQL is, each on a port of its own.
SHARED_ENGINE = """#!/usr/bin/env bash
set -euo pipefail
export DOCKER_BUILDKIT=0
command=$1
shift
case $command in
  build) set -- --network host "$@" ;;
  run) set -- --network host "$@" ;;
esac
exec {docker} "$command" "${{@//aws_beanstalk/{names}}}"
"""
StartInstance = Callable[..., Instance]


@pytest.fixture
def postgres(start_postgres: StartPostgres) -> Iterator[Postgres]:
    """One that speaks TLS, with a CA of its own, as that of RDS."""
    with start_postgres(tls=True) as server:
        yield server


@pytest.fixture
def certificates(postgres: Postgres) -> dict[str, bytes]:
    """What an installation puts into its bundle, by the name that .ebextensions has for it."""
    return {"certificates/global-bundle.pem": postgres.certificate.read_bytes()}


@pytest.fixture
def start_instance(engine: None, postgres: Postgres, tmp_path: Path) -> Iterator[StartInstance]:
    with ExitStack() as cleaning:

        def start(name: str, **properties: str) -> Instance:
            folder = tmp_path / name
            command = folder / "bin/docker"
            command.parent.mkdir(parents=True)
            names = f"rehearsal_{os.getpid()}_{name}"
            command.write_text(SHARED_ENGINE.format(docker=shutil.which("docker"), names=names))
            command.chmod(0o755)
            common = {
                "SECRET_KEY": "a key for the rehearsal alone, and of no use anywhere else",
                "ALLOWED_HOSTS": "snippets.example.org",
                "DATABASE_URL": postgres.url,
                "STORAGE": "filesystem",
                "ADMIN_USERNAME": "ada",
                "ADMIN_PASSWORD": PASSWORD,
                "PORT": str(free_port()),
                "DOCKER_HOST": os.environ.get("DOCKER_HOST", ""),
            }
            instance = Instance(folder, command.parent, common | properties)
            cleaning.callback(remove, instance, names)
            return instance

        yield start


def remove(instance: Instance, names: str) -> None:
    if instance.container:
        docker("rm", "--force", "--volumes", instance.container)
    for name in ("staging-app", "current-app"):
        docker("rmi", f"{names}/{name}", check=False)


def get(instance: Instance, path: str) -> httpx.Response:
    """As the balancer asks: by address; and with the visitor's scheme, which it has ended."""
    address = f"http://127.0.0.1:{instance.environment['PORT']}{path}"
    return httpx.get(address, headers={"Host": "10.0.3.4", "X-Forwarded-Proto": "https"}, timeout=30)


def wait_until_it_serves(instance: Instance) -> None:
    transport = httpx.HTTPTransport(retries=8)
    with httpx.Client(transport=transport, timeout=30) as client:
        answer = client.get(f"http://127.0.0.1:{instance.environment['PORT']}/health/live/")
    assert answer.status_code == 200


def rows(postgres: Postgres, query: str) -> list[tuple[object, ...]]:
    with postgres.connect() as connection:
        return connection.execute(query).fetchall()


def test_a_leader_migrates_and_three_instances_serve(
    altered: Altered, certificates: dict[str, bytes], start_instance: StartInstance, postgres: Postgres
) -> None:
    bundle = altered(run_bits=False, more=certificates)  # as an archive from Windows comes
    leader, *followers = [start_instance(name) for name in ("leader", "follower1", "follower2")]
    leader.deploy(bundle, leader=True)
    assert "Applying snippets.0001_snippet... OK" in leader.log
    assert "The admin ada has been made." in leader.log
    for follower in followers:
        follower.deploy(bundle, leader=False)
        assert "Applying" not in follower.log
    for instance in (leader, *followers):
        wait_until_it_serves(instance)
        assert get(instance, "/health/ready/").json()["checks"]["migrations"] == "ok"
    applied = rows(postgres, "SELECT count(*), count(DISTINCT (app, name)) FROM django_migrations")
    assert applied[0][0] == applied[0][1] > 0
    assert rows(postgres, "SELECT username, is_superuser FROM accounts_user") == [("ada", True)]

    # A second deployment, whose migration fails: the container before it serves on.
    before = leader.container
    leader.properties = dict(leader.properties) | {"DATABASE_URL": postgres.url.replace(postgres.password, "wrong")}
    with pytest.raises(DeploymentFailedError, match="ERROR: the migration has failed with status 1"):
        leader.deploy(bundle, leader=True)
    assert "password authentication failed" in leader.log
    assert leader.container == before
    assert get(leader, "/health/ready/").status_code == 200

    # And one that succeeds, on another leader.
    followers[0].deploy(bundle, leader=True)
    assert "No migrations to apply." in followers[0].log
    assert "The admin ada is there already" in followers[0].log
    wait_until_it_serves(followers[0])


def test_two_leaders_at_once_migrate_one_after_the_other(
    altered: Altered, certificates: dict[str, bytes], start_instance: StartInstance, postgres: Postgres
) -> None:
    """The platform does not promise that each batch of instances has the same leader."""
    bundle = altered(more=certificates)
    leaders = [start_instance("first"), start_instance("second")]
    threads = [threading.Thread(target=leader.deploy, args=(bundle,), kwargs={"leader": True}) for leader in leaders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert all("Migrated." in leader.log for leader in leaders), [leader.log[-2000:] for leader in leaders]
    assert sum("Applying snippets.0001_snippet... OK" in leader.log for leader in leaders) == 1
    assert rows(postgres, "SELECT count(*) - count(DISTINCT (app, name)) FROM django_migrations") == [(0,)]
    assert len(rows(postgres, "SELECT username FROM accounts_user")) == 1


def test_the_bundle_of_an_image_builds_nothing_and_serves(
    start_instance: StartInstance, image: str, tmp_path: Path
) -> None:
    """`make bundle IMAGE=...`, with the name of an image of this engine where that of a registry would stand."""
    folder = tmp_path / "by-image"
    written = tmp_path / "by-image.zip"
    reference = f"registry.example.org/snippets@sha256:{'0' * 64}"
    command = ["make", "--no-print-directory", "bundle", f"IMAGE={reference}", f"OUTPUT={written}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["unzip", "-q", str(written), "-d", str(folder)], check=True)
    assert sorted(path.name for path in folder.iterdir()) == [".ebextensions", ".platform", "Dockerfile"]
    dockerfile = folder / "Dockerfile"
    assert dockerfile.read_text() == f"FROM {reference}\nEXPOSE 8080\n"
    dockerfile.write_text(dockerfile.read_text().replace(reference, image))
    local = tmp_path / "local.zip"
    subprocess.run(["zip", "-q", "-r", str(local), "."], cwd=folder, check=True)
    # This image has no certificates.
    instance = start_instance("only", DATABASE_SSLMODE="require", DATABASE_SSLROOTCERT="")
    instance.deploy(local, leader=True)
    wait_until_it_serves(instance)
    assert get(instance, "/health/ready/").status_code == 200
