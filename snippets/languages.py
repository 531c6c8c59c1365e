"""The languages and styles that Pygments brings, and the language of a file by its name or its first line.

Nothing here looks at the code itself: guessing a language from it is slow enough to be an attack, and wrong
for most short texts. Plugins are left out: no installed package adds a lexer or a style behind our back.
"""

import difflib
import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate

from pygments.formatters.html import HtmlFormatter
from pygments.lexers import find_lexer_class_by_name, get_all_lexers
from pygments.styles import STYLE_MAP

WORD_LENGTH = 50
FILENAME_LENGTH = 255
SHEBANG_LENGTH = 200


@dataclass(frozen=True)
class Language:
    """`alias` is the first of `aliases`; `filenames` are shell patterns (`*.py`, `Makefile`)."""

    name: str
    alias: str
    aliases: tuple[str, ...]
    filenames: tuple[str, ...]
    mimetypes: tuple[str, ...]


# What has no alias cannot be asked for by one: Pygments keeps it for its own use.
LANGUAGES: tuple[Language, ...] = tuple(
    sorted(
        (
            Language(name, aliases[0], tuple(aliases), tuple(filenames), tuple(mimetypes))
            for name, aliases, filenames, mimetypes in get_all_lexers(plugins=False)
            if aliases
        ),
        key=lambda language: language.name.lower(),
    )
)
_BY_ALIAS: Mapping[str, Language] = {alias: language for language in LANGUAGES for alias in language.aliases}
_BY_NAME: Mapping[str, Language] = {language.name.lower(): language for language in LANGUAGES}


def is_language(alias: str) -> bool:
    """Whether Pygments spells one of its languages so: `python` and `py3` are, `Python` is not."""
    return alias in _BY_ALIAS


def language_of(alias: str) -> Language:
    """The language behind any of its names; KeyError where `is_language` says no."""
    return _BY_ALIAS[alias]


def aliases_of(alias: str) -> frozenset[str]:
    """All names of the same language, this one included; empty for a name that is none."""
    return frozenset(_BY_ALIAS[alias].aliases) if alias in _BY_ALIAS else frozenset()


def closest(word: str) -> str | None:
    """The alias that somebody may have meant by `word`, for "did you mean ...?"."""
    # Comparing costs the product of both lengths, and no alias is that long.
    wanted = word[:WORD_LENGTH].strip().lower()
    if wanted in _BY_ALIAS:
        return wanted
    if wanted in _BY_NAME:
        return _BY_NAME[wanted].alias
    return next(iter(difflib.get_close_matches(wanted, _BY_ALIAS, n=1)), None)


def detect(filename: str, code: str) -> str | None:
    """The alias for a file: by its name, else by its shebang, else None."""
    # The end of a name says what it is: that is what must survive the cut.
    name = re.split(r"[/\\]", filename)[-1][-FILENAME_LENGTH:]
    return _by_filename(name) or _by_filename(name.lower()) or _by_shebang(code)


# Where several of Pygments' lexers claim a name, their priorities leave the choice to chance (`.pl` would be a dialect
# of Prolog, `.r` REBOL), and some names that people share have no lexer of their own.
_PREFERRED: Mapping[str, str] = {
    "*.R": "r",
    "*.as": "actionscript3",
    "*.bas": "vbnet",
    "*.csv": "text",
    "*.env": "bash",
    "*.erb": "erb",
    "*.feature": "gherkin",
    "*.g": "antlr",
    "*.gd": "gdscript",
    "*.inc": "php",
    "*.inf": "ini",
    "*.ipynb": "json",
    "*.j2": "jinja",
    "*.jinja": "jinja",
    "*.jsonc": "json",
    "*.lean": "lean4",
    "*.log": "text",
    "*.mdx": "markdown",
    "*.pl": "perl",
    "*.plist": "xml",
    "*.pm": "perl",
    "*.pro": "prolog",
    "*.r": "r",
    "*.rl": "ragel",
    "*.s": "gas",
    "*.sc": "supercollider",
    "*.scd": "supercollider",
    "*.svelte": "html",
    "*.text": "text",
    "*.ttl": "turtle",
    "*.v": "verilog",
    "*.xsl": "xslt",
    "*.xslt": "xslt",
    ".dockerignore": "text",
    ".env": "bash",
    ".gitattributes": "text",
    ".gitignore": "text",
    ".profile": "bash",
    "Cargo.lock": "toml",
    "Jenkinsfile": "groovy",
    "go.mod": "text",
    "go.sum": "text",
}


def _is_glob(pattern: str) -> bool:
    return any(character in pattern for character in "*?[")


def _is_suffix(pattern: str) -> bool:
    return pattern.startswith("*.") and not _is_glob(pattern[2:])


def _claims(languages: Iterable[Language]) -> dict[str, list[str]]:
    claims: dict[str, list[str]] = defaultdict(list)
    for language in languages:
        for pattern in language.filenames:
            claims[pattern].append(language.alias)
    claims.update((pattern, [alias]) for pattern, alias in _PREFERRED.items())
    return claims


_CLAIMS = dict(_claims(LANGUAGES))
_GLOBS = tuple(
    (re.compile(translate(pattern)), pattern)
    for pattern in sorted(_CLAIMS)
    if _is_glob(pattern) and not _is_suffix(pattern)
)


def _by_filename(name: str) -> str | None:
    """A whole name beats a suffix, a long suffix a short one, and those the few patterns of other kinds."""
    if name in _CLAIMS and not _is_glob(name):
        return _first_in_rank(_CLAIMS[name])
    suffixes = (f"*{name[match.start() :]}" for match in re.finditer(r"\.", name))
    for suffix in suffixes:
        if suffix in _CLAIMS and _is_suffix(suffix):
            return _first_in_rank(_CLAIMS[suffix])
    return next((_first_in_rank(_CLAIMS[pattern]) for regex, pattern in _GLOBS if regex.match(name)), None)


def _first_in_rank(aliases: list[str]) -> str:
    # A lexer's priority is only known once its module is imported, so not before two of them compete. Among equals
    # it is the first by name.
    if len(aliases) == 1:
        return aliases[0]
    return max(aliases, key=lambda alias: float(find_lexer_class_by_name(alias).priority))


# `#!/usr/bin/env -S NAME=value python3.11 -u` -> `python3.11`
_SHEBANG = re.compile(r"\ufeff?#!\s*(?:\S*/)?(?:env(?:\s+(?:-\S+|\w+=\S*))*\s+)?(?:\S*/)?(?P<program>[^\s/]+)")
_VERSION = re.compile(r"[-.\d]+$")

# Programs that are not called like the language that they run.
_PROGRAMS: Mapping[str, str] = {
    "ash": "bash",
    "bun": "typescript",
    "dash": "bash",
    "deno": "typescript",
    "escript": "erlang",
    "gawk": "awk",
    "gmake": "make",
    "guile": "scheme",
    "ksh": "bash",
    "luajit": "lua",
    "mawk": "awk",
    "nawk": "awk",
    "node": "javascript",
    "nodejs": "javascript",
    "osascript": "applescript",
    "perl6": "perl6",
    "pwsh": "powershell",
    "pypy": "python",
    "rscript": "r",
    "runghc": "haskell",
    "runhaskell": "haskell",
    "sh": "bash",
    "tclsh": "tcl",
    "ts-node": "typescript",
    "tsx": "typescript",
    "wish": "tcl",
    "zsh": "bash",
}


def _by_shebang(code: str) -> str | None:
    match = _SHEBANG.match(code[:SHEBANG_LENGTH].split("\n", 1)[0])
    if match is None:
        return None
    program = match["program"].lower()
    unversioned = _VERSION.sub("", program)
    alias = _PROGRAMS.get(program) or _PROGRAMS.get(unversioned, unversioned)
    return alias if is_language(alias) else None


STYLES: tuple[str, ...] = tuple(sorted(STYLE_MAP))

# Pygments leaves a marked line as wide as its text, and line numbers that are links in the links' own colour.
_LAYOUT = (
    ".highlight .hll { display: block }",
    ".highlight .linenos a { color: inherit; text-decoration: none; user-select: none }",
)


def is_style(name: str) -> bool:
    return name in STYLE_MAP


@functools.cache
def stylesheet(name: str) -> str:
    """The CSS of a style for what the html format writes, all of it below `.highlight`."""
    if not is_style(name):
        raise ValueError(f"No such style: {name[:WORD_LENGTH]!r}")
    formatter = HtmlFormatter(style=name)
    rules = [f".highlight {rule}" for rule in formatter.get_linenos_style_defs()]
    rules += formatter.get_background_style_defs(".highlight")
    rules += formatter.get_token_style_defs(".highlight")
    return "\n".join((*rules, *_LAYOUT)) + "\n"
