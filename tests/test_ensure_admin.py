"""`manage.py ensure_admin`, as the start of a container calls it."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from tests.conftest import PASSWORD


@pytest.fixture(autouse=True)
def variables(settings: Any, db: None) -> Any:
    settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD, settings.ADMIN_EMAIL = "root", PASSWORD, "root@example.org"
    return settings


def _ensure() -> str:
    output = StringIO()
    call_command("ensure_admin", stdout=output)
    assert PASSWORD not in output.getvalue()
    return output.getvalue()


def _refusal() -> str:
    with pytest.raises(CommandError) as refused:
        _ensure()
    assert not User.objects.filter(is_superuser=True).exists()
    return str(refused.value)


def test_it_makes_an_admin_who_can_enter(client: Any) -> None:
    assert _ensure() == "The admin root has been made.\n"
    assert User.objects.get().email == "root@example.org"
    assert client.login(username="root", password=PASSWORD)
    assert client.get("/admin/").status_code == 200


def test_it_leaves_an_admin_alone(client: Any, variables: Any) -> None:
    _ensure()
    variables.ADMIN_USERNAME, variables.ADMIN_PASSWORD, variables.ADMIN_EMAIL = "ROOT", "another one entirely", ""
    assert _ensure() == "The admin root is there already, and stays as it is.\n"
    assert User.objects.get().email == "root@example.org"
    assert client.login(username="root", password=PASSWORD)
    variables.ADMIN_PASSWORD = ""  # which may be taken away after the first start
    assert _ensure() == "The admin root is there already, and stays as it is.\n"


def test_it_makes_nobody_an_admin_who_was_none(owner: User, variables: Any) -> None:
    variables.ADMIN_USERNAME = "Owner"
    assert _refusal() == "ADMIN_USERNAME: there is a user owner already, who is no superuser."


def test_without_a_name_it_does_nothing_and_says_so(variables: Any) -> None:
    variables.ADMIN_USERNAME = ""
    assert _ensure() == "ADMIN_USERNAME is not set: there is nothing to do.\n"
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ADMIN_USERNAME", "two words"),
        ("ADMIN_USERNAME", "me"),
        ("ADMIN_USERNAME", "x" * 51),
        ("ADMIN_EMAIL", "nobody"),
        ("ADMIN_PASSWORD", ""),
        ("ADMIN_PASSWORD", "hunter2"),
        ("ADMIN_PASSWORD", "root@example.org"),
    ],
)
def test_what_the_validators_refuse_is_refused_by_its_name(variable: str, value: str, variables: Any) -> None:
    setattr(variables, variable, value)
    refusal = _refusal()
    assert refusal.startswith(variable)
    assert "\n" not in refusal
    assert variable != "ADMIN_PASSWORD" or not value or value not in refusal
