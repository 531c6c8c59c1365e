"""The addresses of a snippet and of what belongs to it, as the API shows them."""

from functools import cache
from typing import Any

from django.urls import reverse
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.reverse import preserve_builtin_query_params

SOME_SLUG = "x" * 22


@cache
def _around_ref(view_name: str) -> tuple[str, str]:
    """What stands before and after the snippet's number or slug."""
    before, _, after = reverse(view_name, kwargs={"ref": SOME_SLUG}).partition(SOME_SLUG)
    return before, after


def path_to(view_name: str, ref: str) -> str:
    """As `reverse` finds it, which looks through all addresses."""
    before, after = _around_ref(view_name)
    return f"{before}{ref}{after}"


@extend_schema_field({"type": "string", "format": "uri"})
class AddressField(serializers.Field):
    """A snippet's address among those of a view. As HyperlinkedIdentityField has it, but each row is a joined string:
    to look through all addresses for every link takes longer than everything else in a list."""

    def __init__(self, view_name: str, source: str = "ref", **options: Any) -> None:
        self.view_name = view_name
        super().__init__(source=source, read_only=True, **options)

    @cached_property
    def _around(self) -> tuple[str, str]:
        """The same as seen by who asks."""
        request: Request = self.context["request"]
        before, after = _around_ref(self.view_name)
        return request.build_absolute_uri(before), preserve_builtin_query_params(after, request)

    def to_representation(self, ref: str) -> str:
        before, after = self._around
        return f"{before}{ref}{after}"
