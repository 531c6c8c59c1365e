"""The goals as a picture: a bar for each, as long as what was measured is of what was asked for."""

from html import escape

from benchmarks.goals import Verdict

LEFT, WIDTH, ROW, LARGEST = 370, 1000, 24, 2.0  # pixels; the longest bar is this many times the goal
GOAL = 240  # pixels, from the left of the bars to the line that all goals share
COLOURS = {True: "#2f8f5b", False: "#c8553d"}
STYLE = "text{font:13px system-ui,sans-serif;fill:#333}.title{font-weight:600;font-size:15px}.small{fill:#777}"


def share(verdict: Verdict) -> float:
    """How much of the goal was reached: 1 is the goal, and more is better, also where less was asked for."""
    measured, limit = verdict.judged, verdict.limit or 0.0
    part, whole = (measured, limit) if verdict.kind == ">=" else (limit, measured)
    if not whole:
        return 1.0 if verdict.met else 0.0
    return min(part / whole, LARGEST)


def _bar(verdict: Verdict, top: int) -> str:
    met = bool(verdict.met)
    value = f"{verdict.judged:.3g}{verdict.unit and ' '}{verdict.unit} ({verdict.kind} {verdict.limit:g})"
    length = GOAL * share(verdict)
    after = LEFT + max(length, GOAL) + 6  # beside the bar, and never across the goal's line
    return (
        f'<text x="{LEFT - 10}" y="{top + 13}" text-anchor="end">{escape(verdict.what)}</text>'
        f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{ROW - 8}" fill="{COLOURS[met]}"/>'
        f'<text x="{after:.1f}" y="{top + 13}" class="small">{escape(value)}</text>'
    )


def draw(verdicts: dict[str, list[Verdict]]) -> str:
    """SVG, of the goals on each database."""
    lines, top = [], 10
    for database, found in verdicts.items():
        asked = [verdict for verdict in found if verdict.limit is not None]
        lines.append(f'<text x="{LEFT}" y="{top + 14}" class="title">{escape(database)}</text>')
        first = top + ROW
        lines += [_bar(verdict, first + ROW * number) for number, verdict in enumerate(asked)]
        top = first + ROW * len(asked)
        line = f'x1="{LEFT + GOAL}" x2="{LEFT + GOAL}" y1="{first - 4}" y2="{top - 4}"'
        lines.append(f'<line {line} stroke="#333" stroke-dasharray="3 3"/>')
        top += ROW
    size = f'viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}"'
    note = f'<text x="{LEFT + GOAL}" y="{top - 8}" text-anchor="middle" class="small">the goal</text>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>Goals, and what was measured</title>'
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", background, *lines, note, "</svg>\n"])
