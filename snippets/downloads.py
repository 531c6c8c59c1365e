"""Headers of answers that carry what users wrote as it is, so that no browser takes it for a page of ours."""

import re

from django.utils.http import content_disposition_header
from rest_framework.response import Response

from snippets.languages import language_of
from snippets.models import Snippet

SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


EXTENSION = re.compile(r"\*(\.\w+)")


def filename_of(snippet: Snippet) -> str:
    """Its own name, else one made of its address and its language's usual ending."""
    endings = filter(None, map(EXTENSION.fullmatch, language_of(snippet.language).filenames))
    ending = next((match[1] for match in endings), ".txt")
    return snippet.filename or f"snippet-{snippet.ref}{ending}"


def protect(response: Response, filename: str) -> Response:
    response["Content-Disposition"] = content_disposition_header(False, filename) or "inline"
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    return response
