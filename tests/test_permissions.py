"""Who may do what with which snippet, and that nothing tells of a hidden one."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from snippets.comments import Comment
from snippets.models import Snippet

CODE = "print('before')\n"
CHANGED = "print('after')\n"

# The lists say 200 to everybody: there it is whether they show the snippet, or its tag.
# `holder` holds the edit key of a snippet that was posted without an account; the others visit the owner's.
# The comment that is edited and removed is another user's.
TABLE = """
               | anonymous   | stranger    | owner       | staff       | holder
               | pub unl pri | pub unl pri | pub unl pri | pub unl pri | pub unl pri
list           | yes no  no  | yes no  no  | yes yes yes | yes yes yes | yes no  no
tags           | yes no  no  | yes no  no  | yes yes yes | yes yes yes | yes no  no
GET pk         | 200 404 404 | 200 404 404 | 200 200 200 | 200 200 200 | 200 200 200
GET slug       | 200 200 404 | 200 200 404 | 200 200 200 | 200 200 200 | 200 200 200
raw pk         | 200 404 404 | 200 404 404 | 200 200 200 | 200 200 200 | 200 200 200
raw slug       | 200 200 404 | 200 200 404 | 200 200 200 | 200 200 200 | 200 200 200
highlight pk   | 200 404 404 | 200 404 404 | 200 200 200 | 200 200 200 | 200 200 200
highlight slug | 200 200 404 | 200 200 404 | 200 200 200 | 200 200 200 | 200 200 200
revisions pk   | 200 404 404 | 200 404 404 | 200 200 200 | 200 200 200 | 200 200 200
revisions slug | 200 200 404 | 200 200 404 | 200 200 200 | 200 200 200 | 200 200 200
revision pk    | 200 404 404 | 200 404 404 | 200 200 200 | 200 200 200 | 200 200 200
revision slug  | 200 200 404 | 200 200 404 | 200 200 200 | 200 200 200 | 200 200 200
old-raw pk     | 200 404 404 | 200 404 404 | 200 200 200 | 200 200 200 | 200 200 200
old-raw slug   | 200 200 404 | 200 200 404 | 200 200 200 | 200 200 200 | 200 200 200
old-colours pk | 200 404 404 | 200 404 404 | 200 200 200 | 200 200 200 | 200 200 200
old-colours slug| 200 200 404 | 200 200 404 | 200 200 200 | 200 200 200 | 200 200 200
diff pk        | 200 404 404 | 200 404 404 | 200 200 200 | 200 200 200 | 200 200 200
diff slug      | 200 200 404 | 200 200 404 | 200 200 200 | 200 200 200 | 200 200 200
OPTIONS pk     | 200 404 404 | 200 404 404 | 200 200 200 | 200 200 200 | 200 200 200
OPTIONS slug   | 200 200 404 | 200 200 404 | 200 200 200 | 200 200 200 | 200 200 200
PUT pk         | 401 404 404 | 403 404 404 | 200 200 200 | 403 403 403 | 200 200 200
PUT slug       | 401 401 404 | 403 403 404 | 200 200 200 | 403 403 403 | 200 200 200
PATCH pk       | 401 404 404 | 403 404 404 | 200 200 200 | 403 403 403 | 200 200 200
PATCH slug     | 401 401 404 | 403 403 404 | 200 200 200 | 403 403 403 | 200 200 200
restore pk     | 401 404 404 | 403 404 404 | 200 200 200 | 403 403 403 | 200 200 200
restore slug   | 401 401 404 | 403 403 404 | 200 200 200 | 403 403 403 | 200 200 200
fork pk        | 201 404 404 | 201 404 404 | 201 201 201 | 201 201 201 | 201 201 201
fork slug      | 201 201 404 | 201 201 404 | 201 201 201 | 201 201 201 | 201 201 201
DELETE pk      | 401 404 404 | 403 404 404 | 204 204 204 | 204 204 204 | 204 204 204
DELETE slug    | 401 401 404 | 403 403 404 | 204 204 204 | 204 204 204 | 204 204 204
starred pk     | 401 404 404 | 404 404 404 | 404 404 404 | 404 404 404 | 401 401 401
starred slug   | 401 401 404 | 404 404 404 | 404 404 404 | 404 404 404 | 401 401 401
star pk        | 401 404 404 | 204 404 404 | 204 204 204 | 204 204 204 | 401 401 401
star slug      | 401 401 404 | 204 204 404 | 204 204 204 | 204 204 204 | 401 401 401
unstar pk      | 401 404 404 | 204 404 404 | 204 204 204 | 204 204 204 | 401 401 401
unstar slug    | 401 401 404 | 204 204 404 | 204 204 204 | 204 204 204 | 401 401 401
comments pk    | 200 404 404 | 200 404 404 | 200 200 200 | 200 200 200 | 200 200 200
comments slug  | 200 200 404 | 200 200 404 | 200 200 200 | 200 200 200 | 200 200 200
comment pk     | 401 401 401 | 201 404 404 | 201 201 201 | 201 201 201 | 401 401 401
comment slug   | 401 401 401 | 201 201 404 | 201 201 201 | 201 201 201 | 401 401 401
read-it pk     | 200 404 404 | 200 404 404 | 200 200 200 | 200 200 200 | 200 200 200
read-it slug   | 200 200 404 | 200 200 404 | 200 200 200 | 200 200 200 | 200 200 200
edit-it pk     | 401 404 404 | 403 404 404 | 403 403 403 | 403 403 403 | 401 401 401
edit-it slug   | 401 401 404 | 403 403 404 | 403 403 403 | 403 403 403 | 401 401 401
remove-it pk   | 401 404 404 | 403 404 404 | 204 204 204 | 204 204 204 | 204 204 204
remove-it slug | 401 401 404 | 403 403 404 | 204 204 204 | 204 204 204 | 204 204 204
"""

VISIBILITIES = {"pub": "public", "unl": "unlisted", "pri": "private"}

READ_BELOW = {
    "raw": "raw/",
    "attach": "attachments/",
    "highlight": "highlight/",
    "comments": "comments/",
    "revisions": "revisions/",
    "revision": "revisions/1/",
    "old-raw": "revisions/1/raw/",
    "old-colours": "revisions/1/highlight/",
    "diff": "revisions/1/diff/",
}
POSTED_BELOW = {"restore": "revisions/1/restore/", "fork": "fork/", "open": "open/"}


def rows() -> Iterator[Any]:
    """Each action, and what is expected of it by actor and visibility."""
    actors, columns, *lines = ([part.strip() for part in line.split("|")] for line in TABLE.strip("\n").splitlines())
    for action, *groups in lines:
        expected = {
            (actor, VISIBILITIES[name]): answer
            for actor, names, group in zip(actors[1:], columns[1:], groups, strict=True)
            for name, answer in zip(names.split(), group.split(), strict=True)
        }
        yield pytest.param(action, expected, id=action)


def post(client: APIClient, **fields: Any) -> dict[str, Any]:
    response = client.post("/snippets/", {"code": CODE} | fields)
    assert response.status_code == 201, response.content
    return response.json()


def holder_of(edit_key: str) -> APIClient:
    return APIClient(HTTP_X_EDIT_KEY=edit_key)


Visits = dict[tuple[str, str], tuple[APIClient, Snippet]]


@pytest.fixture
def visits(
    anonymous: APIClient, as_stranger: APIClient, as_owner: APIClient, as_staff: APIClient
) -> Callable[..., Visits]:
    """Who visits, and what, by actor and visibility. Each snippet has a tag of its own, which is its title too."""

    def post_all(*visibilities: str, **fields: Any) -> Visits:
        found = {}
        for visibility in visibilities:
            owned, held = (
                post(poster, visibility=visibility, title=f"{of}-{visibility}", tags=[f"{of}-{visibility}"], **fields)
                for of, poster in (("owned", as_owner), ("held", anonymous))
            )
            for actor, client, posted in (
                ("anonymous", anonymous, owned),
                ("stranger", as_stranger, owned),
                ("owner", as_owner, owned),
                ("staff", as_staff, owned),
                ("holder", holder_of(held["edit_key"]), held),
            ):
                found[actor, visibility] = client, Snippet.objects.get(pk=posted["pk"])
        return found

    return post_all


@contextmanager
def undone() -> Iterator[None]:
    """What is written within is taken back, so that the next one who asks meets the same snippets."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def is_listed(client: APIClient, action: str, snippet: Snippet) -> bool:
    """In the list of snippets, or its tag in that of tags."""
    response = client.get("/snippets/" if action == "list" else "/tags/")
    assert response.status_code == 200
    name, value = ("pk", snippet.pk) if action == "list" else ("name", snippet.title)
    return value in [row[name] for row in response.json()["results"]]


def ask(client: APIClient, action: str, snippet: Snippet) -> Response:
    verb, by = action.split()
    path = f"/snippets/{snippet.pk if by == 'pk' else snippet.slug}/"
    if verb in READ_BELOW:
        return client.get(f"{path}{READ_BELOW[verb]}")
    if verb == "restore":
        Snippet.objects.get(pk=snippet.pk).revise(code=CHANGED)
    if verb in POSTED_BELOW:
        return client.post(f"{path}{POSTED_BELOW[verb]}")
    if verb in COMPANY:
        return ask_of_others(client, verb, path, snippet)
    body = [{"code": CHANGED}] if verb in ("PUT", "PATCH") else []
    return getattr(client, verb.lower())(path, *body)


# Method, address below the snippet's, and body, of what people do to each other's snippets.
COMPANY: dict[str, tuple[str, str, dict[str, str]]] = {
    "starred": ("get", "star/", {}),
    "star": ("put", "star/", {}),
    "unstar": ("delete", "star/", {}),
    "comment": ("post", "comments/", {"body": "Nice."}),
    "read-it": ("get", "comments/{pk}/", {}),
    "edit-it": ("put", "comments/{pk}/", {"body": "Not mine."}),
    "remove-it": ("delete", "comments/{pk}/", {}),
}


def ask_of_others(client: APIClient, verb: str, path: str, snippet: Snippet) -> Response:
    method, below, body = COMPANY[verb]
    author = User.objects.create_user("commentator")
    comment = Comment.objects.create(snippet=snippet, author=author, body="Why?")
    return getattr(client, method)(path + below.format(pk=comment.pk), body)


def assert_refusal(response: Response) -> None:
    """In REST framework's shape; a 401 says how to say who you are."""
    assert response.headers["Content-Type"] == "application/json"
    assert list(response.json()) == ["detail"]
    assert ("WWW-Authenticate" in response.headers) == (response.status_code == 401)


def answer_as_expected(client: APIClient, action: str, snippet: Snippet, expected: str) -> Response | None:
    """What the cell of a table says; None where it is about a list."""
    if action in ("list", "tags"):
        assert is_listed(client, action, snippet) == (expected == "yes")
        return None
    response = ask(client, action, snippet)
    assert str(response.status_code) == expected
    if response.status_code >= 400:
        assert_refusal(response)
    return response


@pytest.mark.parametrize(("action", "row"), list(rows()))
def test_everybody_gets_what_the_table_says(
    action: str, row: dict[tuple[str, str], str], visits: Callable[..., Visits], subtests: pytest.Subtests
) -> None:
    visited = visits(*VISIBILITIES.values())
    for (actor, visibility), expected in row.items():
        with subtests.test(actor=actor, action=action, visibility=visibility), undone():
            client, snippet = visited[actor, visibility]
            response = answer_as_expected(client, action, snippet, expected)
            if response is None:
                continue
            stored = Snippet.objects.filter(pk=snippet.pk).values_list("code", "visibility").first()
            changed = action.startswith(("PUT", "PATCH")) if expected == "200" else action.startswith("restore")
            gone = action.startswith("DELETE") and expected == "204"
            assert stored == (None if gone else (CHANGED if changed else CODE, visibility))


# What ends by itself: an unlisted snippet that has expired; one that burns after reading; and one that was opened.
LIFETIMES = """
                       | anonymous | stranger | owner | staff | holder
expired list           | no        | no       | no    | yes   | no
expired GET pk         | 404       | 404      | 404   | 200   | 404
expired GET slug       | 404       | 404      | 404   | 200   | 404
expired raw slug       | 404       | 404      | 404   | 200   | 404
expired highlight slug | 404       | 404      | 404   | 200   | 404
expired OPTIONS slug   | 404       | 404      | 404   | 200   | 404
expired tags           | no        | no       | no    | yes   | no
expired revisions slug | 404       | 404      | 404   | 200   | 404
expired old-raw slug   | 404       | 404      | 404   | 200   | 404
expired diff slug      | 404       | 404      | 404   | 200   | 404
expired comments slug  | 404       | 404      | 404   | 200   | 404
expired comment slug   | 401       | 404      | 404   | 201   | 401
expired star slug      | 404       | 404      | 404   | 204   | 404
expired fork slug      | 404       | 404      | 404   | 201   | 404
expired open slug      | 404       | 404      | 404   | 409   | 404
expired PATCH slug     | 404       | 404      | 404   | 403   | 404
expired DELETE slug    | 404       | 404      | 404   | 204   | 404
burning list           | no        | no       | yes   | no    | no
burning GET pk         | 404       | 404      | 200   | 200   | 200
burning GET slug       | 200       | 200      | 200   | 200   | 200
burning raw pk         | 404       | 404      | 200   | 403   | 200
burning raw slug       | 403       | 403      | 200   | 403   | 200
burning highlight slug | 403       | 403      | 200   | 403   | 200
burning attach slug    | 403       | 403      | 200   | 403   | 200
burning tags           | no        | no       | yes   | no    | no
burning revisions slug | 403       | 403      | 200   | 403   | 200
burning revision slug  | 403       | 403      | 200   | 403   | 200
burning old-raw slug   | 403       | 403      | 200   | 403   | 200
burning old-colours slug | 403     | 403      | 200   | 403   | 200
burning diff slug      | 403       | 403      | 200   | 403   | 200
burning restore slug   | 401       | 403      | 200   | 403   | 200
burning fork slug      | 403       | 403      | 201   | 403   | 201
burning comments slug  | 403       | 403      | 200   | 403   | 200
burning comment slug   | 401       | 403      | 201   | 403   | 401
burning read-it slug   | 403       | 403      | 200   | 403   | 200
burning star slug      | 401       | 403      | 204   | 403   | 401
burning OPTIONS slug   | 200       | 200      | 200   | 200   | 200
burning open pk        | 404       | 404      | 200   | 403   | 200
burning open slug      | 200       | 200      | 200   | 200   | 200
burning PATCH slug     | 401       | 403      | 200   | 403   | 200
burning DELETE slug    | 401       | 403      | 204   | 204   | 204
opened list            | no        | no       | no    | no    | no
opened GET pk          | 404       | 404      | 410   | 410   | 410
opened GET slug        | 410       | 410      | 410   | 410   | 410
opened raw slug        | 410       | 410      | 410   | 410   | 410
opened highlight slug  | 410       | 410      | 410   | 410   | 410
opened tags            | no        | no       | no    | no    | no
opened revisions slug  | 410       | 410      | 410   | 410   | 410
opened old-raw slug    | 410       | 410      | 410   | 410   | 410
opened comments slug   | 410       | 410      | 410   | 410   | 410
opened fork slug       | 410       | 410      | 410   | 410   | 410
opened OPTIONS slug    | 410       | 410      | 410   | 410   | 410
opened open slug       | 410       | 410      | 410   | 410   | 410
opened PATCH slug      | 410       | 410      | 410   | 410   | 410
opened DELETE slug     | 410       | 410      | 410   | 410   | 410
"""


def rows_of_lifetimes() -> Iterator[Any]:
    actors, *lines = ([part.strip() for part in line.split("|")] for line in LIFETIMES.strip("\n").splitlines())
    for row, *answers in lines:
        state, _, action = row.partition(" ")
        yield pytest.param(state, action, dict(zip(actors[1:], answers, strict=True)), id=row)


@pytest.mark.parametrize(("state", "action", "row"), list(rows_of_lifetimes()))
def test_everybody_gets_what_the_table_of_lifetimes_says(
    state: str,
    action: str,
    row: dict[str, str],
    visits: Callable[..., Visits],
    later: Callable[[float], None],
    subtests: pytest.Subtests,
) -> None:
    visited = visits("unlisted", **({"expires_in": 60} if state == "expired" else {"burn_after_read": True}))
    if state == "expired":
        later(61)
    elif state == "opened":
        for slug in {snippet.slug for _, snippet in visited.values()}:
            assert APIClient().post(f"/snippets/{slug}/open/").status_code == 200
    for actor, expected in row.items():
        with subtests.test(actor=actor, state=state, action=action), undone():
            client, snippet = visited[actor, "unlisted"]
            response = answer_as_expected(client, action, snippet, expected)
            if response is None:
                continue
            if response.status_code >= 400:
                assert CODE.strip() not in response.text
            elif state == "burning" and action.startswith("GET"):
                assert ("code" in response.json()) == (actor in ("owner", "holder"))
            gone = (
                state == "opened"
                or (action.startswith("DELETE") and expected == "204")
                or (action == "open slug" and actor in ("anonymous", "stranger", "staff"))
            )
            if state != "expired":
                assert Snippet.objects.filter(pk=snippet.pk).exists() != gone


@pytest.mark.parametrize("action", ["OPTIONS pk", "PUT pk", "PATCH pk", "DELETE pk", "open pk"])
def test_rows_are_locked_only_within_a_transaction(transactional_db: None, as_owner: APIClient, action: str) -> None:
    """The other tests stand in a transaction of their own, which would hide one that is missing."""
    posted = post(as_owner, burn_after_read=True)
    response = ask(as_owner, action, Snippet.objects.get(pk=posted["pk"]))
    assert response.status_code in (200, 204)


# --- Posting ----------------------------------------------------------------------------------------------------------


def test_anonymous_posts_and_gets_an_edit_key_where_that_is_on(anonymous: APIClient) -> None:
    assert post(anonymous)["edit_key"].startswith("edit_")


def test_anonymous_is_asked_who_he_is_where_posting_needs_an_account(anonymous: APIClient, settings: Any) -> None:
    settings.ANONYMOUS_POSTING = False
    response = anonymous.post("/snippets/", {"code": CODE})
    assert response.status_code == 401
    assert_refusal(response)
    assert not Snippet.objects.exists()


def test_somebody_posts_where_posting_needs_an_account(as_stranger: APIClient, settings: Any) -> None:
    settings.ANONYMOUS_POSTING = False
    posted = post(as_stranger)
    assert (posted["owner"], posted["edit_key"]) == ("stranger", None)


# --- Edit keys --------------------------------------------------------------------------------------------------------

WRONG_KEYS = ["edit_wrong", "x" * 5000, "\xff", "\0", "DIGEST"]


@pytest.mark.parametrize("key", WRONG_KEYS)
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize(("visibility", "expected"), [("public", 403), ("private", 404)])
def test_a_wrong_edit_key_opens_nothing(
    anonymous: APIClient, key: str, method: str, visibility: str, expected: int
) -> None:
    posted = post(anonymous, visibility=visibility)
    snippet = Snippet.objects.get(pk=posted["pk"])
    client = holder_of(snippet.edit_key_digest if key == "DIGEST" else key)
    response = getattr(client, method)(f"/snippets/{snippet.pk}/", {"code": CHANGED})
    assert response.status_code == expected
    assert_refusal(response)
    assert Snippet.objects.get(pk=snippet.pk).code == CODE


def test_two_edit_keys_do_not_open_each_others_snippets(anonymous: APIClient) -> None:
    one, other = (post(anonymous, visibility="private") for _ in range(2))
    for mine, theirs in ((one, other), (other, one)):
        holder = holder_of(mine["edit_key"])
        assert holder.get(f"/snippets/{mine['pk']}/").status_code == 200
        assert holder.get(f"/snippets/{theirs['pk']}/").status_code == 404
        assert holder.delete(f"/snippets/{theirs['slug']}/").status_code == 404


def test_an_edit_key_does_not_open_an_owners_snippet(anonymous: APIClient, snippet: Snippet) -> None:
    holder = holder_of(post(anonymous)["edit_key"])
    assert holder.patch(f"/snippets/{snippet.pk}/", {"code": CHANGED}).status_code == 403


@pytest.mark.parametrize("key", ["", " ", "edit_"])
def test_what_has_neither_owner_nor_edit_key_opens_to_no_key(db: None, key: str) -> None:
    snippet = Snippet(code=CODE)
    snippet.save()
    assert holder_of(key).patch(f"/snippets/{snippet.pk}/", {"code": CHANGED}).status_code in (401, 403)
    assert Snippet.objects.get(pk=snippet.pk).code == CODE


def test_an_edit_key_is_stored_hashed_and_never_shown_again(anonymous: APIClient) -> None:
    posted = post(anonymous)
    holder = holder_of(posted["edit_key"])
    assert posted["edit_key"] not in repr(Snippet.objects.values().get())
    for response in (holder.get(f"/snippets/{posted['pk']}/"), holder.get("/snippets/")):
        assert "edit_" not in response.text


def test_a_read_token_does_not_write_with_an_edit_key_beside_it(anonymous: APIClient, stranger: User) -> None:
    posted = post(anonymous)
    _, secret = ApiToken.issue(stranger, "reader", scope="read")
    reader = APIClient(HTTP_X_EDIT_KEY=posted["edit_key"], HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert reader.delete(f"/snippets/{posted['pk']}/").status_code == 403


@pytest.mark.parametrize("who", ["anonymous", "as_stranger"])
def test_nobody_owns_what_has_no_owner(who: str, request: pytest.FixtureRequest) -> None:
    visitor: APIClient = request.getfixturevalue(who)
    posted = post(APIClient(), visibility="private")
    for ref in (posted["pk"], posted["slug"]):
        assert visitor.get(f"/snippets/{ref}/").status_code == 404
        assert visitor.delete(f"/snippets/{ref}/").status_code == 404
    assert visitor.get("/snippets/").json()["count"] == 0


# --- Nothing tells of a hidden snippet --------------------------------------------------------------------------------

WORD = "xylophonist"
HIDDEN: dict[str, Any] = {
    "title": f"a {WORD}",
    "code": f"{WORD} = qz\n",
    "description": WORD,
    "filename": f"{WORD}.bf",
    "language": "brainfuck",
    "tags": ["secret", WORD],
}
QUERIES = [
    "",
    "tag=secret",
    f"q={WORD}",
    "q=ylophon",
    "q=qz",
    "q=XYLOPHONIST&include=code",
    "language=brainfuck",
    "owner=owner",
    "visibility=private",
    "visibility=unlisted",
    "ordering=title",
    "ordering=-updated",
    "created_after=2000-01-01T00:00:00Z",
    "created_before=2100-01-01T00:00:00Z",
    "page_size=1",
    "include=code",
]


@pytest.fixture(params=["private", "unlisted"])
def hidden(request: pytest.FixtureRequest, as_owner: APIClient) -> dict[str, Any]:
    return post(as_owner, visibility=request.param, **HIDDEN)


@pytest.fixture(params=["private pk", "private slug", "unlisted pk"])
def hidden_at(request: pytest.FixtureRequest, as_owner: APIClient) -> str:
    """An address under which nobody but the owner finds it."""
    visibility, by = request.param.split()
    return str(post(as_owner, visibility=visibility, **HIDDEN)[by])


def missing_beside(ref: str) -> str:
    """An address like that one, where nothing is."""
    return str(int(ref) + 1) if ref.isdigit() else ref.swapcase()


@pytest.mark.parametrize("who", ["anonymous", "as_stranger"])
def test_no_list_tells_of_a_hidden_snippet(
    who: str, hidden: dict[str, Any], request: pytest.FixtureRequest, subtests: pytest.Subtests
) -> None:
    client: APIClient = request.getfixturevalue(who)
    for query in QUERIES:
        with subtests.test(query=query):
            response = client.get(f"/snippets/?{query}")
            assert response.status_code == 200
            assert response.json() == {"count": 0, "next": None, "previous": None, "results": []}
            assert hidden["slug"] not in str(response.headers)


def test_the_owner_finds_it_by_those_queries(
    as_owner: APIClient, hidden: dict[str, Any], subtests: pytest.Subtests
) -> None:
    """Or the test before this one would prove nothing."""
    other = {"private": "unlisted", "unlisted": "private"}[hidden["visibility"]]
    for query in QUERIES:
        with subtests.test(query=query):
            found = [row["pk"] for row in as_owner.get(f"/snippets/?{query}").json()["results"]]
            assert found == ([] if query == f"visibility={other}" else [hidden["pk"]])


@pytest.mark.parametrize("ordering", ["created", "-created", "updated", "-updated", "title", "-title"])
def test_no_cursor_comes_past_a_hidden_snippet(as_owner: APIClient, anonymous: APIClient, ordering: str) -> None:
    shades = ("public", "private", "public", "unlisted", "public")
    posted = [post(as_owner, title=f"title {number}", visibility=shade) for number, shade in enumerate(shades)]
    hidden = {row["slug"] for row in posted if row["visibility"] != "public"}
    for direction in ("next", "previous"):
        url = f"/snippets/?page_size=1&ordering={ordering}"
        pages = list(walk(anonymous, url, direction))
        assert {page["count"] for page in pages} == {3}
        assert not hidden & {row["slug"] for page in pages for row in page["results"]}


def walk(client: APIClient, url: str | None, direction: str) -> Iterator[dict[str, Any]]:
    """The pages one after the other; for `previous`, from the last one back to the first."""
    pages = []
    while url and len(pages) < 10:
        pages.append(client.get(url).json())
        url = pages[-1]["next"]
    yield from pages
    url = pages[-1]["previous"] if direction == "previous" else None
    for _ in range(10):
        if not url:
            return
        page = client.get(url).json()
        yield page
        url = page["previous"]


def test_a_cursor_of_the_owners_shows_others_nothing_more(as_owner: APIClient, anonymous: APIClient) -> None:
    for _ in range(3):
        post(as_owner, visibility="private", **HIDDEN)
    following = as_owner.get("/snippets/?page_size=1").json()["next"]
    assert as_owner.get(following).json()["count"] == 3
    assert anonymous.get(following).json()["results"] == []


@pytest.mark.parametrize("address", ["/users/owner/", "/", "/snippets/?owner=owner&language=brainfuck", "/tags/"])
def test_no_other_address_tells_of_a_hidden_snippet(anonymous: APIClient, hidden: dict[str, Any], address: str) -> None:
    response = anonymous.get(address)
    assert response.status_code == 200
    assert WORD not in response.text
    assert hidden["slug"] not in response.text


METHODS = ["get", "head", "options", "put", "patch", "delete", "post"]
COMPANY_BELOW = ["/comments/", "/comments/1/", "/star/"]
BELOW = ["/", "", "/raw/", "/highlight/", "/highlight.svg", "/highlight/?style=nonsense", "/highlight/?format=png"]


def answer_without_address(client: APIClient, method: str, ref: str, below: str, headers: dict[str, str]) -> Any:
    """Status, headers and body. A page for browsers names the address it was asked for, and has a new CSRF token."""
    response = getattr(client, method)(f"/snippets/{ref}{below}", headers=headers)
    del response.headers["X-Request-ID"]
    if headers.get("Accept") == "text/html":
        del response.headers["Content-Length"]
        response.cookies.clear()
    body = re.sub(r'(csrf\w*"?[^"]*")\w{64}', r"\1", response.text.replace(f"snippets/{ref}", "snippets/REF"))
    return response.status_code, dict(response.headers), dict(response.cookies), body


@pytest.mark.parametrize("below", BELOW)
@pytest.mark.parametrize("who", ["anonymous", "as_stranger"])
def test_a_hidden_snippet_answers_like_one_that_never_was(
    who: str, below: str, hidden_at: str, request: pytest.FixtureRequest
) -> None:
    client: APIClient = request.getfixturevalue(who)
    for method in METHODS:
        hidden = answer_without_address(client, method, hidden_at, below, {})
        missing = answer_without_address(client, method, missing_beside(hidden_at), below, {})
        assert hidden == missing
        assert hidden[0] in (404, 405)
        assert (hidden[0] == 405) == (method == "post" or (method in ("put", "patch", "delete") and below not in "/"))


BROWSER = {"Accept": "text/html"}
MORE_BELOW = [
    *("/revisions/", "/revisions/1/", "/revisions/2/", "/revisions/1/raw/", "/revisions/1/highlight.svg"),
    *("/revisions/1/diff/", "/revisions/1/diff.html", "/revisions/1/diff/?against=9", "/revisions/1/restore/"),
    *("/revisions/?page=7", "/fork/"),
]


@pytest.mark.parametrize("below", MORE_BELOW)
@pytest.mark.parametrize("who", ["anonymous", "as_stranger"])
def test_what_is_below_a_hidden_snippet_answers_so_too(
    who: str, below: str, hidden_at: str, as_owner: APIClient, request: pytest.FixtureRequest
) -> None:
    assert as_owner.patch(f"/snippets/{hidden_at}/", {"title": "Changed", "message": WORD}).status_code == 200
    client: APIClient = request.getfixturevalue(who)
    ways: list[tuple[str, dict[str, str]]] = [(method, {}) for method in METHODS]
    # What a page or a condition changes, it changes alike for all that read, and for all that write.
    ways += [(method, headers) for method in ("get", "post") for headers in (BROWSER, {"If-None-Match": "*"})]
    for method, headers in ways:
        hidden = answer_without_address(client, method, hidden_at, below, headers)
        missing = answer_without_address(client, method, missing_beside(hidden_at), below, headers)
        assert hidden == missing, (method, headers)
        assert hidden[0] in (404, 405), (method, headers)
        assert WORD not in str(hidden), (method, headers)
    assert Snippet.objects.count() == 1


@pytest.mark.parametrize("below", COMPANY_BELOW)
@pytest.mark.parametrize("who", ["anonymous", "as_stranger"])
def test_a_hidden_snippet_has_the_company_of_one_that_never_was(
    who: str, below: str, hidden_at: str, as_owner: APIClient, request: pytest.FixtureRequest
) -> None:
    client: APIClient = request.getfixturevalue(who)
    (snippet,) = Snippet.objects.all()
    Comment.objects.create(pk=1, snippet=snippet, author=snippet.owner, body=WORD)
    as_owner.put(f"/snippets/{snippet.pk}/star/")
    for method in METHODS:
        hidden = answer_without_address(client, method, hidden_at, below, {})
        assert hidden == answer_without_address(client, method, missing_beside(hidden_at), below, {})
        asked = who == "anonymous" and method == "post" and below.startswith("/comments/")
        assert hidden[0] == 401 if asked else hidden[0] in (404, 405)


CONDITIONS = [
    {"If-None-Match": "ETAG"},
    {"If-None-Match": "W/ETAG"},
    {"If-None-Match": "*"},
    {"If-Match": "ETAG"},
    {"If-Match": "*"},
    {"If-Match": '"0-0"'},
    {"X-Edit-Key": "edit_wrong"},
    {"Accept": "text/html"},
    {"Range": "bytes=0-1"},
]


@pytest.mark.parametrize("below", ["/", "/raw/", "/highlight/"])
def test_no_condition_tells_of_a_hidden_snippet(
    below: str, hidden_at: str, as_owner: APIClient, as_stranger: APIClient, subtests: pytest.Subtests
) -> None:
    """Not even the owner's ETag, should a stranger have come by it."""
    etag = as_owner.get(f"/snippets/{hidden_at}{below}").headers["ETag"]
    for method, condition in product(("get", "put", "delete"), CONDITIONS):
        with subtests.test(method=method, condition=condition):
            headers = {name: value.replace("ETAG", etag) for name, value in condition.items()}
            hidden = answer_without_address(as_stranger, method, hidden_at, below, headers)
            assert hidden == answer_without_address(as_stranger, method, missing_beside(hidden_at), below, headers)
            assert hidden[0] in (404, 405)
            assert WORD not in str(hidden)
    assert as_owner.get(f"/snippets/{hidden_at}/").json()["version"] == 1


def test_the_owners_etag_works_for_the_owner(as_owner: APIClient, hidden_at: str) -> None:
    for below in ("/", "/raw/", "/highlight/"):
        etag = as_owner.get(f"/snippets/{hidden_at}{below}").headers["ETag"]
        response = as_owner.get(f"/snippets/{hidden_at}{below}", headers={"If-None-Match": etag})
        assert response.status_code == 304


def test_who_may_not_change_learns_nothing_from_if_match(as_stranger: APIClient, snippet: Snippet) -> None:
    for etag in ('"1-0"', '"9-0"'):
        response = as_stranger.patch(f"/snippets/{snippet.pk}/", {"code": CHANGED}, headers={"If-Match": etag})
        assert response.status_code == 403


SEEN = [
    "",
    "revisions/1/",
    "revisions/1/raw/",
    "revisions/1/highlight/",
    "revisions/1/diff.html",
    "raw/",
    "highlight/",
    "highlight.svg",
    "highlight.png",
    "?format=json",
    "?format=api",
]


def test_what_everybody_has_seen_is_hidden_at_once(as_owner: APIClient, anonymous: APIClient) -> None:
    posted = post(as_owner, **HIDDEN | {"language": "python"})
    addresses = [f"/snippets/{ref}/{below}" for ref in (posted["pk"], posted["slug"]) for below in SEEN]
    etags = {address: anonymous.get(address).headers["ETag"] for address in addresses}
    assert as_owner.patch(f"/snippets/{posted['pk']}/", {"visibility": "private"}).status_code == 200
    for address, etag in etags.items():
        for headers in ({}, {"If-None-Match": etag}, {"If-None-Match": "*"}):
            response = anonymous.get(address, headers=headers)
            assert response.status_code == 404, address
            assert WORD not in response.text
    assert anonymous.get(f"/snippets/?q={WORD}").json()["count"] == 0


def test_what_only_its_owner_may_see_stays_out_of_shared_caches(as_owner: APIClient, hidden: dict[str, Any]) -> None:
    for below in ("", "raw/", "highlight/"):
        response = as_owner.get(f"/snippets/{hidden['slug']}/{below}")
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "private, no-store"


# --- Browsers: sessions and CSRF --------------------------------------------------------------------------------------

WRITES = ["post", "put", "patch", "delete"]
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=edge"


def csrf_token(browser: APIClient) -> str:
    """As the page has it."""
    browser.get("/snippets/", headers={"Accept": "text/html"})
    return browser.cookies["csrftoken"].value


def write(browser: APIClient, method: str, ref: Any, **extra: Any) -> Response:
    path = "/snippets/" if method == "post" else f"/snippets/{ref}/"
    return getattr(browser, method)(path, {"code": CHANGED}, **extra)


def form(fields: dict[str, bytes], content_type: str) -> dict[str, Any]:
    if content_type == URLENCODED:
        body = b"&".join(name.encode() + b"=" + value for name, value in fields.items())
    else:
        part = b'--edge\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        body = b"".join(part % (name.encode(), value) for name, value in fields.items()) + b"--edge--\r\n"
    return {"data": body, "content_type": content_type}


@pytest.mark.parametrize("method", WRITES)
def test_a_session_writes_nothing_without_a_csrf_token(in_browser: APIClient, snippet: Snippet, method: str) -> None:
    response = write(in_browser, method, snippet.pk)
    assert response.status_code == 403
    assert_refusal(response)
    assert list(Snippet.objects.values_list("code", flat=True)) == [snippet.code]


@pytest.mark.parametrize("method", WRITES)
def test_a_session_writes_with_a_csrf_token(in_browser: APIClient, snippet: Snippet, method: str) -> None:
    response = write(in_browser, method, snippet.pk, headers={"X-CSRFToken": csrf_token(in_browser)})
    assert response.status_code == {"post": 201, "delete": 204}.get(method, 200)


def test_a_session_that_comes_with_a_bad_csrf_token_writes_nothing(in_browser: APIClient, snippet: Snippet) -> None:
    csrf_token(in_browser)
    for token in ("", "x", "a" * 32, "b" * 64):
        response = write(in_browser, "patch", snippet.pk, headers={"X-CSRFToken": token})
        assert response.status_code == 403


@pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])
def test_a_form_brings_its_csrf_token_along(in_browser: APIClient, content_type: str) -> None:
    refused = in_browser.post("/snippets/", **form({"code": b"x"}, content_type))
    assert refused.status_code == 403
    fields = {"code": b"  kept = 1\n", "csrfmiddlewaretoken": csrf_token(in_browser).encode()}
    response = in_browser.post("/snippets/", **form(fields, content_type))
    assert response.status_code == 201, response.content
    assert response.json()["code"] == "  kept = 1\n"


@pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])
@pytest.mark.parametrize("method", ["put", "patch"])
def test_a_page_sends_a_changed_form_with_the_token_in_a_header(
    in_browser: APIClient, snippet: Snippet, method: str, content_type: str
) -> None:
    """Forms of their own only post; the page's script sends the others, and the form's hidden field along."""
    token = csrf_token(in_browser)
    body = form({"code": b"  kept = 1\n", "csrfmiddlewaretoken": token.encode()}, content_type)
    path = f"/snippets/{snippet.pk}/"
    assert getattr(in_browser, method)(path, **body).status_code == 403
    response = getattr(in_browser, method)(path, **body, headers={"X-CSRFToken": token})
    assert response.status_code == 200, response.content
    assert response.json()["code"] == "  kept = 1\n"


BAD_FORMS = {
    "an unknown field": {"code": b"x", "visibilty": b"private"},
    "bytes that are not UTF-8": {"code": b"\xff\xfe"},
    "bytes that are not UTF-8 in a name": {"code": b"x", "title": b"caf\xe9"},
    "no code": {"title": b"x"},
}


@pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])
@pytest.mark.parametrize("fields", BAD_FORMS.values(), ids=BAD_FORMS)
def test_a_form_with_a_csrf_token_is_still_read_strictly(
    in_browser: APIClient, content_type: str, fields: dict[str, bytes]
) -> None:
    token = csrf_token(in_browser)
    fields = {"csrfmiddlewaretoken": token.encode()} | fields
    for headers in ({}, {"X-CSRFToken": token}):
        response = in_browser.post("/snippets/", **form(fields, content_type), headers=headers)
        assert response.status_code == 400
    assert not Snippet.objects.exists()


@pytest.mark.parametrize("body", [b"code=%ff", b"code=x&code=y", b"code=x&visibilty=private"])
def test_an_encoded_form_is_read_strictly_in_a_session(in_browser: APIClient, body: bytes) -> None:
    headers = {"X-CSRFToken": csrf_token(in_browser)}
    response = in_browser.post("/snippets/", body, content_type=URLENCODED, headers=headers)
    assert response.status_code == 400
    assert not Snippet.objects.exists()


def test_only_a_form_may_carry_the_csrf_token_as_a_field(in_browser: APIClient) -> None:
    token = csrf_token(in_browser)
    body = {"code": CODE, "csrfmiddlewaretoken": token}
    response = in_browser.post("/snippets/", body, headers={"X-CSRFToken": token})
    assert response.status_code == 400
    assert response.json() == {"csrfmiddlewaretoken": ["Unknown field."]}


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_body_that_is_too_large_is_refused_in_a_session_too(
    in_browser: APIClient, settings: Any, accept: str
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    headers = {"X-CSRFToken": csrf_token(in_browser), "Accept": accept}
    assert in_browser.post("/snippets/", {"code": "x" * 200}, headers=headers).status_code == 413


def test_a_token_needs_no_csrf_token(owner: User, snippet: Snippet) -> None:
    _, secret = ApiToken.issue(owner, "program")
    program = APIClient(enforce_csrf_checks=True, HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert write(program, "patch", snippet.pk).status_code == 200


# --- Browsers: the edit key that a session remembers ------------------------------------------------------------------


@pytest.fixture
def browser(db: None) -> APIClient:
    """Somebody without an account, who posts from the page."""
    return APIClient(enforce_csrf_checks=True)


def post_from_page(browser: APIClient, **fields: Any) -> Snippet:
    response = browser.post("/snippets/", {"code": CODE} | fields, headers={"Accept": "text/html"})
    assert response.status_code == 201
    return Snippet.objects.latest("pk")


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private"])
def test_the_browser_that_posted_changes_and_deletes(browser: APIClient, visibility: str) -> None:
    snippet = post_from_page(browser, visibility=visibility)
    headers = {"X-CSRFToken": csrf_token(browser)}
    assert browser.get(f"/snippets/{snippet.pk}/").status_code == 200
    for method in ("put", "patch", "delete"):
        refused = write(browser, method, snippet.pk)
        assert refused.status_code == 403
        assert_refusal(refused)
        assert write(browser, method, snippet.pk, headers=headers).status_code in (200, 204)
    assert not Snippet.objects.exists()


@pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])
def test_the_browser_that_posted_changes_by_a_form(browser: APIClient, content_type: str) -> None:
    snippet = post_from_page(browser)
    token = csrf_token(browser)
    fields = {"code": b"kept\n", "csrfmiddlewaretoken": token.encode()}
    path, headers = f"/snippets/{snippet.pk}/", {"X-CSRFToken": token}
    response = browser.put(path, **form(fields, content_type), headers=headers)
    assert response.status_code == 200, response.content
    strict = browser.put(path, **form(fields | {"code": b"\xff"}, content_type), headers=headers)
    assert strict.status_code == 400
    assert Snippet.objects.get().code == "kept\n"


def test_another_browser_does_not(browser: APIClient) -> None:
    hidden, public = post_from_page(browser, visibility="private"), post_from_page(browser)
    other = APIClient(enforce_csrf_checks=True)
    headers = {"X-CSRFToken": csrf_token(other)}
    assert other.get(f"/snippets/{hidden.pk}/").status_code == 404
    assert write(other, "delete", hidden.pk, headers=headers).status_code == 404
    assert write(other, "delete", public.pk, headers=headers).status_code == 401
    post_from_page(other)
    assert write(other, "delete", public.pk, headers=headers).status_code in (401, 403)


COOKIES = ["x", "x" * 32, "x" * 5000, "\xe9" * 10, '"aaaaaaaaaa\\000b"']


@pytest.mark.parametrize("cookie", COOKIES)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_cookie_of_no_session_is_nobodys(transactional_db: None, cookie: str, accept: str) -> None:
    """The last one has a null, which PostgreSQL refuses to look for. It would break the transaction of a test."""
    client = APIClient(raise_request_exception=False)
    headers = {"Cookie": f"sessionid={cookie}", "Accept": accept}
    for address, expected in (("/snippets/", 200), ("/users/me/", 401), ("/auth/login/", 200)):
        assert client.get(address, headers=headers).status_code == expected


def test_a_program_that_posts_is_given_no_session(anonymous: APIClient) -> None:
    posted = post(anonymous)
    assert "sessionid" not in anonymous.cookies
    assert anonymous.delete(f"/snippets/{posted['pk']}/").status_code == 401


def test_rendered_code_in_the_cache_opens_nothing(as_owner: APIClient, anonymous: APIClient) -> None:
    """The cache goes by what the code is, and whoever asks for it has been let in before."""
    posted = post(as_owner, visibility="private")
    assert as_owner.get(f"/snippets/{posted['slug']}/highlight/").status_code == 200
    assert anonymous.get(f"/snippets/{posted['slug']}/highlight/").status_code == 404
    cache.clear()
    assert anonymous.get(f"/snippets/{posted['slug']}/highlight/").status_code == 404
