"""Snippets in Django's admin."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from snippets.models import Snippet


@admin.register(Snippet)
class SnippetAdmin(admin.ModelAdmin):
    """Staff look at snippets and delete them; they do not write in other people's names.

    What burns after reading is not here, since it would be shown: it is deleted at its address in the API.
    """

    list_display = ["__str__", "owner", "language", "visibility", "size", "created", "expires"]
    list_filter = ["visibility"]
    list_select_related = ["owner"]
    search_fields = ["title", "filename", "owner__username"]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Snippet]:
        return super().get_queryset(request).filter(burn_after_read=False)

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False
