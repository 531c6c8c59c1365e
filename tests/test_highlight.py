"""Highlighted code over HTTP: formats, what a reader may choose, errors, and what is remembered."""

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from snippets.models import Snippet

TYPES = {
    "html": "text/html; charset=utf-8",
    "fragment": "text/html; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "ansi": "text/x-ansi; charset=utf-8",
    "ansi256": "text/x-ansi; charset=utf-8",
    "latex": "application/x-latex",
    "rtf": "application/rtf",
}
ENDLESS = '  File "a", line 1  File'  # for the lexer `pytb`


@pytest.mark.parametrize("format", TYPES)
def test_a_format_by_query_and_by_suffix(anonymous: APIClient, snippet: Snippet, format: str) -> None:
    by_query = anonymous.get(f"/snippets/{snippet.pk}/highlight/?format={format}")
    by_suffix = anonymous.get(f"/snippets/{snippet.pk}/highlight.{format}")
    for response in (by_query, by_suffix):
        assert response.status_code == 200
        assert response["Content-Type"] == TYPES[format]
        assert response["X-Highlighted"] == "true"
        assert response["X-Content-Type-Options"] == "nosniff"
    assert by_query.content == by_suffix.content


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("image/svg+xml", "image/svg+xml"),
        ("image/png", "image/png"),
        ("text/x-ansi", "text/x-ansi; charset=utf-8"),
        ("application/rtf", "application/rtf"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("application/x-unheard-of", "text/html; charset=utf-8"),
        ("", "text/html; charset=utf-8"),
    ],
)
def test_a_format_by_accept(anonymous: APIClient, snippet: Snippet, accept: str, content_type: str) -> None:
    response = anonymous.get(f"/snippets/{snippet.pk}/highlight/", headers={"Accept": accept})
    assert (response.status_code, response["Content-Type"]) == (200, content_type)


def test_html_is_a_page_with_classes_and_a_style_sheet(anonymous: APIClient, snippet: Snippet) -> None:
    page = anonymous.get(f"/snippets/{snippet.pk}/highlight/?style=monokai").content.decode()
    assert "<title>Greeting</title>" in page
    assert '<link rel="stylesheet" href="/styles/monokai.css">' in page
    assert '<span class="nb">print</span>' in page
    assert "style=" not in page
    sheet = anonymous.get("/styles/monokai.css")
    assert sheet["Content-Type"] == "text/css; charset=utf-8"
    assert ".highlight .nb" in sheet.content.decode()


def test_a_page_runs_nothing_that_a_user_wrote(as_owner: APIClient) -> None:
    evil = '</title></pre><script>alert(1)</script><img src=x onerror="alert(1)">'
    fields = {"title": evil, "code": evil, "filename": "x.html", "description": evil}
    number = as_owner.post("/snippets/", fields).json()["pk"]
    response = as_owner.get(f"/snippets/{number}/highlight/")
    assert b"<script" not in response.content
    assert b"<img" not in response.content
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "script-src" not in response["Content-Security-Policy"]


def test_raw_and_pictures_are_sandboxed(anonymous: APIClient, snippet: Snippet) -> None:
    for path in ("raw/", "highlight.svg"):
        response = anonymous.get(f"/snippets/{snippet.pk}/{path}")
        assert response["Content-Security-Policy"].endswith("; sandbox")
        assert response["Content-Disposition"].startswith("inline; filename=")


def test_a_style_is_never_a_new_rendering(anonymous: APIClient, snippet: Snippet) -> None:
    path = f"/snippets/{snippet.pk}/highlight/?format=fragment"
    bodies = {anonymous.get(f"{path}&style={style}").content for style in ("friendly", "monokai", "vim")}
    assert len(bodies) == 1
    assert len(rendered()) == 1


def rendered() -> list[str]:
    """The keys of what the cache keeps."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM snippets_cache WHERE cache_key LIKE %s", ["%rendered%"])
        return [row[0] for row in cursor.fetchall()]


def test_what_was_rendered_once_comes_from_the_cache(anonymous: APIClient, snippet: Snippet) -> None:
    path = f"/snippets/{snippet.pk}/highlight.fragment"
    first = anonymous.get(path).content
    (key,) = rendered()
    stored_under = key.split(":", 2)[2]
    cache.set(stored_under, first.replace(b"hello", b"from the cache"))
    assert b"from the cache" in anonymous.get(path).content


def test_options_of_the_reader(anonymous: APIClient, snippet: Snippet) -> None:
    path = f"/snippets/{snippet.pk}/highlight.fragment"
    assert b"linenos" not in anonymous.get(path).content
    numbered = anonymous.get(f"{path}?linenos=true&linenostart=41&hl_lines=1").content.decode()
    assert "linenos" in numbered
    assert "41" in numbered
    assert 'class="hll"' in numbered
    assert anonymous.get(f"{path}?language=text").content.count(b"<span") == 1


def test_the_readers_choice_of_line_numbers_beats_the_snippets(anonymous: APIClient, snippet: Snippet) -> None:
    snippet.revise(linenos=True)
    path = f"/snippets/{snippet.pk}/highlight.fragment"
    assert b"linenos" in anonymous.get(path).content
    assert b"linenos" not in anonymous.get(f"{path}?linenos=false").content


@pytest.mark.parametrize("suffix", ["", ".png", ".svg", ".latex", ".fragment"])
def test_errors_are_json_whatever_was_asked_for(anonymous: APIClient, snippet: Snippet, suffix: str) -> None:
    ending = suffix or "/"
    for path, status, name in (
        (f"/snippets/{snippet.pk}/highlight{ending}?style=nonsense", 400, "style"),
        (f"/snippets/{snippet.pk}/highlight{ending}?title=x", 400, "title"),
        (f"/snippets/999999/highlight{ending}", 404, "detail"),
    ):
        response = anonymous.get(path, headers={"Accept": "image/png"})
        assert (response.status_code, response["Content-Type"]) == (status, "application/json")
        assert name in response.json()


def test_a_picture_has_its_limits(as_owner: APIClient) -> None:
    number = as_owner.post("/snippets/", {"code": "x\n" * 501}).json()["pk"]
    response = as_owner.get(f"/snippets/{number}/highlight.png")
    assert response.status_code == 400
    assert "500 lines" in response.json()["format"][0]


def test_what_never_ends_is_plain_says_so_and_is_not_kept_by_clients(as_owner: APIClient) -> None:
    number = as_owner.post("/snippets/", {"code": ENDLESS, "language": "pytb"}).json()["pk"]
    response = as_owner.get(f"/snippets/{number}/highlight/")
    assert response.status_code == 200
    assert response["X-Highlighted"] == "false; reason=timeout"
    assert response["Cache-Control"] == "private, no-store"
    assert "ETag" not in response
    assert "highlighting it takes too long" in response.content.decode()


def test_what_is_too_large_to_highlight_is_plain(as_owner: APIClient) -> None:
    number = as_owner.post("/snippets/", {"code": "x = 1\n" * 20_001}).json()["pk"]
    response = as_owner.get(f"/snippets/{number}/highlight.fragment")
    assert response["X-Highlighted"] == "false; reason=too_large"
    assert response.content.count(b"x = 1") == 20_001


def test_languages_and_styles_are_listed(anonymous: APIClient) -> None:
    languages = anonymous.get("/languages/").json()
    assert languages["count"] == len(languages["results"]) > 500
    python = next(it for it in languages["results"] if it["alias"] == "python")
    assert "py" in python["aliases"]
    assert "*.py" in python["filenames"]
    styles = anonymous.get("/styles/").json()["results"]
    assert {"name": "friendly", "url": "http://testserver/styles/friendly.css"} in styles
    assert all(anonymous.get(style["url"]).status_code == 200 for style in styles)


def test_an_unknown_style_has_no_sheet(anonymous: APIClient) -> None:
    response = anonymous.get("/styles/nonsense.css")
    assert (response.status_code, response.json()) == (404, {"detail": "Not found."})
