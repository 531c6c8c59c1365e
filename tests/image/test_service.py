"""Several containers on one PostgreSQL: a balancer before them, a restart of the database behind them."""

import json
import re
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.image.conftest import Container, StartContainer, docker
from tests.nginx import AS_ORDINARY_USER, own_folder, wait_until_it_listens
from tests.postgres import Postgres
from tests.servers import free_port

BALANCER = """
daemon off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
    upstream snippets {{
        {servers}
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://snippets;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_next_upstream error timeout http_502 http_503;
        }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, configuration: str, port: int) -> Iterator[None]:
    own_folder(folder)
    (folder / "nginx.conf").write_text(configuration)
    command = [*AS_ORDINARY_USER, "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until_it_listens(port, process)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def balancer(folder: Path, containers: list[Container]) -> Iterator[str]:
    port = free_port()
    # Without max_fails=0 it would leave alone for ten seconds who has refused it once, also when that one is back.
    addresses = [container.url.replace("http://localhost", "127.0.0.1") for container in containers]
    servers = "\n".join(f"server {address} max_fails=0;" for address in addresses)
    with nginx(folder, BALANCER.format(servers=servers, port=port), port):
        yield f"http://127.0.0.1:{port}"


def test_one_of_two_containers_restarts_under_load_and_no_request_is_lost(
    tmp_path: Path,
    start_container: StartContainer,
    start_postgres: Callable[..., AbstractContextManager[Postgres]],
    needs_nginx: None,
) -> None:
    if not shutil.which("wrk"):
        pytest.skip("wrk is not installed.")
    with (
        start_postgres() as database,
        start_container(DATABASE_URL=database.url) as first,
        start_container(DATABASE_URL=database.url) as second,
        balancer(tmp_path / "balancer", [first, second]) as url,
    ):
        pk = httpx.post(f"{url}/snippets/", json={"code": "under load\n"}).json()["pk"]
        command = ["wrk", "--threads=2", "--connections=16", "--duration=300s", f"{url}/snippets/{pk}/raw/"]
        load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for container in (first, second):
            time.sleep(2)
            assert container.stop() == 0
            docker("start", container.name)
            container.wait_until_it_lives()
        load.send_signal(signal.SIGINT)
        report, _ = load.communicate(timeout=60)
        assert "requests in" in report
        assert "Non-2xx" not in report, report
        assert "Socket errors" not in report, report


def servers(container: Container) -> list[str]:
    """nginx's and uWSGI's processes, apart from the highlighting's."""
    lines = docker("top", container.name, "-eo", "pid,args").splitlines()
    return [line for line in lines if "uwsgi.sock" in line or "nginx:" in line]


def test_a_restart_of_the_database_is_survived(
    start_container: StartContainer, start_postgres: Callable[..., AbstractContextManager[Postgres]]
) -> None:
    with start_postgres() as database, start_container(DATABASE_URL=database.url) as running:
        made = httpx.post(f"{running.url}/snippets/", json={"code": "kept\n"}).json()
        before = servers(running)
        address = f"{running.url}/snippets/{made['pk']}/raw/"
        database.stop()
        away = httpx.get(address)
        assert (away.status_code, list(away.json())) == (503, ["detail"])
        assert away.headers["Retry-After"].isdigit()
        assert httpx.get(f"{running.url}/health/live/").status_code == 200
        assert httpx.get(f"{running.url}/health/ready/").json()["checks"]["database"] == "failed"
        database.start()
        assert [httpx.get(address).text for _ in range(20)] == ["kept\n"] * 20
        assert httpx.get(f"{running.url}/health/ready/").status_code == 200
        assert servers(running) == before


def test_two_at_once_migrate_and_make_one_admin(
    image: str, variables: dict[str, str], start_postgres: Callable[..., AbstractContextManager[Postgres]]
) -> None:
    with start_postgres() as database:
        admin = {"ADMIN_USERNAME": "ann", "ADMIN_PASSWORD": "correct horse battery staple"}
        settings = variables | admin | {"DATABASE_URL": database.url}
        options = [option for name, value in settings.items() for option in ("--env", f"{name}={value}")]
        command = ["docker", "run", "--rm", "--network", "host", *options, image, "migrate"]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        said = [process.communicate(timeout=300)[0] for process in both]
        assert [process.returncode for process in both] == [0, 0], said
        assert sum("Applying snippets.0001_snippet... OK" in text for text in said) == 1
        assert sum("The admin ann has been made." in text for text in said) == 1


def documented_tls(http: int, https: int, container: Container, certificate: Path) -> str:
    """The server blocks of docs/deploy-docker.md, with other ports and another certificate."""
    documentation = (ROOT / "docs/deploy-docker.md").read_text()
    [block] = re.findall(r"^ *```nginx\n(.*?)^ *```", documentation, re.MULTILINE | re.DOTALL)
    replacements = {
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen 443 ssl;": f"listen 127.0.0.1:{https} ssl;",
        "https://$host$request_uri": f"https://$host:{https}$request_uri",
        "/etc/letsencrypt/live/snippets.example.org/fullchain.pem": str(certificate),
        "/etc/letsencrypt/live/snippets.example.org/privkey.pem": str(certificate),
        "http://127.0.0.1:8080": container.url.replace("localhost", "127.0.0.1"),
    }
    for documented, tested in replacements.items():
        assert documented in block
        block = block.replace(documented, tested)
    return BALANCER.partition("upstream")[0].format() + block + "}"


def test_it_works_behind_tls_as_the_documentation_sets_it_up(
    tmp_path: Path, start_container: StartContainer, needs_nginx: None
) -> None:
    certificate = tmp_path / "certificate.pem"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=snippets.example.org"]
    files = ["-addext", "subjectAltName=DNS:snippets.example.org", "-keyout", "key.pem", "-out", "public.pem"]
    subprocess.run(["openssl", *request, *files], cwd=tmp_path, check=True, capture_output=True)
    certificate.write_text((tmp_path / "public.pem").read_text() + (tmp_path / "key.pem").read_text())
    http, https = free_port(), free_port()
    settings = {
        "ALLOWED_HOSTS": "snippets.example.org",
        "SECURE_SSL_REDIRECT": "true",
        "SECURE_COOKIES": "true",
        "TRUSTED_PROXIES": "127.0.0.1",
        "SIGN_UP": "true",
    }
    with start_container(**settings) as running:
        configuration = documented_tls(http, https, running, certificate)
        with nginx(tmp_path / "tls", configuration, https):
            at = ["--resolve", f"snippets.example.org:{https}:127.0.0.1", "--cacert", str(certificate)]
            curl = ["curl", "--silent", "--show-error", "--fail-with-body", *at]
            site = f"https://snippets.example.org:{https}"
            links = json.loads(subprocess.run([*curl, site], check=True, capture_output=True).stdout)
            assert links["snippets"] == f"{site}/snippets/"
            host = {"Host": "snippets.example.org"}
            redirected = httpx.get(f"http://127.0.0.1:{http}/docs/", headers=host)
            assert (redirected.status_code, redirected.headers["Location"]) == (301, f"{site}/docs/")
            # Past the proxy, nobody is believed to come by HTTPS.
            assert httpx.get(f"{running.url}/", headers=host).status_code == 301

            context = ssl.create_default_context(cafile=certificate)
            context.check_hostname = False
            headers = host | {"Host": f"snippets.example.org:{https}", "Referer": f"{site}/auth/login/"}
            with httpx.Client(base_url=f"https://127.0.0.1:{https}", verify=context, headers=headers) as browser:
                account = {"username": "ann", "password": "correct horse battery"}
                assert browser.post("/users/", json=account).status_code == 201
                page = browser.get("/auth/login/", headers={"Accept": "text/html"})
                assert page.headers.get_list("Strict-Transport-Security") == ["max-age=3600"]
                [cookie] = [text for text in page.headers.get_list("Set-Cookie") if "csrftoken" in text]
                assert "Secure" in cookie
                token = cookie.partition("=")[2].partition(";")[0]
                cookies = {"Cookie": f"csrftoken={token}"}
                form = account | {"csrfmiddlewaretoken": token}
                answer = browser.post("/auth/login/", data=form, headers=cookies)
                assert answer.status_code == 302
