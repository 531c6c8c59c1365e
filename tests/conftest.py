"""The people of the tests, and how they talk to the API: over HTTP, by literal paths."""

import os

# Before Django reads its settings, and whatever this machine's own environment says.
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "ENV_FILE": os.devnull,
    "DEBUG": "false",
    "SECRET_KEY": "a key for the tests alone, and of no use anywhere else",
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "SECURE_SSL_REDIRECT": "false",
    "ANONYMOUS_POSTING": "true",
    "SIGN_UP": "true",
}

import django

django.setup()

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from snippets.models import Snippet

pytest_plugins = ["tests.nginx", "tests.postgres"]

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse battery staple"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is in a folder of its own runs servers, which is slow; what is about the other database is left out."""
    for item in items:
        if item.path.parent != Path(__file__).parent:
            item.add_marker(pytest.mark.slow)
    marked = [(item, item.get_closest_marker("database")) for item in items]
    others = [item for item, marker in marked if marker and marker.args != (connection.vendor,)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With REQUIRE_ALL=1 nothing may be skipped."""
    report = yield
    if report.skipped and os.environ.get("REQUIRE_ALL") == "1":
        report.outcome = "failed"
        report.longrepr = f"Skipped, where everything must run: {report.longrepr}"
    return report


@pytest.fixture(scope="session", autouse=True)
def settings_of_all_tests() -> Iterator[None]:
    """Passwords are hashed quickly, and the pages are rendered without collectstatic having run."""
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        STORAGES=settings.STORAGES | {"staticfiles": static},
    ):
        yield


@pytest.fixture(autouse=True)
def temporary_files(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A name of a folder and no `tmp_path`: thousands that stay empty would be made and removed."""
    settings.MEDIA_ROOT = str(tmp_path_factory.getbasetemp() / str(uuid4()) / "media")


@pytest.fixture(autouse=True)
def empty_cache(request: pytest.FixtureRequest) -> None:
    """Throttles count in the cache: no test may eat another's allowance."""
    for database in ("transactional_db", "db"):
        if database in request.fixturenames:
            request.getfixturevalue(database)
            cache.clear()
            return


def _user(name: str, **fields: Any) -> User:
    return User.objects.create_user(name, password=PASSWORD, **fields)


@pytest.fixture
def owner(db: None) -> User:
    return _user("owner", email="owner@example.org")


@pytest.fixture
def stranger(db: None) -> User:
    return _user("stranger")


@pytest.fixture
def staff(db: None) -> User:
    return _user("staff", is_staff=True)


@pytest.fixture
def client_of() -> Callable[[User | None], APIClient]:
    """A client that shows a write token of the user; one without credentials for None."""

    def make(user: User | None) -> APIClient:
        client = APIClient()
        if user is not None:
            _, secret = ApiToken.issue(user, "tests")
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return make


@pytest.fixture
def anonymous(db: None) -> APIClient:
    return APIClient()


@pytest.fixture
def as_owner(owner: User, client_of: Callable[[User | None], APIClient]) -> APIClient:
    return client_of(owner)


@pytest.fixture
def as_stranger(stranger: User, client_of: Callable[[User | None], APIClient]) -> APIClient:
    return client_of(stranger)


@pytest.fixture
def as_staff(staff: User, client_of: Callable[[User | None], APIClient]) -> APIClient:
    return client_of(staff)


@pytest.fixture
def in_browser(owner: User) -> APIClient:
    """The owner's browser: a session, with CSRF enforced."""
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(owner)
    return client


@pytest.fixture
def snippet(owner: User) -> Snippet:
    """The owner's public snippet."""
    found = Snippet(owner=owner, title="Greeting", filename="hello.py", code='print("hello")\n')
    found.save()
    return found


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`later(60)`: for all that follows, it is a minute later."""
    real, passed = timezone.now, [0.0]

    def pass_time(seconds: float) -> None:
        passed[0] += seconds
        monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(seconds=passed[0]))

    return pass_time


@pytest.fixture
def max_queries() -> Callable[[int], Any]:
    """`with max_queries(3): ...` fails, listing the queries, where there are more."""

    @contextmanager
    def budget(limit: int) -> Iterator[None]:
        with CaptureQueriesContext(connection) as queries:
            yield
        listing = "\n".join(query["sql"] for query in queries.captured_queries)
        assert len(queries) <= limit, f"{len(queries)} queries, {limit} allowed:\n{listing}"

    return budget
