"""Whom the service believes about who visits, where nginx does not stand before it."""

from ipaddress import ip_network
from typing import Any

import pytest
from rest_framework.test import APIClient

from config.proxies import TrustedProxies

POSTED = {"code": "x"}


@pytest.fixture
def proxies(settings: Any) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("connection", "said", "visitor"),
    [
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),  # no proxy of ours
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (
            "10.0.0.1",
            "6.6.6.6, 203.0.113.9, 10.0.1.5",
            "203.0.113.9",
        ),  # what the client itself has sent, does not count
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),  # who visits is in the network of the proxies
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "203.0.113.9, ", "10.0.0.1"),
        ("", "203.0.113.9", ""),  # a unix socket
    ],
)
def test_the_visitor_is_the_first_address_outside(
    anonymous: APIClient, proxies: None, connection: str, said: str, visitor: str
) -> None:
    request = anonymous.get("/snippets/", REMOTE_ADDR=connection, HTTP_X_FORWARDED_FOR=said).wsgi_request
    assert request.META["REMOTE_ADDR"] == visitor
    assert "HTTP_X_FORWARDED_FOR" not in request.META


@pytest.mark.parametrize(
    ("connection", "said", "scheme"),
    [
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "http", "http"),
        ("10.0.0.1", "javascript", "http"),
        ("192.0.2.1", "https", "http"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_says(
    anonymous: APIClient, proxies: None, connection: str, said: str, scheme: str
) -> None:
    links = anonymous.get("/", REMOTE_ADDR=connection, HTTP_HOST="testserver", HTTP_X_FORWARDED_PROTO=said).json()
    assert links["snippets"] == f"{scheme}://testserver/snippets/"


def test_without_trusted_proxies_nobody_is_believed(anonymous: APIClient) -> None:
    assert TrustedProxies.visitor(["127.0.0.1", "203.0.113.9"]) == "127.0.0.1"
    answer = anonymous.get("/", HTTP_X_FORWARDED_PROTO="https", HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert answer.json()["snippets"] == "http://testserver/snippets/"
    assert answer.wsgi_request.META["REMOTE_ADDR"] == "127.0.0.1"


def test_https_is_not_redirected_where_the_proxy_has_it(anonymous: APIClient, proxies: None, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert anonymous.get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_PROTO="https").status_code == 200
    assert anonymous.get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_PROTO="https").status_code == 301
