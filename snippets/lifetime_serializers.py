"""When a snippet ends, as the API shows and takes it, and what is shown of one that burns after reading."""

import re
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_duration
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.utils import html

from api.serializers import StrictBooleanField, StrictModelSerializer, StrictSerializer, UTCDateTimeField
from snippets.address_fields import AddressField
from snippets.lifetimes import LONGEST
from snippets.models import Snippet, Visibility

LIFETIME_FIELDS = ["expires", "expires_in", "expired", "burn_after_read"]

CALENDAR = re.compile(r"[-+]?P[^T]*[YM]")
WEEKS = re.compile(r"P([0-9]{1,6})W", re.ASCII)
ISO_8601 = re.compile(r"[-+]?P[-+0-9.,DTHMS]{1,50}(?<!T)", re.ASCII)
SECONDS = re.compile(r"[-+]?[0-9]{1,20}", re.ASCII)


class ExpiresField(UTCDateTimeField):
    """A time to come, with its zone."""

    default_error_messages = {
        "invalid": "Must be a time as RFC 3339 has it, such as 2030-01-01T12:00:00Z.",
        "naive": "Say in which zone: end it in Z, or in an offset such as +02:00.",
        "past": "This is in the past.",
        "too_far": f"May be at most {LONGEST.days} days from now.",
    }

    def __init__(self, **options: Any) -> None:
        # A browser's own field for times knows no zone, and drops what is below the millisecond.
        style = {"input_type": "text", "placeholder": "2030-01-01T12:00:00Z"}
        super().__init__(required=False, allow_null=True, style=style, **options)

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid")
        time: datetime = super().to_internal_value(value)
        if time <= timezone.now():
            self.fail("past")
        if time > timezone.now() + LONGEST:
            self.fail("too_far")
        return time

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            self.fail("naive")
        time: datetime = super().enforce_timezone(value)
        return time


@extend_schema_field({"oneOf": [{"type": "integer", "minimum": 1}, {"type": "string", "format": "duration"}]})
class ExpiresInField(serializers.Field):
    """Seconds, or a duration of ISO 8601 without months and years."""

    default_error_messages = {
        "invalid": "Must be seconds as a whole number, or a duration of ISO 8601 such as P7D or PT1H.",
        "calendar": "Months and years are not always as long: say it in days, such as P30D.",
        "not_positive": "Must be more than nothing.",
        "too_long": f"May be at most {LONGEST.days} days.",
    }

    def __init__(self, **options: Any) -> None:
        help_text = "In place of `expires`: how long from now, as seconds or as a duration of ISO 8601 (P7D, PT1H)."
        super().__init__(required=False, write_only=True, help_text=help_text, **options)

    def to_internal_value(self, data: Any) -> timedelta:
        try:
            duration = self._read(data)
        except OverflowError:
            self.fail("too_long")
        if duration <= timedelta():
            self.fail("not_positive")
        if duration > LONGEST:
            self.fail("too_long")
        return duration

    def _read(self, data: Any) -> timedelta:
        text = data.strip() if isinstance(data, str) else str(data) if type(data) is int else ""
        if SECONDS.fullmatch(text):
            return timedelta(seconds=int(text))
        if type(data) is int:
            raise OverflowError
        if CALENDAR.match(text):
            self.fail("calendar")
        if weeks := WEEKS.fullmatch(text):
            return timedelta(weeks=int(weeks[1]))
        duration = parse_duration(text) if ISO_8601.fullmatch(text) else None
        if duration is None:
            self.fail("invalid")
        return duration


class BurnAfterReadField(StrictBooleanField):
    """A form that leaves it out says nothing of it: else whoever changes something else would lift it."""

    default_empty_html = empty

    def __init__(self, **options: Any) -> None:
        help_text = "Whether it is gone as soon as somebody else has opened it. Decided when it is posted."
        super().__init__(required=False, help_text=help_text, **options)


class LifetimeMixin(serializers.Serializer):
    """The end of a snippet, beside its other fields."""

    instance: Snippet | None

    expires = ExpiresField(help_text="When it is gone for everybody; null for never.")
    expires_in = ExpiresInField()
    expired = serializers.BooleanField(read_only=True, help_text="Only staff see what has expired.")
    burn_after_read = BurnAfterReadField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        self._settle_expiry(attrs)
        burns = self.instance.burn_after_read if self.instance else attrs.get("burn_after_read", False)
        if attrs.get("burn_after_read", burns) != burns:
            message = "This is decided when a snippet is posted, and stays so."
            raise serializers.ValidationError({"burn_after_read": [message]})
        if burns:
            default = self.instance.visibility if self.instance else Visibility.UNLISTED
            if attrs.setdefault("visibility", default) == Visibility.PUBLIC:
                message = "What burns after reading cannot be public: choose unlisted, and give the link to its reader."
                raise serializers.ValidationError({"visibility": [message]})
        return attrs

    def _settle_expiry(self, attrs: dict[str, Any]) -> None:
        """Puts `expires` in the place of `expires_in`."""
        if "expires_in" not in attrs:
            return
        duration = attrs.pop("expires_in")
        if "expires" in attrs:
            # A form sends all of its fields: one that was left as it was says nothing.
            untouched = self.instance.expires if self.instance else None
            if not html.is_html_input(self.initial_data) or attrs["expires"] not in (None, untouched):
                raise serializers.ValidationError({"expires_in": ["Give either this or `expires`, not both."]})
        attrs["expires"] = timezone.now() + duration


class ConcealedSnippetSerializer(StrictModelSerializer):
    """That there is something which burns after reading, and nothing of what it holds. `open` is where to POST."""

    url = AddressField("snippet-detail")
    open = AddressField("snippet-open")
    owner = serializers.CharField(source="owner_name", read_only=True, allow_null=True)
    expired = serializers.BooleanField(read_only=True)

    class Meta:
        model = Snippet
        fields = ["pk", "url", "owner", "created", "expires", "expired", "burn_after_read", "open"]
        read_only_fields = fields


class OpeningSerializer(StrictSerializer):
    """Nothing has to be sent to open a snippet."""
