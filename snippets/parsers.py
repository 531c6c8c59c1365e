"""Reads a snippet whose code is the body itself."""

from collections.abc import Mapping
from typing import IO, Any

from django.http import QueryDict
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser

from api.parsers import read_text


class PlainTextParser(BaseParser):
    """The body is the code; the other fields stand in the query: `?title=&language=&filename=`."""

    media_type = "text/plain"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> QueryDict:
        fields: QueryDict = (parser_context or {})["request"].query_params.copy()
        if "code" in fields:
            raise ValidationError({"code": ["The body is the code: leave it out of the query."]})
        fields.pop("format", None)
        fields["code"] = read_text(stream)
        return fields
