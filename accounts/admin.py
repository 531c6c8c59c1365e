"""Accounts in Django's admin."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from accounts.forms import ThrottledAdminForm
from accounts.models import ApiToken, User

admin.site.login_form = ThrottledAdminForm
admin.site.register(User, UserAdmin)


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Tokens can be looked at and revoked; who needs one makes it, since only its maker may see the secret."""

    list_display = ["name", "user", "scope", "created", "expires", "last_used"]
    list_select_related = ["user"]
    search_fields = ["name", "user__username"]

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False
