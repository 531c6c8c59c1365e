"""Reads renderings back: the text that a format shows, and what a browser makes of the markup."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

SVG = "{http://www.w3.org/2000/svg}"


class Page(HTMLParser):
    """What a browser makes of a fragment: its elements, their attributes, and the text of the code."""

    def __init__(self, fragment: bytes) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts = {"code": "", "numbers": ""}
        self.feed(fragment.decode())
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append((tag, dict(attrs)))
        self.elements.append(self.open[-1])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if any(tag == "pre" for tag, _ in self.open):
            in_numbers = any(attributes.get("class") == "linenos" for _, attributes in self.open)
            self.texts["numbers" if in_numbers else "code"] += data

    def attributes(self, name: str) -> list[str | None]:
        return [attributes[name] for _, attributes in self.elements if name in attributes]


def text_of_svg(rendering: bytes) -> str:
    group = ET.fromstring(rendering).find(f"{SVG}g[@class='code']")  # noqa: S314
    assert group is not None
    return "".join(group.itertext())


def text_of_ansi(rendering: bytes) -> str:
    text = re.sub(r"\x1b\[[0-9;]*m", "", rendering.decode())
    assert "\x1b" not in text
    return text


def text_of_latex(rendering: bytes) -> str:
    match = re.search(r"\\begin\{Verbatim\}\[[^]]*\]\n(.*)\\end\{Verbatim\}\n\n\\end", rendering.decode(), re.DOTALL)
    assert match is not None
    names = ["bs", "us", "ob", "cb", "ca", "am", "lt", "gt", "sh", "pc", "dl", "hy", "sq", "dq", "ti"]
    characters = dict(zip(names, "\\_{}^&<>#%$-'\"~", strict=True))
    text = re.sub(r"\\PY\{[^}]*\}\{((?:[^{}]|\\PYZ..\{\})*)\}", r"\1", match[1])
    # What is left of commands once ours are gone is the code's.
    assert "\\" not in re.sub(r"\\PYZ..\{\}", "", text)
    return re.sub(r"\\PYZ(..)\{\}", lambda macro: characters[macro[1]], text)


def text_of_rtf(rendering: bytes) -> str:
    body = rendering.decode("ascii").partition("\\dntblnsbdb\n")[2]
    assert body.endswith("}\n")
    units = b""
    pieces = re.compile(r"\\u(-?\d+)|\\([a-z]+)-?\d*\s?|\\([\\{}])|[{}\n]|(.)")
    for code, word, escaped, plain in pieces.findall(body.removesuffix("}\n")):
        text = {"par": "\n"}.get(word, "") or escaped or plain
        units += int(code).to_bytes(2, "little") if code else text.encode("utf-16-le")
    return units.decode("utf-16-le")


def text_of(rendering: bytes, format: str) -> str:
    if format in ("html", "fragment"):
        return Page(rendering).texts["code"]
    readers = {"svg": text_of_svg, "ansi": text_of_ansi, "ansi256": text_of_ansi}
    return (readers | {"latex": text_of_latex, "rtf": text_of_rtf})[format](rendering)


def with_its_end(text: str, format: str) -> str:
    """LaTeX and RTF need the end of the last line, and get it."""
    return text + "\n" if format in ("latex", "rtf") and not text.endswith("\n") else text
