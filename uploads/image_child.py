"""The program of a child that decodes one image: `image_child.py <import paths as JSON> <job as JSON>`.

The image comes on the standard input. The answer is a line of JSON, and the new picture after it where there is one.
Nothing is caught here: an image that cannot be decoded ends the child, which its parent reports as such.
"""

import io
import json
import resource
import sys
from typing import Any

CPU_SECONDS = 10
BYTES_FOR_PYTHON = 256 * 1024 * 1024
BYTES_FOR_A_PIXEL = 16  # four copies of RGBA

ORIENTATION = 0x0112  # in EXIF
TURNED = (5, 6, 7, 8)  # the orientations in which width and height change places


def main(paths: list[str], job: dict[str, Any]) -> None:
    sys.path[:] = paths
    _limit(BYTES_FOR_PYTHON + BYTES_FOR_A_PIXEL * job["max_pixels"])
    # Only now can it be found.
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the next lines are stricter
    image = Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=[job["format"]])
    width, height = image.size
    if width * height > job["max_pixels"]:
        _answer({"error": "too_large"})
        return
    if image.getexif().get(ORIENTATION) in TURNED:
        width, height = height, width
    _answer({"width": width, "height": height}, _redrawn(image, job["edge"], job["square"]))


def _redrawn(image: Any, edge: int, square: bool) -> bytes:
    """The first frame, at most `edge` pixels wide and high, as WebP with nothing in it but the pixels."""
    from PIL import Image, ImageOps

    image.draft(None, (2 * edge, 2 * edge))  # JPEG can be decoded smaller, at a fraction of the cost
    transparent = "A" in image.getbands() or "transparency" in image.info
    upright = ImageOps.exif_transpose(image).convert("RGBA" if transparent else "RGB")
    if square:
        upright = ImageOps.fit(upright, (edge, edge))
    else:
        upright.thumbnail((edge, edge))
    clean = Image.new(upright.mode, upright.size)  # which has no profile, comment or EXIF that could be written again
    clean.paste(upright)
    picture = io.BytesIO()
    clean.save(picture, "WEBP")
    return picture.getvalue()


def _limit(memory: int) -> None:
    limits = (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    )
    for limit, value in limits:
        _, hard = resource.getrlimit(limit)  # above one that is stricter already it cannot be set
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))


def _answer(head: dict[str, Any], picture: bytes = b"") -> None:
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + picture)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), json.loads(sys.argv[2]))
