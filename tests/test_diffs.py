"""What differs between two revisions: exact, usable by other programs, and bounded."""

import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from snippets import differences, rendering
from snippets.models import Snippet
from snippets.sandbox import Outcome, Sandbox
from tests.reading import Page

# From here to there.
PAIRS = {
    "one line": ("a\nb\nc\n", "a\nB\nc\n"),
    "a line more": ("a\nb\n", "a\nx\nb\n"),
    "a line less": ("a\nx\nb\n", "a\nb\n"),
    "at the start": ("a\nb\nc\nd\ne\n", "x\na\nb\nc\nd\ne\n"),
    "at the end": ("a\nb\nc\nd\ne\n", "a\nb\nc\nd\ne\nx\n"),
    "far apart": ("".join(f"{n}\n" for n in range(50)), "".join(f"{n}{'!' * (n in (3, 20, 40))}\n" for n in range(50))),
    "everything": ("a\nb\n", "c\nd\n"),
    "no newline any more": ("a\nb\n", "a\nb"),
    "a newline at last": ("a\nb", "a\nb\n"),
    "no newline before and after": ("a\nb", "a\nc"),
    "no newline below what changes": ("a\nb\nc", "x\nb\nc"),
    "CRLF": ("a\r\nb\r\n", "a\r\nc\r\n"),
    "from CRLF to LF": ("a\r\nb\r\n", "a\nb\n"),
    "lone CR": ("a\rb\rc\n", "a\rB\rc\n"),
    "a CR more": ("a\nb\n", "a\r\r\nb\n"),
    "other ends of lines": ("a\u2028b\x0cc\x85d\x1ce\n", "a\u2028B\x0cc\x85d\x1ce\nf\x0b\n"),
    "lines like a patch": ("--- a\n+++ b\n@@ -1 +1 @@\n-x\n", "--- a\n+++ c\n@@ -1 +1 @@\n+x\n\\ No newline\n"),
    "blank lines": ("a\n\n\n\nb\n", "a\n\n\nb\n"),
    "only newlines, but for one": ("x" + "\n" * 300, "x" + "\n" * 299 + "y\n"),
    "emoji": ("print('👩\u200d👧')\n", "print('🏳️\u200d🌈')\n"),
}


@pytest.fixture
def changed(as_owner: APIClient) -> Callable[..., str]:
    """The address of the second revision of a snippet that was changed from one code to another."""

    def make(old: str, new: str, **fields: Any) -> str:
        posted = as_owner.post("/snippets/", {"code": old, "filename": "code.txt", "language": "text"} | fields).json()
        assert as_owner.patch(f"/snippets/{posted['pk']}/", {"code": new}).json()["revision"] == 2
        return f"/snippets/{posted['pk']}/revisions/2/"

    return make


def applied(hunks: list[dict[str, Any]], old: str) -> str:
    """The new text, made of the old one as somebody would who has nothing but the JSON."""
    lines = old.split("\n")
    before = [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    after: list[str] = []
    at = 0
    for hunk in hunks:
        start = hunk["old_start"] - (1 if hunk["old_lines"] else 0)
        after += before[at:start]
        assert len(after) == hunk["new_start"] - (1 if hunk["new_lines"] else 0)
        at = start + hunk["old_lines"]
        kinds = [line["kind"] for line in hunk["lines"]]
        assert len(kinds) - kinds.count("added") == hunk["old_lines"]
        assert len(kinds) - kinds.count("removed") == hunk["new_lines"]
        for line in hunk["lines"]:
            text = line["text"] + ("\n" if line["ended"] else "")
            if line["kind"] != "added":
                assert before[line["old"] - 1] == text
            if line["kind"] != "removed":
                after.append(text)
                assert len(after) == line["new"]
    return "".join(after + before[at:])


@pytest.mark.parametrize(("old", "new"), PAIRS.values(), ids=PAIRS)
def test_the_hunks_lead_from_the_old_code_to_the_new(
    old: str, new: str, changed: Callable[..., str], anonymous: APIClient
) -> None:
    response = anonymous.get(f"{changed(old, new)}diff/")
    assert (response.status_code, response["Content-Type"], response["X-Diff"]) == (200, "application/json", "true")
    diff = response.json()
    assert (diff["number"], diff["against"], diff["coarse"], diff["changes"]) == (2, 1, None, {})
    assert applied(diff["hunks"], old) == new


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no program `patch` here")
@pytest.mark.parametrize(("old", "new"), PAIRS.values(), ids=PAIRS)
def test_patch_takes_the_unified_text(
    old: str, new: str, changed: Callable[..., str], anonymous: APIClient, tmp_path: Path
) -> None:
    response = anonymous.get(f"{changed(old, new, filename='my code.txt')}diff.patch")
    assert response["Content-Type"] == "text/x-diff; charset=utf-8"
    file = tmp_path / "my code.txt"
    file.write_bytes(old.encode())
    for arguments, expected in (([], new), (["--reverse"], old)):
        command = ["patch", "--strip=1", "--fuzz=0", *arguments]
        done = subprocess.run(command, cwd=tmp_path, input=response.content, capture_output=True)
        assert done.returncode == 0, done.stdout
        assert b"Stripping" not in done.stdout
        assert file.read_bytes() == expected.encode()


@pytest.mark.parametrize(("old", "new"), PAIRS.values(), ids=PAIRS)
def test_git_takes_the_unified_text(
    old: str, new: str, changed: Callable[..., str], anonymous: APIClient, tmp_path: Path
) -> None:
    patch = anonymous.get(f"{changed(old, new, filename='my code.txt')}diff/?format=patch").content
    (tmp_path / "my code.txt").write_bytes(old.encode())
    subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], cwd=tmp_path, input=patch, check=True)
    assert (tmp_path / "my code.txt").read_bytes() == new.encode()


@pytest.mark.skipif(shutil.which("diff") is None, reason="there is no program `diff` here")
def test_it_is_what_diff_says(changed: Callable[..., str], anonymous: APIClient, tmp_path: Path) -> None:
    for name in ("one line", "far apart", "no newline any more", "at the end", "CRLF"):
        old, new = PAIRS[name]
        (tmp_path / "old").write_bytes(old.encode())
        (tmp_path / "new").write_bytes(new.encode())
        labels = ["--label=a/code.txt", "--label=b/code.txt"]
        said = subprocess.run(["diff", "-u", *labels, "old", "new"], cwd=tmp_path, capture_output=True).stdout
        assert anonymous.get(f"{changed(old, new)}diff.patch").content == said


def test_the_first_one_is_all_new(anonymous: APIClient, snippet: Snippet) -> None:
    address = f"/snippets/{snippet.pk}/revisions/1/diff"
    diff = anonymous.get(f"{address}/").json()
    assert (diff["number"], diff["against"], diff["changes"]) == (1, None, {})
    assert applied(diff["hunks"], "") == snippet.code
    text = '--- /dev/null\n+++ b/hello.py\n@@ -0,0 +1,1 @@\n+print("hello")\n'
    assert anonymous.get(f"{address}.patch").content.decode() == text
    assert "the first" in anonymous.get(f"{address}.html").text


def test_any_two_in_both_directions(anonymous: APIClient, as_owner: APIClient, snippet: Snippet) -> None:
    codes = [snippet.code]
    for number in (2, 3, 4):
        codes.append(codes[-1] + f"x = {number}\n")
        as_owner.patch(f"/snippets/{snippet.pk}/", {"code": codes[-1]})
    for number in (1, 2, 3, 4):
        for against in (1, 2, 3, 4):
            diff = anonymous.get(f"/snippets/{snippet.pk}/revisions/{number}/diff/?against={against}").json()
            assert (diff["number"], diff["against"]) == (number, against)
            assert applied(diff["hunks"], codes[against - 1]) == codes[number - 1]
            assert bool(diff["hunks"]) == (number != against)
    same = anonymous.get(f"/snippets/{snippet.pk}/revisions/3/diff.patch?against=3")
    assert (same.status_code, same.content) == (200, b"")


def test_other_fields_are_told_as_well(as_owner: APIClient, snippet: Snippet) -> None:
    new = {"title": "<b>New</b>", "filename": "new.rb", "description": "Two\nlines", "language": "ruby"}
    as_owner.patch(f"/snippets/{snippet.pk}/", new | {"style": "monokai"})
    address = f"/snippets/{snippet.pk}/revisions/2/diff"
    diff = as_owner.get(f"{address}/").json()
    assert diff["hunks"] == []
    assert diff["changes"] == {
        "title": {"old": "Greeting", "new": "<b>New</b>"},
        "description": {"old": "", "new": "Two\nlines"},
        "filename": {"old": "hello.py", "new": "new.rb"},
        "language": {"old": "python", "new": "ruby"},
    }
    page = as_owner.get(f"{address}.html").text
    assert "<ins>&lt;b&gt;New&lt;/b&gt;</ins>" in page
    assert "The code is the same." in page
    assert as_owner.get(f"{address}.patch").content == b""


@pytest.mark.parametrize("against", ["0", "3", "x", "-1", "01x", "", "1&against=2", "9" * 30, "²"])
def test_a_bad_number_to_compare_with_is_named(against: str, changed: Callable[..., str], anonymous: APIClient) -> None:
    for ending in ("diff/", "diff.patch", "diff.html"):
        response = anonymous.get(f"{changed('a', 'b')}{ending}?against={against}")
        assert (response.status_code, list(response.json())) == (400, ["against"])
        assert response["Content-Type"] == "application/json"


FORMATS = {"json": "application/json", "patch": "text/x-diff; charset=utf-8", "html": "text/html; charset=utf-8"}


def test_a_format_by_query_by_suffix_and_by_accept(changed: Callable[..., str], anonymous: APIClient) -> None:
    address = changed("a\n", "b\n")
    tags = set()
    for name, content_type in FORMATS.items():
        accept = {"Accept": content_type.partition(";")[0]}
        responses = [
            anonymous.get(f"{address}diff/?format={name}"),
            anonymous.get(f"{address}diff.{name}"),
            anonymous.get(f"{address}diff/", headers=accept),
        ]
        assert {response["Content-Type"] for response in responses} == {content_type}
        assert len({response.content for response in responses}) == 1
        tags |= {response["ETag"] for response in responses}
    assert len(tags) == 3
    for ending, name in (("diff.svg", "format"), ("diff/?format=api", "format"), ("diff/?style=vim", "style")):
        response = anonymous.get(f"{address}{ending}")
        assert (response.status_code, list(response.json())) == (400, [name])


# --- The page ---------------------------------------------------------------------------------------------------------


def rows(page: str) -> list[str]:
    return [row.partition("</tr>")[0] for row in page.split("<tr ")[1:]]


def test_the_page_has_colours_and_numbers(changed: Callable[..., str], anonymous: APIClient) -> None:
    old, new = '"""a\nb\n"""\nx = 1\n', '"""a\nB\n"""\nx = 2\n'
    response = anonymous.get(f"{changed(old, new, language='python', style='monokai')}diff.html")
    page = response.text
    assert "/styles/monokai.css" in page
    # The middle of a string is known for what it is.
    assert '<td class="kind">-</td><td class="code"><span class="sd">b</span></td>' in page
    assert '<td class="kind">+</td><td class="code"><span class="sd">B</span></td>' in page
    assert [row.partition('"')[2].partition('"')[0] for row in rows(page)] == [
        *("hunk", "same", "removed", "added", "same", "removed", "added"),
    ]
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "Content-Disposition" not in response


@pytest.mark.parametrize(("old", "new"), PAIRS.values(), ids=PAIRS)
def test_the_page_has_the_lines_of_the_patch(
    old: str, new: str, changed: Callable[..., str], anonymous: APIClient
) -> None:
    address = changed(old, new, language="python")
    expected = [line for hunk in anonymous.get(f"{address}diff/").json()["hunks"] for line in hunk["lines"]]
    shown = [row for row in rows(anonymous.get(f"{address}diff.html").text) if not row.startswith('class="hunk"')]
    assert len(shown) == len(expected)
    for row, line in zip(shown, expected, strict=True):
        code = row.partition('<td class="code">')[2].removesuffix("</td>").partition('<span class="mark">')[0]
        text = Page(f"<pre>{code}</pre>".encode()).texts["code"]
        assert text == differences_shown(line["text"])
        numbers = f'<td class="number">{line["old"] or ""}</td><td class="number">{line["new"] or ""}</td>'
        assert numbers in row


def differences_shown(text: str) -> str:
    """What a line looks like where control characters are shown as pictures, and a CR at its end apart."""
    text = text.removesuffix("\r")
    pictures = {"\r": "␍", "\x0c": "␌", "\x0b": "␋", "\x1c": "␜", "\x85": "\ufffd"}
    return "".join(pictures.get(character, character) for character in text)


def test_the_page_tells_ends_of_lines_apart(changed: Callable[..., str], anonymous: APIClient) -> None:
    page = anonymous.get(f"{changed(*PAIRS['from CRLF to LF'])}diff.html").text
    assert page.count('<span class="mark">␍</span>') == 2
    page = anonymous.get(f"{changed(*PAIRS['no newline any more'])}diff.html").text
    assert page.count("No newline at end of file") == 1


def test_the_page_runs_nothing_that_a_user_wrote(as_owner: APIClient) -> None:
    evil = '</td></pre><script>alert(1)</script><img src=x onerror="alert(1)">'
    fields = {"title": evil, "code": evil, "filename": "x.html", "description": evil, "language": "html"}
    number = as_owner.post("/snippets/", fields).json()["pk"]
    more = {"code": f"{evil}\n{evil}", "title": f"{evil}2", "description": "", "message": evil}
    assert as_owner.patch(f"/snippets/{number}/", more).status_code == 200
    for below in ("2/diff.html", "1/diff.html", "1/diff.html?against=2", "1/highlight/", "2/highlight/"):
        response = as_owner.get(f"/snippets/{number}/revisions/{below}")
        assert response.status_code == 200
        assert b"<script" not in response.content
        assert b"<img" not in response.content


# --- Bounds -----------------------------------------------------------------------------------------------------------


def slow_pair() -> tuple[str, str]:
    """Two texts whose lines come up again and again, and not so often that they would be left out."""
    draw = random.Random(1)
    old, new = ("".join(f"{draw.randrange(125)}\n" for _ in range(18_000)) for _ in range(2))
    return f"same\n{old}end\n", f"same\n{new}end\n"


@pytest.fixture
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = Sandbox(timeout=0.3, processes=1)
    monkeypatch.setattr(rendering, "sandbox", lambda: made)
    yield
    made.close()


def test_what_takes_too_long_comes_as_one_change_and_says_so(
    short_deadline: None, changed: Callable[..., str], anonymous: APIClient
) -> None:
    old, new = slow_pair()
    address = changed(old, new)
    started = time.monotonic()
    for ending in ("diff/", "diff.patch", "diff.html"):
        response = anonymous.get(f"{address}{ending}")
        assert response.status_code == 200
        assert response["X-Diff"] == "false; reason=timeout"
        assert response["Cache-Control"] == "private, no-store"
        assert "ETag" not in response
    assert "comparing it takes too long" in response.text
    diff = anonymous.get(f"{address}diff/").json()
    assert time.monotonic() - started < 10  # the deadline was waited for once
    assert diff["coarse"] == "timeout"
    assert len(diff["hunks"]) == 1
    assert diff["hunks"][0]["lines"][0] == {"kind": "same", "old": 1, "new": 1, "text": "same", "ended": True}
    assert applied(diff["hunks"], old) == new


def test_what_is_too_large_is_not_even_tried(changed: Callable[..., str], anonymous: APIClient) -> None:
    lines = [f"{number}\n" for number in range(20_002)]
    old = "".join(lines)
    for changes in ({5: "x\n"}, {5: "", 6: ""}, {5: "x\n", 20_001: "y\n"}):
        new = "".join(changes.get(number, line) for number, line in enumerate(lines))
        response = anonymous.get(f"{changed(old, new)}diff/")
        assert response["X-Diff"] == "true"
        assert applied(response.json()["hunks"], old) == new
    first_and_last = "".join({0: "x\n", 20_001: "y\n"}.get(number, line) for number, line in enumerate(lines))
    for address in (changed(old, first_and_last), changed("x\n", old)):
        for form in ("diff/", "diff.patch", "diff.html"):
            response = anonymous.get(f"{address}{form}")
            assert response.status_code == 400
            assert "More than 20,000 lines differ" in response.json()["against"][0]


def test_a_child_that_compares_for_too_long_is_killed_and_the_next_one_works() -> None:
    sandbox = Sandbox(timeout=0.3, processes=1)
    try:
        assert sandbox.compare("a\nb\n", "a\nc\n") == (Outcome.DONE, b"[[1, 2, 1, 2]]")
        assert sandbox.compare(*slow_pair()) == (Outcome.TIMEOUT, b"")
        assert sandbox.compare("a\n", "b\n") == (Outcome.DONE, b"[[0, 1, 0, 1]]")
    finally:
        sandbox.close()


def test_what_was_compared_once_comes_from_the_cache(changed: Callable[..., str], anonymous: APIClient) -> None:
    address = changed("a\nb\nc\n", "x\nb\ny\n")
    first = anonymous.get(f"{address}diff/").json()
    key = differences.cache_key("a\nb\nc\n", "x\nb\ny\n")
    assert cache.get(f"compared:{key}") == b"[[0, 1, 0, 1], [2, 3, 2, 3]]"
    cache.set(f"compared:{key}", b"[[0, 3, 0, 3]]")
    again = anonymous.get(f"{address}diff/").json()
    assert len(again["hunks"][0]["lines"]) == 6 > len(first["hunks"][0]["lines"])
    assert differences.cache_key("a\nb\n", "c\n") != differences.cache_key("a\n", "b\nc\n")
