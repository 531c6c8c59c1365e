"""What a sandbox's child can do. May take for ever or raise anything."""

import json
from typing import Any

from snippets.differences import compare
from snippets.highlighting import Options, render


def do(head: dict[str, Any], text: str) -> bytes:
    """Compares where the head has the length of the `old` text, which the new one follows; else highlights."""
    if "old" in head:
        return json.dumps(compare(text[: head["old"]], text[head["old"] :])).encode()
    return render(text, Options(**{**head, "hl_lines": tuple(head["hl_lines"])}))
