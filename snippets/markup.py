"""The lines of a lexed text as HTML and as SVG."""

import functools
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence

from pygments.token import STANDARD_TYPES, Token as Root, _TokenType

from snippets.looks import TAB_SIZE, look_of, page_of
from snippets.tokens import Token, ends_its_last_line, lines_of

Lines = Sequence[Sequence[Token]]

FONT_FAMILY = "DejaVu Sans Mono, Menlo, Consolas, monospace"
FONT_SIZE = 14
# How far one character moves on in most monospaced fonts: only the size of the picture hangs on it.
CELL_WIDTH = 8.43
LINE_HEIGHT = 19
PADDING = 10

_LINE = re.compile(r'<span id="L\d+">')
_TABS = re.compile(r"\t|[^\t]+")


def escape(text: str) -> str:
    """For what stands between tags, in HTML and in XML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def html(tokens: Sequence[Token], *, linenos: bool, hl_lines: Collection[int], linenostart: int) -> bytes:
    """A `<div class="highlight">` for `languages.stylesheet`, each line with the id `L<number>`.

    Line numbers link to their lines, and stand in a table beside the code so that copying leaves them out.
    """
    lines = lines_of(tokens)
    code = "".join(_html_lines(lines, ends_its_last_line(tokens), frozenset(hl_lines), linenostart))
    pre = f"<pre>{code}</pre>"
    if linenos:
        numbers = "\n".join(_html_numbers(linenostart, len(lines)))
        pre = (
            '<table class="highlighttable"><tr>'
            f'<td class="linenos"><div class="linenodiv"><pre>{numbers}</pre></div></td>'
            f'<td class="code"><div>{pre}</div></td>'
            "</tr></table>"
        )
    return f'<div class="highlight">{pre}</div>\n'.encode()


def html_lines(fragment: bytes) -> list[str]:
    """The markup of each line in what `html` has made without line numbers."""
    _, *lines = _LINE.split(fragment.decode().removesuffix("</pre></div>\n"))
    return [line.removesuffix("</span>").removesuffix("\n") for line in lines]


def _html_lines(lines: Lines, ended: bool, marked: Collection[int], linenostart: int) -> Iterator[str]:
    for index, line in enumerate(lines):
        hll = ' class="hll"' if index + 1 in marked else ""
        end = "\n" if ended or index + 1 < len(lines) else ""
        yield f'<span id="L{linenostart + index}"{hll}>{"".join(map(_html_token, line))}{end}</span>'


def _html_token(token: Token) -> str:
    kind, text = token
    name = css_class(kind)
    return f'<span class="{name}">{escape(text)}</span>' if name else escape(text)


def _html_numbers(first: int, count: int) -> Iterator[str]:
    width = len(str(first + count - 1))
    for number in range(first, first + count):
        yield f'<a class="normal" href="#L{number}">{number:>{width}}</a>'


@functools.cache
def css_class(kind: _TokenType) -> str:
    """What style sheets call a token type; its parent's name, where a lexer made up its own type."""
    while kind not in STANDARD_TYPES:
        kind = kind.parent or Root
    return STANDARD_TYPES[kind]


def svg(tokens: Sequence[Token], *, style: str, linenos: bool, hl_lines: Collection[int], linenostart: int) -> bytes:
    """A picture of its own: its size, background and colours are in it; its text can be selected."""
    lines = lines_of(tokens)
    gutter = (len(str(linenostart + len(lines))) + 2) * CELL_WIDTH if linenos else 0
    left = PADDING + gutter
    width = left + max(map(_columns, lines), default=0) * CELL_WIDTH + PADDING
    height = len(lines) * LINE_HEIGHT + 2 * PADDING
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}"'
            f' viewBox="0 0 {width:.0f} {height}" font-family="{FONT_FAMILY}" font-size="{FONT_SIZE}px">\n',
            *_svg_backgrounds(style, [number for number in hl_lines if number <= len(lines)]),
            *(_svg_numbers(style, gutter, linenostart, len(lines)) if linenos else ()),
            f'<g class="code" fill="{page_of(style).text}" xml:space="preserve">',
            *_svg_lines(style, left, lines, ends_its_last_line(tokens)),
            "</g>\n</svg>\n",
        )
    ).encode()


def _svg_backgrounds(style: str, hl_lines: Collection[int]) -> Iterator[str]:
    page = page_of(style)
    yield f'<rect width="100%" height="100%" fill="{page.background}"/>\n'
    for number in hl_lines:
        top = PADDING + (number - 1) * LINE_HEIGHT
        yield f'<rect y="{top}" width="100%" height="{LINE_HEIGHT}" fill="{page.marked}"/>\n'


def _svg_numbers(style: str, gutter: float, first: int, count: int) -> Iterator[str]:
    yield f'<g class="linenos" text-anchor="end" fill="{page_of(style).numbers}">\n'
    for index in range(count):
        yield f'<text x="{gutter:.0f}" y="{_baseline(index)}">{first + index}</text>\n'
    yield "</g>\n"


def _svg_lines(style: str, left: float, lines: Lines, ended: bool) -> Iterator[str]:
    for index, line in enumerate(lines):
        end = "\n" if ended or index + 1 < len(lines) else ""
        yield f'<text x="{left:.0f}" y="{_baseline(index)}">{"".join(_svg_line(style, left, line))}</text>{end}'


def _svg_line(style: str, left: float, line: Sequence[Token]) -> Iterator[str]:
    column = 0
    after_tab = False
    for kind, text in line:
        look = _svg_look(style, kind)
        for piece in _TABS.findall(text):
            if piece == "\t":
                column += TAB_SIZE - column % TAB_SIZE
                yield piece
            else:
                # A tab is drawn no wider than a space, so what follows it is told where to stand.
                place = f' x="{left + column * CELL_WIDTH:.0f}"' if after_tab else ""
                column += _cells(piece)
                yield f"<tspan{place}{look}>{escape(piece)}</tspan>" if place or look else escape(piece)
            after_tab = piece == "\t"


def _baseline(index: int) -> int:
    return PADDING + index * LINE_HEIGHT + FONT_SIZE


def _columns(line: Sequence[Token]) -> int:
    return _cells("".join(text for _, text in line).expandtabs(TAB_SIZE))


def _cells(text: str) -> int:
    """How many columns a text without tabs takes: wide characters take two."""
    if text.isascii():
        return len(text)
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)


@functools.cache
def _svg_look(style: str, kind: _TokenType) -> str:
    look = look_of(style, kind)
    return "".join(
        (
            f' fill="{look.colour}"' if look.colour else "",
            ' font-weight="bold"' if look.bold else "",
            ' font-style="italic"' if look.italic else "",
            ' text-decoration="underline"' if look.underline else "",
        )
    )
