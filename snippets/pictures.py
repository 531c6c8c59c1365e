"""The lines of a lexed text as a PNG picture, drawn with our own font and never larger than promised."""

import functools
import io
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from snippets.looks import TAB_SIZE, look_of, page_of
from snippets.tokens import Token, lines_of, visible

MAX_LINES = 500
MAX_COLUMNS = 200

FONT = Path(__file__).resolve().parent / "fonts" / "DejaVuSansMono.ttf"
FONT_SIZE = 14
# In this font at this size every character is as wide, those that it does not have (drawn as a box) included.
CELL_WIDTH = 8
LINE_HEIGHT = 17
PADDING = 10

# Beyond this a smaller file costs more time than drawing it.
_COMPRESSION = 3


class ImageTooLarge(ValueError):  # noqa: N818
    """The code has more lines or longer ones than a picture may show."""


def check_image_size(code: str) -> None:
    """Raises ImageTooLarge unless `code` can be drawn. Tabs count as the columns that they take."""
    lines = visible(code).removesuffix("\n").split("\n")
    if len(lines) > MAX_LINES or any(len(line.expandtabs(TAB_SIZE)) > MAX_COLUMNS for line in lines):
        raise ImageTooLarge(
            f"A picture shows at most {MAX_LINES} lines of {MAX_COLUMNS} columns. Other formats show more."
        )


def image_size(lines: int, columns: int, gutter: int) -> tuple[int, int]:
    """Width and height in pixels; `gutter` is the width in columns of what stands before the code."""
    return (columns + gutter) * CELL_WIDTH + 2 * PADDING, lines * LINE_HEIGHT + 2 * PADDING


def png(tokens: Sequence[Token], *, style: str, linenos: bool, hl_lines: Collection[int], linenostart: int) -> bytes:
    check_image_size("".join(text for _, text in tokens))
    rows = [list(_runs(style, line)) for line in lines_of(tokens)]
    columns = max((column + len(text) for row in rows for column, _, text in row), default=0)
    gutter = len(str(linenostart + len(rows))) + 2 if linenos else 0
    page = page_of(style)
    image = Image.new("RGB", image_size(len(rows), columns, gutter), page.background)
    draw = ImageDraw.Draw(image)
    for index, row in enumerate(rows):
        if index + 1 in hl_lines:
            top = PADDING + index * LINE_HEIGHT
            draw.rectangle((0, top, image.width, top + LINE_HEIGHT - 1), fill=page.marked)
        if linenos:
            _write(draw, index, 0, str(linenostart + index).rjust(gutter - 2), page.numbers)
        for column, colour, text in row:
            _write(draw, index, gutter + column, text, colour)
    return _encoded(image)


def _runs(style: str, line: Sequence[Token]) -> Iterator[tuple[int, str, str]]:
    """What is drawn at once: the column, the colour and the text, without tabs, of neighbours of one colour."""
    column = 0
    for colour, tokens in groupby(line, key=lambda token: look_of(style, token[0]).colour):
        text = "".join(text for _, text in tokens)
        shown = (" " * column + text).expandtabs(TAB_SIZE)[column:]
        yield column, colour or page_of(style).text, shown
        column += len(shown)


def _write(draw: ImageDraw.ImageDraw, index: int, column: int, text: str, colour: str) -> None:
    draw.text((PADDING + column * CELL_WIDTH, PADDING + index * LINE_HEIGHT), text, fill=colour, font=_font())


@functools.cache
def _font() -> ImageFont.FreeTypeFont:
    # The basic layout sets one cell after the other, and takes a third of the time of the elaborate one.
    return ImageFont.truetype(FONT, FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)


def _encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=_COMPRESSION)
    return file.getvalue()
