"""Real files: stored byte for byte, and rendered in every text format without losing a character."""

import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from snippets.tokens import visible
from tests.conftest import ROOT
from tests.reading import text_of, with_its_end

FORMATS = ("fragment", "svg", "ansi", "latex")
LARGEST = 512 * 1024

TEXTS = {
    "emoji.py": 'print("👩‍👩‍👧‍👦 🏳️‍🌈 é e\u0301 ﬁ")\n',
    "right-to-left.js": 'const greeting = "שלום עולם, مرحبا بالعالم";\n// ‮evil‬\n',
    "crlf.bat": "@echo off\r\nrem a comment\r\ndir /b\r\n",
    "mixed-ends.txt": "one\rtwo\r\nthree\nfour\r\r\n\n",
    "no-last-newline.rb": "puts 1",
    "leading-indentation.py": "        return self\n    finally:\n        pass\n",
    "leading-blank-lines.c": "\n\n\n\nint main(void) { return 0; }\n\n\n",
    "tabs.go": "package main\n\n\tfunc\t main()\t{}\n",
    "bom.cs": "\ufeffclass A {}\n",
    "separators.json": '{"a": "\u2028\u2029\u0085\u00a0"}\n',
    "form-feed.py": "x = 1\n\f\ny = 2\x0b\x1b[31m\x07\n",
    "markup.html": '</pre></code><script>alert("&amp;")</script><!-- ]]> -->\n',
    "latex.tex": "\\documentclass{a}\\begin{Verbatim}\\end{Verbatim} $x^2_1$ % {}~#&\n\\input{/etc/passwd}\n",
    "longest.txt": "line of the longest code allowed\n" * (LARGEST // 33),
    "longest-line.js": "a" * LARGEST,
}


def readable(path: Path) -> str | None:
    """The file's text, where it is one that may be posted."""
    data = path.read_bytes()
    if not data.strip() or b"\0" in data or len(data) > LARGEST:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def of_python() -> list[Path]:
    """Some 350 of the installation's files, of all folders, and its largest ones."""
    files = sorted(
        path for path in Path(sysconfig.get_path("stdlib")).rglob("*.py") if "site-packages" not in path.parts
    )
    by_size = sorted(files, key=lambda path: path.stat().st_size)
    return files[:: len(files) // 350] + by_size[-5:]


def of_the_project() -> list[Path]:
    """The newest file of each kind, and all that are small."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [ROOT / name for name in listing.splitlines()]
    kinds = {path.suffix or path.name: path for path in files}
    return sorted({*kinds.values(), *(path for path in files if path.stat().st_size < 4000)})


def post_and_read(client: APIClient, name: str, code: str) -> None:
    response = client.post(
        f"/snippets/?filename={name}", data=code.encode(), content_type="text/plain", headers={"Accept": "*/*"}
    )
    assert response.status_code == 201, (name, response.content[:200])
    assert response.json()["title"] == ""
    number = response.json()["pk"]
    assert client.get(f"/snippets/{number}/raw/").content == code.encode(), name
    for suffix in FORMATS:
        rendering = client.get(f"/snippets/{number}/highlight.{suffix}")
        assert rendering.status_code == 200, (name, suffix)
        assert text_of(rendering.content, suffix) == with_its_end(visible(code), suffix), (name, suffix)
    fragment = client.get(f"/snippets/{number}/highlight.fragment").content
    page = client.get(f"/snippets/{number}/highlight.html")
    assert page.status_code == 200
    assert fragment in page.content, name


@pytest.mark.parametrize("name", TEXTS)
def test_difficult_texts(as_owner: APIClient, name: str) -> None:
    post_and_read(as_owner, name, TEXTS[name])


@pytest.mark.slow
@pytest.mark.parametrize("files", [of_python, of_the_project], ids=lambda files: files.__name__)
def test_real_files(as_owner: APIClient, files: Any) -> None:
    texts = [(path.name, text) for path in files() if (text := readable(path)) is not None]
    assert len(texts) > (300 if files is of_python else 20)
    for name, text in texts:
        post_and_read(as_owner, name, text)
