"""The pinned packages: recent enough to have no known hole that this service could be reached through."""

import re

import pytest

from tests.conftest import ROOT

FLOORS = {"django": (5, 2, 19), "djangorestframework": (3, 18, 2), "pillow": (13,), "pygments": (2, 20)}
DEAD = {"django-taggit", "djangorestframework-simplejwt", "django-rest-knox", "dj-database-url", "drf-yasg", "celery"}


def pinned(name: str) -> dict[str, tuple[int, ...]]:
    lines = re.findall(r"^([a-z0-9-]+)==([0-9.]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {package: tuple(int(part) for part in version.split(".") if part) for package, version in lines}


@pytest.mark.parametrize("package", FLOORS)
def test_no_package_is_older_than_its_floor(package: str) -> None:
    assert pinned("requirements.txt")[package] >= FLOORS[package]


def test_nothing_that_is_no_longer_kept_up_is_at_run_time() -> None:
    assert not DEAD & pinned("requirements.txt").keys()


def test_everything_is_hashed_and_no_address_is_named() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert len(re.findall(r"^[a-z0-9-]+==", text, re.MULTILINE)) > 20
        assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z0-9-]+==)", text)[1:])
        assert "://" not in text
