"""The WSGI module that uWSGI, gunicorn and runserver load."""

import os
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

SCHEME_HEADERS = {"HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_SSL"}


class Request(WSGIRequest):
    """A request that takes less of the client's word.

    It decodes the query as UTF-8, and not with the charset of the body: some of Python's codecs would raise here, where
    no middleware could answer. api.middleware.RequestFraming refuses bodies of any other charset."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))

    def _get_scheme(self) -> str:
        """What the server says, unless it may have that from the client: uWSGI believes these two headers of anybody.
        With TRUST_X_FORWARDED_PROTO Django reads the first of them itself, before it asks here."""
        if SCHEME_HEADERS & self.environ.keys():
            return "https" if self.environ.get("HTTPS") == "on" else "http"
        return super()._get_scheme()  # type: ignore[misc] # Django's, though the stubs do not know it


application = get_wsgi_application()
application.request_class = Request
