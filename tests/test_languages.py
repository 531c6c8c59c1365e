"""Which language a file is in, and what languages and styles there are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from snippets.languages import (
    LANGUAGES,
    STYLES,
    aliases_of,
    closest,
    detect,
    is_language,
    is_style,
    language_of,
    stylesheet,
)

EXPECTED = {
    "setup.py": "python",
    "app.js": "javascript",
    "app.mjs": "javascript",
    "app.ts": "typescript",
    "App.tsx": "tsx",
    "App.jsx": "jsx",
    "index.html": "html",
    "site.css": "css",
    "main.c": "c",
    "main.h": "c",
    "main.cpp": "cpp",
    "main.hpp": "cpp",
    "Program.cs": "csharp",
    "Main.java": "java",
    "main.go": "go",
    "main.rs": "rust",
    "main.rb": "ruby",
    "index.php": "php",
    "script.pl": "perl",
    "run.sh": "bash",
    "query.sql": "sql",
    "README.md": "markdown",
    "README.rst": "restructuredtext",
    "ci.yml": "yaml",
    "ci.yaml": "yaml",
    "data.json": "json",
    "pyproject.toml": "toml",
    "setup.ini": "ini",
    "data.xml": "xml",
    "notes.txt": "text",
    "server.log": "text",
    "data.csv": "text",
    "paper.tex": "tex",
    "analysis.r": "r",
    "analysis.R": "r",
    "view.m": "objective-c",
    "cpu.v": "verilog",
    "main.lua": "lua",
    "Main.kt": "kotlin",
    "main.swift": "swift",
    "Main.scala": "scala",
    "Main.hs": "haskell",
    "main.ex": "elixir",
    "main.erl": "erlang",
    "core.clj": "clojure",
    "build.ps1": "powershell",
    "build.bat": "batch",
    "Program.fs": "fsharp",
    "boot.S": "gas",
    "basic.t": "perl",
    "init.lisp": "common-lisp",
    "page.html.erb": "erb",
    "Makefile": "make",
    "makefile": "make",
    "Makefile.am": "make",
    "Dockerfile": "docker",
    "CMakeLists.txt": "cmake",
    "Jenkinsfile": "groovy",
    "Gemfile": "ruby",
    ".gitignore": "text",
    ".env": "bash",
    ".bashrc": "bash",
    "SETUP.PY": "python",
    "/home/ada/src/main.rs": "rust",
    r"C:\src\main.rs": "rust",
    "a" * 1000 + ".py": "python",
}

SHEBANGS = {
    "#!/usr/bin/env -S python3.11 -u": "python",
    "#!/usr/bin/env python2": "python",
    "#!/usr/bin/env -S -i LANG=C perl -w": "perl",
    "#!/bin/sh": "bash",
    "#! /bin/zsh -e": "bash",
    "#!/usr/bin/env node": "javascript",
    "#!/usr/bin/Rscript --vanilla": "r",
    "#!/usr/bin/env -S deno run": "typescript",
    "#!/usr/bin/env bun": "typescript",
    "#!/usr/bin/pwsh": "powershell",
    "#!/usr/local/bin/php8.3": "php",
    "#!/usr/bin/env /opt/bin/ruby2.7": "ruby",
    "#!/usr/bin/perl6": "perl6",
    "\ufeff#!/bin/sh": "bash",
}


@pytest.mark.parametrize(("filename", "language"), EXPECTED.items(), ids=[name[-20:] for name in EXPECTED])
def test_a_file_name_gives_the_language_that_people_expect(filename: str, language: str) -> None:
    assert detect(filename, "") == language
    assert is_language(language)


@pytest.mark.parametrize(("line", "language"), SHEBANGS.items())
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_shebang_gives_the_language_where_the_name_does_not(line: str, language: str, end: str) -> None:
    assert detect("tool", line + end) == language
    assert is_language(language)


def test_the_file_name_beats_the_shebang() -> None:
    assert detect("tool.rb", "#!/bin/sh\n") == "ruby"


@pytest.mark.parametrize("filename", ["", ".", "/", "*", "*.py*", "[", "*.[1-9]", "README", "x.unheard-of"])
def test_what_has_no_telling_name_has_no_language(filename: str) -> None:
    assert detect(filename, "x = 1\n") is None


@pytest.mark.parametrize(
    "code",
    ["", "#!", "#! ", "#!/", "#!/usr/bin/env", "#!/usr/bin/env -S", "#!/no/such-program", "x\n#!/bin/sh", " #!/bin/sh"],
)
def test_what_is_no_shebang_has_no_language(code: str) -> None:
    assert detect("", code) is None


def test_only_the_first_200_characters_are_searched_for_a_shebang() -> None:
    assert detect("", "#!" + " " * 150 + "/bin/sh") == "bash"
    assert detect("", "#!" + " " * 200 + "/bin/sh") is None


def test_every_pattern_of_every_language_finds_some_language() -> None:
    for language in LANGUAGES:
        for pattern in language.filenames:
            filename = re.sub(r"\[(.)[^]]*]", r"\1", pattern).replace("*", "a")
            found = detect(filename, "")
            assert found is not None
            assert is_language(found)


def test_languages_are_those_with_an_alias_sorted_by_name() -> None:
    names = [language.name.lower() for language in LANGUAGES]
    assert names == sorted(names)
    assert len(LANGUAGES) > 500
    assert all(language.alias == language.aliases[0] for language in LANGUAGES)


def test_an_alias_is_known_exactly_as_it_is_spelt() -> None:
    assert is_language("python")
    assert is_language("py3")
    assert not is_language("Python")
    assert not is_language("")
    assert not is_language("no-such-language")


def test_all_names_of_a_language_are_synonyms() -> None:
    assert {"python", "py", "python3"} <= aliases_of("py3")
    assert aliases_of("py3") == aliases_of("python")
    assert language_of("py3").alias == "python"
    assert aliases_of("no-such-language") == frozenset()


@pytest.mark.parametrize(
    ("word", "alias"),
    [
        ("pyhton", "python"),
        ("PYTHON", "python"),
        (" rust ", "rust"),
        ("reStructuredText", "restructuredtext"),
        ("GraphQL", "graphql"),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_a_misspelt_language_has_a_closest_one(word: str, alias: str | None) -> None:
    assert closest(word) == alias


def test_styles_are_the_builtin_ones() -> None:
    assert "friendly" in STYLES
    assert "github-dark" in STYLES
    assert list(STYLES) == sorted(STYLES)
    assert is_style("monokai")
    assert not any(map(is_style, ["", "Monokai", "..", "../x", "_mapping", "a." * 2000, "\ud800"]))


def test_a_stylesheet_touches_nothing_but_highlighted_code() -> None:
    for style in STYLES:
        rules = stylesheet(style).splitlines()
        assert all(rule.startswith(".highlight") for rule in rules), style
        assert any(rule.startswith(".highlight .hll") for rule in rules)
        assert any("linenos" in rule for rule in rules)


def test_no_style_has_a_stylesheet_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="No such style"):
        stylesheet("../../etc/passwd")


def test_the_vocabulary_is_read_without_lexers_plugins_or_django() -> None:
    program = (
        "import sys; import snippets.languages, snippets.highlighting, snippets.sandbox;"
        "print([name for name in sys.modules if name.split('.')[0] in ('django', 'rest_framework')"
        " or name in ('importlib.metadata', 'pygments.lexers.python')])"
    )
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
