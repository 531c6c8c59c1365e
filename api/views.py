"""What the views of both apps share."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request


class StrictQueryMixin:
    """Refuses query parameters that the view does not know, naming them: a misspelt filter must not match everything.

    A view names its parameters in `query_parameters`; `format` and those of its paginator are known besides. Each is
    given once, apart from those that `may_repeat`.
    """

    query_parameters: tuple[str, ...] = ()
    may_repeat: tuple[str, ...] = ()

    def known_parameters(self, request: Request) -> set[str]:
        known = {"format", *self.query_parameters}
        paginator = getattr(self, "paginator", None)
        is_list = not getattr(self, "kwargs", None)
        if paginator is not None and is_list and request.method in SAFE_METHODS:
            known |= set(paginator.query_parameters)
        return known

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        if not hasattr(self, str(request.method).lower()):  # 405, whatever the query
            return
        known = self.known_parameters(request)
        complaints = {
            name[:100]: self._complaint(name, name in known, values) for name, values in request.query_params.lists()
        }
        errors = {name: [complaint] for name, complaint in complaints.items() if complaint}
        if errors:
            raise ValidationError(errors)

    def _complaint(self, name: str, known: bool, values: list[str]) -> str | None:
        if not known:
            return "Unknown query parameter."
        if len(values) > 1 and name not in self.may_repeat:
            return "Given more than once."
        if any("\0" in value for value in values):
            return "Null characters are not allowed."
        if not all(value.strip() for value in values) and self.request.method in SAFE_METHODS:  # type: ignore[attr-defined]
            return "May not be empty."
        return None
