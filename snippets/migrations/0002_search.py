"""The indexes for searching: PostgreSQL's GIN over trigrams and words, SQLite's FTS5 kept in step by triggers.

On SQLite, Django rebuilds a table for some changes of its fields (it makes a new one, copies, drops and renames), and
the triggers go with the old one. A later migration that does so must begin with `RunPython(drop, create)` and end with
`RunPython(create, drop)` from here, which also fills the indexes anew; the tests of searching fail where one does not.

From the migration on that knows `burn_after_read`, no index has what burns: it would keep words of it after it is gone.
"""

from django.db import migrations

COLUMNS = ("title", "description", "filename", "code")


def _postgresql(burning):
    where = " WHERE NOT burn_after_read" if burning else ""
    trigrams = ", ".join(f"upper({column}::text) gin_trgm_ops" for column in COLUMNS)
    return [
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        # A tsvector may hold 1 MiB: beyond these 100,000 characters the trigrams find what is there. Everything that is
        # no letter or digit is a gap, as in SQLite's unicode61, so that os.path and is_valid are two words each.
        r"""
        CREATE OR REPLACE FUNCTION snippets_words(title text, description text, filename text, code text)
        RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT to_tsvector('simple', regexp_replace(
                title || ' ' || description || ' ' || filename || ' ' || left(code, 100000), '[\W_]+', ' ', 'g'))
        $$
        """,
        f"CREATE INDEX snippets_words ON snippets_snippet USING gin (snippets_words({', '.join(COLUMNS)})){where}",
        f"CREATE INDEX snippets_trigrams ON snippets_snippet USING gin ({trigrams}){where}",
    ]


POSTGRESQL_REVERSE = [
    "DROP INDEX IF EXISTS snippets_trigrams",
    "DROP INDEX IF EXISTS snippets_words",
    "DROP FUNCTION IF EXISTS snippets_words(text, text, text, text)",
]

TABLES = {"snippets_trigrams": "trigram", "snippets_words": "unicode61 remove_diacritics 0 tokenchars ''"}


def _sqlite(table, tokenizer, burning):
    columns = ", ".join(COLUMNS)
    new, old = (", ".join(f"{row}.{column}" for column in COLUMNS) for row in ("new", "old"))
    if_new, if_old, where, watched = "", "", "", f"id, {columns}"
    if burning:
        if_new, if_old = (f" WHERE NOT {row}.burn_after_read" for row in ("new", "old"))
        where, watched = " WHERE NOT burn_after_read", f"{watched}, burn_after_read"
    into = f"INSERT INTO {table}(rowid, {columns})"
    add = f"{into} SELECT new.id, {new}{if_new};"
    remove = f"INSERT INTO {table}({table}, rowid, {columns}) SELECT 'delete', old.id, {old}{if_old};"
    return [
        f"CREATE VIRTUAL TABLE {table} USING fts5("
        f"{columns}, content='snippets_snippet', content_rowid='id', tokenize=\"{tokenizer}\")",
        f"CREATE TRIGGER {table}_insert AFTER INSERT ON snippets_snippet BEGIN {add} END",
        f"CREATE TRIGGER {table}_delete AFTER DELETE ON snippets_snippet BEGIN {remove} END",
        f"CREATE TRIGGER {table}_update AFTER UPDATE OF {watched} ON snippets_snippet BEGIN {remove} {add} END",
        f"{into} SELECT id, {columns} FROM snippets_snippet{where}",  # noqa: S608
    ]


def _sqlite_reverse(table):
    triggers = [f"DROP TRIGGER IF EXISTS {table}_{event}" for event in ("insert", "delete", "update")]
    return [*triggers, f"DROP TABLE IF EXISTS {table}"]


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        statements = [statement for table in TABLES for statement in _sqlite_reverse(table)]
    else:
        statements = POSTGRESQL_REVERSE
    for statement in statements:
        schema_editor.execute(statement)


def create(apps, schema_editor):
    drop(apps, schema_editor)
    burning = "burn_after_read" in {field.name for field in apps.get_model("snippets", "Snippet")._meta.get_fields()}
    if schema_editor.connection.vendor == "sqlite":
        tables = [_sqlite(table, tokenizer, burning) for table, tokenizer in TABLES.items()]
        statements = [statement for table in tables for statement in table]
    else:
        statements = _postgresql(burning)
    for statement in statements:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("snippets", "0001_snippet")]

    operations = [migrations.RunPython(create, drop)]
