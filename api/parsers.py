"""Reads request bodies strictly: what is ambiguous or cannot be kept exactly is refused, never repaired."""

import io
import json
from typing import IO, Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.http import QueryDict
from django.utils.http import parse_header_parameters
from rest_framework import parsers
from rest_framework.exceptions import ParseError

from api.multipart import Context, NamedFilesParser


def read_text(stream: IO[bytes]) -> str:
    """The whole body as text; 400 where it is not UTF-8."""
    try:
        return stream.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not valid UTF-8: byte {error.start} cannot be decoded.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's members; a name given twice would mean that one of its values is silently dropped."""
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ParseError(f"JSON: the name {name[:100]!a} is given twice.")
        if not name.isprintable():  # lone surrogates and controls: an error that repeats them could not be sent
            raise ParseError(f"JSON: the name {name[:100]!a} has characters that no field has.")
        members[name] = value
    return members


def _refuse_constant(name: str) -> None:
    raise ParseError(f"JSON: {name} is no JSON number.")


class JSONParser(parsers.JSONParser):
    """JSON without duplicate names, without NaN and of a depth that can be read."""

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Context = None) -> Any:
        try:
            return json.loads(read_text(stream), object_pairs_hook=_unique, parse_constant=_refuse_constant)
        except RecursionError as error:
            raise ParseError("JSON: nested too deeply.") from error
        except ValueError as error:
            raise ParseError(f"JSON: {error}") from error


class FormParser(parsers.FormParser):
    """A URL-encoded form whose bytes are UTF-8."""

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Context = None) -> QueryDict:
        try:
            pairs = parse_qsl(
                read_text(stream),
                keep_blank_values=True,
                encoding="utf-8",
                errors="strict",
                max_num_fields=settings.DATA_UPLOAD_MAX_NUMBER_FIELDS,
            )
        except UnicodeDecodeError as error:
            raise ParseError("Form: a value is not valid UTF-8.") from error
        except ValueError as error:
            raise ParseError(f"Form: {error}.") from error
        form = QueryDict(mutable=True)
        for name, value in pairs:
            form.appendlist(name, value)
        return form


class MultiPartParser(NamedFilesParser):
    """A multipart form of text. A file sent for a field is that field's text (`curl --form code=@main.py`)."""

    names_belong_to = "filename"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Context = None) -> QueryDict:
        body = (parser_context or {})["request"].body
        self._check_complete(body, media_type or "")
        parsed = super().parse(io.BytesIO(body), media_type, parser_context)
        form = parsed.data.copy()
        for name, files in parsed.files.lists():
            for file in files:
                form.appendlist(name, self.text_of(name, file))
                if name == "code" and "filename" not in form:
                    form["filename"] = file.name
        if not form:
            raise ParseError("Multipart: the body has no part.")
        self._check_decoded(body, form)
        return form

    def text_of(self, name: str, file: IO[bytes]) -> str:
        """What a file stands for that is sent for the field of this name."""
        return read_text(file)

    @staticmethod
    def _check_complete(body: bytes, media_type: str) -> None:
        """Django takes what there is of a body that was cut off."""
        boundary = parse_header_parameters(media_type)[1].get("boundary", "")
        if boundary and f"--{boundary}--".encode() not in body:
            raise ParseError("Multipart: the body does not end with its boundary.")

    @staticmethod
    def _check_decoded(body: bytes, form: QueryDict) -> None:
        """Django replaces bytes that are not UTF-8, also in parts that are encoded as base64."""
        read_text(io.BytesIO(body))
        replaced = any("\ufffd" in value for _, values in form.lists() for value in values)
        if replaced and "\ufffd".encode() not in body:
            raise ParseError("Multipart: a part is not valid UTF-8.")
