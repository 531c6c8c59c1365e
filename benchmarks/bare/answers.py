"""The answers that the bare yardsticks give: those that the service has given, to the byte."""

import json
import os
from pathlib import Path

Answer = tuple[list[tuple[str, str]], bytes]  # headers, body


def read() -> dict[str, Answer]:
    """By path, from the folder that ANSWERS names."""
    folder = Path(os.environ["ANSWERS"])
    index = json.loads((folder / "index.json").read_text())
    return {
        path: ([(name, value) for name, value in it["headers"]], (folder / it["file"]).read_bytes())
        for path, it in index.items()
    }
