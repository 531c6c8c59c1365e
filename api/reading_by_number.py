"""Keeps SQLite from reading an index of a million rows where the numbers of a few are known."""

from typing import Any, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.datastructures import BaseTable

Rows = TypeVar("Rows", bound="QuerySet[Any]")


class TableWithoutIndexes(BaseTable):
    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        table, parameters = super().as_sql(compiler, connection)
        return f"{table} NOT INDEXED", parameters


def read_by_number(rows: Rows) -> Rows:
    """The same rows, which have a condition for their pk. SQLite thinks that any value of an index is in ten rows."""
    if connections[rows.db].vendor == "sqlite":
        rows = rows.all()
        alias = rows.query.get_initial_alias()
        rows.query.alias_map[alias] = TableWithoutIndexes(rows.model._meta.db_table, alias)
    return rows
