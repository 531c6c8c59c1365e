"""Two instances on one database: whoever is asked, the answer is the same."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.stack.conftest import Stack, StartStack

BROWSER = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def instances(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Stack]]:
    folder = tmp_path_factory.mktemp("instances")
    limits = {"ANONYMOUS_POSTING_RATE": "5/hour", "LOGIN_RATE": "4/hour"}
    with ExitStack() as running:
        first = running.enter_context(start_stack(folder / "first", **limits))
        database = first.variables["DATABASE_URL"] or f"sqlite:///{first.variables['DATA_DIR']}/db.sqlite3"
        second = running.enter_context(start_stack(folder / "second", DATABASE_URL=database, **limits))
        yield [first, second]


def test_a_session_goes_on_at_the_other_instance(instances: list[Stack]) -> None:
    turns = itertools.cycle(stack.url for stack in instances)
    account = {"username": "ann", "password": "correct horse battery"}
    with httpx.Client() as browser:
        assert browser.post(f"{next(turns)}/users/", json=account).status_code == 201
        browser.get(f"{next(turns)}/auth/login/", headers=BROWSER)
        form = account | {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post(f"{next(turns)}/auth/login/", data=form).status_code == 302
        for number in range(10):
            assert browser.get(f"{next(turns)}/users/me/").json()["username"] == "ann"
            csrf = {"X-CSRFToken": browser.cookies["csrftoken"]}
            made = browser.post(f"{next(turns)}/snippets/", json={"code": f"{number}\n"}, headers=csrf).json()
            address = f"{next(turns)}/snippets/{made['pk']}/"
            etag = browser.get(address).headers["ETag"].partition("-")[0]
            assert etag == '"1'
            changed = browser.patch(f"{next(turns)}/snippets/{made['pk']}/", json={"title": "changed"}, headers=csrf)
            assert changed.json()["version"] == 2
        csrf = {"X-CSRFToken": browser.cookies["csrftoken"]}
        assert browser.post(f"{next(turns)}/auth/logout/", headers=csrf).status_code == 302
        assert {browser.get(f"{next(turns)}/users/me/").status_code for _ in range(2)} == {401}


def test_the_limits_count_together(instances: list[Stack]) -> None:
    turns = itertools.cycle(stack.url for stack in instances)
    posted = [httpx.post(f"{next(turns)}/snippets/", json={"code": "x"}).status_code for _ in range(8)]
    assert posted == [201] * 5 + [429] * 3
    guesses = [httpx.get(f"{next(turns)}/tokens/", auth=("ann", "guess")).status_code for _ in range(6)]
    assert guesses[-1] == 429
    assert guesses.count(401) <= 4


def test_a_cursor_and_a_token_of_one_are_good_at_the_other(instances: list[Stack]) -> None:
    first, second = instances
    page = httpx.get(f"{first.url}/snippets/?page_size=2").json()
    next_page = page["next"].replace(first.url, second.url)
    assert httpx.get(next_page).json()["results"]
