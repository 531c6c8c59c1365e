"""Stars: who likes what, and that their number is right."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from snippets.models import Snippet

BROWSER = {"Accept": "text/html"}


def star_of(snippet: Snippet) -> str:
    return f"/snippets/{snippet.pk}/star/"


def shown(client: APIClient, snippet: Snippet) -> tuple[int, bool]:
    """As the snippet itself and as its row in the list say it."""
    detail = client.get(f"/snippets/{snippet.pk}/").json()
    (row,) = [row for row in client.get("/snippets/").json()["results"] if row["pk"] == snippet.pk]
    assert (detail["stars"], detail["starred"]) == (row["stars"], row["starred"])
    return detail["stars"], detail["starred"]


def test_a_star_is_given_and_taken_away_once_however_often(
    as_stranger: APIClient, as_owner: APIClient, anonymous: APIClient, snippet: Snippet
) -> None:
    assert as_stranger.get(star_of(snippet)).status_code == 404
    for _ in range(2):
        given = as_stranger.put(star_of(snippet))
        assert (given.status_code, given.content) == (204, b"")
        assert as_stranger.get(star_of(snippet)).status_code == 204
        assert shown(as_stranger, snippet) == (1, True)
        assert shown(as_owner, snippet) == shown(anonymous, snippet) == (1, False)
    assert as_owner.put(star_of(snippet)).status_code == 204
    assert shown(as_owner, snippet) == (2, True)
    for _ in range(2):
        assert as_stranger.delete(star_of(snippet)).status_code == 204
        assert as_stranger.get(star_of(snippet)).status_code == 404
        assert shown(as_stranger, snippet) == (1, False)


def test_a_star_changes_nothing_of_the_snippet(as_stranger: APIClient, as_owner: APIClient, snippet: Snippet) -> None:
    address = f"/snippets/{snippet.pk}/"
    before = as_owner.get(address)
    raw = as_owner.get(f"{address}raw/")["ETag"]
    as_stranger.put(star_of(snippet))
    after = as_owner.get(address)
    assert after.json() == before.json() | {"stars": 1}
    assert as_owner.get(f"{address}raw/")["ETag"] == raw
    # Who has read it before may still change it: what he would overwrite is what he has read.
    changed = as_owner.patch(address, {"title": "Euclid"}, headers={"If-Match": before["ETag"]})
    assert (changed.status_code, changed.json()["stars"]) == (200, 1)


def test_what_has_another_number_of_stars_is_sent_again(
    as_stranger: APIClient, as_owner: APIClient, snippet: Snippet
) -> None:
    address = f"/snippets/{snippet.pk}/"
    for client in (as_owner, as_stranger):
        for change in (client.put, client.delete):
            known = {"If-None-Match": as_owner.get(address)["ETag"]}
            assert as_owner.get(address, headers=known).status_code == 304
            change(star_of(snippet))
            assert as_owner.get(address, headers=known).status_code == 200


def test_who_has_starred_it_is_not_told_that_he_has_what_another_saw(
    as_stranger: APIClient, as_owner: APIClient, snippet: Snippet
) -> None:
    as_stranger.put(star_of(snippet))
    theirs = {"If-None-Match": as_stranger.get(f"/snippets/{snippet.pk}/")["ETag"]}
    assert as_owner.get(f"/snippets/{snippet.pk}/", headers=theirs).json()["starred"] is False


def test_nobody_has_stars(anonymous: APIClient, snippet: Snippet) -> None:
    for method in ("get", "put", "delete"):
        assert getattr(anonymous, method)(star_of(snippet)).status_code == 401
    assert shown(anonymous, snippet) == (0, False)


def test_a_token_for_reading_gives_no_star(stranger: User, snippet: Snippet) -> None:
    _, secret = ApiToken.issue(stranger, "reader", scope="read")
    reader = APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert reader.put(star_of(snippet)).status_code == 403
    assert shown(reader, snippet) == (0, False)


def test_a_browser_needs_its_csrf_token(in_browser: APIClient, snippet: Snippet) -> None:
    assert in_browser.put(star_of(snippet)).status_code == 403
    in_browser.get("/snippets/", headers=BROWSER)
    token = in_browser.cookies["csrftoken"].value
    assert in_browser.put(star_of(snippet), headers={"X-CSRFToken": token}).status_code == 204


def test_a_browser_has_a_page_with_buttons(in_browser: APIClient, snippet: Snippet) -> None:
    page = in_browser.get(star_of(snippet), headers=BROWSER)
    assert page.status_code == 404
    assert 'data-method="PUT"' in page.text
    assert 'name="code"' not in page.text  # the form of a snippet


def test_with_a_user_go_his_stars(
    as_stranger: APIClient, as_owner: APIClient, stranger: User, snippet: Snippet
) -> None:
    for client in (as_stranger, as_owner):
        client.put(star_of(snippet))
    stranger.delete()
    assert shown(as_owner, snippet) == (1, True)


def test_a_snippet_with_stars_can_be_deleted(as_stranger: APIClient, as_owner: APIClient, snippet: Snippet) -> None:
    as_stranger.put(star_of(snippet))
    assert as_owner.delete(f"/snippets/{snippet.pk}/").status_code == 204
    assert as_stranger.get("/snippets/?starred=true").json()["count"] == 0
    assert as_stranger.get(star_of(snippet)).status_code == 404


def test_what_is_hidden_after_all_is_starred_no_more_for_others(
    as_stranger: APIClient, as_owner: APIClient, snippet: Snippet
) -> None:
    as_stranger.put(star_of(snippet))
    as_owner.patch(f"/snippets/{snippet.pk}/", {"visibility": "private"})
    assert as_stranger.get(star_of(snippet)).status_code == 404
    assert as_stranger.get("/snippets/?starred=true").json()["count"] == 0


def test_the_list_of_what_you_have_starred_and_of_the_rest(
    as_stranger: APIClient, as_owner: APIClient, anonymous: APIClient, owner: User
) -> None:
    for number in range(5):
        Snippet(owner=owner, title=f"{number}", code="x\n").save()
    pks = list(Snippet.objects.order_by("pk").values_list("pk", flat=True))
    for pk in pks[::2]:
        as_stranger.put(f"/snippets/{pk}/star/")
        as_owner.put(f"/snippets/{pk}/star/")

    def found(query: str) -> list[int]:
        page = as_stranger.get(f"/snippets/?{query}&ordering=title&page_size=2").json()
        following = as_stranger.get(page["next"]).json()["results"] if page["next"] else []
        return [row["pk"] for row in [*page["results"], *following]]

    assert found("starred=true") == pks[::2]
    assert found("starred=false") == pks[1::2]
    refused = anonymous.get("/snippets/?starred=true")
    assert (refused.status_code, list(refused.json())) == (400, ["starred"])
    for value in ("", "maybe", "True", "1"):
        assert list(as_stranger.get(f"/snippets/?starred={value}").json()) == ["starred"]


def test_a_star_costs_the_same_however_many_there_are(
    client_of: Callable[[User], APIClient], as_owner: APIClient, snippet: Snippet, max_queries: Any
) -> None:
    as_owner.get("/snippets/")
    for number in range(20):
        client_of(User.objects.create_user(f"user{number}")).put(star_of(snippet))
    with max_queries(6):  # the token and its user, the snippet, the star, and a transaction
        as_owner.put(star_of(snippet))
    with max_queries(4):
        as_owner.get(star_of(snippet))
    assert shown(as_owner, snippet) == (21, True)


@pytest.mark.parametrize("method", ["put", "delete"])
def test_the_snippet_is_locked_only_within_a_transaction(
    transactional_db: None, as_owner: APIClient, snippet: Snippet, method: str
) -> None:
    """The other tests stand in a transaction of their own, which would hide one that is missing."""
    assert getattr(as_owner, method)(star_of(snippet)).status_code == 204
