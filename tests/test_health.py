"""Health, as a load balancer asks for it."""

from pathlib import Path
from typing import Any

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from rest_framework.test import APIClient


def test_live_answers_an_unknown_host_without_the_database() -> None:
    response = APIClient().get("/health/live", headers={"Host": "10.1.2.3"})
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


def test_ready_names_each_part(db: None) -> None:
    response = APIClient().get("/health/ready/", headers={"Host": "10.1.2.3"})
    assert response.status_code == 200
    assert response.json()["checks"] == {
        "database": "ok",
        "migrations": "ok",
        "cache": "ok",
        "storage": "ok",
        "static": "ok",
    }


def test_a_missing_migration_makes_it_unready_and_says_what_to_do(db: None) -> None:
    applied = MigrationRecorder(connection).migration_qs.filter(app="snippets").order_by("name")
    applied.filter(name=applied.values_list("name", flat=True).last()).delete()
    response = APIClient().get("/health/ready/")
    assert response.status_code == 503
    assert "manage.py migrate" in response.json()["checks"]["migrations"]


def test_a_missing_cache_makes_it_unready_without_telling_details(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE snippets_cache RENAME TO elsewhere")
    response = APIClient().get("/health/ready/")
    assert response.status_code == 503
    assert response.json()["checks"]["cache"] == "failed"


def test_snippets_are_served_without_the_storage_of_uploads(db: None, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.MEDIA_ROOT = str(tmp_path / "file" / "media")
    response = APIClient().get("/health/ready/")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["storage"] == "MEDIA_ROOT cannot be used: Not a directory"


def test_static_files_that_were_not_collected_make_it_unready(db: None, settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = str(tmp_path)
    manifest = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": manifest}
    response = APIClient().get("/health/ready/")
    assert response.status_code == 503
    assert "manage.py collectstatic" in response.json()["checks"]["static"]


def test_health_knows_two_methods() -> None:
    assert APIClient().head("/health/live/").status_code == 200
    response = APIClient().post("/health/live/")
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
