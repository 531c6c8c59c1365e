"""The filters of the list. A value that makes no sense is 400, naming its parameter."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import QueryDict
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from snippets import tags
from snippets.models import Snippet, Visibility
from snippets.querysets import SnippetQuerySet
from snippets.search import terms_of
from snippets.validators import validate_language

ORDERINGS = [f"{sign}{name}" for name in ("created", "updated", "title") for sign in ("", "-")]


class TimeField(django_filters.fields.IsoDateTimeField):
    """A time that is one in UTC too."""

    def clean(self, value: str) -> datetime | None:
        time: datetime | None = super().clean(value)
        try:
            return time.astimezone(UTC) if time else None
        except OverflowError as error:
            raise DjangoValidationError("Enter a valid date/time.") from error


class TimeFilter(django_filters.IsoDateTimeFilter):
    field_class = TimeField


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class TagFilter(django_filters.CharFilter):
    """May be given several times."""


class SnippetFilter(django_filters.FilterSet):
    base_filters: dict[str, django_filters.Filter]

    q = django_filters.CharFilter(
        method="search", label="Words and parts of words, all of which stand in title, description, filename or code."
    )
    language = django_filters.CharFilter(method="in_language", label="A language, under any of its names.")
    owner = django_filters.CharFilter(method="owned_by", label="A user's name; `me` is you.")
    visibility = django_filters.ChoiceFilter(choices=Visibility.choices, label="public, unlisted or private.")
    forked_from = django_filters.CharFilter(method="forks_of", label="A snippet's number or slug: its forks.")
    tag = TagFilter(method="tagged", label="A tag; given several times: all of them.")
    starred = django_filters.ChoiceFilter(
        method="starred_by_you", choices=[("true", "true"), ("false", "false")], label="Whether you have starred it."
    )
    created_after = TimeFilter("created", "gte", label="At this time or later.")
    created_before = TimeFilter("created", "lt", label="Before this time.")
    ordering = django_filters.ChoiceFilter(
        method="ordered", choices=[(name, name) for name in ORDERINGS], label="A field; `-` before it: descending."
    )

    class Meta:
        model = Snippet
        fields: list[str] = []

    def __init__(self, data: QueryDict, *args: Any, **kwargs: Any) -> None:
        """With those filters alone that are asked for: to make a form of all takes longer than to search."""
        self.base_filters = {name: it for name, it in self.base_filters.items() if name in data}
        super().__init__(data, *args, **kwargs)

    def search(self, queryset: SnippetQuerySet, name: str, value: str) -> SnippetQuerySet:
        """Checks it. SnippetPagination searches, since what is quick depends on how many rows are wanted."""
        try:
            terms_of(value)
        except DjangoValidationError as error:
            raise ValidationError({name: error.messages}) from error
        return queryset

    def in_language(self, queryset: SnippetQuerySet, name: str, value: str) -> SnippetQuerySet:
        try:
            validate_language(value)
        except DjangoValidationError as error:
            raise ValidationError({name: error.messages}) from error
        return queryset.in_language(value)

    def owned_by(self, queryset: SnippetQuerySet, name: str, value: str) -> SnippetQuerySet:
        users = get_user_model().objects.filter(is_active=True)
        if value == "me":
            if not self.request.user.is_authenticated:
                raise ValidationError({name: ["Say who you are to ask for your own."]})
            return queryset.filter(owner=self.request.user)
        owner = users.filter(username__iexact=value).first()
        if owner is None:
            raise ValidationError({name: ["There is no such user."]})
        return queryset.filter(owner=owner)

    def forks_of(self, queryset: SnippetQuerySet, name: str, value: str) -> SnippetQuerySet:
        """Of what the visitor finds by himself: whose forks a link's holder could list, their readers could not see."""
        user = self.request.user
        source = Snippet.objects.at(value, user).listed_for(user).only("pk").first() if value.isascii() else None
        if source is None:
            raise ValidationError({name: ["There is no such snippet."]})
        return queryset.filter(forked_from=source)

    def tagged(self, queryset: SnippetQuerySet, name: str, value: str) -> SnippetQuerySet:
        try:
            return queryset.tagged(tags.cleaned_all(self.data.getlist(name)))
        except DjangoValidationError as error:
            raise ValidationError({name: error.messages}) from error

    def starred_by_you(self, queryset: SnippetQuerySet, name: str, value: str) -> SnippetQuerySet:
        if not self.request.user.is_authenticated:
            raise ValidationError({name: ["Say who you are to ask for your own."]})
        return queryset.starred_by(self.request.user, value == "true")

    def ordered(self, queryset: SnippetQuerySet, name: str, value: str) -> SnippetQuerySet:
        return queryset.ordered_by(value)


class SnippetFilterBackend(DjangoFilterBackend):
    """Knows the names of its parameters."""

    query_parameters = tuple(SnippetFilter.base_filters)
    may_repeat = ("tag",)

    def filter_queryset(self, request: Request, queryset: SnippetQuerySet, view: APIView) -> SnippetQuerySet:
        """Nothing where nothing is asked for: even a form of no filters takes a while to make."""
        if request.query_params.keys().isdisjoint(self.query_parameters):
            return queryset
        filtered: SnippetQuerySet = super().filter_queryset(request, queryset, view)
        return filtered

    def to_html(self, request: Request, queryset: SnippetQuerySet, view: APIView) -> str:
        """No form in the browsable API: it would send every parameter, and empty ones are refused."""
        return ""
