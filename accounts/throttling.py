"""How often log-ins and sign-ups may be tried from one address, counted in the cache that all processes share."""

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import Throttled
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:  # rest_framework.views itself loads this module, named by the settings
    from rest_framework.views import APIView


class AddressThrottle(SimpleRateThrottle):
    """Counts requests by the client's address, whoever they say they are."""

    def get_cache_key(self, request: Any, view: "APIView | None") -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class LoginThrottle(AddressThrottle):
    scope = "login"

    @classmethod
    def check(cls, request: Any, view: Any = None) -> None:
        """Counts a try, of REST framework's request or of Django's; raises Throttled beyond the limit."""
        throttle = cls()
        if not throttle.allow_request(request, view):
            raise Throttled(throttle.wait())


class SignUpThrottle(AddressThrottle):
    scope = "sign-up"
