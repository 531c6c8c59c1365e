"""The log-in form of the admin, as slow to guess in as the others."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from rest_framework.exceptions import Throttled

from accounts.throttling import LoginThrottle


class ThrottledAdminForm(AdminAuthenticationForm):
    def clean(self) -> dict[str, Any]:
        try:
            LoginThrottle.check(self.request)
        except Throttled as error:
            raise ValidationError(str(error.detail), code="throttled") from error
        return super().clean()
