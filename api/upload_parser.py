"""Reads uploaded files, piece by piece, and no further than the limits allow."""

from typing import IO, Any, cast

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, TemporaryFileUploadHandler
from django.http import UnreadablePostError
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError, ValidationError

from api.exceptions import PayloadTooLarge
from api.multipart import Context, NamedFilesParser
from uploads.errors import UploadsUnavailableError

ROOM_FOR_FRAMING = 1024 * 1024


class UploadParser(NamedFilesParser):
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
        except UnreadablePostError:  # an OSError too, and the client's
            raise
        except TooManyFilesSent as error:
            raise ValidationError({"file": [f"At most {settings.DATA_UPLOAD_MAX_NUMBER_FILES} at once."]}) from error
        except OSError as error:
            raise UploadsUnavailableError(f"the folder for temporary files: {error.strerror}") from error
        files = [file for _, sent in parsed.files.lists() for file in sent]
        texts = [text for _, sent in parsed.data.lists() for text in sent]
        if complaint := limits.complaint or watched.complaint(len(files) + len(texts)):
            for file in files:
                file.close()
            raise complaint
        return parsed


class _Limits(FileUploadHandler):
    """Stands before the handlers that keep files, and drops those that are refused before they are whole."""

    complaint: PayloadTooLarge | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self.received += len(raw_data)
        if self.received > settings.UPLOAD_MAX_BYTES:
            message = f"{self.file_name}: A file may be at most {settings.UPLOAD_MAX_BYTES} bytes long."
            self.complaint = self.complaint or PayloadTooLarge({"file": [message]})
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The handlers after this one have the file."""


class TemporaryFileHandler(TemporaryFileUploadHandler):
    """Django's own puts the ending of the name into that of the temporary file, which a long one makes too long."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        FileUploadHandler.new_file(self, *args, **kwargs)
        self.file = TemporaryUploadedFile("upload", self.content_type, 0, self.charset, self.content_type_extra)
        self.file.name = self.file_name


class _Watched:
    """The request's body, and whether Django has understood it: it takes what there is of one that was cut off, and
    passes over parts whose headers it cannot read."""

    def __init__(self, stream: IO[bytes], boundary: str) -> None:
        self._stream = stream
        self._delimiter = f"--{boundary}".encode()
        self._end = self._delimiter + b"--"
        self._tail = b""
        self._ended = False
        self._delimiters = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        seen = self._tail + data
        self._ended = self._ended or self._end in seen
        self._delimiters += seen.count(self._delimiter) - self._tail.count(self._delimiter)
        self._tail = seen[-len(self._end) :]
        return data

    def complaint(self, parts: int) -> ParseError | ValidationError | None:
        """What is wrong with a body of which Django has found so many parts."""
        if not self._ended:
            return ParseError("Multipart: the body does not end with its boundary.")
        if self._delimiters - 1 != parts:
            return ValidationError({"file": ["A part's name, or its file's, cannot be read: they must be UTF-8."]})
        return None
