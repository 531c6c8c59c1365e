"""Files for the tests of uploads, and how they are sent."""

import io
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PAGE = b"<!DOCTYPE html><script>alert(1)</script>"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
BINARY = bytes(range(256)) * 4


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, "teal").save(stream, kind, **options)
    return stream.getvalue()


def animation(kind: str, frames: int = 5, size: tuple[int, int] = (40, 30)) -> bytes:
    stream = io.BytesIO()
    images = [Image.new("RGB", size, (10 * number, 99, 0)) for number in range(frames)]
    images[0].save(stream, kind, save_all=True, append_images=images[1:], loop=0, lossless=True)
    return stream.getvalue()


def named(name: str, content: bytes, claimed: str = "application/octet-stream") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, claimed)


def upload(client: APIClient, ref: Any, *files: SimpleUploadedFile, **extra: Any) -> Any:
    """`curl --form file=@one --form file=@two`."""
    return client.post(f"/snippets/{ref}/attachments/", {"file": list(files)}, format="multipart", **extra)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content
