"""The address `/`."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from api.views import StrictQueryMixin

LINKS = {
    "snippets": "snippet-list",
    "languages": "language-list",
    "styles": "style-list",
    "tags": "tag-list",
    "users": "user-list",
    "me": "me",
    "tokens": "token-list",
    "schema": "schema",
    "docs": "docs",
}


class Root(StrictQueryMixin, APIView):
    """Code snippets: keep them, share them, read them highlighted."""

    name = "Snippets"

    @extend_schema(responses={200: {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}}})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response({name: reverse(view, request=request) for name, view in LINKS.items()})
