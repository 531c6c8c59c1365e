"""The addresses of what may be chosen from: languages, styles and their style sheets."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from api.views import StrictQueryMixin
from snippets import languages
from snippets.renderers import StylesheetRenderer
from snippets.serializers import LanguagePageSerializer, StylePageSerializer


class Vocabulary(StrictQueryMixin, APIView):
    """A list that is short and changes only with the release: one page, which anybody may keep for an hour."""

    def page(self, results: list[dict[str, Any]]) -> Response:
        page = {"count": len(results), "next": None, "previous": None, "results": results}
        return Response(page, headers={"Cache-Control": "public, max-age=3600"})


class LanguageList(Vocabulary):
    """The languages, with all names that `language` takes, and the file names by which they are recognised."""

    @extend_schema(operation_id="languages_list", responses=LanguagePageSerializer)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.page(
            [
                {"name": it.name, "alias": it.alias, "aliases": it.aliases, "filenames": it.filenames}
                for it in languages.LANGUAGES
            ]
        )


class StyleList(Vocabulary):
    """The styles, with their style sheets for the formats html and fragment."""

    @extend_schema(operation_id="styles_list", responses=StylePageSerializer)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.page(
            [{"name": name, "url": reverse("stylesheet", [name], request=request)} for name in languages.STYLES]
        )


class Stylesheet(StrictQueryMixin, APIView):
    """The style sheet of a style, for the classes in highlighted HTML."""

    renderer_classes = [StylesheetRenderer]

    @extend_schema(operation_id="stylesheet_retrieve", responses={(200, "text/css"): str})
    def get(self, request: Request, *args: Any, name: str, **kwargs: Any) -> Response:
        if not languages.is_style(name):
            raise NotFound
        headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
        return Response(languages.stylesheet(name).encode(), headers=headers)
