"""How a request says who makes it: by token, by session, or with a password where tokens are made."""

from django.core.exceptions import RequestDataTooBig
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiToken, User
from accounts.throttling import LoginThrottle
from api.exceptions import PayloadTooLarge
from api.upload_parser import UploadParser


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <token>`, or `Token <token>`.

    Any other scheme is refused: who sends credentials means to be somebody, and must not post as nobody.
    """

    keywords = ("bearer", "token")

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        header = request.headers.get("Authorization", "")
        if not header.strip():
            return None
        scheme, _, secret = header.strip().partition(" ")
        if scheme.lower() == "basic" and any(
            isinstance(it, BasicAuthentication) for it in request.authenticators or ()
        ):
            return None
        if scheme.lower() not in self.keywords:
            raise AuthenticationFailed("Unknown authorization scheme. Send: Authorization: Bearer <token>")
        token = ApiToken.of(secret.strip())
        if token is None:
            raise AuthenticationFailed("This token is unknown, revoked or expired.")
        token.touch()
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="snippets"'


class BasicAuthentication(authentication.BasicAuthentication):
    """A user's name and password (`curl --user`), as slowly as log-ins may be tried."""

    www_authenticate_realm = "snippets"

    def authenticate_credentials(self, userid: str, password: str, request: Request | None = None) -> tuple[User, None]:
        if request is not None:
            LoginThrottle.check(request)
        user, _ = super().authenticate_credentials(userid, password, request)
        return user, None


class SessionAuthentication(authentication.SessionAuthentication):
    """A browser's session, with CSRF."""

    def enforce_csrf(self, request: Request) -> None:
        # The check looks for its token in the form. A body too large to be read must be an error that REST framework
        # knows: else the page that reports it would ask again who is there, and fail in the same way.
        try:
            if not any(isinstance(parser, UploadParser) for parser in request.parsers or ()):  # which read in pieces
                _ = request.body
        except RequestDataTooBig as error:
            raise PayloadTooLarge from error
        super().enforce_csrf(request)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="snippets"'
