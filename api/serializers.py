"""Serializers that refuse what they do not know, and fields that do not convert what was not meant."""

import re
from collections.abc import Mapping
from datetime import UTC
from functools import cache
from typing import Any

from django.db import models
from django.http import QueryDict
from django.utils.functional import cached_property
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.utils import html
from rest_framework.utils.serializer_helpers import BindingDict
from rest_framework.validators import ProhibitSurrogateCharactersValidator


class SurrogateValidator(ProhibitSurrogateCharactersValidator):
    """REST framework's own looks at every character, which takes a tenth of a second for a megabyte."""

    surrogates = re.compile("[\ud800-\udfff]")

    def __call__(self, value: Any) -> None:
        if self.surrogates.search(str(value)):
            super().__call__(value)


class StrictCharField(serializers.CharField):
    """Text only: a number or a boolean in its place is a client's mistake."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators = [
            SurrogateValidator() if isinstance(it, ProhibitSurrogateCharactersValidator) else it
            for it in self.validators
        ]

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        return text


class StrictBooleanField(serializers.BooleanField):
    """true or false; words such as "on" only where a form cannot send anything else."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool) and not html.is_html_input(self.root.initial_data):
            self.fail("invalid")
        value: bool = super().to_internal_value(data)
        return value


class StrictChoiceField(serializers.ChoiceField):
    """One of its choices; an empty value in a form is none of them, rather than the default."""

    def get_value(self, dictionary: Any) -> Any:
        return dictionary.get(self.field_name, empty)


class UTCDateTimeField(serializers.DateTimeField):
    """In UTC, whichever time zone is current; to ask for that takes as long as all the rest of a time."""

    timezone = UTC


class StrictMixin:
    """Refuses unknown fields, naming them: a misspelt `visibility` must never publish anything.

    Read-only fields that a client sends back are ignored, and so are `echoed_fields`, which only some answers have.
    A form gives each field once, apart from those that `may_repeat`.
    """

    echoed_fields: tuple[str, ...] = ()
    may_repeat: tuple[str, ...] = ()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {*self.fields, *self.echoed_fields}  # type: ignore[attr-defined]
            if isinstance(data, QueryDict):
                known.add("csrfmiddlewaretoken")
                self._refuse_repetition(data)
            unknown = [name for name in data if name not in known]
            if unknown:
                raise serializers.ValidationError({str(name)[:100]: ["Unknown field."] for name in unknown})
        return super().to_internal_value(data)  # type: ignore[misc]

    def _refuse_repetition(self, form: QueryDict) -> None:
        repeated = [name for name, values in form.lists() if len(values) > 1 and name not in self.may_repeat]
        if repeated:
            raise serializers.ValidationError({name[:100]: ["Given more than once."] for name in repeated})


class StrictSerializer(StrictMixin, serializers.Serializer):
    """For bodies and query strings that are no model's."""


@cache
def _fields_of(serializer: "type[StrictModelSerializer]") -> dict[str, serializers.Field]:
    made = serializer()
    bound = BindingDict(made)
    for name, field in made.get_fields().items():
        bound[name] = field
    return dict(bound)


@cache
def _validators_of(serializer: "type[StrictModelSerializer]") -> list[Any]:
    return super(StrictModelSerializer, serializer()).get_validators()


def _copied(field: serializers.Field, parent: serializers.Serializer) -> serializers.Field:
    """`copy.copy` would ask how this is done, and takes ten times as long."""
    copied = object.__new__(type(field))
    copied.__dict__ = field.__dict__.copy()
    copied.parent = parent
    return copied


class StrictModelSerializer(StrictMixin, serializers.ModelSerializer):
    """For a model. Its fields are made once for each class, which takes longer than all that they do in a request.

    So they must not depend on the context, and none of them may have fields of its own.
    """

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.CharField: StrictCharField,
        models.TextField: StrictCharField,
        models.BooleanField: StrictBooleanField,
        models.DateTimeField: UTCDateTimeField,
    }
    serializer_choice_field = StrictChoiceField

    @cached_property
    def fields(self) -> BindingDict:
        fields = BindingDict(self)
        fields.fields = {name: _copied(field, self) for name, field in _fields_of(type(self)).items()}
        return fields

    @cached_property
    def _readable_fields(self) -> list[serializers.Field]:
        """Once, and not for each row."""
        return [field for field in self.fields.fields.values() if not field.write_only]

    def get_validators(self) -> list[Any]:
        return list(_validators_of(type(self)))
