"""Renderings: nothing is lost, nothing gets through, and the limits hold."""

import re
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageFont

from snippets.highlighting import FORMATS, Options, cache_key, lexing_key, render, render_plain, too_large
from snippets.languages import STYLES
from snippets.pictures import (
    CELL_WIDTH,
    FONT,
    FONT_SIZE,
    MAX_COLUMNS,
    MAX_LINES,
    ImageTooLarge,
    check_image_size,
    image_size,
)
from tests.reading import SVG, Page, text_of, text_of_ansi, text_of_latex, text_of_rtf, with_its_end

TEXT_FORMATS = [name for name in FORMATS if name != "png"]

# What goes in, and what is shown of it.
TEXTS = {
    "one word": ("x", "x"),
    "one line": ("x = 1\n", "x = 1\n"),
    "a comment without an end": ("# a", "# a"),
    "leading blank lines": ("\n\n  x\n", "\n\n  x\n"),
    "trailing blank lines": ("x\n\n\n", "x\n\n\n"),
    "a blank line": ("\n", "\n"),
    "only spaces": ("   ", "   "),
    "trailing spaces": ("x  \n \n", "x  \n \n"),
    "tabs": ("\tif x:\t# y\n\t\tz\n", "\tif x:\t# y\n\t\tz\n"),
    "CRLF": ("a\r\nb\r\n", "a\nb\n"),
    "lone CR": ("a\rb\r", "a\nb\n"),
    "CR before CRLF": ("a\r\r\nb", "a\n\nb"),
    "form feed": ("a\fb\v\n", "a\u240cb\u240b\n"),
    "line separators": ("a\u2028b\u2029c\n", "a\u2028b\u2029c\n"),
    "byte order mark": ("\ufeffx = 1\n", "\ufeffx = 1\n"),
    "byte order marks": ("\ufeff\ufeffx\ufeff", "\ufeff\ufeffx\ufeff"),
    "terminal escapes": ("\x1b[2J\x1b]0;x\x07\x9b31m\n", "\u241b[2J\u241b]0;x\u2407\ufffd31m\n"),
    "control characters": (
        "".join(map(chr, range(0x20))) + "\x7f\x80\x85\x9f",
        "".join(chr(0x2400 + code) for code in range(9)) + "\t\n"
        "\u240b\u240c\n" + "".join(chr(0x2400 + code) for code in range(14, 32)) + "\u2421\ufffd\ufffd\ufffd",
    ),
    "no characters": ("\ufffe\uffff\ud800x\udfff", "\ufffd\ufffd\ufffdx\ufffd"),
    "all planes": (
        "\u00e9 \u6f22\u5b57 \U0001f600 \u202e\u0627 e\u0301 \uffef\n",
        "\u00e9 \u6f22\u5b57 \U0001f600 \u202e\u0627 e\u0301 \uffef\n",
    ),
    "markup": ("<b>&amp;&lt;</b>]]><!-- \"'</pre>\n", "<b>&amp;&lt;</b>]]><!-- \"'</pre>\n"),
    "TeX": ("\\input{x} \\end{Verbatim} %$#_^~-`'\"\\PYZbs{}\n", "\\input{x} \\end{Verbatim} %$#_^~-`'\"\\PYZbs{}\n"),
    "RTF": ("{\\*\\object}\\par \\u233? }{\n", "{\\*\\object}\\par \\u233? }{\n"),
    "several lines of one token": ('"""a\n\n  b\n"""\n', '"""a\n\n  b\n"""\n'),
    "sessions": (">>> 1\n1\n$ ls\n> x\nirb> y", ">>> 1\n1\n$ ls\n> x\nirb> y"),
}

# Those in the second row lose or add text unless one takes care.
LANGUAGES = ["text", "python", "html", "php", "markdown", "diff"]
LANGUAGES += ["console", "robotframework", "literate-haskell", "apdl", "ldif", "pycon", "iex"]

XSS = [
    "<script>alert(1)</script>",
    "</span></pre></div><img src=x onerror=alert(1)>",
    "</text></svg><script>alert(1)</script>",
    "\"><a href='javascript:alert(1)'>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "&lt;script&gt;",
]


@pytest.mark.parametrize("format", TEXT_FORMATS)
@pytest.mark.parametrize("name", TEXTS)
def test_the_text_that_comes_out_is_the_text_that_went_in(name: str, format: str) -> None:
    code, shown = TEXTS[name]
    expected = with_its_end(shown, format)
    assert text_of(render_plain(code, Options(format, "python")), format) == expected
    for language in LANGUAGES:
        assert text_of(render(code, Options(format, language)), format) == expected, language


@pytest.mark.parametrize("name", TEXTS)
def test_every_text_makes_a_picture(name: str) -> None:
    for language in ("text", "python"):
        assert Image.open(BytesIO(render(TEXTS[name][0], Options("png", language)))).format == "PNG"


@pytest.mark.parametrize("format", FORMATS)
def test_no_code_at_all_does_no_harm(format: str) -> None:
    for options in (Options(format, "python"), Options(format, "python", linenos=True, hl_lines=(1,))):
        assert isinstance(render("", options), bytes)
        assert isinstance(render_plain("", options), bytes)


@pytest.mark.parametrize("format", FORMATS)
def test_every_style_works_in_every_format(format: str) -> None:
    for style in STYLES:
        options = Options(format, "python", style=style, linenos=True, hl_lines=(1, 9), linenostart=7)
        assert render("def f(x):\n\treturn 'a'  # b\n", options), style


@pytest.mark.parametrize("code", XSS)
@pytest.mark.parametrize("language", ["text", "html", "javascript", "markdown", "php", "xml"])
def test_code_never_becomes_an_element(code: str, language: str) -> None:
    options = Options("fragment", language, linenos=True, hl_lines=(1,))
    page = Page(render(code, options))
    assert {tag for tag, _ in page.elements} <= {"div", "table", "tr", "td", "pre", "span", "a"}
    assert {name for _, attributes in page.elements for name in attributes} == {"class", "id", "href"}
    assert page.attributes("href") == ["#L1"]
    root = ET.fromstring(render(code, replace(options, format="svg")))  # noqa: S314
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {"svg", "rect", "g", "text", "tspan"}


@pytest.mark.parametrize(("language", "code"), [("apdl", "a%\\input{x}%b\n"), ("ldif", "dn: cn=\\x,dc=y\n")])
def test_no_lexer_smuggles_commands_into_latex(language: str, code: str) -> None:
    assert text_of_latex(render(code, Options("latex", language))) == code


def test_each_line_of_html_has_its_id_and_its_number_links_to_it() -> None:
    code = "a\n\n# c\n"
    plain = Page(render(code, Options("html", "python", linenostart=9)))
    numbered = Page(render(code, Options("html", "python", linenostart=9, linenos=True)))
    assert plain.attributes("id") == numbered.attributes("id") == ["L9", "L10", "L11"]
    assert plain.attributes("href") == []
    assert numbered.attributes("href") == ["#L9", "#L10", "#L11"]
    assert numbered.texts == {"code": code, "numbers": " 9\n10\n11"}


def test_marked_lines_of_html_count_from_one_and_may_be_missing() -> None:
    page = Page(render("a\nb\nc\n", Options("html", "text", hl_lines=(2, 50), linenostart=9)))
    assert [attributes["id"] for _, attributes in page.elements if attributes.get("class") == "hll"] == ["L10"]


def test_html_is_highlighted_by_classes() -> None:
    assert b'<span class="k">def</span>' in render("def f(): pass\n", Options("html", "python"))
    assert b'class="k"' not in render_plain("def f(): pass\n", Options("html", "python"))


@pytest.mark.parametrize(
    ("language", "code", "highlighted"),
    [
        ("console", "$ ls", '<span class="gp">$ </span>'),
        ("python", "\ufeffdef f(): pass\n", '\ufeff<span class="k">def</span>'),
    ],
    ids=["last line without an end", "byte order mark"],
)
def test_what_lexers_trip_over_is_highlighted_all_the_same(language: str, code: str, highlighted: str) -> None:
    assert highlighted in render(code, Options("html", language)).decode()


def test_a_page_and_a_fragment_hold_the_same() -> None:
    options = Options("html", "python", linenos=True)
    fragment = replace(options, format="fragment")
    assert render("x = 1\n", options) == render("x = 1\n", fragment)
    assert cache_key("x = 1\n", options) == cache_key("x = 1\n", fragment)


def test_svg_has_a_size_numbers_and_marks() -> None:
    options = Options("svg", "text", linenos=True, hl_lines=(2, 50), linenostart=99)
    root = ET.fromstring(render("a\n\tb\n", options))  # noqa: S314
    assert int(root.attrib["width"]) > 80
    assert int(root.attrib["height"]) > 38
    numbers = root.find(f"{SVG}g[@class='linenos']")
    assert numbers is not None
    assert "".join(numbers.itertext()).split() == ["99", "100"]
    assert len(root.findall(f"{SVG}rect")) == 2


@pytest.mark.parametrize("format", ["ansi", "ansi256"])
def test_terminals_get_line_numbers_from_where_they_are_told(format: str) -> None:
    options = Options(format, "python", linenos=True, linenostart=9)
    assert text_of_ansi(render("a\nb", options)) == " 9  a\n10  b"
    assert text_of_ansi(render("a\n\n", options)) == " 9  a\n10  \n"


def test_documents_have_line_numbers() -> None:
    options = Options("latex", "python", linenos=True, linenostart=9)
    assert b"numbers=left,firstnumber=9" in render("a\n", options)
    assert text_of_rtf(render("a\nb\n", replace(options, format="rtf"))) == " 9  a\n10  b\n"


@pytest.mark.parametrize("code", ["a\nb\n", "a\nb"])
def test_the_groups_of_rtf_are_closed(code: str) -> None:
    rendering = render(code, Options("rtf", "python", linenos=True, hl_lines=(1, 2))).decode()
    depth = rendering.count("{") - rendering.count("}")
    assert depth == 0


def test_a_picture_shows_its_marked_line() -> None:
    colours = []
    for marked in ((), (2,)):
        picture = Image.open(BytesIO(render("a\nb\nc", Options("png", "text", style="friendly", hl_lines=marked))))
        assert picture.size == image_size(lines=3, columns=1, gutter=0)
        colours.append([picture.getpixel((1, 10 + 17 * line + 8)) for line in range(3)])
    assert colours == [[(240, 240, 240)] * 3, [(240, 240, 240), (255, 255, 204), (240, 240, 240)]]


def test_every_character_of_the_pictures_font_is_as_wide() -> None:
    font = ImageFont.truetype(FONT, FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
    for character in "iM\u00e9\u6f22\U0001f600\u0301\u2588\u200b\u202e\u2421":
        assert font.getlength(character) == CELL_WIDTH


def test_the_largest_picture_has_less_than_16_million_pixels() -> None:
    width, height = image_size(MAX_LINES, MAX_COLUMNS, gutter=len("1000500") + 2)
    assert width * height < 16_000_000
    line = ("x = 1; " * MAX_COLUMNS)[:MAX_COLUMNS]
    code = "\n".join([line] * MAX_LINES)
    check_image_size(code)
    picture = Image.open(BytesIO(render_plain(code, Options("png", "text", linenos=True, linenostart=1_000_000))))
    assert picture.size == (width, height)


@pytest.mark.parametrize(
    "code",
    ["\n" * (MAX_LINES + 1), "x\r" * (MAX_LINES + 1), "x" * (MAX_COLUMNS + 1), "\t" * 26, "\u6f22" * 201],
    ids=["lines", "CR", "columns", "tabs", "wide"],
)
def test_what_is_too_large_for_a_picture_is_refused_before_it_is_lexed(code: str) -> None:
    for draw in (render, render_plain):
        with pytest.raises(ImageTooLarge, match="500 lines of 200 columns"):
            # In this language the code would take for ever.
            draw(code + "\n<!--", Options("png", "mcschema"))


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("x" * 10_000, False),
        ("x" * 10_001, True),
        ("x\n" * 20_000, False),
        ("x\n" * 20_000 + "x", True),
        ("x\r" * 20_001, True),
        (("x" * 127 + "\n") * 2048, False),
        (("x" * 127 + "\n") * 2048 + "x", True),
        (("\u00e9" * 64 + "\n") * 2048, True),
    ],
    ids=["line", "long line", "lines", "many lines", "many CR", "bytes", "many bytes", "many bytes of UTF-8"],
)
def test_highlighting_has_its_limits(code: str, refused: bool) -> None:
    assert too_large(code) is refused


@pytest.mark.parametrize(
    "fields",
    [
        {"format": "pdf"},
        {"language": "Python"},
        {"language": "../x"},
        {"style": "a." * 2000},
        {"linenostart": -1},
        {"linenostart": 1_000_001},
        {"hl_lines": (0,)},
        {"hl_lines": tuple(range(1, 102))},
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"Unknown|linenostart|hl_lines"):
        Options(**({"format": "html", "language": "python"} | fields))  # type: ignore[arg-type]


def test_keys_differ_by_what_the_format_honours_and_by_nothing_else() -> None:
    options = Options("html", "python")
    key = cache_key("x", options)
    assert re.fullmatch("[0-9a-f]{64}", key)
    assert key == cache_key("x", replace(options, style="monokai"))
    assert key == cache_key("x", replace(options, language="py3"))
    others = [
        cache_key("y", options),
        cache_key("x", replace(options, language="text")),
        cache_key("x", replace(options, linenos=True)),
        cache_key("x", replace(options, hl_lines=(1,))),
        cache_key("x", replace(options, linenostart=2)),
        cache_key("x", replace(options, format="svg")),
        cache_key("x", replace(options, format="svg", style="monokai")),
        lexing_key("x", "python"),
    ]
    assert len({key, *others}) == len(others) + 1
    assert cache_key("\ud800", options) != key


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_honours_the_options_that_it_says(name: str) -> None:
    plain = Options(name, "python")
    changes: dict[str, Any] = {"style": "monokai", "linenos": True, "hl_lines": (1,), "linenostart": 7}
    honoured = FORMATS[name].honours
    for option, value in changes.items():
        before = plain if option != "linenostart" else replace(plain, linenos="linenos" in honoured)
        changed = replace(before, **{option: value})
        assert (render("x = 1\n", changed) != render("x = 1\n", before)) is (option in honoured), option


def test_lexing_keys_differ_by_code_and_language() -> None:
    assert lexing_key("x", "python") == lexing_key("x", "py3")
    assert len({lexing_key("x", "python"), lexing_key("x", "text"), lexing_key("y", "python")}) == 3


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "png"])
@pytest.mark.parametrize(
    "text", ["x", "x\n", "\t", "<", "\\", "\x01", "\u00e9", '"\\"'], ids=lambda text: ascii(text)[1:-1]
)
def test_without_highlighting_any_code_is_quick(text: str, format: str) -> None:
    code = text * (64 * 1024 // len(text))
    started = time.process_time()
    render_plain(code, Options(format, "python", linenos=True))
    # Some ten times what it takes; what is quadratic takes far more.
    assert time.process_time() - started < 1
