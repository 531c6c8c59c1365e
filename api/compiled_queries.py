"""Queries that become SQL once, and are asked with other values each time: for where that takes longer than the answer.

by_name = CompiledQuery(User.objects.filter(username=Parameter("name", CharField())))
found = by_name.first(name="anna")
"""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql.compiler import SQLCompiler

Row = TypeVar("Row", bound=Model)


class Parameter(Expression):
    """Stands in a queryset for a value that is not known yet, and is stored as that field stores it."""

    def __init__(self, name: str, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, list[Any]]:
        return "%s", [self]


class CompiledQuery(Generic[Row]):
    """A queryset with parameters. Of what it would join by `select_related` or prefetch, nothing is read."""

    def __init__(self, queryset: QuerySet[Row]) -> None:
        self._model, self._database = queryset.model, queryset.db
        self._sql, self._parameters = queryset.query.sql_with_params()

    def rows(self, **values: Any) -> Iterable[Row]:
        """`values` has one for the name of each parameter."""
        connection = connections[self._database]
        prepared = [
            it.output_field.get_db_prep_value(values[it.name], connection) if isinstance(it, Parameter) else it
            for it in self._parameters
        ]
        return self._model._default_manager.using(self._database).raw(self._sql, prepared)

    def first(self, **values: Any) -> Row | None:
        return next(iter(self.rows(**values)), None)
