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

# All frames of an animation are decoded, one after the other. This much takes some seconds.
ANIMATED = ("GIF", "PNG", "WEBP")
MAX_FRAMES = 10_000
PIXELS_OF_ALL_FRAMES = 20  # times those that one may have

EXTENSION, FRAME, TRAILER = b"!,;"  # with which the parts of a GIF begin

ORIENTATION = 0x0112  # in EXIF
TURNED = (5, 6, 7, 8)  # the orientations in which width and height change places


def main(paths: list[str], job: dict[str, Any]) -> None:
    sys.path[:] = paths
    _limit(BYTES_FOR_PYTHON + BYTES_FOR_A_PIXEL * job["max_pixels"])
    # Only now can it be found.
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the next lines are stricter
    file = io.BytesIO(sys.stdin.buffer.read())
    Image.open(file, formats=[job["format"]]).verify()  # which only PNG can be: its checksums, up to the last
    image = Image.open(file, formats=[job["format"]])
    width, height = image.size
    if width * height > job["max_pixels"]:
        _answer({"error": "too_large"})
        return
    if image.getexif().get(ORIENTATION) in TURNED:
        width, height = height, width
    picture = _redrawn(image, job["edge"], job["square"])
    if job["format"] in ANIMATED and not _has_decodable_frames(image, job["max_pixels"]):
        _answer({"error": "too_long"})
        return
    if job["format"] == "GIF":
        _find_trailer(file.getvalue())
    _answer({"width": width, "height": height}, picture)


def _has_decodable_frames(image: Any, max_pixels: int) -> bool:
    """False where there are too many of them. One that is damaged raises."""
    from PIL import ImageSequence

    pixels = 0
    for number, frame in enumerate(ImageSequence.Iterator(image), 1):
        pixels += frame.width * frame.height  # a later frame of a GIF may be larger than the first
        if number > MAX_FRAMES or pixels > PIXELS_OF_ALL_FRAMES * max_pixels:
            return False
        frame.load()
    return True


def _find_trailer(gif: bytes) -> None:
    """Raises where the file has no end: Pillow takes one that was broken off between two frames for a shorter one."""
    at = 13 + _size_of_colours(gif[10])  # after the header
    while gif[at] != TRAILER:
        if gif[at] in (EXTENSION, FRAME):
            at += 2 if gif[at] == EXTENSION else 11 + _size_of_colours(gif[at + 9])
            while gif[at]:  # blocks, each with its length before it, up to one without any
                at += 1 + gif[at]
        at += 1


def _size_of_colours(flags: int) -> int:
    """The bytes of a table of colours, which need not be there."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


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
