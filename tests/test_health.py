"""Health, as a load balancer asks for it."""

from rest_framework.test import APIClient


def test_live_answers_an_unknown_host_without_the_database() -> None:
    response = APIClient().get("/health/live", headers={"Host": "10.1.2.3"})
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


def test_ready_names_each_part(db: None) -> None:
    response = APIClient().get("/health/ready/", headers={"Host": "10.1.2.3"})
    assert response.status_code == 200
    assert response.json()["checks"] == {"database": "ok", "migrations": "ok", "cache": "ok", "storage": "ok"}
