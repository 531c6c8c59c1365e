"""How often an address may post without saying who it is."""

from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.throttling import AddressThrottle


class AnonymousPostingThrottle(AddressThrottle):
    scope = "anonymous-posting"

    def allow_request(self, request: Request, view: APIView) -> bool:
        if request.method != "POST" or request.user.is_authenticated:
            return True
        allowed: bool = super().allow_request(request, view)
        return allowed
