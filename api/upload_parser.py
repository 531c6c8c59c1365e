"""Reads uploaded files, piece by piece, and no further than the limits allow."""

from typing import IO, Any, cast

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import UnreadablePostError
from django.utils.http import parse_header_parameters
from rest_framework import parsers
from rest_framework.exceptions import ParseError, ValidationError

from api.exceptions import PayloadTooLarge
from api.parsers import Context
from uploads.errors import UploadsUnavailableError

ROOM_FOR_FRAMING = 1024 * 1024
MAX_NAME_BYTES = 255


class UploadParser(parsers.MultiPartParser):
    """A multipart form with files as `file`, which go to memory or to a temporary file while they arrive."""

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Context = None) -> Any:
        request = (parser_context or {})["request"]._request
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.SNIPPET_UPLOADS_MAX_BYTES + ROOM_FOR_FRAMING:
            raise PayloadTooLarge
        limits = _Limits(request)
        request.upload_handlers.insert(0, limits)
        watched = _Watched(stream, parse_header_parameters(media_type or "")[1].get("boundary", ""))
        try:
            parsed = super().parse(cast(IO[bytes], watched), media_type, parser_context)
        except UnreadablePostError as error:
            raise ParseError("The request was cut off.") from error
        except TooManyFilesSent as error:
            raise ValidationError({"file": [f"At most {settings.DATA_UPLOAD_MAX_NUMBER_FILES} at once."]}) from error
        except OSError as error:
            raise UploadsUnavailableError(f"the folder for temporary files: {error.strerror}") from error
        files = [file for _, sent in parsed.files.lists() for file in sent]
        if complaint := limits.complaint or watched.complaint():
            for file in files:
                file.close()
            raise complaint
        return parsed


class _Limits(FileUploadHandler):
    """Stands before the handlers that keep files, and drops those that are refused before they are whole."""

    complaint: PayloadTooLarge | ValidationError | None = None

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        super().new_file(field_name, file_name, *args, **kwargs)
        self.received = 0
        if len(file_name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:  # Django would shorten it
            self._refuse(ValidationError({"file": [f"A file's name may be at most {MAX_NAME_BYTES} bytes long."]}))
        if "\ufffd" in file_name:  # which Django has put there
            self._refuse(ValidationError({"file": ["A file's name is not valid UTF-8."]}))

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self.received += len(raw_data)
        if self.received > settings.UPLOAD_MAX_BYTES:
            message = f"{self.file_name}: a file may be at most {settings.UPLOAD_MAX_BYTES} bytes long."
            self._refuse(PayloadTooLarge({"file": [message]}))
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The handlers after this one have the file."""

    def _refuse(self, complaint: PayloadTooLarge | ValidationError) -> None:
        self.complaint = self.complaint or complaint
        raise SkipFile


class _Watched:
    """The request's body, and whether it was whole: Django takes what there is of one that was cut off."""

    def __init__(self, stream: IO[bytes], boundary: str) -> None:
        self._stream = stream
        self._end = f"--{boundary}--".encode()
        self._tail = b""
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        seen = self._tail + data
        self._ended = self._ended or self._end in seen
        self._tail = seen[-len(self._end) :]
        return data

    def complaint(self) -> ParseError | None:
        return None if self._ended else ParseError("Multipart: the body does not end with its boundary.")
