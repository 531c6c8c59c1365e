"""Who visits, and by which scheme, where proxies stand before the service."""

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse

ADDRESSES = "HTTP_X_FORWARDED_FOR"
SCHEME = "HTTP_X_FORWARDED_PROTO"
SCHEME_HEADERS = (SCHEME, "HTTP_X_FORWARDED_SSL")


def is_trusted(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:  # a unix socket has none, and a client may send anything
        return False
    return any(found in network for network in settings.TRUSTED_PROXIES)


class TrustedProxies:
    """Believes X-Forwarded-For and X-Forwarded-Proto of TRUSTED_PROXIES, and of nobody else.

    Behind this project's nginx, which does the same and removes the headers, there is nothing left to do here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta = request.META
        addresses, scheme = meta.pop(ADDRESSES, ""), meta.get(SCHEME, "")
        claims = [meta.pop(name) for name in SCHEME_HEADERS if name in meta]
        if claims:
            # uWSGI believes them of anybody, and has put what they say here.
            meta["wsgi.url_scheme"] = "https" if meta.get("HTTPS") == "on" else "http"
        if is_trusted(meta.get("REMOTE_ADDR", "")):
            if scheme in ("http", "https"):
                meta["wsgi.url_scheme"] = scheme
            meta["REMOTE_ADDR"] = self.visitor([meta["REMOTE_ADDR"], *reversed(addresses.split(","))])
        return self.get_response(request)

    @staticmethod
    def visitor(hops: list[str]) -> str:
        """The first address, from the service outwards, that is no proxy of ours; the last proxy if there is none."""
        last = hops[0]
        for hop in (text.strip() for text in hops):
            if not is_trusted(hop):
                return _address(hop) or last
            last = hop
        return last


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
