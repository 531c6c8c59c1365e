"""Queries that become SQL once, and are asked with other values each time: for where that takes longer than the answer.

by_name = CompiledQuery(User.objects.filter(username=Parameter("name", CharField())))
found = by_name.first(name="anna")
"""

from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.query import get_related_populators
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
    """A queryset with parameters. What it would prefetch is not read.

    Rows are made of what the database answers as Django's own ModelIterable makes them; what that asks of the SQL's
    compiler for each query, is asked here once.
    """

    def __init__(self, queryset: QuerySet[Row]) -> None:
        self._model, self._database = queryset.model, queryset.db
        compiler: Any = queryset.query.get_compiler(self._database)
        self._sql, self._parameters = compiler.as_sql()
        columns = [expression for expression, *_ in compiler.select]
        fields = compiler.klass_info["select_fields"]
        self._fields = slice(fields[0], fields[-1] + 1)
        self._names = [column.target.attname for column in columns[self._fields]]
        self._annotations = list(compiler.annotation_col_map.items())
        self._related = get_related_populators(  # type: ignore[call-arg] # whose stubs are of a later Django
            compiler.klass_info, compiler.select, self._database
        )
        self._converters = list(compiler.get_converters(columns).items())

    def rows(self, **values: Any) -> list[Row]:
        """`values` has one for the name of each parameter."""
        return [self._row(found) for found in self.tuples(**values)]

    def first(self, **values: Any) -> Row | None:
        return next(iter(self.rows(**values)), None)

    def tuples(self, **values: Any) -> list[list[Any]]:
        """What the database has of each row: its columns, and then its annotations."""
        connection = connections[self._database]
        prepared = [
            it.output_field.get_db_prep_value(values[it.name], connection) if isinstance(it, Parameter) else it
            for it in self._parameters
        ]
        with _cursor(connection) as cursor:
            cursor.execute(self._sql, prepared)
            tuples = [list(found) for found in cursor.fetchall()]
        for position, (converters, expression) in self._converters:
            for found in tuples:
                for convert in converters:
                    found[position] = convert(found[position], expression, connection)
        return tuples

    def _row(self, found: list[Any]) -> Row:
        row = self._model.from_db(self._database, self._names, found[self._fields])
        for name, position in self._annotations:
            setattr(row, name, found[position])
        for related in self._related:
            related.populate(found, row)
        return row


def _cursor(connection: Any) -> Any:
    """On PostgreSQL one that keeps plans, where the settings allow it: to plan takes longer than to read."""
    connection.close_if_health_check_failed()  # as for each cursor of its own
    connection.ensure_connection()
    may_prepare = connection.vendor == "postgresql" and connection.connection.prepare_threshold is not None
    if not may_prepare or connection.queries_logged:  # where a prepared statement would have no text
        return connection.cursor()
    from django.db.backends.postgresql import base  # which SQLite has no need of

    binding: Any = base.ServerBindingCursor
    return connection._prepare_cursor(binding(connection.connection))
