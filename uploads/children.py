"""How the project's child processes are started. Knows no Django."""

import json
import sys
from pathlib import Path


def command(program: Path) -> list[str]:
    """Runs a program of this project, which gets the import paths as JSON in its first argument."""
    # -I and -S: no paths but the parent's, which are passed on; -B: no files are written.
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *(str(Path(entry).absolute()) for entry in sys.path)]
    return [interpreter(), "-I", "-S", "-B", str(program), json.dumps(paths)]


def interpreter() -> str:
    """A Python of this version: sys.executable may be the server that Python is embedded in."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = (Path(sys.prefix, "bin", name), Path(sys.executable or ""), Path(sys.base_prefix, "bin", name))
    for candidate in candidates:
        if candidate.name.startswith("python") and candidate.is_file():
            return str(candidate)
    raise FileNotFoundError(f"No {name} in {sys.prefix} or {sys.base_prefix}")
