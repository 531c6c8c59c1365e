"""Multipart forms, in which the names of files are kept as they are, or refused."""

import re
import unicodedata
from collections.abc import Mapping
from contextlib import ExitStack
from typing import IO, Any, cast

from django.http.multipartparser import MultiPartParser as DjangoMultiPartParser, MultiPartParserError
from rest_framework import parsers
from rest_framework.exceptions import ParseError, ValidationError

Context = Mapping[str, Any] | None

MAX_NAME_BYTES = 255

# What browsers and curl send in place of what would end the quoted name (WHATWG's form-data). They leave a percent
# sign alone, so a name that really has one of these cannot be told apart.
ENCODED = re.compile("%22|%0D|%0A", re.IGNORECASE)
DECODED = {"%22": '"', "%0D": "\r", "%0A": "\n"}


class NamedFilesParser(parsers.MultiPartParser):
    """REST framework's own, with our rule for the names of files; complaints stand under `names_belong_to`."""

    names_belong_to = "file"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Context = None) -> Any:
        request = (parser_context or {})["request"]
        meta = request.META | {"CONTENT_TYPE": media_type}
        parser = _Parser(meta, cast(Any, stream), request.upload_handlers)
        parser.names_belong_to = self.names_belong_to
        with ExitStack() as undoing:
            for handler in request.upload_handlers:
                undoing.callback(handler.upload_interrupted)  # which removes a temporary file that is begun
            try:
                parsed = parsers.DataAndFiles(*parser.parse())
            except MultiPartParserError as error:
                raise ParseError(f"Multipart form parse error - {error}") from error
            undoing.pop_all()
        return parsed


class _Parser(DjangoMultiPartParser):
    """Django's own leaves out of a name what it cannot print, decodes HTML's entities in it, and passes over a file
    whose name it does not like. What is left of that: of a path, only the last part is taken."""

    names_belong_to = ""

    def sanitize_file_name(self, file_name: str) -> str:
        decoded = ENCODED.sub(lambda match: DECODED[match[0].upper()], file_name)
        name = re.split(r"[/\\]", decoded)[-1]
        if complaint := _complaint(name):
            raise ValidationError({self.names_belong_to: [complaint]})
        return name


def _complaint(name: str) -> str | None:
    if "\ufffd" in name:  # which Django has put there
        return "A file's name must be valid UTF-8."
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "A file's name may not have line breaks or control characters."
    if name in (".", "..") or not any(character.isprintable() and character != " " for character in name):
        return "A file's name may not be blank, nor . or .., nor end in a slash."
    if len(name.encode()) > MAX_NAME_BYTES:  # Django would shorten it
        return f"A file's name may be at most {MAX_NAME_BYTES} bytes long."
    return None
