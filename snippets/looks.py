"""What a style says about a picture of code: its colours, and the look of each kind of token."""

import functools
from dataclasses import dataclass

from pygments.styles import get_style_by_name
from pygments.token import Comment, Text, Token, _TokenType

TAB_SIZE = 8

_BLACK = "#000000"


@dataclass(frozen=True)
class Look:
    """`colour` is `#rrggbb`, or None where the text keeps the colour of the page."""

    colour: str | None
    bold: bool
    italic: bool
    underline: bool


@dataclass(frozen=True)
class Page:
    """The colours (`#rrggbb`) that a whole picture has."""

    background: str
    text: str
    numbers: str
    marked: str


@functools.cache
def look_of(style: str, kind: _TokenType) -> Look:
    definition = get_style_by_name(style)
    while not definition.styles_token(kind):
        kind = kind.parent or Token
    look = definition.style_for_token(kind)
    return Look(f"#{look['color']}" if look["color"] else None, look["bold"], look["italic"], look["underline"])


@functools.cache
def page_of(style: str) -> Page:
    definition = get_style_by_name(style)
    text = look_of(style, Text).colour or _BLACK
    # Most styles leave the numbers to the page around them, which a picture does not have.
    numbers = definition.line_number_color
    if numbers == "inherit":
        numbers = look_of(style, Comment).colour or text
    return Page(definition.background_color, text, numbers, definition.highlight_color)
