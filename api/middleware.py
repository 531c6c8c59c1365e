"""What holds for every request and answer, whichever view it meets."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.messages.storage import default_storage
from django.core.exceptions import DisallowedHost, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.urls import resolve
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject, empty

from api.errors import not_found

GetResponse = Callable[[HttpRequest], HttpResponse]

CHUNK = 64 * 1024
TEXT_ENCODINGS = ("utf-8", "utf8", "us-ascii", "ascii")


class WholeBody:
    """Reads what nobody has read of the body. Who refuses an upload answers before it has arrived, and nginx, still
    handing it over, would take the closed socket for a failure: 502, and not the answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        with suppress(UnreadablePostError):  # the client has gone
            while request.read(CHUNK):
                pass
        return response


class OptionalSlash:
    """Serves every address with and without its last slash, and without a redirect (which would lose a body)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if not path.endswith("/") and not self.is_served(path) and self.is_served(f"{path}/"):
            request.path_info += "/"
            request.path += "/"
        return self.get_response(request)

    @staticmethod
    def is_served(path: str) -> bool:
        return resolve(path).func is not not_found


class SessionCookie:
    """Drops a session's cookie that cannot be one: PostgreSQL refuses to look for a null character."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        return self.get_response(request)


class LazyMessages(MessageMiddleware):
    """Looks for messages where somebody asks for them: the admin and its pages do, the API never does."""

    def process_request(self, request: Any) -> None:
        request._messages = SimpleLazyObject(lambda: default_storage(request))

    def process_response(self, request: Any, response: Any) -> Any:
        """What nobody has asked for has nothing to store."""
        is_untouched = getattr(request, "_messages", None) is not None and request._messages._wrapped is empty
        return response if is_untouched else super().process_response(request, response)


class RequestFraming:
    """Refuses what would arrive empty (a chunked body, without a length) or garbled (text that is not UTF-8), and
    requests to a Host that is not ours."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        complaint = self.complaint(request)
        if complaint is None:
            return self.get_response(request)
        status, detail = complaint
        return JsonResponse({"detail": detail}, status=status)

    def complaint(self, request: HttpRequest) -> tuple[int, str] | None:
        """A status and what is wrong, or None."""
        charset = (request.content_params or {}).get("charset", "utf-8")
        if charset.strip().lower() not in TEXT_ENCODINGS:
            return 415, "Unsupported charset in Content-Type: send UTF-8."
        # Beside a Content-Length too, which would count the framing of the chunks as a part of the body.
        if request.headers.get("Transfer-Encoding"):
            return 411, "Send the body with a Content-Length, not chunked."
        try:
            request.get_host()
            unquote_to_bytes(request.META.get("QUERY_STRING", "")).decode("utf-8")
            _ = request.GET
        except DisallowedHost:
            return 400, "Unknown Host."
        except UnicodeDecodeError:
            return 400, "The query is not valid UTF-8."
        except TooManyFieldsSent:
            return 400, "The query has too many parameters."
        return None


class PrivateByDefault:
    """Keeps answers out of shared caches unless a view has said otherwise."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Cache-Control", "private, no-store")
        patch_vary_headers(response, ("Authorization", "Cookie"))
        return response
