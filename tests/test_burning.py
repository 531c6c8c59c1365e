"""What burns after reading: given once, to whoever opens it first, and never shown before."""

import io
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from snippets.lifetimes import OpenedSnippet
from snippets.models import Snippet
from snippets.revisions import Revision
from tests.uploading import BINARY, named, upload

SECRET = "xylophonist"
HOLDS = {
    "title": f"{SECRET} title",
    "code": f"password = '{SECRET}'\n",
    "description": f"{SECRET} description",
    "filename": f"{SECRET}.bf",
    "language": "brainfuck",
}
BROWSER = {"Accept": "text/html"}
CONCEALED = ["pk", "url", "owner", "created", "expires", "expired", "burn_after_read", "open"]
Later = Callable[[float], None]


def post(client: APIClient, **fields: Any) -> dict[str, Any]:
    response = client.post("/snippets/", HOLDS | {"burn_after_read": True} | fields)
    assert response.status_code == 201, response.content
    return response.json()


@pytest.fixture
def burning(as_owner: APIClient) -> dict[str, Any]:
    return post(as_owner)


def opening(made: dict[str, Any]) -> str:
    return f"/snippets/{made['slug']}/open/"


# --- Posting ----------------------------------------------------------------------------------------------------------


def test_it_is_unlisted_unless_it_is_private(as_owner: APIClient) -> None:
    assert post(as_owner)["visibility"] == "unlisted"
    assert post(as_owner, visibility="unlisted")["visibility"] == "unlisted"
    assert post(as_owner, visibility="private")["visibility"] == "private"


def test_it_is_never_public(as_owner: APIClient, burning: dict[str, Any]) -> None:
    refusals = [
        as_owner.post("/snippets/", HOLDS | {"burn_after_read": True, "visibility": "public"}),
        as_owner.post("/snippets/?burn_after_read=true&visibility=public", "x", content_type="text/plain"),
        as_owner.patch(f"/snippets/{burning['pk']}/", {"visibility": "public"}),
        as_owner.put(f"/snippets/{burning['pk']}/", HOLDS | {"visibility": "public"}),
        as_owner.patch(f"/snippets/{burning['pk']}/", {"visibility": "public", "burn_after_read": True}),
    ]
    assert [(refused.status_code, list(refused.json())) for refused in refusals] == [(400, ["visibility"])] * 5
    assert Snippet.objects.get().visibility == "unlisted"


def test_it_may_be_posted_as_text_or_from_a_form(as_owner: APIClient, in_browser: APIClient) -> None:
    made = as_owner.post("/snippets/?burn_after_read=true", "x = 1\n", content_type="text/plain").json()
    assert (made["burn_after_read"], made["visibility"]) == (True, "unlisted")
    token = in_browser.get("/snippets/", headers=BROWSER).cookies["csrftoken"].value
    form = {"code": "x\n", "burn_after_read": "true", "visibility": "unlisted", "csrfmiddlewaretoken": token}
    assert in_browser.post("/snippets/", form, format="multipart").json()["burn_after_read"] is True
    del form["burn_after_read"]
    assert in_browser.post("/snippets/", form, format="multipart").json()["burn_after_read"] is False


@pytest.mark.parametrize("said", ["yes", 1, None, [], "", "maybe"])
def test_what_is_no_boolean_is_refused(as_owner: APIClient, said: Any) -> None:
    response = as_owner.post("/snippets/", HOLDS | {"burn_after_read": said})
    assert (response.status_code, list(response.json())) == (400, ["burn_after_read"])


def test_it_is_decided_once(as_owner: APIClient, burning: dict[str, Any], snippet: Snippet) -> None:
    for pk, wish in ((burning["pk"], False), (snippet.pk, True)):
        refused = as_owner.patch(f"/snippets/{pk}/", {"burn_after_read": wish})
        assert (refused.status_code, list(refused.json())) == (400, ["burn_after_read"])
        assert as_owner.patch(f"/snippets/{pk}/", {"burn_after_read": not wish}).json()["version"] == 1
    together = {"burn_after_read": True, "visibility": "unlisted"}
    assert as_owner.patch(f"/snippets/{snippet.pk}/", together).status_code == 400


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_a_change_of_something_else_does_not_lift_it(
    as_owner: APIClient, burning: dict[str, Any], content_type: str
) -> None:
    body = '{"code": "x = 2"}' if content_type.endswith("json") else "code=x+%3D+2"
    for method in (as_owner.put, as_owner.patch):
        changed = method(f"/snippets/{burning['pk']}/", body, content_type=content_type).json()
        assert (changed["code"], changed["burn_after_read"], changed["visibility"]) == ("x = 2", True, "unlisted")


def test_it_takes_no_files(as_owner: APIClient, burning: dict[str, Any]) -> None:
    refused = upload(as_owner, burning["pk"], named("a", BINARY))
    assert (refused.status_code, refused.json()) == (
        400,
        {"file": ["A snippet that burns after reading takes no files."]},
    )


# --- What is shown before it is opened --------------------------------------------------------------------------------


def test_a_reader_sees_that_there_is_something(anonymous: APIClient, burning: dict[str, Any]) -> None:
    shown = anonymous.get(f"/snippets/{burning['slug']}/").json()
    assert list(shown) == CONCEALED
    assert shown == {name: burning[name] for name in CONCEALED[:-1]} | {"open": f"http://testserver{opening(burning)}"}


ADDRESSES = ["", "?format=api", "raw/", "highlight/", "highlight.svg", "highlight.png", "highlight/?format=ansi",
             "highlight/?format=latex", "highlight.rtf", "highlight.fragment", "attachments/", "attachments/1/",
             "attachments/1/content/", "attachments/1/preview/", "open/", "revisions/", "revisions/1/",
             "revisions/1/raw/", "revisions/1/diff/", "revisions/1/diff.html", "revisions/1/highlight/", "comments/",
             "comments/1/", "star/", "fork/"]  # fmt: skip


@pytest.mark.parametrize("who", ["anonymous", "as_stranger", "as_staff"])
@pytest.mark.parametrize("below", ADDRESSES)
def test_no_address_gives_it_away_or_burns_it(
    who: str, below: str, burning: dict[str, Any], as_owner: APIClient, request: pytest.FixtureRequest
) -> None:
    client: APIClient = request.getfixturevalue(who)
    own = as_owner.get(f"/snippets/{burning['slug']}/{below}").headers.get("ETag", '"1-0"')
    ways: list[tuple[str, dict[str, str]]] = [(method, {}) for method in ("get", "head", "options", "put")]
    ways += [("get", BROWSER), ("get", {"If-None-Match": own}), ("get", {"Range": "bytes=0-9"})]
    for ref in (burning["slug"], burning["pk"]):
        for method, headers in ways:
            response = getattr(client, method)(f"/snippets/{ref}/{below}", headers=headers)
            assert SECRET not in response.text + str(response.headers)
            if below.startswith(("raw", "highlight")) and method == "get":
                assert response.status_code == (404 if ref == burning["pk"] and who != "as_staff" else 403)
    assert as_owner.get(f"/snippets/{burning['slug']}/").json()["code"] == HOLDS["code"]


def test_the_owners_etag_gets_a_stranger_nothing(
    as_owner: APIClient, anonymous: APIClient, burning: dict[str, Any]
) -> None:
    path = f"/snippets/{burning['slug']}/"
    own, others = (client.get(path)["ETag"] for client in (as_owner, anonymous))
    assert own != others
    assert anonymous.get(path, headers={"If-None-Match": own}).status_code == 200
    assert anonymous.get(path, headers={"If-None-Match": others}).status_code == 304
    assert anonymous.get(path)["Cache-Control"] == "private, no-store"


QUERIES = ["", "q=xylophonist", "q=ylo&include=code", "q=password", "language=brainfuck", "owner=owner", "include=code",
           "visibility=unlisted", "visibility=private", "ordering=title"]  # fmt: skip


@pytest.mark.parametrize("visibility", ["unlisted", "private"])
@pytest.mark.parametrize("query", QUERIES)
def test_no_list_of_others_has_it(
    as_owner: APIClient, anonymous: APIClient, as_stranger: APIClient, as_staff: APIClient, visibility: str, query: str
) -> None:
    post(as_owner, visibility=visibility)
    for client in (anonymous, as_stranger, as_staff):
        response = client.get(f"/snippets/?{query}")
        assert (response.status_code, response.json()["count"], response.json()["results"]) == (200, 0, [])


def test_the_owner_has_it_in_lists_and_no_search_finds_it(as_owner: APIClient, burning: dict[str, Any]) -> None:
    (row,) = as_owner.get("/snippets/?include=code").json()["results"]
    assert (row["pk"], row["code"]) == (burning["pk"], HOLDS["code"])
    for query in (SECRET, "title", "bf"):
        assert as_owner.get(f"/snippets/?q={query}").json()["count"] == 0


def test_the_owner_looks_without_burning(as_owner: APIClient, burning: dict[str, Any]) -> None:
    path = f"/snippets/{burning['slug']}/"
    for _ in range(2):
        assert as_owner.get(path).json()["code"] == HOLDS["code"]
        assert as_owner.get(f"{path}raw/").text == HOLDS["code"]
        assert as_owner.get(f"{path}highlight/").status_code == 200
        opened = as_owner.post(f"{path}open/")
        assert (opened.status_code, opened.json()["code"]) == (200, HOLDS["code"])
    assert Snippet.objects.filter(pk=burning["pk"]).exists()


def test_the_holder_of_the_edit_key_looks_without_burning(anonymous: APIClient) -> None:
    made = post(anonymous)
    holder = APIClient(HTTP_X_EDIT_KEY=made["edit_key"])
    assert holder.get(f"/snippets/{made['slug']}/raw/").text == HOLDS["code"]
    assert holder.post(opening(made)).json()["code"] == HOLDS["code"]
    other = APIClient(HTTP_X_EDIT_KEY=made["edit_key"] + "x")
    assert other.get(f"/snippets/{made['slug']}/raw/").status_code == 403
    refused = other.post(opening(made))  # who mistypes his key does not burn it
    assert (refused.status_code, refused.json()["detail"]) == (403, "This edit key does not belong to the snippet.")
    assert anonymous.post(opening(made)).json()["code"] == HOLDS["code"]
    assert holder.get(f"/snippets/{made['slug']}/raw/").status_code == 410
    assert holder.get(f"/snippets/{made['pk']}/").status_code == 410


def test_the_admin_does_not_show_it(as_owner: APIClient, burning: dict[str, Any], staff: User) -> None:
    staff.is_superuser = True
    staff.save()
    browser = APIClient()
    browser.force_login(staff)
    assert as_owner.patch(f"/snippets/{burning['pk']}/", {"code": f"another {SECRET}\n"}).json()["revision"] == 2
    for path in ("snippet/", "revision/", "comment/", "tag/", f"revision/{Revision.objects.get().pk}/change/"):
        assert SECRET not in browser.get(f"/admin/snippets/{path}").text
    assert browser.get(f"/admin/snippets/snippet/{burning['pk']}/change/").status_code == 302  # it is not there
    assert SECRET not in browser.get(f"/admin/accounts/user/{Snippet.objects.get().owner_id}/delete/").text


# --- Opening ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["anonymous", "as_stranger", "as_staff"])
def test_it_is_given_once(
    who: str, as_owner: APIClient, burning: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    client: APIClient = request.getfixturevalue(who)
    opened = client.post(opening(burning))
    assert opened.status_code == 200
    assert opened.json() == {name: value for name, value in burning.items() if name != "edit_key"}
    assert opened["Cache-Control"] == "private, no-store"
    assert "ETag" not in opened
    for reader in (client, as_owner, APIClient()):
        for below in ("", "raw/", "highlight/", "attachments/"):
            gone = reader.get(f"/snippets/{burning['slug']}/{below}")
            assert gone.status_code == 410
            assert gone.json()["detail"].startswith(f"This snippet was opened at {timezone.now():%Y-%m-%dT%H:}")
        assert reader.post(opening(burning)).status_code == 410
    assert as_owner.get(f"/snippets/{burning['pk']}/").status_code == 410
    assert as_owner.patch(f"/snippets/{burning['pk']}/", {"code": "x"}).status_code == 410
    assert as_owner.delete(f"/snippets/{burning['pk']}/").status_code == 410
    assert APIClient().get(f"/snippets/{burning['pk']}/").status_code == 404


def test_nothing_of_it_is_left_in_the_database(
    as_owner: APIClient, anonymous: APIClient, burning: dict[str, Any]
) -> None:
    made = f"/snippets/{burning['slug']}/"
    assert as_owner.post(f"{made}comments/", {"body": f"The {SECRET} again"}).status_code == 201
    assert as_owner.patch(made, {"code": f"another {SECRET}\n", "tags": ["tag"]}).json()["revision"] == 2
    for below in ("highlight/", "highlight.svg", "raw/", "revisions/1/highlight/", "revisions/2/diff.html"):
        assert as_owner.get(f"/snippets/{burning['slug']}/{below}").status_code == 200
    assert anonymous.post(opening(burning)).json()["code"] == f"another {SECRET}\n"
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        assert {"snippets_snippet", "snippets_openedsnippet", "snippets_cache"} <= set(tables)
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            assert SECRET not in repr(cursor.fetchall()), table
        cursor.execute("SELECT cache_key FROM snippets_cache")
        assert not [key for (key,) in cursor.fetchall() if "rendered" in key]  # what is kept there is encoded


@pytest.mark.database("sqlite")
def test_its_words_never_come_into_the_tables_for_searching(burning: dict[str, Any], snippet: Snippet) -> None:
    """Where FTS5 keeps words that have been deleted, until it merges its segments some day."""
    with connection.cursor() as cursor:
        for table in ("snippets_words_data", "snippets_trigrams_data"):
            cursor.execute(f"SELECT block FROM {table}")  # noqa: S608
            blocks = b"".join(block for (block,) in cursor.fetchall())
            assert (b"xylo" in blocks, b"hello" in blocks or b"hel" in blocks) == (False, True)


@pytest.mark.database("postgresql")
def test_its_words_never_come_into_the_indexes_for_searching(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE indexname IN (%s, %s)", INDEXES)
        definitions = dict(cursor.fetchall())
    assert set(definitions) == set(INDEXES)
    assert all(definition.endswith("WHERE (NOT burn_after_read)") for definition in definitions.values())


INDEXES = ["snippets_words", "snippets_trigrams"]


def test_what_does_not_burn_is_not_opened(as_owner: APIClient, anonymous: APIClient, snippet: Snippet) -> None:
    for client in (as_owner, anonymous):
        response = client.post(f"/snippets/{snippet.pk}/open/")
        assert response.status_code == 409
        assert response.json() == {"detail": "This snippet does not burn after reading: GET its address."}
    assert anonymous.post("/snippets/999999/open/").status_code == 404


def test_a_private_one_is_opened_by_nobody(as_owner: APIClient, as_stranger: APIClient, as_staff: APIClient) -> None:
    made = post(as_owner, visibility="private")
    assert as_stranger.post(opening(made)).status_code == 404
    assert as_staff.post(opening(made)).status_code == 403
    assert as_staff.get(f"/snippets/{made['slug']}/").json()["burn_after_read"] is True


@pytest.mark.parametrize("body", [{"code": "x"}, {"confirm": True}, [], "x", 1])
def test_opening_takes_no_fields(anonymous: APIClient, burning: dict[str, Any], body: Any) -> None:
    assert anonymous.post(opening(burning), body).status_code == 400
    assert anonymous.post(f"{opening(burning)}?now=1").status_code == 400
    assert Snippet.objects.filter(pk=burning["pk"]).exists()


def test_if_match_is_honoured(as_owner: APIClient, anonymous: APIClient, burning: dict[str, Any]) -> None:
    seen = anonymous.get(f"/snippets/{burning['slug']}/")["ETag"]
    as_owner.patch(f"/snippets/{burning['pk']}/", {"title": "another"})
    assert anonymous.post(opening(burning), headers={"If-Match": seen}).status_code == 412
    assert Snippet.objects.filter(pk=burning["pk"]).exists()


def test_anonymous_opens_where_posting_needs_an_account(
    anonymous: APIClient, burning: dict[str, Any], settings: Any
) -> None:
    settings.ANONYMOUS_POSTING = False
    assert anonymous.post(opening(burning)).status_code == 200


def test_a_token_for_reading_burns_nothing(burning: dict[str, Any], stranger: User) -> None:
    _, secret = ApiToken.issue(stranger, "reader", scope="read")
    reader = APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert reader.post(opening(burning)).status_code == 403
    assert Snippet.objects.filter(pk=burning["pk"]).exists()


def test_opening_is_throttled_like_posting(
    anonymous: APIClient, burning: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from snippets.throttling import AnonymousPostingThrottle

    monkeypatch.setattr(AnonymousPostingThrottle, "THROTTLE_RATES", {"anonymous-posting": "1/hour"})
    assert anonymous.post(opening(burning)).status_code == 200
    assert anonymous.post(opening(burning)).status_code == 429


def test_a_session_opens_with_a_csrf_token_alone(stranger: User, burning: dict[str, Any]) -> None:
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(stranger)
    assert browser.post(opening(burning)).status_code == 403
    page = browser.get(f"/snippets/{burning['slug']}/", headers=BROWSER)
    token = page.cookies["csrftoken"].value
    opened = browser.post(opening(burning), {"csrfmiddlewaretoken": token}, format="multipart", headers=BROWSER)
    assert opened.status_code == 200
    assert HOLDS["code"].replace("'", "&#x27;") in opened.text


def test_a_browser_finds_a_button_and_no_content(anonymous: APIClient, burning: dict[str, Any]) -> None:
    page = anonymous.get(f"/snippets/{burning['slug']}/", headers=BROWSER)
    assert f'<form action="http://testserver{opening(burning)}" method="POST">' in page.text
    opened = anonymous.post(opening(burning), "", content_type="application/x-www-form-urlencoded", headers=BROWSER)
    assert (opened.status_code, opened["Cache-Control"]) == (200, "private, no-store")
    assert "Nobody can open it again" in opened.text
    again = anonymous.post(opening(burning), headers=BROWSER)
    assert (again.status_code, SECRET in again.text) == (410, False)


def test_what_has_expired_cannot_be_opened(
    as_owner: APIClient, anonymous: APIClient, as_staff: APIClient, later: Later
) -> None:
    made = post(as_owner, expires_in=60)
    later(61)
    assert anonymous.post(opening(made)).status_code == 404
    assert as_staff.post(opening(made)).status_code == 403
    assert as_staff.get(f"/snippets/{made['slug']}/").json()["expired"] is True


def test_opening_costs_few_queries(anonymous: APIClient, burning: dict[str, Any], max_queries: Any) -> None:
    with max_queries(3):
        anonymous.get(f"/snippets/{burning['slug']}/")
    with max_queries(24):
        assert anonymous.post(opening(burning)).status_code == 200
    with max_queries(2):
        assert anonymous.get(f"/snippets/{burning['slug']}/").status_code == 410


def test_the_log_does_not_hold_it(
    anonymous: APIClient, burning: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        anonymous.post(opening(burning))
        anonymous.post(opening(burning))
    assert SECRET not in "".join(
        record.getMessage() for record in caplog.records if record.name != "django.db.backends"
    )


# --- For how long that is remembered ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expires_in", "days"), [({}, 30), ({"expires_in": "P2D"}, 2), ({"expires_in": "P300D"}, 30)], ids=str
)
def test_it_is_remembered_for_a_while(
    as_owner: APIClient, anonymous: APIClient, later: Later, expires_in: dict[str, Any], days: int
) -> None:
    made = post(as_owner, **expires_in)
    anonymous.post(opening(made))
    later(timedelta(days=days).total_seconds() - 60)
    output = io.StringIO()
    call_command("purge_expired", stdout=output)
    assert anonymous.get(f"/snippets/{made['slug']}/").status_code == 410
    later(120)
    assert anonymous.get(f"/snippets/{made['slug']}/").status_code == 404
    call_command("purge_expired", stdout=output)
    assert output.getvalue().endswith("and forgot 1 that were opened.\n")
    assert not OpenedSnippet.objects.exists()


def test_it_goes_with_its_owner(
    as_owner: APIClient, anonymous: APIClient, burning: dict[str, Any], owner: User
) -> None:
    anonymous.post(opening(burning))
    owner.delete()
    assert anonymous.get(f"/snippets/{burning['slug']}/").status_code == 404
