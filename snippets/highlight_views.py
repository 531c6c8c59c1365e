"""Highlighted code, the vocabularies of languages and styles, and the style sheets."""

from typing import Any

import pygments
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import mark_safe
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.errors import not_found
from api.views import StrictQueryMixin
from snippets import languages
from snippets.conditions import etag_of, is_fresh
from snippets.downloads import protect
from snippets.highlighting import FORMATS, Options
from snippets.models import Snippet
from snippets.pictures import ImageTooLarge
from snippets.renderers import HIGHLIGHT_RENDERERS
from snippets.rendering import Rendering
from snippets.serializers import HighlightOptionsSerializer
from snippets.views import SnippetView

PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
ALWAYS_HONOURED = {"language", "style"}  # a style that a format has no use for does no harm


class HighlightView(SnippetView):
    """The code with colours: a page by default; other formats by Accept, `?format=` or suffix (`highlight.svg`)."""

    renderer_classes = HIGHLIGHT_RENDERERS
    query_parameters = tuple(HighlightOptionsSerializer().fields)

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        snippet = self.get_object()
        options = self.chosen_options(request, snippet)
        etag = etag_of(snippet, options, pygments.__version__)
        if is_fresh(request, etag):
            return self.not_modified(snippet, etag)
        try:
            rendering = snippet.render(options)
        except ImageTooLarge as error:
            raise ValidationError({"format": [str(error)]}) from error
        body = _page(snippet, options, rendering) if options.format == "html" else rendering.body
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
        serializer = HighlightOptionsSerializer(data=query, partial=True)
        serializer.is_valid(raise_exception=True)
        chosen = serializer.validated_data
        useless = set(chosen) - ALWAYS_HONOURED - set(chosen_format.honours)
        if useless:
            raise ValidationError(
                {name: [f"Means nothing in the format {chosen_format.name}."] for name in sorted(useless)}
            )
        return snippet.options(chosen_format.name, **chosen)


def _page(snippet: Snippet, options: Options, rendering: Rendering) -> bytes:
    code = mark_safe(rendering.body.decode())  # noqa: S308 - Pygments has escaped the code
    context = {"snippet": snippet, "options": options, "plain_because": rendering.plain_because, "code": code}
    return render_to_string("snippets/highlight.html", context).encode()


class Vocabulary(StrictQueryMixin, APIView):
    """A list that is short and changes only with the release: one page, which anybody may keep for an hour."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        results = self.results(request)
        page = {"count": len(results), "next": None, "previous": None, "results": results}
        return Response(page, headers={"Cache-Control": "public, max-age=3600"})

    def results(self, request: Request) -> list[dict[str, Any]]:
        raise NotImplementedError


class LanguageList(Vocabulary):
    """The languages, with all names that `language` takes, and the file names by which they are recognised."""

    def results(self, request: Request) -> list[dict[str, Any]]:
        return [
            {"name": it.name, "alias": it.alias, "aliases": it.aliases, "filenames": it.filenames}
            for it in languages.LANGUAGES
        ]


class StyleList(Vocabulary):
    """The styles, with their style sheets for the formats html and fragment."""

    def results(self, request: Request) -> list[dict[str, Any]]:
        return [
            {"name": name, "url": request.build_absolute_uri(reverse("stylesheet", args=[name]))}
            for name in languages.STYLES
        ]


def stylesheet(request: HttpRequest, name: str) -> HttpResponse | JsonResponse:
    """The style sheet of a style, for the classes in the highlighted HTML."""
    if request.method not in ("GET", "HEAD"):
        return JsonResponse(
            {"detail": f'Method "{request.method}" not allowed.'}, status=405, headers={"Allow": "GET, HEAD"}
        )
    if not languages.is_style(name):
        return not_found(request)
    headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(languages.stylesheet(name), content_type="text/css; charset=utf-8", headers=headers)
