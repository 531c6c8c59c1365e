"""What the documentation names exists, and what exists is documented."""

import doctest
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from tests.conftest import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
API = (ROOT / "docs/api.md").read_text()
HEALTH = {"/health/live/", "/health/ready/"}  # answered by a middleware
SAMPLES = {"ref": "1", "number": "1", "format": "svg", "name": "monokai", "username": "owner", "pk": "1"}


def _addresses(patterns: list[URLPattern | URLResolver], start: str = "/") -> Iterator[str]:
    """The addresses as they are documented: `/snippets/{ref}/`. The admin's own count as one."""
    for pattern in patterns:
        part = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if part.startswith("^") or not (part or isinstance(pattern, URLResolver) or pattern.name):
            continue  # static files while DEBUG, and what answers for addresses that are not there
        if isinstance(pattern, URLResolver) and pattern.app_name != "admin":
            yield from _addresses(pattern.url_patterns, start + part)
        else:
            yield start + part


def _documented(text: str) -> set[str]:
    """The addresses in the first columns of tables."""
    cells = re.findall(r"^\| (`/[^|]*) \|", text, re.MULTILINE)
    return {address for cell in cells for address in re.findall(r"`(/[^`]*)`", cell)}


def _prose(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def _anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.*)$", _prose(document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_address_is_documented() -> None:
    addresses = set(_addresses(get_resolver().url_patterns))
    assert {"/", "/snippets/{ref}/", "/tokens/{pk}/", "/admin/"} <= addresses
    assert _documented(API) >= addresses | HEALTH


@pytest.mark.parametrize("document", ["docs/api.md", "README.md"])
def test_every_documented_address_exists(document: str) -> None:
    documented = _documented((ROOT / document).read_text())
    assert documented <= set(_addresses(get_resolver().url_patterns)) | HEALTH
    for address in documented - HEALTH:
        assert resolve(address.format(**SAMPLES))


def test_every_command_of_ours_is_documented() -> None:
    commands = {path.stem for path in ROOT.glob("*/management/commands/*.py")} - {"__init__"}
    assert {"serve", "load_demo"} <= commands
    documentation = "\n".join(document.read_text() for document in DOCUMENTS)
    assert {command for command in commands if f"manage.py {command}" in documentation} == commands


def test_every_target_of_make_is_documented() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    assert {target for target in phony[1].split() if f"`make {target}`" in contributing} == set(phony[1].split())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(document.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), target
        if anchor:
            assert anchor in _anchors(file), target


def test_the_session_in_the_readme(db: None) -> None:
    block = re.search(r"^```pycon\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block
    session = re.sub(r"'pk': \d+", "'pk': ...", block[1])  # the number depends on the database
    flags = doctest.ELLIPSIS | doctest.FAIL_FAST
    complaints: list[str] = []
    runner = doctest.DocTestRunner(optionflags=flags)
    runner.run(doctest.DocTestParser().get_doctest(session, {}, "README.md", "README.md", 0), out=complaints.append)
    assert not complaints, "".join(complaints)
    assert runner.summarize(verbose=False).attempted > 10
