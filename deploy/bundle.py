"""Writes the source bundle for Elastic Beanstalk: what git tracks, without what .ebignore leaves out; `make bundle`.

With an image, which has been built and pushed before, the instances need not build it: the bundle then holds only what
the platform itself reads.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

ROOT = Path(__file__).resolve().parents[1]
OF_THE_PLATFORM = (".ebextensions/", ".platform/")
# What an image is pulled by must not become another one: a tag can be moved, a digest cannot.
DIGEST = re.compile(r"[a-z0-9][a-z0-9._/:-]*@sha256:[0-9a-f]{64}")
SYMBOLIC_LINK = 0o120000
UNIX = 3


def git(*arguments: str) -> list[str]:
    """The fields of an output that ends each of them with NUL."""
    command = ["git", "-C", str(ROOT), *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return output.rstrip("\0").split("\0") if output else []


def tracked() -> dict[str, int]:
    """The mode of each file by its path. Git's own: some file systems cannot keep a run bit."""
    ignored = set(git("ls-files", "-z", "--cached", "--ignored", "--exclude-from=.ebignore"))
    rows = (row.split("\t", 1) for row in git("ls-files", "-z", "--stage"))
    modes = {path: int(stage.split()[0], 8) for stage, path in rows if path not in ignored}
    # Those of the database, which each installation fetches for itself.
    return modes | dict.fromkeys(git("ls-files", "-z", "--others", "--", "certificates/*.pem"), 0o100644)


def content(path: Path, mode: int) -> bytes:
    return str(path.readlink()).encode() if mode == SYMBOLIC_LINK else path.read_bytes()


def entries(image: str | None) -> dict[str, tuple[int, bytes]]:
    """Mode and content by path."""
    modes = tracked()
    if image is None:
        return {path: (mode, content(ROOT / path, mode)) for path, mode in modes.items()}
    chosen = {path: mode for path, mode in modes.items() if path.startswith(OF_THE_PLATFORM)}
    # The platform reads the port from this file, not from the image.
    dockerfile = f"FROM {image}\nEXPOSE 8080\n".encode()
    return {"Dockerfile": (0o100644, dockerfile)} | {path: (m, content(ROOT / path, m)) for path, m in chosen.items()}


def write(target: Path, files: dict[str, tuple[int, bytes]]) -> None:
    [seconds] = git("log", "-1", "--format=%ct")
    when = time.gmtime(int(seconds))[:6]
    with ZipFile(target, "w", ZIP_DEFLATED) as bundle:
        for path, (mode, data) in sorted(files.items()):
            entry = ZipInfo(path, when)
            entry.create_system, entry.external_attr, entry.compress_type = UNIX, mode << 16, ZIP_DEFLATED
            bundle.writestr(entry, data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--image", help="an image of a registry, with its digest")
    parser.add_argument("--output", type=Path, help="default: var/snippets-<version>.zip")
    options = parser.parse_args()
    if options.image is not None and not DIGEST.fullmatch(options.image):
        parser.error(f"--image: {options.image!r} is no image with its digest, such as example.org/snippets@sha256:...")
    try:
        [version] = (line.strip() for line in git("describe", "--always", "--dirty"))
        target = options.output or ROOT / "var" / f"snippets-{version}.zip"
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, entries(options.image))
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except subprocess.CalledProcessError as error:
        parser.error(f"{' '.join(error.cmd[3:])}: git has failed. The bundle is what git tracks, so it needs a clone.")
    if options.image is None:
        print("Each instance builds the image from this bundle.", file=sys.stderr)
    if version.endswith("-dirty"):
        print("There are changes that are not committed: they are in the bundle.", file=sys.stderr)
    print(target)


if __name__ == "__main__":
    main()
