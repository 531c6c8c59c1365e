"""Tokens: how they are made, what they open, and when they stop."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from snippets.models import Snippet
from tests.conftest import PASSWORD


def basic(name: str, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def with_header(authorization: str) -> APIClient:
    return APIClient(HTTP_AUTHORIZATION=authorization)


def assert_unauthorized(response: Response) -> None:
    assert response.status_code == 401
    assert list(response.json()) == ["detail"]
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.fixture
def with_password(owner: User) -> APIClient:
    """The owner, as `curl --user` shows who he is."""
    return with_header(basic("owner"))


def issue(client: APIClient, **fields: Any) -> dict[str, Any]:
    response = client.post("/tokens/", {"name": "laptop"} | fields)
    assert response.status_code == 201, response.content
    return response.json()


# --- Making them ------------------------------------------------------------------------------------------------------


def test_a_password_makes_a_token_that_works(with_password: APIClient) -> None:
    token = issue(with_password)
    assert list(token) == ["url", "pk", "name", "scope", "created", "expires", "last_used", "token"]
    assert (token["name"], token["scope"], token["expires"], token["last_used"]) == ("laptop", "write", None, None)
    response = with_header(f"Bearer {token['token']}").get("/users/me/")
    assert response.json()["username"] == "owner"


def test_the_answer_says_where_the_token_is(with_password: APIClient) -> None:
    response = with_password.post("/tokens/", {"name": "laptop"})
    assert response.headers["Location"] == response.json()["url"]
    assert with_password.get(response.headers["Location"]).json()["pk"] == response.json()["pk"]


def test_a_session_makes_a_token_with_a_csrf_token(in_browser: APIClient) -> None:
    in_browser.get("/tokens/", headers={"Accept": "text/html"})
    assert in_browser.post("/tokens/", {"name": "browser"}).status_code == 403
    headers = {"X-CSRFToken": in_browser.cookies["csrftoken"].value}
    assert in_browser.post("/tokens/", {"name": "browser"}, headers=headers).status_code == 201


def test_anonymous_makes_none(anonymous: APIClient) -> None:
    assert_unauthorized(anonymous.post("/tokens/", {"name": "laptop"}))
    assert_unauthorized(anonymous.get("/tokens/"))


def test_a_token_makes_no_other_but_may_list(as_owner: APIClient) -> None:
    assert as_owner.post("/tokens/", {"name": "heir"}).status_code == 403
    assert [row["name"] for row in as_owner.get("/tokens/").json()["results"]] == ["tests"]


def test_a_name_in_another_case_signs_in(owner: User) -> None:
    assert with_header(basic("OWNER")).get("/tokens/").status_code == 200


def test_the_secret_is_shown_once(with_password: APIClient) -> None:
    token = issue(with_password)
    for address in ("/tokens/", f"/tokens/{token['pk']}/"):
        response = with_password.get(address)
        assert response.status_code == 200
        assert token["token"] not in response.text
        assert "snip_" not in response.text


def test_no_column_holds_the_secret(with_password: APIClient) -> None:
    secret = issue(with_password)["token"]
    assert with_header(f"Bearer {secret}").get("/snippets/").status_code == 200
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - our own tables
            assert secret.removeprefix("snip_") not in repr(cursor.fetchall())


def test_two_secrets_differ_and_are_long(with_password: APIClient) -> None:
    one, other = (issue(with_password)["token"].removeprefix("snip_") for _ in range(2))
    assert one != other
    assert len(base64.urlsafe_b64decode(one + "=")) == 32


REFUSED = {
    "an expiry in the past": ({"expires": "2020-01-01T00:00:00Z"}, "expires"),
    "an expiry that is no time": ({"expires": "soon"}, "expires"),
    "an expiry beyond all calendars": ({"expires": "9999-12-31T23:59:59-23:00"}, "expires"),
    "an expiry of half a character": ({"expires": "\ud800"}, "expires"),
    "an unknown field": ({"scopes": "read"}, "scopes"),
    "an unknown scope": ({"scope": "admin"}, "scope"),
    "an empty scope": ({"scope": ""}, "scope"),
    "no scope": ({"scope": None}, "scope"),
    "a list of scopes": ({"scope": ["read"]}, "scope"),
    "a scope of half a character": ({"scope": "\ud800"}, "scope"),
    "an empty name": ({"name": ""}, "name"),
    "a name of spaces": ({"name": "  "}, "name"),
    "a name that is a number": ({"name": 1}, "name"),
    "a name that is too long": ({"name": "x" * 101}, "name"),
    "a name with a null": ({"name": "a\0b"}, "name"),
    "a name of half a character": ({"name": "\ud800"}, "name"),
}


@pytest.mark.parametrize(("fields", "named"), REFUSED.values(), ids=REFUSED)
def test_nonsense_is_refused_by_name(with_password: APIClient, fields: dict[str, Any], named: str) -> None:
    body = json.dumps({"name": "laptop"} | fields)
    response = with_password.post("/tokens/", body, content_type="application/json")
    assert response.status_code == 400
    assert list(response.json()) == [named]
    assert "\ud800" not in str(response.json())
    assert not ApiToken.objects.exists()


def test_a_token_needs_a_name(with_password: APIClient) -> None:
    assert with_password.post("/tokens/", {}).json() == {"name": ["This field is required."]}


def test_what_only_the_server_says_is_ignored(with_password: APIClient, stranger: User) -> None:
    issue(with_password, pk=7, token="mine", created="2020-01-01T00:00:00Z", last_used=None)
    assert_unauthorized(with_header("Bearer mine").get("/snippets/"))


# --- Whose they are ---------------------------------------------------------------------------------------------------


def test_everybody_sees_his_own_tokens(with_password: APIClient, as_stranger: APIClient, as_staff: APIClient) -> None:
    theirs = issue(with_password)
    assert [row["pk"] for row in with_password.get("/tokens/").json()["results"]] == [theirs["pk"]]
    for other in (as_stranger, as_staff):
        listed = other.get("/tokens/").json()
        assert listed["count"] == 1
        assert [row["name"] for row in listed["results"]] == ["tests"]


@pytest.mark.parametrize("name", ["stranger", "staff"])
def test_anothers_token_is_not_there(with_password: APIClient, stranger: User, staff: User, name: str) -> None:
    theirs = issue(with_password)
    other = with_header(basic(name))
    for method in ("get", "delete"):
        answer = getattr(other, method)(f"/tokens/{theirs['pk']}/")
        assert answer.status_code == 404
        assert answer.content == getattr(other, method)(f"/tokens/{theirs['pk'] + 1}/").content
    assert ApiToken.objects.filter(pk=theirs["pk"]).exists()


@pytest.mark.parametrize("number", ["0", "9" * 18, "9" * 30, "x"])
def test_a_token_that_never_was_is_not_there(with_password: APIClient, number: str) -> None:
    assert with_password.get(f"/tokens/{number}/").status_code == 404


# --- When they stop ---------------------------------------------------------------------------------------------------


def test_a_revoked_token_is_refused_at_once(with_password: APIClient) -> None:
    token = issue(with_password)
    program = with_header(f"Bearer {token['token']}")
    assert program.get("/snippets/").status_code == 200
    assert with_password.delete(f"/tokens/{token['pk']}/").status_code == 204
    assert_unauthorized(program.get("/snippets/"))


def test_an_expired_token_is_refused(with_password: APIClient) -> None:
    soon = timezone.now() + timedelta(hours=1)
    token = issue(with_password, expires=soon.isoformat())
    program = with_header(f"Bearer {token['token']}")
    assert program.get("/snippets/").status_code == 200
    ApiToken.objects.update(expires=timezone.now())
    assert_unauthorized(program.get("/snippets/"))


def test_a_token_that_expires_is_shown_with_its_time_in_utc(with_password: APIClient) -> None:
    token = issue(with_password, expires="2099-01-01T02:00:00+02:00")
    assert token["expires"] == "2099-01-01T00:00:00Z"


def test_who_is_inactive_is_refused_with_a_token_and_with_a_password(
    with_password: APIClient, owner: User, as_owner: APIClient
) -> None:
    owner.is_active = False
    owner.save()
    assert_unauthorized(as_owner.get("/snippets/"))
    assert_unauthorized(with_password.get("/tokens/"))


def test_who_is_inactive_is_anonymous_in_his_session(in_browser: APIClient, owner: User, snippet: Snippet) -> None:
    Snippet.objects.update(visibility="private")
    assert in_browser.get(f"/snippets/{snippet.pk}/").status_code == 200
    owner.is_active = False
    owner.save()
    assert in_browser.get(f"/snippets/{snippet.pk}/").status_code == 404
    assert in_browser.get("/snippets/").json()["count"] == 0
    assert_unauthorized(in_browser.get("/users/me/"))


# --- What they open ---------------------------------------------------------------------------------------------------

WRITES = [
    ("post", "/snippets/", {"code": "x"}),
    ("put", "/snippets/{pk}/", {"code": "x"}),
    ("patch", "/snippets/{pk}/", {"code": "x"}),
    ("delete", "/snippets/{pk}/", None),
    ("patch", "/users/me/", {"email": "new@example.org"}),
    ("post", "/tokens/", {"name": "heir"}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_read_token_reads_and_does_not_write(
    with_password: APIClient, snippet: Snippet, method: str, path: str, body: Any
) -> None:
    Snippet.objects.update(visibility="private")
    reader = with_header(f"Bearer {issue(with_password, scope='read')['token']}")
    for address in ("/snippets/", f"/snippets/{snippet.pk}/", f"/snippets/{snippet.pk}/raw/", "/users/me/", "/tokens/"):
        assert reader.get(address).status_code == 200
    assert reader.options("/snippets/").status_code == 200
    response = getattr(reader, method)(path.format(pk=snippet.pk), body)
    assert response.status_code == 403
    assert list(response.json()) == ["detail"]
    assert Snippet.objects.values_list("code", "version").get() == (snippet.code, 1)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Token", "token", "ToKeN"])
def test_both_schemes_work_in_any_case(with_password: APIClient, scheme: str) -> None:
    secret = issue(with_password)["token"]
    assert with_header(f"{scheme} {secret}").get("/users/me/").status_code == 200


# --- Garbage ----------------------------------------------------------------------------------------------------------

GARBAGE = {
    "no token": "Bearer",
    "no token but a space": "Bearer ",
    "two words": "Bearer a b",
    "not ASCII": "Token \xff",
    "a null": "Bearer \0",
    "10,000 characters": "Bearer " + "x" * 10_000,
    "a prefix alone": "Bearer snip_",
    "a tab between": "Bearer\tabc",
    "a password": basic("owner"),
    "a password that is none": "Basic",
    "an unknown scheme": 'Digest username="owner"',
    "a word": "snip_abc",
    "not ASCII at all": "\xff\xfe",
    "a null alone": "\0",
    "two schemes": "Bearer Token",
    "a comma": "Bearer a, Bearer b",
}
ADDRESSES = ["/snippets/", "/", "/users/me/", "/languages/", "/snippets/{pk}/", "/snippets/{pk}/raw/"]


@pytest.mark.parametrize("header", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused_and_never_anonymous(snippet: Snippet, in_browser: APIClient, header: str) -> None:
    """Not even where a session comes with it."""
    for client in (with_header(header), in_browser):
        for address in ADDRESSES:
            assert_unauthorized(client.get(address.format(pk=snippet.pk), headers={"Authorization": header}))
        assert_unauthorized(client.post("/snippets/", {"code": "x"}, headers={"Authorization": header}))
    assert Snippet.objects.count() == 1


CHANGED_SECRETS: dict[str, Callable[[str], str]] = {
    "cut": lambda secret: secret[:-1],
    "longer": lambda secret: secret + "x",
    "in another case": str.swapcase,
    "followed by a word": lambda secret: secret + " x",
    "without its prefix": lambda secret: secret.removeprefix("snip_"),
    "as stored": lambda secret: ApiToken.objects.get().digest,
}


@pytest.mark.parametrize("change", CHANGED_SECRETS.values(), ids=CHANGED_SECRETS)
def test_a_secret_is_right_or_wrong(with_password: APIClient, change: Callable[[str], str]) -> None:
    secret = issue(with_password)["token"]
    assert_unauthorized(with_header(f"Bearer {change(secret)}").get("/snippets/"))


def encoded(credentials: bytes) -> str:
    return "Basic " + base64.b64encode(credentials).decode()


BAD_PASSWORDS = {
    "nothing": "Basic",
    "two words": "Basic a b",
    "not base64": "Basic !!!",
    "not ASCII": "Basic \xff",
    "no colon": encoded(b"owner"),
    "a colon": encoded(b":"),
    "not UTF-8": encoded(b"owner:\xff\xfe"),
    "a null in the name": encoded(b"own\0er:x"),
    "a null in the password": encoded(b"owner:\0"),
    "a long name": encoded(b"x" * 10_000 + b":x"),
    "a wrong password": basic("owner", "wrong"),
    "an unknown name": basic("nobody", PASSWORD),
}


@pytest.mark.parametrize("header", BAD_PASSWORDS.values(), ids=BAD_PASSWORDS)
def test_a_bad_password_is_refused(owner: User, header: str) -> None:
    response = with_header(header).post("/tokens/", {"name": "laptop"})
    assert response.status_code == 401
    assert "WWW-Authenticate" in response.headers
    assert not ApiToken.objects.exists()


# --- When they were used ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "written"), [(59, False), (61, True)])
def test_last_used_is_written_at_most_once_an_hour(as_owner: APIClient, minutes: int, written: bool) -> None:
    earlier = timezone.now() - timedelta(minutes=minutes)
    ApiToken.objects.update(last_used=earlier)
    assert as_owner.get("/snippets/").status_code == 200
    assert (ApiToken.objects.get().last_used != earlier) == written


def test_the_first_use_is_written(as_owner: APIClient) -> None:
    assert ApiToken.objects.get().last_used is None
    as_owner.get("/snippets/")
    first = ApiToken.objects.get().last_used
    assert timezone.now() - first < timedelta(minutes=1)
    as_owner.get("/snippets/")
    assert ApiToken.objects.get().last_used == first


# --- How often passwords may be tried ---------------------------------------------------------------------------------


def try_basic(password: str, **extra: Any) -> Response:
    return APIClient().get("/tokens/", HTTP_AUTHORIZATION=basic("owner", password), **extra)


def try_form(password: str, **extra: Any) -> Response:
    fields = {"username": "owner", "password": password}
    return APIClient().post("/auth/login/", fields, format="multipart", **extra)


# How to try, and the status for a wrong and for the right password.
DOORS = [pytest.param(try_basic, 401, 200, id="Basic"), pytest.param(try_form, 200, 302, id="the log-in page")]
ROTATED = ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_CLIENT_IP"]


@pytest.mark.parametrize(("attempt", "wrong", "right"), DOORS)
def test_ten_passwords_a_minute_may_be_tried(
    owner: User, attempt: Callable[..., Response], wrong: int, right: int
) -> None:
    assert [attempt("wrong").status_code for _ in range(10)] == [wrong] * 10
    for password in ("wrong", PASSWORD):
        refused = attempt(password)
        assert refused.status_code == 429
        assert list(refused.json()) == ["detail"]
        assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert attempt(PASSWORD, REMOTE_ADDR="10.9.8.7").status_code == right
    cache.clear()
    assert attempt(PASSWORD).status_code == right


@pytest.mark.parametrize("header", ROTATED)
@pytest.mark.parametrize(("attempt", "wrong", "right"), DOORS)
def test_an_address_that_is_made_up_does_not_help(
    owner: User, attempt: Callable[..., Response], wrong: int, right: int, header: str
) -> None:
    statuses = [attempt("wrong", **{header: f"10.0.0.{number}"}).status_code for number in range(11)]
    assert statuses == [wrong] * 10 + [429]


def test_both_doors_count_together(owner: User) -> None:
    for _ in range(5):
        try_basic("wrong")
        try_form("wrong")
    assert (try_basic(PASSWORD).status_code, try_form(PASSWORD).status_code) == (429, 429)


@pytest.mark.parametrize(("attempt", "wrong", "right"), DOORS)
def test_behind_a_trusted_proxy_the_address_that_it_adds_counts(
    owner: User, settings: Any, attempt: Callable[..., Response], wrong: int, right: int
) -> None:
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    made_up = [f"203.0.113.{number}, 192.0.2.1" for number in range(11)]
    statuses = [attempt("wrong", HTTP_X_FORWARDED_FOR=addresses).status_code for addresses in made_up]
    assert statuses == [wrong] * 10 + [429]
    assert attempt(PASSWORD, HTTP_X_FORWARDED_FOR="192.0.2.2").status_code == right


def test_a_token_is_not_counted_as_a_try(as_owner: APIClient) -> None:
    assert {as_owner.get("/tokens/").status_code for _ in range(12)} == {200}


@pytest.mark.parametrize("name", ["own\0er", "x" * 10_000, "\U0001f600", ""])
def test_the_log_in_page_takes_any_name_for_a_wrong_one(owner: User, name: str) -> None:
    response = APIClient().post("/auth/login/", {"username": name, "password": PASSWORD}, format="multipart")
    assert response.status_code == 200
