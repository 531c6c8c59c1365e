"""What a file is, from its bytes alone. The names and types that clients claim count for nothing."""

import codecs
import hashlib
from dataclasses import dataclass

from django.core.files.base import File

PNG, JPEG, GIF, WEBP = "image/png", "image/jpeg", "image/gif", "image/webp"
PDF, ZIP, GZIP = "application/pdf", "application/zip", "application/gzip"
TEXT, UNKNOWN = "text/plain", "application/octet-stream"

# A browser draws these and runs nothing of them.
IMAGES = (PNG, JPEG, GIF, WEBP)
# All that `inspect` finds.
KNOWN_TYPES = (*IMAGES, PDF, ZIP, GZIP, TEXT, UNKNOWN)
# Everything else is offered as a download.
SHOWN_INLINE = (*IMAGES, PDF)

SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"%PDF-", PDF),
    (b"PK\x03\x04", ZIP),
    (b"\x1f\x8b\x08", GZIP),
)


@dataclass(frozen=True)
class Contents:
    size: int  # bytes
    sha256: str
    media_type: str


def inspect(file: File) -> Contents:
    """Reads the file once, in pieces."""
    size, digest, beginning, text = 0, hashlib.sha256(), b"", _TextCheck()
    for chunk in file.chunks():
        beginning = beginning or chunk[:16]
        size += len(chunk)
        digest.update(chunk)
        text.feed(chunk)
    media_type = _signed(beginning) or (TEXT if text.passed() else UNKNOWN)
    file.seek(0)
    return Contents(size, digest.hexdigest(), media_type)


def _signed(beginning: bytes) -> str | None:
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return WEBP
    return next((media_type for signature, media_type in SIGNATURES if beginning.startswith(signature)), None)


class _TextCheck:
    """Whether all of it is UTF-8 without null characters."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_text = True

    def feed(self, chunk: bytes) -> None:
        if self._is_text:
            self._is_text = b"\0" not in chunk and self._decodes(chunk)

    def passed(self) -> bool:
        return self._is_text and self._decodes(b"", final=True)

    def _decodes(self, chunk: bytes, final: bool = False) -> bool:
        try:
            self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            return False
        return True
