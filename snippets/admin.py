"""Snippets in Django's admin."""

from django.contrib import admin

from snippets.models import Snippet


@admin.register(Snippet)
class SnippetAdmin(admin.ModelAdmin):
    """Staff look at snippets and delete them; they do not write in other people's names."""

    list_display = ["__str__", "owner", "language", "visibility", "size", "created"]
    list_filter = ["visibility"]
    list_select_related = ["owner"]
    search_fields = ["title", "filename", "owner__username"]
    show_full_result_count = False

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False
