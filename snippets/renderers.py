"""The formats of highlighted code, and plain code, as content types to choose from."""

from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from rest_framework.exceptions import APIException
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request, override_method

from api.renderers import BytesRenderer
from snippets.highlighting import FORMATS


class RawRenderer(BytesRenderer):
    media_type = "text/plain"
    format = "txt"


class StylesheetRenderer(BytesRenderer):
    media_type = "text/css"
    format = "css"


class SnippetPageRenderer(BrowsableAPIRenderer):
    """A page to browse, with a button to open what burns after reading."""

    template = "snippets/page.html"

    def get_context(self, data: Any, accepted_media_type: str | None, renderer_context: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(data, accepted_media_type, renderer_context)
        return context | {"concealed": data if isinstance(data, dict) and "open" in data else None}


class OpenedPageRenderer(BrowsableAPIRenderer):
    """The page that shows, once, what has burnt. It has no form, since there is nothing left to ask for."""

    template = "snippets/opened.html"

    def get_context(self, data: Any, accepted_media_type: str | None, renderer_context: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(data, accepted_media_type, renderer_context)
        opened = data if isinstance(data, dict) and "code" in data else None
        return context | {"opened": opened, "burns": renderer_context["view"].burns}

    def get_rendered_html_form(self, data: Any, view: Any, method: str, request: Request) -> Any:
        """None."""

    def get_raw_data_form(self, data: Any, view: Any, method: str, request: Request) -> Any:
        """None."""


class UploadPageRenderer(BrowsableAPIRenderer):
    """A page to browse whose form sends files, and shows how far it is."""

    def get_rendered_html_form(self, data: Any, view: Any, method: str, request: Request) -> Any:
        if method != "POST":
            return super().get_rendered_html_form(data, view, method, request)
        try:
            snippet = view.find(lock=False)
        except APIException:  # which this page is about
            return None
        with override_method(view, request, method) as request:
            if not self.show_form_for_method(view, method, request, snippet):
                return None
        context = {"max_bytes": settings.UPLOAD_MAX_BYTES, "types": ",".join(settings.UPLOAD_TYPES)}
        return render_to_string("snippets/upload_form.html", context, request)

    def get_raw_data_form(self, data: Any, view: Any, method: str, request: Request) -> Any:
        """None: nobody types a multipart body."""


def _renderer(name: str, media_type: str) -> type[BytesRenderer]:
    charset = "utf-8" if media_type.startswith("text/") else None
    attributes = {"media_type": media_type, "format": name, "charset": charset, "render_style": "binary"}
    return type(f"{name.capitalize()}Renderer", (BytesRenderer,), attributes)


PatchRenderer = _renderer("patch", "text/x-diff")
DiffPageRenderer = _renderer("html", "text/html")
HIGHLIGHT_RENDERERS = [_renderer(name, it.media_type.partition(";")[0]) for name, it in FORMATS.items()]
