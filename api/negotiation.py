"""Chooses the representation of an answer."""

from rest_framework.exceptions import NotAcceptable, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class ForgivingNegotiation(DefaultContentNegotiation):
    """An Accept that nothing here satisfies gets the view's first renderer; a wrong `?format=` is an error."""

    def select_renderer(
        self, request: Request, renderers: list[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        if format_suffix and request.query_params.get("format", format_suffix) != format_suffix:
            raise ValidationError({"format": [f"The address already says {format_suffix}."]})
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            wanted = format_suffix or request.query_params.get("format")
            renderer = self.filter_renderers(renderers, wanted)[0] if wanted else renderers[0]
            return renderer, renderer.media_type

    def filter_renderers(self, renderers: list[BaseRenderer], format: str) -> list[BaseRenderer]:
        matching = [renderer for renderer in renderers if renderer.format == format]
        if not matching:
            known = ", ".join(str(renderer.format) for renderer in renderers)
            raise ValidationError({"format": [f"Unknown format. Known here: {known}."]})
        return matching
