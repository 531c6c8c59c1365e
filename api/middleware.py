"""What holds for every request and answer, whichever view it meets."""

from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import resolve
from django.utils.cache import patch_vary_headers

from api.errors import not_found

GetResponse = Callable[[HttpRequest], HttpResponse]

TEXT_ENCODINGS = ("utf-8", "utf8", "us-ascii", "ascii")


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


class RequestFraming:
    """Refuses what would arrive empty (a chunked body, without a length) or garbled (text that is not UTF-8)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("Transfer-Encoding") and not request.headers.get("Content-Length"):
            return JsonResponse({"detail": "Send the body with a Content-Length, not chunked."}, status=411)
        charset = (request.content_params or {}).get("charset", "utf-8")
        if charset.strip().lower() not in TEXT_ENCODINGS:
            request.encoding = "utf-8"  # Django has already taken over the header's charset, even for the query
            return JsonResponse({"detail": "Unsupported charset in Content-Type: send UTF-8."}, status=415)
        try:
            unquote_to_bytes(request.META.get("QUERY_STRING", "")).decode("utf-8")
        except UnicodeDecodeError:
            return JsonResponse({"detail": "The query is not valid UTF-8."}, status=400)
        return self.get_response(request)


class PrivateByDefault:
    """Keeps answers out of shared caches unless a view has said otherwise."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Cache-Control", "private, no-store")
        patch_vary_headers(response, ("Authorization", "Cookie"))
        return response
