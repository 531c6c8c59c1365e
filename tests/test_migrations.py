"""Migrations run while the version before them still serves, so its code must work on what they leave behind.

Expand, then contract: what is new is added in one release, what is old is dropped in a later one. First the model is
freed of a field by SeparateDatabaseAndState, and its column becomes nullable; a later release drops that by RunSQL.
"""

import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from tests.conftest import ROOT

OWN_APPS = {"accounts", "config", "snippets", "uploads"}
REMOVING = (migrations.RemoveField, migrations.DeleteModel, migrations.RenameField, migrations.RenameModel)
DROPPED_COLUMN = re.compile(r'\bALTER TABLE "?(\w+)"? DROP (?:COLUMN )?"?(\w+)"?', re.IGNORECASE)
BREAKING_SQL = re.compile(
    r"\b(DROP TABLE|DROP COLUMN|ALTER TABLE \S+ DROP (?!CONSTRAINT)|RENAME|TRUNCATE|SET NOT NULL|DROP DEFAULT"
    r"|ALTER (COLUMN )?\S+ TYPE|ADD (COLUMN )?\S+ (?!.*DEFAULT).*NOT NULL|UNIQUE|ADD (CONSTRAINT|CHECK))\b",
    re.IGNORECASE,
)


def steps(operations: list[Operation]) -> Iterator[Operation]:
    """Those that touch the database."""
    for operation in operations:
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            yield from steps(operation.database_operations)
        else:
            yield operation


def needs_a_value(field: models.Field) -> bool:
    """Whether an INSERT that does not name the column fails. Django drops a `default` from the database at once."""
    has_column = not field.many_to_many and not field.generated
    return has_column and not field.null and not field.has_db_default()


def columns(state: ProjectState) -> set[tuple[str, str]]:
    return {
        (model._meta.db_table, field.column) for model in state.apps.get_models() for field in model._meta.local_fields
    }


def problem_of_altering(old: models.Field, new: models.Field) -> str | None:
    if needs_a_value(new) and not needs_a_value(old):
        return "needs a value now, which the version before does not give"
    if old.db_type(connection) != new.db_type(connection):
        return "has another type"
    if old.db_column != new.db_column:
        return "has another name in the database"
    return "is unique now" if new.unique and not old.unique else None


def problem(operation: Operation, app: str, state: ProjectState) -> str | None:
    """Why the version before would fail after this step. `state` is what that version knows."""
    if isinstance(operation, migrations.RunSQL):
        return problem_of_sql(str(operation.sql), state)
    model = getattr(operation, "model_name", None) or getattr(operation, "name", "")
    known: ModelState | None = state.models.get((app, model.lower()))
    if known is None:  # the model is new
        return None
    if isinstance(operation, (*REMOVING, migrations.AlterModelTable)):
        return "is still used"
    if isinstance(operation, migrations.AddConstraint) and constrained(operation.constraint) <= known.fields.keys():
        return "forbids what the version before may write"
    if isinstance(operation, migrations.AlterUniqueTogether):
        return "forbids what the version before may write"
    if isinstance(operation, migrations.AddField) and needs_a_value(operation.field):
        return "has no db_default and is not nullable"
    if isinstance(operation, migrations.AlterField) and operation.name in known.fields:
        return problem_of_altering(known.fields[operation.name], operation.field)
    return None


def constrained(constraint: models.BaseConstraint) -> set[str]:
    """The fields that a constraint is about. One that is new as well is not written by the version before."""
    condition = getattr(constraint, "condition", None)
    return {*getattr(constraint, "fields", ()), *(condition.referenced_base_fields if condition else ())}


def problem_of_sql(sql: str, state: ProjectState) -> str | None:
    sql = " ".join(sql.split()).lower()
    rest = DROPPED_COLUMN.sub(lambda drop: drop[0] if drop.groups() in columns(state) else "", sql)
    found = BREAKING_SQL.search(rest)
    return f"{found[0]} is nothing that the version before survives" if found else None


def problems(operations: list[Operation], app: str, state: ProjectState) -> list[str]:
    """One line for each step that breaks the version before."""
    found = [(operation, problem(operation, app, state)) for operation in steps(operations)]
    return [f"{operation.describe()}: {text}" for operation, text in found if text]


def test_the_version_before_works_on_every_migration() -> None:
    loader = MigrationLoader(None)
    checked = [key for key in sorted(loader.disk_migrations) if key[0] in OWN_APPS]
    assert len(checked) >= 4
    for app, name in checked:
        before = loader.project_state((app, name), at_end=False)
        assert problems(loader.disk_migrations[app, name].operations, app, before) == [], name


def test_every_app_of_this_project_is_looked_at() -> None:
    assert {config.label for config in apps.get_app_configs() if (ROOT / config.label).is_dir()} == OWN_APPS


@pytest.fixture(scope="module")
def state() -> ProjectState:
    """One model, as the version before knows it."""
    fields = [
        ("id", models.BigAutoField(primary_key=True)),
        ("title", models.CharField(max_length=100)),
        ("note", models.CharField(max_length=100, null=True)),
    ]
    state = ProjectState()
    state.add_model(ModelState("snippets", "Page", fields))
    return state


@pytest.mark.parametrize(
    "operation",
    [
        migrations.RemoveField("page", "note"),
        migrations.RenameField("page", "note", "remark"),
        migrations.DeleteModel("Page"),
        migrations.RenameModel("Page", "Sheet"),
        migrations.AlterModelTable("Page", "sheets"),
        migrations.AddField("page", "stars", models.IntegerField(default=0)),
        migrations.AlterField("page", "note", models.CharField(max_length=100)),
        migrations.AlterField("page", "note", models.CharField(max_length=100, default="")),
        migrations.AlterField("page", "title", models.CharField(max_length=50)),
        migrations.AlterField("page", "title", models.CharField(max_length=100, unique=True)),
        migrations.RunSQL("ALTER TABLE snippets_page DROP COLUMN note"),
        migrations.RunSQL('alter table "snippets_page" rename column note to remark'),
        migrations.RunSQL("ALTER TABLE snippets_page ALTER COLUMN note SET NOT NULL"),
        migrations.RunSQL("ALTER TABLE SNIPPETS_PAGE DROP  note"),
        migrations.RunSQL("ALTER TABLE snippets_page DROP\nCOLUMN note"),
        migrations.RunSQL("ALTER TABLE snippets_page ALTER note TYPE int"),
        migrations.RunSQL("ALTER TABLE snippets_page ADD COLUMN stars int NOT NULL"),
        migrations.RunSQL("ALTER TABLE snippets_page ADD CHECK (note <> '')"),
        migrations.RunSQL("CREATE UNIQUE INDEX note ON snippets_page (note)"),
        migrations.RunSQL("TRUNCATE snippets_page"),
        migrations.AlterField("page", "note", models.CharField(max_length=100, null=True, db_column="remark")),
        migrations.AddConstraint("page", models.UniqueConstraint(fields=["title"], name="title_once")),
        migrations.AddConstraint("page", models.CheckConstraint(condition=models.Q(title__gt=""), name="title_there")),
        migrations.AlterUniqueTogether("page", {("title", "note")}),
        migrations.SeparateDatabaseAndState(database_operations=[migrations.RemoveField("page", "note")]),
    ],
    ids=str,
)
def test_what_breaks_the_version_before_is_refused(operation: Operation, state: ProjectState) -> None:
    assert problems([operation], "snippets", state)


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("page", "stars", models.IntegerField(default=0, db_default=0)),
        migrations.AddField("page", "parent", models.ForeignKey("snippets.Page", models.CASCADE, null=True)),
        migrations.AddField("page", "tags", models.ManyToManyField("snippets.Page")),
        migrations.AlterField("page", "title", models.CharField(max_length=100, null=True)),
        migrations.AlterField("page", "note", models.CharField(max_length=100, db_default="")),
        migrations.CreateModel("Sheet", [("title", models.CharField(max_length=100))]),
        migrations.AddIndex("page", models.Index(fields=["title"], name="page_title")),
        AddIndexConcurrently("page", models.Index(fields=["title"], name="page_title")),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("page", "note")]),
        migrations.RunSQL("ALTER TABLE snippets_page DROP COLUMN forgotten_long_ago"),
        migrations.RunSQL("ALTER TABLE snippets_page ADD COLUMN stars int DEFAULT 0 NOT NULL"),
        migrations.AddConstraint("page", models.UniqueConstraint(fields=["title", "new"], name="title_new_once")),
    ],
    ids=str,
)
def test_what_the_version_before_survives_is_taken(operation: Operation, state: ProjectState) -> None:
    assert problems([operation], "snippets", state) == []
