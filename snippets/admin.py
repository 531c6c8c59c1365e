"""Snippets in Django's admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from snippets.models import Snippet
from snippets.revisions import Revision


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


@admin.register(Revision)
class RevisionAdmin(admin.ModelAdmin):
    """Staff look at what snippets were. A history has no gaps: its rows go with their snippet only."""

    list_display = ["__str__", "title", "author", "message", "size", "created"]
    list_select_related = ["author"]
    search_fields = ["=snippet__pk"]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Revision]:
        return super().get_queryset(request).filter(snippet__burn_after_read=False)

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        match = request.resolver_match
        from_snippet = match is not None and str(match.url_name).startswith("snippets_snippet_")
        return from_snippet and super().has_delete_permission(request, obj)
