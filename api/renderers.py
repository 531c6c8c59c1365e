"""Answers that are bytes already."""

from typing import Any

from rest_framework.renderers import BaseRenderer, JSONRenderer


class BytesRenderer(BaseRenderer):
    """Sends what the view has rendered. Errors are data and not bytes: those are always JSON."""

    charset: str | None = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if isinstance(data, bytes):
            return data
        if renderer_context:
            renderer_context["response"]["Content-Type"] = JSONRenderer.media_type
        rendered: bytes = JSONRenderer().render(data)
        return rendered


class FileRenderer(BytesRenderer):
    """For files, which views send by themselves: what is left to render is errors."""

    media_type = "application/octet-stream"
    format = "file"
    charset = None
    render_style = "binary"
