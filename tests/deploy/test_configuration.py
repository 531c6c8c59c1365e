"""What .ebextensions, the hooks and the bundle say, held against the service and the platform's rules.

Nothing validates these files but the platform itself, and that is late.
"""

import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.conftest import ROOT
from tests.deploy.beanstalk import configuration
from tests.templates import resource, resources

PLATFORM_SECTIONS = {"option_settings", "container_commands", "Resources"}
ENVIRONMENT = "aws:elasticbeanstalk:application:environment"
SECRETS = "aws:elasticbeanstalk:application:environmentsecrets"
DOCUMENTED = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def platform_resource(name: str) -> dict[str, Any]:
    """The properties that .ebextensions gives to a resource of the platform."""
    [found] = [it["Resources"][name] for it in configuration(ROOT).values() if name in it.get("Resources", {})]
    properties: dict[str, Any] = found["Properties"]
    return properties


# What the image is made of; the certificates are each installation's own.
NEEDED = set(re.findall(r"^!(\w[^/\n]*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))


@pytest.fixture(scope="module")
def options() -> dict[str, dict[str, Any]]:
    """All option settings by namespace and name."""
    merged: dict[str, dict[str, Any]] = {}
    for file, content in configuration(ROOT).items():
        assert content.keys() <= PLATFORM_SECTIONS, f"{file}: other sections are dead, or not what they seem"
        for namespace, values in content.get("option_settings", {}).items():
            known = merged.setdefault(namespace, {})
            assert not known.keys() & values.keys(), f"{file}: {namespace} is set twice"
            known |= values
    return merged


@pytest.fixture(scope="module")
def at_creation() -> dict[str, dict[str, Any]]:
    """Those of deploy/beanstalk.yaml, which win."""
    settings = resource("beanstalk", "AWS::ElasticBeanstalk::Environment")["OptionSettings"]
    merged: dict[str, dict[str, Any]] = {}
    for entry in settings:
        merged.setdefault(entry["Namespace"], {})[entry["OptionName"]] = entry["Value"]
    return merged


@pytest.fixture(scope="module")
def bundled(bundle: Path) -> dict[str, int]:
    """The modes of the files in the bundle."""
    with ZipFile(bundle) as file:
        return {entry.filename: entry.external_attr >> 16 for entry in file.infolist()}


def test_every_value_is_text(options: dict[str, dict[str, Any]]) -> None:
    assert [name for values in options.values() for name, value in values.items() if not isinstance(value, str)] == []


def test_every_variable_is_one_of_the_service(
    options: dict[str, dict[str, Any]], at_creation: dict[str, dict[str, Any]]
) -> None:
    named = {*options[ENVIRONMENT], *at_creation[ENVIRONMENT], *at_creation[SECRETS]}
    assert named - DOCUMENTED == set()


def test_secrets_are_named_and_not_told(
    options: dict[str, dict[str, Any]], at_creation: dict[str, dict[str, Any]]
) -> None:
    secret = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY$")
    assert [name for name in (*options[ENVIRONMENT], *at_creation[ENVIRONMENT]) if secret.search(name)] == []
    assert all(list(value) == ["Fn::ImportValue"] for value in at_creation[SECRETS].values())
    text = "".join(path.read_text() for path in [*(ROOT / ".ebextensions").iterdir(), *(ROOT / "deploy").iterdir()])
    assert re.findall(r"\bAKIA[0-9A-Z]{16}\b|\baws_secret_access_key\b", text, re.IGNORECASE) == []


def test_the_instances_may_read_the_secrets_that_they_are_given(at_creation: dict[str, dict[str, Any]]) -> None:
    [policy] = resources("beanstalk", "AWS::IAM::Role")["InstanceRole"]["Policies"]
    [readable] = [
        statement["Resource"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "secretsmanager:GetSecretValue"
    ]
    given = list(at_creation[SECRETS].values())
    assert len(readable) == len(given)
    assert all(secret in readable for secret in given)


def test_what_the_environment_sets_is_enough_to_start(
    options: dict[str, dict[str, Any]], at_creation: dict[str, dict[str, Any]]
) -> None:
    """The set for production, as docs/configuration.md has it."""
    named = {*options[ENVIRONMENT], *at_creation[ENVIRONMENT], *at_creation[SECRETS]}
    wanted = {"SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "DATABASE_PASSWORD", "DATABASE_SSLMODE"}
    wanted |= {"DATABASE_SSLROOTCERT", "TRUSTED_PROXIES", "ADMIN_USERNAME", "ADMIN_PASSWORD", "STORAGE", "S3_BUCKET"}
    assert wanted <= named


def test_the_platforms_resources_are_right(tmp_path: Path) -> None:
    """As a template of their own, in which what the platform brings is a parameter."""
    sections = [content.get("Resources", {}) for content in configuration(ROOT).values()]
    merged = {name: resource for section in sections for name, resource in section.items()}
    platform = set(re.findall(r'"Ref": "(AWSEB\w+)"', json.dumps(merged)))
    body = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {name: {"Type": "String"} for name in platform},
        "Resources": merged,
    }
    file = tmp_path / "resources.json"
    file.write_text(json.dumps(body))
    result = subprocess.run([str(Path(sys.executable).parent / "cfn-lint"), str(file)], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert platform == {"AWSEBV2LoadBalancer"}


def test_the_platform_has_a_leader_and_tries_new_instances_first(
    options: dict[str, dict[str, Any]], at_creation: dict[str, dict[str, Any]]
) -> None:
    """TrafficSplitting has none, and AllAtOnce stops what serves."""
    assert at_creation.keys() & {"aws:elasticbeanstalk:command", "aws:elasticbeanstalk:trafficsplitting"} == set()
    assert options["aws:elasticbeanstalk:command"]["DeploymentPolicy"] in ("Immutable", "RollingWithAdditionalBatch")
    assert options["aws:elasticbeanstalk:environment"]["LoadBalancerType"] == "application"
    assert "aws:elasticbeanstalk:trafficsplitting" not in options


def test_health_is_asked_where_the_service_answers_without_its_name(options: dict[str, dict[str, Any]]) -> None:
    process = options["aws:elasticbeanstalk:environment:process:default"]
    assert process["HealthCheckPath"] == "/health/live/"
    assert "}/health/live/'" in (ROOT / "Dockerfile").read_text()
    assert process["Port"] == "80"
    assert "EXPOSE 8080" in (ROOT / "Dockerfile").read_text()


def test_what_is_under_way_may_end(options: dict[str, dict[str, Any]]) -> None:
    nginx = (ROOT / "nginx/nginx.conf").read_text() + (ROOT / "nginx/sites-available/snippets.conf").read_text()
    [longest] = re.findall(r"uwsgi_read_timeout (\d+)s?;", nginx)
    assert int(options["aws:elasticbeanstalk:environment:process:default"]["DeregistrationDelay"]) > int(longest)


def test_the_balancer_does_not_send_on_a_connection_that_is_being_closed(options: dict[str, dict[str, Any]]) -> None:
    """The proxy on the instance keeps an idle one for 60 seconds; a request takes 35 at most."""
    assert 35 < int(options["aws:elbv2:loadbalancer"]["IdleTimeout"]) < 60


def test_plain_http_is_only_redirected(options: dict[str, dict[str, Any]]) -> None:
    listener = options["aws:elbv2:listener:443"]
    assert (listener["ListenerEnabled"], listener["Protocol"]) == ("true", "HTTPS")
    [action] = platform_resource("AWSEBV2LoadBalancerListener")["DefaultActions"]
    assert action["Type"] == "redirect"
    redirect = action["RedirectConfig"]
    assert (redirect["Protocol"], redirect["Port"], redirect["StatusCode"]) == ("HTTPS", "443", "HTTP_301")


def test_the_container_reaches_the_credentials_of_its_role(options: dict[str, dict[str, Any]]) -> None:
    """By the second version of the metadata service alone, and one hop behind the instance."""
    metadata = platform_resource("AWSEBEC2LaunchTemplate")["LaunchTemplateData"]["MetadataOptions"]
    assert metadata == {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
    assert options["aws:autoscaling:launchconfiguration"]["DisableIMDSv1"] == "true"


def test_instances_are_in_private_subnets(at_creation: dict[str, dict[str, Any]]) -> None:
    network = at_creation["aws:ec2:vpc"]
    assert network["Subnets"] == {"Fn::ImportValue": {"Fn::Sub": "${Base}-PrivateSubnets"}}
    assert network["ELBSubnets"] == {"Fn::ImportValue": {"Fn::Sub": "${Base}-PublicSubnets"}}


def test_roles_may_do_what_is_named_and_nothing_else() -> None:
    documents = [
        policy["PolicyDocument"]
        for role in resources("beanstalk", "AWS::IAM::Role").values()
        for policy in role.get("Policies", [])
    ]
    for statement in (statement for document in documents for statement in document["Statement"]):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if "*" in action]
        assert statement["Resource"] != "*" or actions == ["ecr:GetAuthorizationToken"]


def test_logs_are_kept_outside_of_the_instances(options: dict[str, dict[str, Any]]) -> None:
    logs = options["aws:elasticbeanstalk:cloudwatch:logs"]
    assert (logs["StreamLogs"], logs["DeleteOnTerminate"]) == ("true", "false")


def test_the_hook_gives_up_before_the_platform_does(options: dict[str, dict[str, Any]]) -> None:
    [patience] = re.findall(
        r"^patience=(\d+)", (ROOT / ".platform/hooks/predeploy/50_migrate.sh").read_text(), re.MULTILINE
    )
    assert int(patience) < int(options["aws:elasticbeanstalk:command"]["Timeout"])


def test_the_leader_alone_is_marked() -> None:
    commands = configuration(ROOT)["50-leader.config"]["container_commands"]
    assert all(command["leader_only"] is True for command in commands.values())


def test_hooks_can_run() -> None:
    """The platform is a Linux: no carriage returns, an interpreter, a run bit, and folders that it knows."""
    hooks = [path for path in (ROOT / ".platform").rglob("*") if path.is_file() and path.suffix != ".conf"]
    assert hooks
    for hook in hooks:
        text = hook.read_bytes()
        assert text.startswith(b"#!/"), hook
        assert b"\r" not in text, hook
        assert hook.stat().st_mode & stat.S_IXUSR, hook
        assert hook.parent.relative_to(ROOT / ".platform").as_posix() in (
            "hooks/prebuild",
            "hooks/predeploy",
            "hooks/postdeploy",
        )


def test_the_image_can_be_built_from_the_bundle(bundled: dict[str, int]) -> None:
    for name in NEEDED:
        assert [path for path in bundled if path == name or path.startswith(f"{name}/")], name
    for path in ("Dockerfile", ".dockerignore"):
        assert path in bundled
    dockerfile = (ROOT / "Dockerfile").read_text()
    # The platform pulls what FROM names, and takes its port from EXPOSE.
    assert re.findall(r"^FROM \S*\$", dockerfile, re.MULTILINE) == []
    assert not re.search(r"--mount|COPY --chmod|<<", dockerfile)


def test_the_bundle_keeps_run_bits_and_links(bundled: dict[str, int]) -> None:
    for path in (".platform/hooks/predeploy/50_migrate.sh", "config/entrypoint.sh"):
        assert stat.S_IMODE(bundled[path]) == 0o755
    assert stat.S_ISLNK(bundled["nginx/sites-enabled/snippets.conf"])


def test_the_bundle_holds_nothing_that_the_service_does_not_need(bundled: dict[str, int]) -> None:
    others = {".ebextensions", ".platform", "Dockerfile", ".dockerignore"}
    assert {path.split("/")[0] for path in bundled} == others | NEEDED


def test_what_git_does_not_track_is_not_in_the_bundle(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
    (copy / "deploy/beanstalk").mkdir(parents=True, exist_ok=True)
    script = "deploy/bundle.py"
    (copy / script).write_text((ROOT / script).read_text())
    (copy / ".ebignore").write_text((ROOT / ".ebignore").read_text())
    for path in (".env", "config/secret.txt", "var/db.sqlite3", "certificates/rds.pem", "certificates/own.key"):
        (copy / path).parent.mkdir(exist_ok=True)
        (copy / path).write_text("SECRET_KEY=x")
    target = tmp_path / "copy.zip"
    subprocess.run(["python3", script, "--output", str(target)], cwd=copy, check=True, capture_output=True)
    with ZipFile(target) as file:
        names = file.namelist()
    assert "config/settings.py" in names
    assert "certificates/rds.pem" in names
    assert not {".env", "config/secret.txt", "var/db.sqlite3", "certificates/own.key"} & set(names)


@pytest.mark.parametrize(
    "image", ["", "snippets:1.0.0", "snippets", f"snippets@sha256:{'0' * 63}", "a b@sha256:" + "0" * 64]
)
def test_an_image_without_its_digest_is_refused(image: str, tmp_path: Path) -> None:
    command = ["python3", "deploy/bundle.py", "--image", image, "--output", str(tmp_path / "bundle.zip")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 2
    assert "is no image with its digest" in result.stderr
    assert list(tmp_path.iterdir()) == []
