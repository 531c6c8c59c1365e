"""How the API describes itself in OpenAPI."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema
from rest_framework.permissions import IsAuthenticated

from api.upload_parser import UploadParser

Schema = dict[str, Any]

ERRORS = {
    "400": "What was sent makes no sense; each field or parameter is named.",
    "401": "You did not say who you are, or the token is not valid.",
    "403": "You may see it, but not do this.",
    "404": "There is no such thing, or you may not see it.",
    "409": "It is not in a state in which this can be done.",
    "410": "It has burnt after reading.",
    "411": "The body came without a Content-Length.",
    "412": "It has been changed since the version that If-Match names.",
    "413": "The body is too large.",
    "415": "The body's media type or charset is not supported.",
    "416": "The file has no such range; Content-Range has its size.",
    "429": "Too often; Retry-After says when to try again.",
    "503": "The storage of uploads does not answer; Retry-After says when to try again.",
}


class AutoSchema(SpectacularAutoSchema):
    """Adds the errors that every operation may answer, and the parameters and further errors that views name as
    `schema_parameters` and `more_errors`."""

    def map_parsers(self) -> list[str]:
        """One content type for each operation: clients are generated from that one. The others are in the prose."""
        takes_files = UploadParser in self.view.parser_classes
        return ["multipart/form-data" if takes_files else "application/json"]

    def get_auth(self) -> list[Schema]:
        """Nobody needs to say who he is, except where a view insists."""
        auth: list[Schema] = super().get_auth()
        required = any(isinstance(permission, IsAuthenticated) for permission in self.view.get_permissions())
        return auth if required or {} in auth else [*auth, {}]

    def get_override_parameters(self) -> list[Any]:
        return list(getattr(self.view, "schema_parameters", {}).get(self.method, []))

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Schema:
        bodies: Schema = super()._get_response_bodies(direction)
        headers = {getattr(parameter, "name", "") for parameter in self.get_override_parameters()}
        if "If-None-Match" in headers:
            bodies["304"] = {"description": "You have it already."}
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        for status in self._error_statuses(headers):
            bodies.setdefault(status, {"description": ERRORS[status], "content": content})
        return bodies

    def _error_statuses(self, headers: set[str]) -> list[str]:
        statuses = {"400", "401", "403", "404", "429"}
        if self.method in ("POST", "PUT", "PATCH"):
            statuses |= {"411", "413", "415"}
        if getattr(self.view, "works_with_uploads", False):
            statuses.add("503")
        if "If-Match" in headers:
            statuses.add("412")
        if "{ref}" in self.path:
            statuses.add("410")
        statuses |= set(getattr(self.view, "more_errors", ()))
        if "Range" in headers:
            statuses.add("416")
        return sorted(statuses)
