"""The storages of uploads, each over HTTP apart from the local one."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import Storage

from tests.s3.dropbox_stand_in import Detour, StandIn
from tests.s3.servers import S3Server
from uploads.dropbox_storage import DropboxStorage
from uploads.local_storage import LocalStorage


def _running(name: str, factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(name, factory.mktemp(name)).start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    yield from _running("moto", tmp_path_factory)


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    yield from _running("rclone", tmp_path_factory)


@pytest.fixture(params=["moto", "rclone"])
def s3(request: pytest.FixtureRequest) -> S3Server:
    server: S3Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture(scope="session")
def running_stand_in() -> Iterator[StandIn]:
    with StandIn() as server:
        yield server
        server.shutdown()


@pytest.fixture
def stand_in(running_stand_in: StandIn) -> StandIn:
    running_stand_in.files.clear()
    running_stand_in.refused = None
    return running_stand_in


def dropbox_storage(stand_in: StandIn) -> DropboxStorage:
    keys = {"app_key": "key", "app_secret": "secret", "oauth2_refresh_token": "refresh"}
    storage = DropboxStorage(root_path="/snippets", timeout=5, **keys)
    storage.client._session.mount("https://", Detour(stand_in.url))
    return storage


@pytest.fixture(params=["local", "moto", "rclone", "dropbox"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each storage in turn, with nothing in it."""
    if request.param == "local":
        return LocalStorage(tmp_path / "media")
    if request.param == "dropbox":
        return dropbox_storage(request.getfixturevalue("stand_in"))
    server: S3Server = request.getfixturevalue(request.param)
    server.storage.location = f"{secrets.token_hex(8)}/"
    return server.storage


@pytest.fixture
def uploads_on_s3(s3: S3Server, settings: Any) -> S3Server:
    """The whole service with its uploads on S3."""
    options = s3.options(location=f"{secrets.token_hex(8)}/")
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "uploads.s3_storage.S3Storage", "OPTIONS": options}}
    return s3
