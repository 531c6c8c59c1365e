"""A lexed text for terminals, for LaTeX and for word processors, by Pygments' own formatters.

They get the options that are written here and no others: many of the rest open files or are
copied into the document as they are.
"""

import io
from collections.abc import Collection, Sequence

from pygments.formatter import Formatter
from pygments.formatters.latex import LatexFormatter
from pygments.formatters.rtf import RtfFormatter
from pygments.formatters.terminal import TerminalFormatter
from pygments.formatters.terminal256 import Terminal256Formatter
from pygments.token import Text

from snippets.tokens import Token, ends_its_last_line


def ansi(tokens: Sequence[Token], *, linenos: bool, linenostart: int) -> bytes:
    """With the 16 colours that the terminal itself decides on."""
    return _for_terminal(tokens, TerminalFormatter(), linenos, linenostart)


def ansi256(tokens: Sequence[Token], *, style: str, linenos: bool, linenostart: int) -> bytes:
    return _for_terminal(tokens, Terminal256Formatter(style=style), linenos, linenostart)


def latex(tokens: Sequence[Token], *, style: str, linenos: bool, linenostart: int) -> bytes:
    """A document of its own, for XeLaTeX or LuaLaTeX where the code is not in a Latin alphabet."""
    formatter = LatexFormatter(style=style, full=True, linenos=linenos, linenostart=linenostart)
    return _formatted(_ended(tokens), formatter).encode()


def rtf(tokens: Sequence[Token], *, style: str, linenos: bool, hl_lines: Collection[int], linenostart: int) -> bytes:
    formatter = _Rtf(style, linenos, hl_lines, linenostart)
    return _formatted(_ended(tokens), formatter).encode()


class _Rtf(RtfFormatter[str]):
    def __init__(self, style: str, linenos: bool, hl_lines: Collection[int], linenostart: int) -> None:
        super().__init__(style=style, linenos=linenos, hl_lines=list(hl_lines), linenostart=linenostart)
        # The formatter keeps a list, and looks through it twice for every line.
        self.hl_lines = frozenset(hl_lines)


def _formatted(tokens: Sequence[Token], formatter: Formatter[str]) -> str:
    file = io.StringIO()
    formatter.format(tokens, file)
    return file.getvalue()


def _ended(tokens: Sequence[Token]) -> Sequence[Token]:
    # A last line without its end breaks both documents: \end{Verbatim} must stand on a line of its own, and a
    # marked line closes its RTF group where it ends.
    return tokens if ends_its_last_line(tokens) else [*tokens, (Text, "\n")]


def _for_terminal(tokens: Sequence[Token], formatter: Formatter[str], linenos: bool, linenostart: int) -> bytes:
    text = _formatted(tokens, formatter)
    # The formatters can number lines too, but only from 1, and they number the emptiness after the last one.
    return (_numbered(text, linenostart) if linenos else text).encode()


def _numbered(text: str, first: int) -> str:
    lines = text.removesuffix("\n").split("\n")
    width = len(str(first + len(lines) - 1))
    end = "\n" if text.endswith("\n") else ""
    return "\n".join(f"{number:>{width}}  {line}" for number, line in enumerate(lines, first)) + end
