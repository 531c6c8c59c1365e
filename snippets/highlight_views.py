"""The address of highlighted code."""

from typing import Any

import pygments
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.downloads import protect
from snippets.address_fields import path_to
from snippets.conditions import is_fresh
from snippets.highlighting import FORMATS, REVISION, Options
from snippets.models import Snippet
from snippets.pictures import ImageTooLarge
from snippets.renderers import HIGHLIGHT_RENDERERS
from snippets.rendering import Rendering
from snippets.serializers import HighlightOptionsSerializer
from snippets.views import SnippetView

PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
LINKS = {
    "raw": "snippet-raw",
    "files": "attachment-list",
    "history": "revision-list",
    "comments": "comment-list",
    "details": "snippet-detail",
}
ALWAYS_HONOURED = {"language", "style"}  # a style that a format has no use for does no harm
HIGHLIGHT_ANSWERS = {
    (200, it.media_type.partition(";")[0]): OpenApiTypes.BINARY if it.name == "png" else OpenApiTypes.STR
    for it in FORMATS.values()
}


class HighlightView(SnippetView):
    """The code with colours: a page by default; other formats by Accept, `?format=` or suffix (`highlight.svg`)."""

    renderer_classes = HIGHLIGHT_RENDERERS
    template = "snippets/highlight.html"
    query_parameters = tuple(HighlightOptionsSerializer().fields)

    @extend_schema(
        parameters=[HighlightOptionsSerializer],
        responses=HIGHLIGHT_ANSWERS,
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        snippet = self.get_object()
        options = self.chosen_options(request, snippet)
        etag = self.tag(snippet, options, str(snippet.owner_name), pygments.__version__, REVISION)
        if is_fresh(request, etag):
            return self.not_modified(snippet, etag)
        try:
            rendering = snippet.render(options)
        except ImageTooLarge as error:
            raise ValidationError({"format": [str(error)]}) from error
        body = self.page(snippet, options, rendering) if options.format == "html" else rendering.body
        response = protect(self.answer(snippet, body, etag), f"snippet-{snippet.ref}.{options.format}")
        if options.format in ("html", "fragment"):
            response["Content-Security-Policy"] = PAGE_POLICY
            del response["Content-Disposition"]
        response["X-Highlighted"] = "true"
        if rendering.plain_because:
            response["X-Highlighted"] = f"false; reason={rendering.plain_because}"
            response["Cache-Control"] = "private, no-store"  # the next try may succeed
            del response["ETag"]
        return response

    def chosen_options(self, request: Request, snippet: Snippet) -> Options:
        chosen_format = FORMATS[request.accepted_renderer.format]
        query = request.query_params.copy()
        query.pop("format", None)
        if not query:
            return snippet.options(chosen_format.name)
        serializer = HighlightOptionsSerializer(data=query, partial=True)
        serializer.is_valid(raise_exception=True)
        chosen = serializer.validated_data
        useless = set(chosen) - ALWAYS_HONOURED - set(chosen_format.honours)
        if useless:
            raise ValidationError(
                {name: [f"Means nothing in the format {chosen_format.name}."] for name in sorted(useless)}
            )
        return snippet.options(chosen_format.name, **chosen)

    def page(self, snippet: Snippet, options: Options, rendering: Rendering) -> bytes:
        code = mark_safe(rendering.body.decode())  # noqa: S308 - snippets.markup has escaped it
        context = {"snippet": snippet, "options": options, "plain_because": rendering.plain_because, "code": code}
        return render_to_string(self.template, context | self.about(snippet)).encode()

    def about(self, snippet: Snippet) -> dict[str, Any]:
        """What the page says besides."""
        return {name: path_to(view_name, snippet.ref) for name, view_name in LINKS.items()}
