"""Answers that carry what users wrote or uploaded as it is, so that no browser takes it for a page of ours."""

import math
import re
from collections.abc import Iterator
from typing import IO, Any, TypeVar

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from uploads.contents import SHOWN_INLINE, TEXT
from uploads.storage import upload_storage

SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
CHUNK = 64 * 1024
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)

# What `stored_file` may answer, and what it looks at, for the API's description.
FILE_RESPONSES: dict[Any, Any] = {
    (200, "application/octet-stream"): OpenApiTypes.BINARY,
    (206, "application/octet-stream"): OpenApiTypes.BINARY,
    302: None,
}
FILE_HEADERS = [
    OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description)
    for name, description in (
        ("If-None-Match", "The ETag of what you have; 304 if that is still so."),
        ("Range", "The bytes that you want: `bytes=0-99`, `bytes=100-` or `bytes=-100`."),
        ("If-Range", "The ETag of what you have a part of; the whole file if it is another one now."),
    )
]

Answer = TypeVar("Answer", bound=HttpResponseBase)


def protect(response: Answer, filename: str, as_attachment: bool = False) -> Answer:
    response["Content-Disposition"] = content_disposition_header(as_attachment, filename) or "inline"
    return _sandboxed(response)


def _sandboxed(response: Answer) -> Answer:
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    return response


def stored_file(
    request: Request, file: FieldFile, *, filename: str, media_type: str, digest: str, seconds_left: float = math.inf
) -> HttpResponseBase:
    """The stored file: from the storage itself where it can give it out, else by the web server, else from here.

    No address of it works longer than `seconds_left`.
    """
    return _sandboxed(_answer(request, file, filename, media_type, digest, seconds_left))


def _answer(
    request: Request, file: FieldFile, filename: str, media_type: str, digest: str, seconds_left: float
) -> HttpResponseBase:
    etag = f'"{digest[:32]}"'
    tags = parse_etags(request.headers.get("If-None-Match", ""))
    if tags == ["*"] or etag in {tag.removeprefix("W/") for tag in tags}:
        return _kept(HttpResponse(status=304), etag)
    inline = media_type in SHOWN_INLINE
    content_type = f"{media_type}; charset=utf-8" if media_type == TEXT else media_type
    url = upload_storage().download_url(
        str(file.name),
        filename=filename,
        media_type=content_type,
        inline=inline,
        method=request.method or "GET",
        seconds_left=seconds_left,
    )
    if url:
        return HttpResponseRedirect(url)
    response: HttpResponseBase
    if settings.X_ACCEL_REDIRECT and isinstance(file.storage, FileSystemStorage):
        response = HttpResponse(headers={"X-Accel-Redirect": file.url})
    else:
        response = _kept(_from_here(request, file, etag), etag)
        if response.status_code == 416:
            return response
    response["Content-Type"] = content_type
    return protect(response, filename, as_attachment=not inline)


def _kept(response: Answer, etag: str) -> Answer:
    """May be kept by the visitor alone, who asks again before using it: the permission may be gone."""
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response


def _from_here(request: Request, file: FieldFile, etag: str) -> HttpResponseBase:
    try:
        size, opened = file.size, file.open("rb")
    except FileNotFoundError as error:
        raise NotFound("The file is no longer stored.") from error
    first, last = _wanted_range(request, size, etag)
    if first >= size:
        opened.close()
        detail = {"detail": "The file has no such range."}
        return JsonResponse(detail, status=416, headers={"Content-Range": f"bytes */{size}"})
    length = last - first + 1
    response: HttpResponseBase
    if request.method == "HEAD":
        opened.close()
        response = HttpResponse()
    elif length == size:
        response = FileResponse(opened)
    else:
        response = StreamingHttpResponse(_piece(opened, first, length))
    if length < size:
        response.status_code = 206
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["Content-Length"] = str(length)
    response["Accept-Ranges"] = "bytes"
    return response


def _wanted_range(request: Request, size: int, etag: str) -> tuple[int, int]:
    """The first and the last byte that are wanted: all of them where the request names no single range."""
    everything = 0, size - 1
    match = RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or not (match[1] or match[2]) or request.headers.get("If-Range", etag) != etag:
        return everything
    if not match[1]:  # the last so many
        return max(size - int(match[2]), 0) if int(match[2]) else size, size - 1
    first, last = int(match[1]), int(match[2]) if match[2] else size
    return (first, min(last, size - 1)) if first <= last or not match[2] else everything


def _piece(file: IO[bytes], first: int, length: int) -> Iterator[bytes]:
    with file:
        file.seek(first)
        while length and (chunk := file.read(min(length, CHUNK))):
            length -= len(chunk)
            yield chunk
