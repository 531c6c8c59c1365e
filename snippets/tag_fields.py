"""Tags as the API takes and shows them."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from snippets import tags


@extend_schema_field(
    {"type": "array", "items": {"type": "string", "maxLength": tags.MAX_LENGTH}, "maxItems": tags.MAX_COUNT}
)
class TagsField(serializers.Field):
    """A list of words. A form gives them as `tags=a&tags=b` or as `tags=a, b`, and with `tags=` there are none."""

    initial: list[str] = []
    default_error_messages = {"invalid": "Must be a list of words."}

    def get_value(self, dictionary: Mapping[str, Any]) -> Any:
        """A form that does not have the field leaves the tags as they are."""
        if not isinstance(dictionary, QueryDict) or self.field_name not in dictionary:
            return dictionary.get(str(self.field_name), empty)
        words = ",".join(dictionary.getlist(str(self.field_name))).split(",")
        return [word.strip() for word in words if word.strip()]

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
            self.fail("invalid")
        try:
            return tags.cleaned_all(data)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages) from error

    def to_representation(self, value: list[str]) -> list[str]:
        return value
