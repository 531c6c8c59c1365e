"""Who may do what with accounts, and what a token may be used for."""

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken

if TYPE_CHECKING:  # rest_framework.views itself loads this module, named by the settings
    from rest_framework.views import APIView


class TokenScope(BasePermission):
    """A token of scope `read` reads."""

    message = "This token may only read."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return request.method in SAFE_METHODS or not isinstance(request.auth, ApiToken) or request.auth.may_write


class SignedInWithPassword(BasePermission):
    """A token cannot make another, nor revoke one: a leaked one must not outlive its revocation, nor lock you out."""

    message = "Tokens are made and revoked with your password or in a session, not with a token."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return request.method in SAFE_METHODS or not isinstance(request.auth, ApiToken)


class SignUpOrStaff(BasePermission):
    """Anyone may sign up where that is open; only staff see the list of everybody."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if request.method == "POST":
            if not settings.SIGN_UP:
                raise PermissionDenied("Signing up is closed here. Ask the operator for an account.")
            return True
        return bool(request.user and request.user.is_staff)
