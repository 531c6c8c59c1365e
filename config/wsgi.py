"""The WSGI module that uWSGI, gunicorn and runserver load."""

import os
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

from api.response_cache import ResponseCache
from config.renewal import watch_in_background

try:
    import uwsgi
except ImportError:  # another server
    pass
else:
    uwsgi.post_fork_hook = watch_in_background

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class Request(WSGIRequest):
    """A request that decodes its query as UTF-8, and not with the charset of the body: some of Python's codecs would
    raise here, where no middleware could answer. api.middleware.RequestFraming refuses bodies of any other charset."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


django = get_wsgi_application()
django.request_class = Request
application = ResponseCache(django) if settings.RESPONSE_CACHE else django
