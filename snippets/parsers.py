"""Reads a snippet whose code is the body itself."""

import io
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
        request = (parser_context or {})["request"]
        fields: QueryDict = request.query_params.copy()
        if "code" in fields:
            raise ValidationError({"code": ["The body is the code: leave it out of the query."]})
        fields.pop("format", None)
        # The body as a whole, and not the stream: that knows no limit.
        fields["code"] = read_text(io.BytesIO(request.body))
        return fields
