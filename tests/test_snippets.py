"""Snippets are posted, read, changed and deleted, in every way that a body can be sent."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from rest_framework.test import APIClient

from accounts.models import User
from snippets.models import Snippet

CODE = 'foo = "bar"\n'
TUTORIAL = ["pk", "title", "code", "linenos", "language", "style"]
COMPANY = ["tags", "stars", "starred", "comments", "comments_url"]
DETAILS = ["url", "filename", "description", "owner", "visibility", "slug", "version", "created", "updated"]
CHILDREN = ["attachments", "revision", "revisions", "forked_from"]
LIFETIME = ["expires", "expired", "burn_after_read"]
FORM = "application/x-www-form-urlencoded"

# What some editor, browser, form or database has been known to change.
CODES = {
    "leading blanks": "    indented\n  less\n",
    "blanks at the end": "x = 1   \n   ",
    "an empty line first and last": "\n\nx\n\n\n",
    "CRLF": "one\r\ntwo\r\n",
    "CR": "one\rtwo\r",
    "mixed ends of lines": "one\r\ntwo\nthree\rfour",
    "no last newline": "x = 1",
    "tabs": "\tif x:\n\t\treturn\t1\n",
    "byte order mark": "\ufeffx = 1\n",
    "two byte order marks": "\ufeff\ufeffx\n",
    "emoji": "print('👩\u200d👩\u200d👧 🏳️\u200d🌈')\n",
    "right to left": "# שלום \u202eabc\u202c مرحبا\n",
    "line separators": "a\u2028b\u2029c\u0085d\n",
    "form feed and vertical tab": "a\x0cb\x0bc\n",
    "control characters": "\x1b[31mred\x1b[0m\x07\x7f\n",
    "composed and decomposed": "é e\u0301 ﬁ ﬀ\n",
    "what forms mean something by": "a=1&b=2+3%20;%2B+&\n",
    "what JSON means something by": '{"a": "\\u0041\\n"}\\\n',
    "what multipart means something by": "--cut\r\nContent-Disposition: form-data\r\n\r\n",
    "what HTML means something by": "<script>&amp;</script>\n",
    "replacement character": "\ufffd\n",
    "outside of Unicode's first plane": "\U0001d518\U00020000 \U0010ffff\n",
}

Post = Callable[[APIClient, str, str, dict[str, str]], HttpResponse]


def as_json(client: APIClient, method: str, address: str, fields: dict[str, str]) -> HttpResponse:
    return client.generic(method, address, json.dumps(fields), "application/json")


def as_unescaped_json(client: APIClient, method: str, address: str, fields: dict[str, str]) -> HttpResponse:
    return client.generic(method, address, json.dumps(fields, ensure_ascii=False).encode(), "application/json")


def as_form(client: APIClient, method: str, address: str, fields: dict[str, str]) -> HttpResponse:
    return client.generic(method, address, urlencode(fields), FORM)


def as_multipart(client: APIClient, method: str, address: str, fields: dict[str, str]) -> HttpResponse:
    return getattr(client, method.lower())(address, fields, format="multipart")


def as_file(client: APIClient, method: str, address: str, fields: dict[str, str]) -> HttpResponse:
    code = SimpleUploadedFile("main.py", fields["code"].encode(), "text/x-python")
    return getattr(client, method.lower())(address, fields | {"code": code}, format="multipart")


def as_text(client: APIClient, method: str, address: str, fields: dict[str, str]) -> HttpResponse:
    query = urlencode({name: value for name, value in fields.items() if name != "code"})
    return client.generic(method, f"{address}?{query}", fields["code"].encode(), "text/plain; charset=utf-8")


WAYS: list[Post] = [as_json, as_unescaped_json, as_form, as_multipart, as_file, as_text]
every_way = pytest.mark.parametrize("send", WAYS, ids=lambda way: way.__name__)


@every_way
def test_a_snippet_is_posted_in_every_way(send: Post, as_owner: APIClient) -> None:
    fields = {
        "code": CODE,
        "title": "Größe & Gewicht",
        "description": " kept as it is\n",
        "filename": "größe.py",
        "visibility": "unlisted",
        "language": "ruby",
        "style": "monokai",
        "linenos": "true",
    }
    if send in (as_json, as_unescaped_json):
        fields["linenos"] = True  # type: ignore[assignment]
    response = send(as_owner, "POST", "/snippets/", fields)
    assert response.status_code == 201
    body = response.json()
    assert {name: body[name] for name in fields} == fields | {"linenos": True}
    assert as_owner.get(body["url"]).json() == {name: value for name, value in body.items() if name != "edit_key"}


@every_way
@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_code_is_kept_byte_for_byte(send: Post, code: str, as_owner: APIClient) -> None:
    response = send(as_owner, "POST", "/snippets/", {"code": code})
    assert response.status_code == 201
    body = response.json()
    assert body["code"] == code
    assert body["size"] == len(code.encode())
    assert as_owner.get(f"/snippets/{body['pk']}/").json()["code"] == code
    assert as_owner.get(f"/snippets/{body['pk']}/raw/").content == code.encode()


@every_way
def test_code_is_changed_in_every_way(send: Post, as_owner: APIClient, snippet: Snippet) -> None:
    for method, code in (("PUT", "  new\r\n"), ("PATCH", "newer")):
        response = send(as_owner, method, f"/snippets/{snippet.pk}/", {"code": code, "title": "New"})
        assert response.status_code == 200
        assert as_owner.get(f"/snippets/{snippet.pk}/raw/").content == code.encode()
        assert response.json()["title"] == "New"
        assert response.json()["language"] == "python"


def test_the_answer_has_the_six_fields_first_and_then_the_others(as_owner: APIClient) -> None:
    response = as_owner.post("/snippets/", {"code": CODE})
    assert list(response.json()) == [*TUTORIAL, *DETAILS, *LIFETIME, "size", "lines", *CHILDREN, *COMPANY, "edit_key"]
    assert (
        response.json()
        | {
            "title": "",
            "code": CODE,
            "linenos": False,
            "language": "python",
            "style": "friendly",
            "owner": "owner",
            "visibility": "public",
            "version": 1,
            "size": 12,
            "lines": 1,
            "edit_key": None,
            "tags": [],
            "stars": 0,
            "starred": False,
            "comments": 0,
        }
        == response.json()
    )


def test_a_posted_snippet_is_at_its_location_with_its_etag(as_owner: APIClient) -> None:
    response = as_owner.post("/snippets/", {"code": CODE})
    assert response.status_code == 201
    body = response.json()
    assert response["Location"] == body["url"] == f"http://testserver/snippets/{body['pk']}/"
    got = as_owner.get(response["Location"])
    assert got.status_code == 200
    assert got["ETag"] == response["ETag"]


@pytest.mark.parametrize("visibility", ["unlisted", "private"])
def test_what_is_not_public_has_its_slug_as_its_address(visibility: str, as_owner: APIClient) -> None:
    body = as_owner.post("/snippets/", {"code": CODE, "visibility": visibility}).json()
    assert len(body["slug"]) == 22
    assert body["url"] == f"http://testserver/snippets/{body['slug']}/"
    by_slug, by_pk = as_owner.get(body["url"]), as_owner.get(f"/snippets/{body['pk']}/")
    assert by_slug.json() == by_pk.json()
    assert by_slug.json()["url"] == body["url"]


def test_the_address_follows_the_visibility(as_owner: APIClient, snippet: Snippet) -> None:
    for visibility, ref in (("private", snippet.slug), ("public", snippet.pk), ("unlisted", snippet.slug)):
        response = as_owner.patch(f"/snippets/{snippet.pk}/", {"visibility": visibility})
        assert response.json()["url"] == f"http://testserver/snippets/{ref}/"


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_method_works_with_and_without_the_last_slash(slash: str, as_owner: APIClient) -> None:
    created = as_owner.post(f"/snippets{slash}", {"code": CODE})
    address = f"/snippets/{created.json()['pk']}{slash}"
    by_slug = f"/snippets/{created.json()['slug']}{slash}"
    statuses = [
        created.status_code,
        as_owner.get(f"/snippets{slash}").status_code,
        as_owner.head(f"/snippets{slash}").status_code,
        as_owner.options(f"/snippets{slash}").status_code,
        as_owner.get(address).status_code,
        as_owner.get(by_slug).status_code,
        as_owner.head(address).status_code,
        as_owner.options(address).status_code,
        as_owner.put(address, {"code": "put"}).status_code,
        as_owner.patch(address, {"code": "patched"}).status_code,
        as_owner.get(f"{address.rstrip('/')}/raw{slash}").status_code,
        as_owner.get(f"{address.rstrip('/')}/highlight{slash}").status_code,
        as_owner.delete(address).status_code,
        as_owner.get(address).status_code,
    ]
    assert statuses == [201, *[200] * 11, 204, 404]


def test_a_query_survives_the_missing_slash(as_owner: APIClient, snippet: Snippet) -> None:
    response = as_owner.generic("POST", "/snippets?title=a%2Fb", b"x", "text/plain")
    assert response.json()["title"] == "a/b"
    assert as_owner.get("/snippets?q=hello").json()["count"] == 1


@pytest.mark.parametrize(
    "address", ["/snippets/", "/snippets/{pk}/", "/snippets/{pk}/raw/", "/snippets/{pk}/highlight/"]
)
def test_head_is_get_without_a_body(address: str, anonymous: APIClient, snippet: Snippet) -> None:
    address = address.replace("{pk}", str(snippet.pk))
    got, head = anonymous.get(address), anonymous.head(address)
    assert head.status_code == got.status_code == 200
    assert head.content == b""
    for name in ("Content-Type", "Content-Length", "ETag", "Link", "Cache-Control", "Vary"):
        assert head.get(name) == got.get(name)


def test_put_replaces_what_is_named_and_patch_needs_no_code(as_owner: APIClient, snippet: Snippet) -> None:
    address = f"/snippets/{snippet.pk}/"
    put = as_owner.put(address, {"code": "a\n", "title": "A", "language": "ruby", "linenos": True})
    assert (put.status_code, put.json()["version"]) == (200, 2)
    patched = as_owner.patch(address, {"title": "B"})
    assert (patched.status_code, patched.json()["version"]) == (200, 3)
    expected = {"code": "a\n", "title": "B", "language": "ruby", "linenos": True, "filename": "hello.py"}
    assert {name: patched.json()[name] for name in expected} == expected
    assert patched.json() == as_owner.get(address).json()
    assert as_owner.put(address, {"title": "C"}).json() == {"code": ["This field is required."]}


def test_a_change_moves_updated_and_not_created(as_owner: APIClient, snippet: Snippet) -> None:
    before = as_owner.get(f"/snippets/{snippet.pk}/").json()
    after = as_owner.patch(f"/snippets/{snippet.pk}/", {"code": "a\nb"}).json()
    assert after["created"] == before["created"]
    assert after["updated"] > before["updated"]
    assert (after["size"], after["lines"]) == (3, 2)
    assert after["created"].endswith("Z")


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private"])
@pytest.mark.parametrize("way", ["post", "get", "row"])
def test_a_whole_answer_can_be_sent_back(way: str, visibility: str, as_owner: APIClient) -> None:
    posted = as_owner.post("/snippets/", {"code": CODE, "visibility": visibility, "filename": "a.rb"}).json()
    address = f"/snippets/{posted['slug']}/"
    answer = {
        "post": posted,
        "get": as_owner.get(address).json(),
        "row": as_owner.get("/snippets/?include=code").json()["results"][0],
    }[way]
    response = as_owner.put(address, answer | {"title": "Changed"})
    assert response.status_code == 200
    expected = as_owner.get(address).json()
    ignored = ("updated", "version", "revision", "title", "edit_key", "excerpt")
    assert {name: value for name, value in expected.items() if name not in ignored} == {
        name: value for name, value in answer.items() if name not in ignored
    }
    assert expected["title"] == "Changed"


def test_what_may_only_be_read_is_ignored_when_it_is_sent(
    as_owner: APIClient, snippet: Snippet, stranger: User
) -> None:
    forged = {
        "pk": 999,
        "url": "http://example.org/",
        "owner": "stranger",
        "slug": "x" * 22,
        "version": 99,
        "created": "2001-01-01T00:00:00Z",
        "updated": "2001-01-01T00:00:00Z",
        "size": 1,
        "lines": 99,
        "excerpt": "other",
        "edit_key": "edit_forged",
    }
    before = as_owner.get(f"/snippets/{snippet.pk}/").json()
    as_owner.patch(f"/snippets/{snippet.pk}/", forged)
    after = as_owner.get(f"/snippets/{snippet.pk}/").json()
    assert after | {"version": 1, "updated": before["updated"]} == before
    posted = as_owner.post("/snippets/", forged | {"code": CODE}).json()
    assert [name for name in forged if posted[name if name != "excerpt" else "code"] == forged[name]] == []


MISSPELT = [
    ("POST", "/snippets/", json.dumps({"code": CODE, "visibilty": "private"}), "application/json"),
    ("POST", "/snippets/?visibilty=private", json.dumps({"code": CODE}), "application/json"),
    ("POST", "/snippets/", "code=x&visibilty=private", FORM),
    ("POST", "/snippets/?visibilty=private", "code=x", FORM),
    ("POST", "/snippets/?visibilty=private", CODE, "text/plain"),
    ("PUT", "/snippets/{pk}/", json.dumps({"code": CODE, "visibilty": "private"}), "application/json"),
    ("PATCH", "/snippets/{pk}/", json.dumps({"visibilty": "private"}), "application/json"),
    ("PATCH", "/snippets/{pk}/?visibilty=private", json.dumps({"title": "a"}), "application/json"),
    ("PATCH", "/snippets/{pk}/?visibilty=private", CODE, "text/plain"),
]


@pytest.mark.parametrize(("method", "address", "body", "media_type"), MISSPELT)
def test_a_misspelt_visibility_is_named_and_nothing_is_published(
    method: str, address: str, body: str, media_type: str, as_owner: APIClient, snippet: Snippet
) -> None:
    response = as_owner.generic(method, address.replace("{pk}", str(snippet.pk)), body, media_type)
    assert response.status_code == 400
    assert list(response.json()) == ["visibilty"]
    assert list(Snippet.objects.values_list("version", "code")) == [(1, snippet.code)]


@every_way
@pytest.mark.parametrize(
    ("filename", "code", "language"),
    [
        ("main.rs", "fn main() {}\n", "rust"),
        ("MAIN.RS", "fn main() {}\n", "rust"),
        ("Makefile", "all:\n", "make"),
        ("main.rs", "#!/bin/bash\n", "rust"),
        ("script", "#!/usr/bin/env -S node --harmony\n", "javascript"),
        ("", "#!/bin/sh\n", "bash"),
        ("", "\ufeff#!/usr/bin/python3.11\n", "python"),
        ("", "<?php echo 1;\n", "python"),
        ("notes.nonsense", "hello\n", "python"),
    ],
)
def test_the_language_is_that_of_the_file_name_else_of_the_first_line_else_python(
    send: Post, filename: str, code: str, language: str, as_owner: APIClient
) -> None:
    fields = {"code": code} | ({"filename": filename} if filename or send is as_file else {})
    body = send(as_owner, "POST", "/snippets/", fields).json()
    assert (body["language"], body["filename"]) == (language, filename)


def test_a_language_that_is_named_is_not_detected(as_owner: APIClient, snippet: Snippet) -> None:
    body = as_owner.post("/snippets/", {"code": "#!/bin/sh\n", "filename": "a.rb", "language": "lua"}).json()
    assert body["language"] == "lua"
    changed = as_owner.patch(f"/snippets/{snippet.pk}/", {"filename": "a.rb"}).json()
    assert changed["language"] == "python"


@pytest.mark.parametrize("send", [as_json, as_form, as_multipart, as_text])
def test_what_a_form_leaves_empty_is_as_if_it_were_not_sent(send: Post, as_owner: APIClient, snippet: Snippet) -> None:
    empty = {"language": "", "style": "", "title": "", "filename": "", "description": ""}
    posted = send(as_owner, "POST", "/snippets/", empty | {"code": "#!/bin/sh\n"})
    assert posted.status_code == 201
    assert (posted.json()["language"], posted.json()["style"]) == ("bash", "friendly")
    Snippet.objects.update(language="ruby", style="monokai")
    put = send(as_owner, "PUT", f"/snippets/{snippet.pk}/", empty | {"code": CODE})
    assert (put.json()["language"], put.json()["style"]) == ("ruby", "monokai")
    assert (put.json()["title"], put.json()["filename"]) == ("", "")


def test_a_file_gives_its_name_unless_another_is_given(as_owner: APIClient) -> None:
    code = SimpleUploadedFile("größe.rb", b"puts 1\n", "application/octet-stream")
    body = as_owner.post("/snippets/", {"code": code}, format="multipart").json()
    assert (body["filename"], body["language"], body["code"]) == ("größe.rb", "ruby", "puts 1\n")
    code.seek(0)
    body = as_owner.post("/snippets/", {"code": code, "filename": "b.lua"}, format="multipart").json()
    assert (body["filename"], body["language"]) == ("b.lua", "lua")


def test_a_text_takes_its_fields_from_the_query(as_owner: APIClient) -> None:
    query = f"filename={quote('größe.go')}&title=a+b&visibility=private&style=monokai&linenos=true&format=json"
    response = as_owner.generic("POST", f"/snippets/?{query}", b"package main\n", "text/plain")
    assert response.status_code == 201
    expected = {
        "filename": "größe.go",
        "title": "a b",
        "visibility": "private",
        "style": "monokai",
        "linenos": True,
        "language": "go",
        "code": "package main\n",
    }
    assert {name: response.json()[name] for name in expected} == expected


def test_titles_are_trimmed_and_descriptions_are_not(as_owner: APIClient) -> None:
    body = as_owner.post("/snippets/", {"code": CODE, "title": "  a  ", "description": "  a\n\n"}).json()
    assert (body["title"], body["description"]) == ("a", "  a\n\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [("title", "😀" * 200), ("filename", "é" * 127), ("description", "x\n" * 2500), ("code", "x" * 512 * 1024)],
)
def test_the_longest_value_is_kept(name: str, value: str, as_owner: APIClient) -> None:
    body = as_owner.post("/snippets/", {"code": CODE} | {name: value}).json()
    assert as_owner.get(body["url"]).json()[name] == value


@pytest.mark.parametrize(("code", "lines"), [("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\na\n", 3), ("a\r\nb\r\n", 2)])
def test_lines_are_counted_as_an_editor_does(code: str, lines: int, as_owner: APIClient) -> None:
    assert as_owner.post("/snippets/", {"code": code}).json()["lines"] == lines


def test_a_deleted_snippet_is_gone(as_owner: APIClient, snippet: Snippet) -> None:
    response = as_owner.delete(f"/snippets/{snippet.pk}/")
    assert (response.status_code, response.content) == (204, b"")
    for address in (snippet.pk, snippet.slug, f"{snippet.pk}/raw", f"{snippet.pk}/highlight"):
        assert as_owner.get(f"/snippets/{address}/").status_code == 404
    assert as_owner.delete(f"/snippets/{snippet.pk}/").status_code == 404
    assert as_owner.get("/snippets/").json()["count"] == 0


def test_nobody_may_post_where_that_is_off(anonymous: APIClient, as_owner: APIClient, settings: Any) -> None:
    settings.ANONYMOUS_POSTING = False
    response = anonymous.post("/snippets/", {"code": CODE})
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert list(response.json()) == ["detail"]
    assert Snippet.objects.count() == 0
    assert as_owner.post("/snippets/", {"code": CODE}).status_code == 201


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private"])
def test_who_posts_without_an_account_gets_a_key_once(
    visibility: str, anonymous: APIClient, as_stranger: APIClient
) -> None:
    posted = anonymous.post("/snippets/", {"code": CODE, "visibility": visibility}).json()
    key, address = posted["edit_key"], f"/snippets/{posted['slug']}/"
    assert posted["owner"] is None
    assert key.startswith("edit_")
    assert key not in "".join(map(str, Snippet.objects.values_list().get()))
    with_key = {"X-Edit-Key": key}
    read = anonymous.get(address, headers=with_key)
    changed = anonymous.patch(address, {"title": "mine"}, headers=with_key)
    for response in (read, changed, anonymous.get("/snippets/", headers=with_key)):
        assert response.status_code == 200
        assert key.encode() not in response.content
        assert b"edit_key" not in response.content
    refused = anonymous.patch(address, {"title": "yours"}, headers={"X-Edit-Key": key + "x"})
    assert refused.status_code == (404 if visibility == "private" else 403)
    assert anonymous.patch(address, {"title": "yours"}).status_code == (404 if visibility == "private" else 401)
    assert as_stranger.patch(address, {"title": "yours"}).status_code == (404 if visibility == "private" else 403)
    assert Snippet.objects.get().title == "mine"
    assert anonymous.delete(address, headers=with_key).status_code == 204


def test_who_posts_with_an_account_gets_no_key(as_owner: APIClient) -> None:
    body = as_owner.post("/snippets/", {"code": CODE, "edit_key": "edit_mine"}).json()
    assert body["edit_key"] is None
    refused = APIClient().patch(body["url"], {"title": "a"}, headers={"X-Edit-Key": "edit_mine"})
    assert refused.status_code in (401, 403)


def test_answers_to_unknown_accepts_are_json(anonymous: APIClient, snippet: Snippet) -> None:
    for accept in ("", "*/*", "application/json", "application/xml", "nonsense"):
        response = anonymous.get(f"/snippets/{snippet.pk}/", headers={"Accept": accept})
        assert response.status_code == 200
        assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "address", ["/snippets/", "/snippets/{pk}/", "/snippets/?page_size=1", "/snippets/?page=9", "/"]
)
def test_a_browser_gets_pages_from_the_same_addresses(address: str, in_browser: APIClient, snippet: Snippet) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    response = in_browser.get(address.replace("{pk}", str(snippet.pk)), headers={"Accept": accept})
    assert response.status_code == (404 if "page=9" in address else 200)
    assert response["Content-Type"] == "text/html; charset=utf-8"
