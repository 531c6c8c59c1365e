"""Images, decoded where they can do no harm: in a child process with limits of time and memory."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File

from uploads.children import command
from uploads.contents import GIF, JPEG, PNG, WEBP
from uploads.errors import UploadsUnavailableError
from uploads.image_child import MAX_FRAMES, PIXELS_OF_ALL_FRAMES

FORMATS = {PNG: "PNG", JPEG: "JPEG", GIF: "GIF", WEBP: "WEBP"}  # as Pillow calls them
REDRAWN_TYPE = WEBP

DEADLINE = 15.0  # seconds; the child's own limit is 10 of the processor's
WAIT = 5.0  # seconds until a child is free
MAX_CHILDREN = 2  # of each server process

_PROGRAM = Path(__file__).resolve().with_name("image_child.py")
_places = threading.BoundedSemaphore(MAX_CHILDREN)


@dataclass(frozen=True)
class Image:
    """Its size as a browser shows it, and the picture drawn anew, as WebP."""

    width: int
    height: int
    redrawn: bytes

    def as_file(self) -> ContentFile:
        """The picture drawn anew, as it is stored."""
        file = ContentFile(self.redrawn)
        file.content_type = REDRAWN_TYPE  # type: ignore[attr-defined] # some storages keep it with the file
        return file


def read_image(file: File, media_type: str, *, edge: int, square: bool = False) -> Image:
    """The image, drawn anew to fit into (or, `square`, to fill) `edge` times `edge` pixels.

    ValidationError where it is damaged, or has too many pixels or frames. Every frame is looked at; the first is drawn.
    """
    job = {"format": FORMATS[media_type], "max_pixels": settings.IMAGE_MAX_PIXELS, "edge": edge, "square": square}
    head, _, redrawn = _run(file, json.dumps(job)).partition(b"\n")
    answer = json.loads(head)
    if answer.get("error") == "too_large":
        raise ValidationError(f"The image may have at most {settings.IMAGE_MAX_PIXELS} pixels.", code="too_large")
    if answer.get("error") == "too_long":
        limits = f"{MAX_FRAMES} frames, and {PIXELS_OF_ALL_FRAMES * settings.IMAGE_MAX_PIXELS} pixels in all of them"
        raise ValidationError(f"An animation may have at most {limits}.", code="too_long")
    return Image(answer["width"], answer["height"], redrawn)


def _run(file: File, job: str) -> bytes:
    if not _places.acquire(timeout=WAIT):
        raise UploadsUnavailableError("more images arrive than can be decoded")
    try:
        with _on_disk(file) as source:
            # Nothing in the command comes from a user.
            return subprocess.run(  # noqa: S603
                [*command(_PROGRAM), job],
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},
                timeout=DEADLINE,
                check=True,
            ).stdout
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise ValidationError("The image is damaged, or cannot be decoded.", code="damaged") from error
    finally:
        _places.release()


@contextmanager
def _on_disk(file: File) -> Iterator[IO[bytes]]:
    """The file as the child can read it by itself: a large one never comes into the memory of this process."""
    if hasattr(file, "temporary_file_path"):
        with Path(file.temporary_file_path()).open("rb") as source:
            yield source
    else:
        with TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
            copy.writelines(file.chunks())
            copy.seek(0)
            file.seek(0)
            yield copy
