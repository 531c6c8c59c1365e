"""What differs between two texts, line by line: as blocks, as hunks with lines around them, as a patch, as markup.

A line ends at LF and nowhere else, as `patch` has it: CR, form feed and U+2028 are characters like others.
Comparing is quadratic at worst, so `compare` belongs in a process that can be killed (sandbox.py), and `whole`, which
is always quick, is there to fall back on.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from snippets.highlighting import MAX_LINES

CONTEXT = 3  # lines around what differs
NO_NEWLINE = "\\ No newline at end of file"
# Beyond so many pairs of lines, those that come up often are no longer looked for.
MANY = 100_000

# The lines from the first up to before the second number, counted from 0, became those from the third to the fourth.
Block = tuple[int, int, int, int]


@dataclass(frozen=True)
class Line:
    """`kind` is " ", "-" or "+", as in a patch. The text has its LF, which the last line may lack. Counted from 1."""

    kind: str
    old: int | None
    new: int | None
    text: str

    @property
    def ended(self) -> bool:
        return self.text.endswith("\n")


@dataclass(frozen=True)
class Hunk:
    """Counted from 1; where a side has no lines, its start is the line before."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    lines: list[Line]

    def head(self) -> str:
        return f"@@ -{self.old_start},{self.old_lines} +{self.new_start},{self.new_lines} @@"


def lines_of(text: str) -> list[str]:
    *lines, last = text.split("\n")
    return [f"{line}\n" for line in lines] + ([last] if last else [])


class DifferenceTooLarge(ValueError):  # noqa: N818
    """More lines differ than are compared, or shown."""


def check_size(blocks: Sequence[Block]) -> None:
    """DifferenceTooLarge where more lines lie between the first that differs and the last than a hunk should have."""
    if any(max(block[1] - block[0], block[3] - block[2]) > MAX_LINES for block in blocks):
        raise DifferenceTooLarge(f"More than {MAX_LINES:,} lines differ: too many to show. Compare what raw/ gives.")


def compare(old: str, new: str) -> list[Block]:
    """The smallest blocks. May take very long."""
    before, after = lines_of(old), lines_of(new)
    blocks = []
    for first, old_end, start, new_end in whole(old, new):
        many = (old_end - first) * (new_end - start) > MANY
        matcher = SequenceMatcher(None, before[first:old_end], after[start:new_end], autojunk=many)
        blocks += [
            (first + i1, first + i2, start + j1, start + j2)
            for tag, i1, i2, j1, j2 in matcher.get_opcodes()
            if tag != "equal"
        ]
    return blocks


def whole(old: str, new: str) -> list[Block]:
    """One block from the first line that differs to the last one; none where nothing does."""
    before, after = lines_of(old), lines_of(new)
    if before == after:
        return []
    shorter = min(len(before), len(after))
    first = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    rest = shorter - first
    last = next((at for at in range(rest) if before[-1 - at] != after[-1 - at]), rest)
    return [(first, len(before) - last, first, len(after) - last)]


def is_exact(block: Block) -> bool:
    """Whether it could not be smaller: lines were only added, only removed, or one became another."""
    return 0 in (lengths := (block[1] - block[0], block[3] - block[2])) or lengths == (1, 1)


def hunks(old: str, new: str, blocks: Sequence[Block]) -> list[Hunk]:
    """The blocks with the lines around them; those that are near to each other together."""
    before, after = lines_of(old), lines_of(new)
    return [_hunk(before, after, group) for group in _groups(blocks)]


def _groups(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    group = list(blocks[:1])
    for previous, block in pairwise(blocks):
        if block[0] - previous[1] > 2 * CONTEXT:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _hunk(before: Sequence[str], after: Sequence[str], group: Sequence[Block]) -> Hunk:
    leading = min(CONTEXT, group[0][0])
    trailing = min(CONTEXT, len(before) - group[-1][1])
    old, new = group[0][0] - leading, group[0][2] - leading
    old_end, new_end = group[-1][1] + trailing, group[-1][3] + trailing
    lines: list[Line] = []
    at, at_new = old, new
    for first, last, start, end in [*group, (old_end, old_end, new_end, new_end)]:
        lines += [Line(" ", at + i + 1, at_new + i + 1, before[at + i]) for i in range(first - at)]
        lines += [Line("-", i + 1, None, before[i]) for i in range(first, last)]
        lines += [Line("+", None, i + 1, after[i]) for i in range(start, end)]
        at, at_new = last, end
    counts = old_end - old, new_end - new
    return Hunk(old + bool(counts[0]), counts[0], new + bool(counts[1]), counts[1], lines)


def patch(changes: Sequence[Hunk], old_name: str, new_name: str) -> str:
    """In the unified format, which `patch` and `git apply` take; empty where nothing differs."""
    if not changes:
        return ""
    text = [f"--- {_ended(old_name)}\n+++ {_ended(new_name)}\n"]
    for hunk in changes:
        text.append(f"{hunk.head()}\n")
        text += [f"{line.kind}{line.text}" + ("" if line.ended else f"\n{NO_NEWLINE}\n") for line in hunk.lines]
    return "".join(text)


def _ended(name: str) -> str:
    """A name with spaces ends at a tab, or patch would take a part of it for a time."""
    return f"{name}\t" if " " in name else name


def html(changes: Sequence[Hunk], old: Sequence[str], new: Sequence[str]) -> str:
    """The rows of a table. `old` and `new` are the markup of all lines of both texts."""
    return "".join(row for hunk in changes for row in _rows(hunk, old, new))


CLASSES = {" ": "same", "-": "removed", "+": "added"}


def _rows(hunk: Hunk, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    yield f'<tr class="hunk"><td colspan="4">{hunk.head()}</td></tr>\n'
    for line in hunk.lines:
        code = new[line.new - 1] if line.new else old[(line.old or 0) - 1]
        if line.kind != " " and line.text.endswith("\r\n"):
            code += '<span class="mark">␍</span>'
        if not line.ended:
            code += f'<span class="mark"> {NO_NEWLINE}</span>'
        numbers = "".join(f'<td class="number">{number or ""}</td>' for number in (line.old, line.new))
        kind = f'<td class="kind">{line.kind}</td>'
        yield f'<tr class="{CLASSES[line.kind]}">{numbers}{kind}<td class="code">{code}</td></tr>\n'


def cache_key(old: str, new: str) -> str:
    return hashlib.sha256(f"{len(old)}\n{old}{new}".encode("utf-8", "surrogatepass")).hexdigest()
