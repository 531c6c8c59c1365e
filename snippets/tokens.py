"""From code to Pygments' tokens and back: the text that the tokens spell is the text that went in.

What differs between code and its rendering is decided here, for every format:

- CR and CRLF become LF.
- A control character (C0 without tab and LF but with form feed, and DEL) becomes its picture, U+2400 and
  following: it cannot stand in XML, and a terminal would obey it.
- A C1 control (a terminal may obey U+009B like ESC [), a lone surrogate, U+FFFE and U+FFFF (not allowed in
  XML) have no picture: they become U+FFFD.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

from pygments.lexers import get_lexer_by_name

# Pygments has no public name for the type of its token types.
from pygments.token import Escape, Text, _TokenType

Token = tuple[_TokenType, str]

BYTE_ORDER_MARK = "\ufeff"

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_PICTURES = {chr(code): chr(0x2400 + code) for code in range(0x20)} | {"\x7f": "\u2421"}


def visible(code: str) -> str:
    """The code as every format shows it."""
    text = code.replace("\r\n", "\n").replace("\r", "\n")
    return _HIDDEN.sub(lambda match: _PICTURES.get(match[0], "\ufffd"), text)


def plain(text: str) -> list[Token]:
    """The tokens of a text that is not highlighted."""
    return [(Text, text)] if text else []


def lex(text: str, language: str) -> list[Token]:
    """The tokens of a text by the lexer of a language, neighbours of one type joined. May take for ever."""
    # A lexer swallows the mark, which stands for nothing in any language.
    body = text.lstrip(BYTE_ORDER_MARK)
    mark = text[: len(text) - len(body)]
    # Many lexers take a last line without its end for an error, and some then add one: it is lent to them.
    lent = "" if body.endswith("\n") else "\n"
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    tokens = _joined((kind, value) for kind, value in lexer.get_tokens(body + lent) if value)
    if "".join(value for _, value in tokens) != body + lent:
        # A few lexers lose or change something, and the text matters more than its colours.
        return plain(text)
    if lent:
        kind, value = tokens.pop()
        tokens += [(kind, value[:-1])] if value != lent else []
    return plain(mark) + tokens


def _joined(tokens: Iterable[Token]) -> list[Token]:
    # Two lexers mark text as Escape, which the LaTeX formatter passes on as commands.
    safe = ((Text if kind in Escape else kind, value) for kind, value in tokens)
    return [(kind, "".join(value for _, value in group)) for kind, group in groupby(safe, key=itemgetter(0))]


def lines_of(tokens: Iterable[Token]) -> list[list[Token]]:
    """The tokens of each line, without line ends."""
    lines: list[list[Token]] = [[]]
    for kind, value in tokens:
        first, *rest = value.split("\n")
        if first:
            lines[-1].append((kind, first))
        lines.extend([(kind, piece)] if piece else [] for piece in rest)
    # What follows the last line end is no line.
    return lines if lines[-1] else lines[:-1]


def ends_its_last_line(tokens: Sequence[Token]) -> bool:
    return bool(tokens) and tokens[-1][1].endswith("\n")
