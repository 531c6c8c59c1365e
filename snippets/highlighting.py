"""Code in, a rendering out: the formats, what may be asked of them, and how large the code may be.

Pygments promises nothing about time: a few bytes keep some lexers busy for ever. So `render` belongs in a
process that can be killed (sandbox.py), and `render_plain`, which is always quick, is there to fall back on.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pygments

from snippets.documents import ansi, ansi256, latex, rtf
from snippets.languages import WORD_LENGTH, is_language, is_style, language_of
from snippets.markup import html, svg
from snippets.pictures import check_image_size, png
from snippets.tokens import Token, lex, plain, visible

MAX_BYTES = 256 * 1024
MAX_LINES = 20_000
MAX_LINE_LENGTH = 10_000

MAX_HL_LINES = 100
MAX_LINENOSTART = 1_000_000

# Part of every cache key: raise it when our own part of a rendering changes.
REVISION = 1


@dataclass(frozen=True)
class Format:
    """`honours` names the options, besides the language, that change what `write` makes of the tokens."""

    name: str
    media_type: str
    honours: frozenset[str]
    write: Callable[..., bytes]


_NUMBERED = frozenset({"linenos", "linenostart"})
_MARKED = _NUMBERED | {"hl_lines"}
_STYLED = frozenset({"style"})

# A page in html and a fragment for others' pages hold the same markup: the page around it is made elsewhere.
FORMATS: Mapping[str, Format] = {
    kind.name: kind
    for kind in (
        Format("html", "text/html; charset=utf-8", _MARKED, html),
        Format("fragment", "text/html; charset=utf-8", _MARKED, html),
        Format("svg", "image/svg+xml; charset=utf-8", _MARKED | _STYLED, svg),
        Format("png", "image/png", _MARKED | _STYLED, png),
        Format("ansi", "text/x-ansi; charset=utf-8", _NUMBERED, ansi),
        Format("ansi256", "text/x-ansi; charset=utf-8", _NUMBERED | _STYLED, ansi256),
        Format("latex", "application/x-latex; charset=utf-8", _NUMBERED | _STYLED, latex),
        Format("rtf", "application/rtf", _MARKED | _STYLED, rtf),
    )
}


@dataclass(frozen=True)
class Options:
    """What may be asked of a rendering, checked. `hl_lines` count from 1, whatever `linenostart` is."""

    format: str
    language: str
    style: str = "friendly"
    linenos: bool = False
    hl_lines: tuple[int, ...] = ()
    linenostart: int = 1

    def __post_init__(self) -> None:
        # Names reach the imports of Pygments, numbers the size of what is drawn.
        for known, word in (
            (self.format in FORMATS, self.format),
            (is_language(self.language), self.language),
            (is_style(self.style), self.style),
        ):
            if not known:
                raise ValueError(f"Unknown format, language or style: {word[:WORD_LENGTH]!r}")
        if not 0 <= self.linenostart <= MAX_LINENOSTART:
            raise ValueError(f"linenostart is not between 0 and {MAX_LINENOSTART}")
        if len(self.hl_lines) > MAX_HL_LINES or any(number < 1 for number in self.hl_lines):
            raise ValueError(f"hl_lines are not at most {MAX_HL_LINES} numbers from 1")

    def honoured(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in FORMATS[self.format].honours}


def render(code: str, options: Options) -> bytes:
    """Highlighted. May take for ever or raise anything, as lexers do; raises ImageTooLarge before lexing."""
    if options.format == "png":
        check_image_size(code)
    return _write(lex(visible(code), options.language), options)


def render_plain(code: str, options: Options) -> bytes:
    """The same format without highlighting, in a time proportional to the length of the code."""
    return _write(plain(visible(code)), options)


def _write(tokens: Sequence[Token], options: Options) -> bytes:
    return FORMATS[options.format].write(tokens, **options.honoured())


def too_large(code: str) -> bool:
    """Whether highlighting is not even tried."""
    if len(code) > MAX_BYTES or len(code.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return True
    lines = visible(code).removesuffix("\n").split("\n")
    return len(lines) > MAX_LINES or max(map(len, lines)) > MAX_LINE_LENGTH


def cache_key(code: str, options: Options) -> str:
    """Equal for what renders equal, whichever options the format ignores and which name the language has."""
    writer = FORMATS[options.format].write.__qualname__
    return _digest(code, writer, language_of(options.language).alias, options.honoured())


def lexing_key(code: str, language: str) -> str:
    """To remember by that lexing this code in this language does not end: no format makes a difference."""
    return _digest(code, "lexing", language_of(language).alias)


def _digest(code: str, *what: object) -> str:
    head = json.dumps([pygments.__version__, REVISION, *what], sort_keys=True)
    return hashlib.sha256(f"{head}\n{code}".encode("utf-8", "surrogatepass")).hexdigest()
