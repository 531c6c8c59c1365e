"""Users: signing up, one's own account, and what others see of it."""

import json
from typing import Any

import pytest
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import User
from tests.conftest import PASSWORD


def sign_up(client: APIClient, **fields: Any) -> Response:
    body = json.dumps({"username": "newcomer", "password": PASSWORD} | fields)
    return client.post("/users/", body, content_type="application/json")


def signs_in(name: str, password: str) -> bool:
    client = APIClient()
    client.login(username=name, password=password)
    return client.get("/users/me/").status_code == 200


# --- Signing up -------------------------------------------------------------------------------------------------------


def test_anonymous_signs_up_and_signs_in(anonymous: APIClient) -> None:
    response = sign_up(anonymous, email="new@example.org")
    assert response.status_code == 201
    assert list(response.json()) == ["url", "username", "joined", "avatar"]
    assert response.headers["Location"] == "http://testserver/users/newcomer/"
    assert anonymous.get("/users/newcomer/").json() == response.json()
    assert signs_in("newcomer", PASSWORD)


def test_who_signs_up_is_nobody_special(anonymous: APIClient) -> None:
    sign_up(anonymous)
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)
    assert PASSWORD not in user.password


@pytest.mark.parametrize("who", ["anonymous", "as_stranger", "as_staff"])
def test_nobody_signs_up_where_that_is_closed(who: str, settings: Any, request: pytest.FixtureRequest) -> None:
    settings.SIGN_UP = False
    response = sign_up(request.getfixturevalue(who))
    assert response.status_code == 403
    assert list(response.json()) == ["detail"]
    assert not User.objects.filter(username="newcomer").exists()


REFUSED = {
    "a short password": ({"password": "x7!kQ"}, "password"),
    "a common password": ({"password": "password123"}, "password"),
    "a password of digits": ({"password": "8264915037264"}, "password"),
    "a password like the name": ({"password": "newcomer1"}, "password"),
    "a password like the address": ({"password": "quixotic.elk", "email": "quixotic.elk@example.org"}, "password"),
    "an empty password": ({"password": ""}, "password"),
    "no password": ({"password": None}, "password"),
    "a password that is a number": ({"password": 12345678901234}, "password"),
    "a password that is too long": ({"password": "x7!kQ" * 201}, "password"),
    "a password of half characters": ({"password": "\ud800" * 12}, "password"),
    "a taken name": ({"username": "owner"}, "username"),
    "a taken name in another case": ({"username": "OwNeR"}, "username"),
    "a reserved name": ({"username": "me"}, "username"),
    "a reserved name in another case": ({"username": "ME"}, "username"),
    "an empty name": ({"username": ""}, "username"),
    "a name of spaces": ({"username": "  "}, "username"),
    "no name": ({"username": None}, "username"),
    "a name that is a number": ({"username": 7}, "username"),
    "a list of names": ({"username": ["a", "b"]}, "username"),
    "a name with a space": ({"username": "a b"}, "username"),
    "a name with a slash": ({"username": "a/b"}, "username"),
    "a path": ({"username": ".."}, "username"),
    "a name with an at": ({"username": "a@b"}, "username"),
    "a name that looks like another": ({"username": "\u043ewner"}, "username"),
    "a name with a line in it": ({"username": "a\nb"}, "username"),
    "a name with a null": ({"username": "a\0b"}, "username"),
    "a name of half a character": ({"username": "\ud800"}, "username"),
    "a name that is too long": ({"username": "x" * 51}, "username"),
    "an address that is none": ({"email": "nowhere"}, "email"),
    "an address with a line in it": ({"email": "a@example.org\nBcc: b@example.org"}, "email"),
    "an unknown field": ({"is_staff": True}, "is_staff"),
    "a misspelt field": ({"e_mail": "a@example.org"}, "e_mail"),
}


@pytest.mark.parametrize(("fields", "named"), REFUSED.values(), ids=REFUSED)
def test_nonsense_is_refused_by_name(anonymous: APIClient, owner: User, fields: dict[str, Any], named: str) -> None:
    response = sign_up(anonymous, **fields)
    assert response.status_code == 400
    assert list(response.json()) == [named]
    assert "\ud800" not in str(response.json())
    assert User.objects.count() == 1


@pytest.mark.parametrize("field", ["username", "password"])
def test_a_name_and_a_password_are_needed(anonymous: APIClient, field: str) -> None:
    fields = {"username": "newcomer", "password": PASSWORD}
    del fields[field]
    assert anonymous.post("/users/", fields).json() == {field: ["This field is required."]}


def test_the_name_of_who_is_inactive_stays_taken(anonymous: APIClient, owner: User) -> None:
    User.objects.update(is_active=False)
    assert sign_up(anonymous, username="Owner").status_code == 400


@pytest.mark.parametrize("name", ["a", "x" * 50, "Ada.Lovelace", "a_b-c", "007"])
def test_a_sensible_name_is_taken_and_has_its_address(anonymous: APIClient, name: str) -> None:
    assert sign_up(anonymous, username=name).status_code == 201
    assert anonymous.get(f"/users/{name}/").json()["username"] == name


def test_a_password_keeps_its_spaces(anonymous: APIClient) -> None:
    assert sign_up(anonymous, password=f" {PASSWORD} ").status_code == 201
    assert signs_in("newcomer", f" {PASSWORD} ")
    assert not signs_in("newcomer", PASSWORD)


def test_ten_may_sign_up_in_an_hour_from_one_address(anonymous: APIClient) -> None:
    names = [f"newcomer{number}" for number in range(11)]
    headers = [{"X-Forwarded-For": f"10.0.0.{number}"} for number in range(11)]
    body = {"password": PASSWORD}
    answers = [
        anonymous.post("/users/", body | {"username": name}, headers=header)
        for name, header in zip(names, headers, strict=True)
    ]
    assert [answer.status_code for answer in answers] == [201] * 10 + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 3600
    assert list(answers[-1].json()) == ["detail"]
    assert User.objects.count() == 10


# --- What others see --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["anonymous", "as_stranger", "as_staff", "as_owner"])
def test_nobody_sees_an_address_in_a_profile(owner: User, who: str, request: pytest.FixtureRequest) -> None:
    client: APIClient = request.getfixturevalue(who)
    response = client.get("/users/owner/")
    assert list(response.json()) == ["url", "username", "joined", "avatar"]
    assert "example.org" not in response.text + client.get("/users/").text


def test_signing_up_does_not_show_the_address(anonymous: APIClient) -> None:
    assert "example.org" not in sign_up(anonymous, email="new@example.org").text


@pytest.mark.parametrize("name", ["nobody", "a%00b", "%ff", "x" * 5000, "%F0%9F%98%80"])
def test_who_is_not_there_is_not_there(anonymous: APIClient, name: str) -> None:
    response = anonymous.get(f"/users/{name}/")
    assert response.status_code == 404
    assert list(response.json()) == ["detail"]


def test_who_is_inactive_is_not_there(anonymous: APIClient, as_staff: APIClient, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)
    for client in (anonymous, as_staff):
        assert client.get("/users/owner/").status_code == 404
    assert [row["username"] for row in as_staff.get("/users/").json()["results"]] == ["staff"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nobody_changes_another(as_staff: APIClient, owner: User, method: str) -> None:
    response = getattr(as_staff, method)("/users/owner/", {"email": "new@example.org"})
    assert response.status_code == 405
    assert User.objects.get(pk=owner.pk).email == "owner@example.org"


# --- The list ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "expected"), [("anonymous", 401), ("as_stranger", 403), ("as_staff", 200)])
def test_only_staff_list_everybody(who: str, expected: int, request: pytest.FixtureRequest) -> None:
    response = request.getfixturevalue(who).get("/users/")
    assert response.status_code == expected
    assert ("WWW-Authenticate" in response.headers) == (expected == 401)


NAMES = ["alice", "Bob", "carol", "Dave", "eve_1", "eve-2", "eve.3"]


@pytest.mark.parametrize("size", [1, 2, 3, 8, 100])
def test_the_pages_of_users_show_everybody_once(as_staff: APIClient, size: int) -> None:
    for name in NAMES:
        User.objects.create_user(name)
    url, names = f"/users/?page_size={size}", []
    while url:
        page = as_staff.get(url).json()
        assert page["count"] == 8
        assert len(page["results"]) <= size
        names += [row["username"] for row in page["results"]]
        url = page["next"]
    assert sorted(names) == sorted([*NAMES, "staff"])
    assert names == [row["username"] for row in as_staff.get("/users/?page_size=100").json()["results"]]


def test_the_pages_of_users_lead_back(as_staff: APIClient) -> None:
    for name in NAMES:
        User.objects.create_user(name)
    first = as_staff.get("/users/?page_size=3").json()
    second = as_staff.get(first["next"]).json()
    assert as_staff.get(second["previous"]).json()["results"] == first["results"]
    assert as_staff.get("/users/?page_size=3&page=2").json()["results"] == second["results"]


@pytest.mark.parametrize("query", ["page=0", "page=x", "page_size=0", "page_size=101", "cursor=x", "pages=2", "q=x"])
def test_a_query_that_makes_no_sense_is_refused_by_name(as_staff: APIClient, query: str) -> None:
    response = as_staff.get(f"/users/?{query}")
    assert response.status_code == 400
    assert list(response.json()) == [query.partition("=")[0]]


def test_the_list_of_users_costs_the_same_however_many_there_are(as_staff: APIClient, max_queries: Any) -> None:
    as_staff.get("/users/")
    for name in NAMES:
        User.objects.create_user(name)
    with max_queries(5):  # the token and its user, the keys, the rows, and their count
        assert as_staff.get("/users/").json()["count"] == 8


# --- One's own account ------------------------------------------------------------------------------------------------


def test_anonymous_has_no_account(anonymous: APIClient) -> None:
    for response in (anonymous.get("/users/me/"), anonymous.patch("/users/me/", {"email": "a@example.org"})):
        assert response.status_code == 401
        assert "WWW-Authenticate" in response.headers


def test_the_owner_sees_the_own_account_with_its_address(as_owner: APIClient) -> None:
    account = as_owner.get("/users/me/").json()
    assert list(account) == ["url", "username", "joined", "avatar", "email"]
    assert (account["username"], account["email"]) == ("owner", "owner@example.org")
    assert account["url"] == "http://testserver/users/owner/"
    assert account["joined"].endswith("Z")


def test_the_owner_changes_the_address(as_owner: APIClient, owner: User) -> None:
    response = as_owner.patch("/users/me/", {"email": "new@example.org"})
    assert response.json()["email"] == "new@example.org"
    owner.refresh_from_db()
    assert (owner.email, owner.username) == ("new@example.org", "owner")
    assert signs_in("owner", PASSWORD)


UNCHANGED = [{"username": "emperor"}, {"joined": "2000-01-01T00:00:00Z"}, {"url": "http://testserver/users/x/"}, {}]


@pytest.mark.parametrize("body", UNCHANGED)
def test_what_only_the_server_says_is_ignored(as_owner: APIClient, body: dict[str, str]) -> None:
    before = as_owner.get("/users/me/").json()
    response = as_owner.patch("/users/me/", body)
    assert (response.status_code, response.json()) == (200, before)


BAD_CHANGES = {
    "an unknown field": ({"is_staff": True}, "is_staff"),
    "an address that is none": ({"email": "nowhere"}, "email"),
    "a password without the current one": ({"password": "another horse entirely"}, "current_password"),
    "an empty current one": ({"password": "another horse entirely", "current_password": ""}, "current_password"),
    "a wrong current one": ({"password": "another horse entirely", "current_password": "wrong"}, "current_password"),
    "a weak password": ({"password": "password123", "current_password": PASSWORD}, "password"),
    "a password like the name": ({"password": "owner1234", "current_password": PASSWORD}, "password"),
    "an empty password": ({"password": "", "current_password": PASSWORD}, "password"),
    "no password": ({"password": None, "current_password": PASSWORD}, "password"),
}


@pytest.mark.parametrize(("body", "named"), BAD_CHANGES.values(), ids=BAD_CHANGES)
def test_a_bad_change_is_refused_by_name_and_changes_nothing(
    as_owner: APIClient, body: dict[str, Any], named: str
) -> None:
    response = as_owner.patch("/users/me/", {"email": "new@example.org"} | body)
    assert response.status_code == 400
    assert list(response.json()) == [named]
    assert as_owner.get("/users/me/").json()["email"] == "owner@example.org"
    assert signs_in("owner", PASSWORD)


def test_the_owner_changes_the_password_with_the_current_one(as_owner: APIClient) -> None:
    body = {"password": "another horse entirely", "current_password": PASSWORD}
    response = as_owner.patch("/users/me/", body)
    assert response.status_code == 200
    assert "password" not in response.text
    assert signs_in("owner", "another horse entirely")
    assert not signs_in("owner", PASSWORD)


def test_the_current_password_may_be_tried_ten_times_a_minute(as_owner: APIClient) -> None:
    """Or a stolen token would find out the password that outlives it."""
    body = {"password": "another horse entirely"}
    guesses = [as_owner.patch("/users/me/", body | {"current_password": f"guess {number}"}) for number in range(11)]
    assert [guess.status_code for guess in guesses] == [400] * 10 + [429]
    assert as_owner.patch("/users/me/", {"email": "new@example.org"}).status_code == 200


def test_a_changed_password_ends_the_other_sessions_and_not_this_one(in_browser: APIClient, owner: User) -> None:
    other = APIClient()
    other.force_login(owner)
    in_browser.get("/users/me/", headers={"Accept": "text/html"})
    headers = {"X-CSRFToken": in_browser.cookies["csrftoken"].value}
    body = {"password": "another horse entirely", "current_password": PASSWORD}
    assert in_browser.patch("/users/me/", body, headers=headers).status_code == 200
    assert in_browser.get("/users/me/").status_code == 200
    assert other.get("/users/me/").status_code == 401


@pytest.mark.parametrize("method", ["put", "post", "delete"])
def test_an_account_is_changed_by_patch_alone(as_owner: APIClient, method: str) -> None:
    assert getattr(as_owner, method)("/users/me/", {"email": "new@example.org"}).status_code == 405


def test_the_log_in_of_the_admin_is_as_slow_to_guess_in_as_the_others(anonymous: APIClient, staff: User) -> None:
    guess = {"username": "staff", "password": "guess", "next": "/admin/"}
    for _ in range(10):
        assert (
            "correct username and password"
            in anonymous.post("/admin/login/", guess, format="multipart").content.decode()
        )
    answer = anonymous.post("/admin/login/", guess | {"password": PASSWORD}, format="multipart")
    assert "Request was throttled" in answer.content.decode()
    assert "sessionid" not in answer.cookies
