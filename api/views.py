"""What the views of both apps share."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request


class StrictQueryMixin:
    """Refuses query parameters that the view does not know, naming them: a misspelt filter must not match everything.

    A view names its parameters in `query_parameters`; `format` and those of its paginator are known besides.
    """

    query_parameters: tuple[str, ...] = ()

    def known_parameters(self, request: Request) -> set[str]:
        known = {"format", *self.query_parameters}
        paginator = getattr(self, "paginator", None)
        if paginator is not None and request.method in ("GET", "HEAD", "OPTIONS"):
            known |= set(paginator.query_parameters)
        return known

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        known = self.known_parameters(request)
        errors = {name[:100]: ["Unknown query parameter."] for name in request.query_params if name not in known}
        errors |= {
            name: ["Given more than once."]
            for name, values in request.query_params.lists()
            if name in known and len(values) > 1
        }
        errors |= {
            name[:100]: ["Null characters are not allowed."]
            for name, value in request.query_params.items()
            if "\0" in value
        }
        if errors:
            raise ValidationError(errors)
