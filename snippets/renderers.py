"""The formats of highlighted code, and plain code, as content types to choose from."""

from typing import Any

from rest_framework.renderers import BaseRenderer, JSONRenderer

from snippets.highlighting import FORMATS


class BytesRenderer(BaseRenderer):
    """Sends what the view has rendered. Errors are data and not bytes: those are always JSON."""

    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if isinstance(data, bytes):
            return data
        if renderer_context:
            renderer_context["response"]["Content-Type"] = JSONRenderer.media_type
        rendered: bytes = JSONRenderer().render(data)
        return rendered


class RawRenderer(BytesRenderer):
    media_type = "text/plain"
    format = "txt"


class StylesheetRenderer(BytesRenderer):
    media_type = "text/css"
    format = "css"


def _renderer(name: str, media_type: str) -> type[BytesRenderer]:
    charset = "utf-8" if media_type.startswith("text/") else None
    attributes = {"media_type": media_type, "format": name, "charset": charset, "render_style": "binary"}
    return type(f"{name.capitalize()}Renderer", (BytesRenderer,), attributes)


HIGHLIGHT_RENDERERS = [_renderer(name, it.media_type.partition(";")[0]) for name, it in FORMATS.items()]
