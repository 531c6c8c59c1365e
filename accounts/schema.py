"""How the OpenAPI description names the ways to say who you are."""

from drf_spectacular.authentication import BasicScheme, SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token, made at /tokens/."}


class PasswordScheme(BasicScheme):
    target_class = "accounts.authentication.BasicAuthentication"
    name = "password"


class BrowserScheme(SessionScheme):
    target_class = "accounts.authentication.SessionAuthentication"
    name = "session"
