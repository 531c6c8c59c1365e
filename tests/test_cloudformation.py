"""The templates in deploy/: what cfn-lint, which knows each resource alone, cannot know."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.policies import allowed, listed
from tests.templates import NAMES, resource, resources, template
from tests.test_configuration import VARIABLES

SERVICES = ["ec2", "ecs"]
TASKS = ["ecs", "migrate"]
PORT = 8080


def imported(name: str) -> dict[str, str]:
    """The value of base.yaml's export."""
    return {"Fn::ImportValue": {"Fn::Sub": f"${{Base}}-{name}"}}


def container(name: str) -> dict[str, Any]:
    (found,) = resource(name, "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    return dict(found)


def environment(name: str) -> dict[str, Any]:
    """What a container of this template gets, with the secrets: those are what the template imports for them."""
    if name == "ec2":
        return user_data_environment() | user_data_secrets()
    found = container(name)
    return {one["Name"]: one["Value"] for one in found["Environment"]} | secrets(name)


def secrets(name: str) -> dict[str, Any]:
    return {one["Name"]: one["ValueFrom"] for one in container(name)["Secrets"]}


def user_data() -> tuple[str, dict[str, Any]]:
    """The script of an instance, and what is put into it."""
    data = resource("ec2", "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]
    script, values = data["Fn::Base64"]["Fn::Sub"]
    return script, values


def user_data_environment() -> dict[str, Any]:
    script, values = user_data()
    block = re.search(r"^cat > /etc/snippets.env <<'END'\n(.*?)^END$", script, re.MULTILINE | re.DOTALL)
    assert block
    found: dict[str, Any] = dict(line.split("=", 1) for line in block[1].splitlines())
    references = {"${AWS::Region}": {"Ref": "AWS::Region"}} | {f"${{{key}}}": value for key, value in values.items()}
    return {key: references.get(value, value) for key, value in found.items()}


def user_data_secrets() -> dict[str, Any]:
    """The secrets that the script fetches, by the variables of their files."""
    script, values = user_data()
    return {name.upper(): values[key] for name, key in re.findall(r"^fetch (\w+) \$\{(\w+)\}$", script, re.MULTILINE)}


def statements(name: str, role: str) -> list[dict[str, Any]]:
    properties = template(name)["Resources"][role]["Properties"]
    return [one for policy in properties["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def granted(name: str, role: str, action: str) -> list[Any]:
    """On what the role may do this."""
    return [
        target
        for one in statements(name, role)
        if action in listed(one["Action"])
        for target in listed(one["Resource"])
    ]


def walk(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value in the template, with the keys that lead to it."""
    yield path, value
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(item, (*path, str(key)))


def attributes(group: dict[str, Any]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in group["TargetGroupAttributes"]}


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


# --- Between the templates --------------------------------------------------------------------------------------------


def test_the_templates_are_found() -> None:
    assert NAMES == ["base", "beanstalk", "ec2", "ecs", "migrate", "network"]


def test_everything_that_is_imported_is_exported_and_the_other_way_round() -> None:
    exports = {
        one["Export"]["Name"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        for one in template("base")["Outputs"].values()
        if "Export" in one
    }
    imports = {
        value["Fn::ImportValue"]["Fn::Sub"].removeprefix("${Base}-")
        for name in NAMES
        for _, value in walk(template(name))
        if isinstance(value, dict) and "Fn::ImportValue" in value
    }
    assert imports == exports


def test_the_network_says_what_the_base_asks_for() -> None:
    parameters = template("base")["Parameters"]
    assert set(template("network")["Outputs"]) <= set(parameters)
    needed = {name for name, parameter in parameters.items() if "Default" not in parameter}
    assert needed == set(template("network")["Outputs"]) | {"Domain", "HostedZone"}


# --- Who reaches whom -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "port", "source"), [("ServiceGroup", PORT, "LoadBalancerGroup"), ("DatabaseGroup", 5432, "ServiceGroup")]
)
def test_the_one_port_is_open_to_the_one_group(group: str, port: int, source: str) -> None:
    (rule,) = resources("base", "AWS::EC2::SecurityGroup")[group]["SecurityGroupIngress"]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", port, port)
    assert rule["SourceSecurityGroupId"] == {"Ref": source}
    assert "CidrIp" not in rule
    assert not resources("base", "AWS::EC2::SecurityGroupIngress")


def test_the_world_reaches_the_load_balancer_alone_and_is_sent_to_https() -> None:
    rules = resources("base", "AWS::EC2::SecurityGroup")["LoadBalancerGroup"]["SecurityGroupIngress"]
    assert {rule["FromPort"] for rule in rules} == {80, 443}
    listeners = resources("base", "AWS::ElasticLoadBalancingV2::Listener")
    (redirect,) = listeners["Http"]["DefaultActions"]
    assert redirect["RedirectConfig"] == {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    assert listeners["Https"]["Certificates"] == [{"CertificateArn": {"Ref": "Certificate"}}]
    assert resource("base", "AWS::ElasticLoadBalancingV2::LoadBalancer")["SecurityGroups"] == [
        {"Ref": "LoadBalancerGroup"}
    ]


def test_the_name_of_certificate_record_and_rules_is_the_one_that_the_service_answers_to() -> None:
    certificate = resource("base", "AWS::CertificateManager::Certificate")
    assert certificate["DomainName"] == resource("base", "AWS::Route53::RecordSet")["Name"] == {"Ref": "Domain"}
    for name in SERVICES:
        (condition,) = resource(name, "AWS::ElasticLoadBalancingV2::ListenerRule")["Conditions"]
        assert condition["HostHeaderConfig"]["Values"] == [environment(name)["ALLOWED_HOSTS"]] == [imported("Domain")]


def test_only_the_public_subnets_are_believed_and_nothing_of_ours_stands_there() -> None:
    assert template("base")["Outputs"]["TrustedProxies"]["Value"] == {"Ref": "PublicCidrs"}
    assert resource("base", "AWS::ElasticLoadBalancingV2::LoadBalancer")["Subnets"] == {"Ref": "PublicSubnets"}
    private = {"Fn::Split": [",", imported("PrivateSubnets")]}
    assert resource("ec2", "AWS::AutoScaling::AutoScalingGroup")["VPCZoneIdentifier"] == private
    placed = resource("ecs", "AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert (placed["Subnets"], placed["AssignPublicIp"]) == (private, "DISABLED")
    assert all("MapPublicIpOnLaunch" not in subnet for subnet in resources("network", "AWS::EC2::Subnet").values())


def test_the_service_is_in_the_group_that_the_base_lets_in() -> None:
    placed = resource("ecs", "AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert placed["SecurityGroups"] == [imported("ServiceGroup")]
    launch = resource("ec2", "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert launch["SecurityGroupIds"] == [imported("ServiceGroup")]


# --- The same in every place ------------------------------------------------------------------------------------------


def test_the_port_is_the_image_s() -> None:
    assert f"\nEXPOSE {PORT}\n" in dockerfile()
    for name in SERVICES:
        assert resource(name, "AWS::ElasticLoadBalancingV2::TargetGroup")["Port"] == PORT
        assert "PORT" not in environment(name)
    assert f"--publish {PORT}:{PORT} " in user_data()[0]


def test_the_service_of_ecs_names_its_container_and_port() -> None:
    (balanced,) = resource("ecs", "AWS::ECS::Service")["LoadBalancers"]
    web = container("ecs")
    assert (balanced["ContainerName"], balanced["ContainerPort"]) == (web["Name"], PORT)
    assert [mapping["ContainerPort"] for mapping in web["PortMappings"]] == [PORT]
    assert resource("ecs", "AWS::ElasticLoadBalancingV2::TargetGroup")["TargetType"] == "ip"
    assert template("ecs")["Resources"]["Service"]["DependsOn"] == "Rule"


def test_health_is_asked_as_the_image_does() -> None:
    health = re.search(r"^HEALTHCHECK .*\n *CMD (\[.*\])$", dockerfile(), re.MULTILINE)
    assert health
    command = json.loads(health[1])
    assert container("ecs")["HealthCheck"]["Command"] == ["CMD", *command]
    for name in SERVICES:
        group = resource(name, "AWS::ElasticLoadBalancingV2::TargetGroup")
        assert group["HealthCheckPath"] == "/health/live/"
        assert group["HealthCheckPath"] in command[-1]


@pytest.mark.parametrize("name", ["ec2", *TASKS])
def test_every_variable_is_one_that_the_service_knows(name: str) -> None:
    names = {key.removesuffix("_FILE") for key in environment(name)}
    assert names <= VARIABLES | {"TMPDIR"}  # which is Python's
    assert {"SECRET_KEY", "DATABASE_URL", "DATABASE_PASSWORD", "ALLOWED_HOSTS", "TRUSTED_PROXIES"} <= names


def test_ec2_ecs_and_the_migration_get_the_same() -> None:
    of_files = {"SECRET_KEY_FILE", "DATABASE_PASSWORD_FILE"}
    ec2 = {key: value for key, value in environment("ec2").items() if key not in of_files}
    of_fargate = {"TMPDIR", "RUN_DIR", "DRAIN_SECONDS"}
    ecs = {key: value for key, value in environment("ecs").items() if key not in of_fargate}
    of_migration = {"TMPDIR", "ADMIN_USERNAME", "ADMIN_PASSWORD"}
    migrate = {key: value for key, value in environment("migrate").items() if key not in of_migration}
    assert ec2 == ecs == migrate
    assert ec2["DATABASE_SSLMODE"] == "verify-full"
    assert ec2["STORAGE"] == "s3"


def test_the_certificates_of_the_database_reach_the_image() -> None:
    path = environment("ecs")["DATABASE_SSLROOTCERT"]
    assert "!certificates/*.pem" in (ROOT / ".dockerignore").read_text().splitlines()
    assert f"--output {path} " in (ROOT / "docs/deploy-aws.md").read_text()
    assert "COPY . /app\n" in dockerfile()
    assert path.startswith("certificates/")


@pytest.mark.parametrize("name", TASKS)
def test_what_a_task_writes_it_writes_into_the_volume_that_the_image_owns(name: str) -> None:
    (mount,) = container(name)["MountPoints"]
    volume = re.search(r"^VOLUME (\S+)$", dockerfile(), re.MULTILINE)
    assert volume
    assert mount["ContainerPath"] == volume[1]
    assert container(name)["ReadonlyRootFilesystem"] is True
    assert environment(name)["TMPDIR"] == volume[1]  # what is below it is not there before the start
    assert environment("ecs")["RUN_DIR"].startswith(f"{volume[1]}/")


def test_an_instance_confines_the_container_as_the_documentation_says() -> None:
    documented = (ROOT / "docs/deploy-docker.md").read_text()
    for option in ("--read-only --tmpfs /tmp --tmpfs /run --cap-drop ALL --security-opt no-new-privileges",):
        assert option in documented
        assert option in user_data()[0]


# --- Time -------------------------------------------------------------------------------------------------------------

LONGEST_REQUEST = 35  # seconds: nginx's uwsgi_read_timeout
ENTRYPOINT = 40  # seconds that it gives nginx, and then uWSGI


def test_the_times_of_stopping_fit_each_other() -> None:
    site = next((ROOT / "nginx/sites-enabled").glob("*.conf")).read_text()
    assert f"uwsgi_read_timeout {LONGEST_REQUEST}s;" in site
    assert f"for {ENTRYPOINT} seconds" in (ROOT / "config/entrypoint.sh").read_text()
    for name in SERVICES:
        delay = int(
            attributes(resource(name, "AWS::ElasticLoadBalancingV2::TargetGroup"))[
                "deregistration_delay.timeout_seconds"
            ]
        )
        assert delay > LONGEST_REQUEST
    drain = int(environment("ecs")["DRAIN_SECONDS"])
    assert 120 >= container("ecs")["StopTimeout"] > drain + ENTRYPOINT  # Fargate allows two minutes
    stop = re.search(r"docker stop --time (\d+) snippets\n *TimeoutStopSec=(\d+)\n", user_data()[0])
    assert stop
    assert int(stop[2]) > int(stop[1]) > ENTRYPOINT


def test_the_load_balancer_gives_up_after_nginx_and_closes_before_it() -> None:
    balancer = resource("base", "AWS::ElasticLoadBalancingV2::LoadBalancer")
    idle = next(int(one["Value"]) for one in balancer["LoadBalancerAttributes"] if one["Key"].startswith("idle"))
    kept = re.search(r"keepalive_timeout (\d+)s;", (ROOT / "nginx/nginx.conf").read_text())
    assert kept
    assert LONGEST_REQUEST < idle < int(kept[1])


def test_nothing_is_fewer_than_before_while_it_changes_over() -> None:
    service = resource("ecs", "AWS::ECS::Service")
    assert service["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert service["DeploymentConfiguration"]["MinimumHealthyPercent"] == 100
    assert "DesiredCount" not in service
    group = template("ec2")["Resources"]["Group"]
    update = group["UpdatePolicy"]["AutoScalingRollingUpdate"]
    assert update["MinInstancesInService"] == group["Properties"]["MinSize"] == {"Ref": "MinInstances"}
    assert update["WaitOnResourceSignals"] is True
    assert group["CreationPolicy"]["ResourceSignal"]["Count"] == {"Ref": "MinInstances"}
    defaults = template("ec2")["Parameters"]
    assert defaults["MaxInstances"]["Default"] > defaults["MinInstances"]["Default"]
    assert "--resource Group " in user_data()[0]


# --- Secrets and roles ------------------------------------------------------------------------------------------------

SECRET_NAMES = re.compile(r"(password|secret|key|token)$", re.IGNORECASE)


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_is_written_down(name: str) -> None:
    for path, value in walk(template(name)):
        if isinstance(value, str) and path and SECRET_NAMES.search(path[-1]) and path[-1] not in ("Key", "OutputKey"):
            assert "resolve:secretsmanager:" in value or path[-2:] == ("Outputs", path[-1]), path
        assert not (isinstance(value, str) and re.search(r"AKIA|aws_secret|AWS_ACCESS", value)), path


@pytest.mark.parametrize("name", ["ec2", *TASKS])
def test_no_secret_is_among_the_plain_variables(name: str) -> None:
    plain = user_data_environment() if name == "ec2" else {one["Name"] for one in container(name)["Environment"]}
    assert not {key for key in plain if SECRET_NAMES.search(key) or key.startswith("AWS_")}
    for path in (value for key, value in environment(name).items() if key.endswith("_FILE")):
        assert path.startswith("/run/secrets/")


def test_the_database_s_password_is_the_generated_one() -> None:
    password = resource("base", "AWS::RDS::DBInstance")["MasterUserPassword"]
    assert password == {"Fn::Sub": "{{resolve:secretsmanager:${DatabasePassword}:SecretString}}"}
    assert template("base")["Outputs"]["DatabasePassword"]["Value"] == {"Ref": "DatabasePassword"}
    for secret in resources("base", "AWS::SecretsManager::Secret").values():
        generate = secret["GenerateSecretString"]
        assert generate["ExcludePunctuation"] is True  # RDS refuses some signs, and a file has none to quote
        assert generate["PasswordLength"] >= 24


@pytest.mark.parametrize(
    ("name", "role"), [("ecs", "ExecutionRole"), ("migrate", "ExecutionRole"), ("ec2", "InstanceRole")]
)
def test_the_role_may_read_the_secrets_that_are_used_and_no_others(name: str, role: str) -> None:
    used = user_data_secrets() if name == "ec2" else secrets(name)
    may = granted(name, role, "secretsmanager:GetSecretValue")
    assert sorted(map(str, may)) == sorted(map(str, used.values()))


@pytest.mark.parametrize(
    ("name", "role"), [("ecs", "ExecutionRole"), ("migrate", "ExecutionRole"), ("ec2", "InstanceRole")]
)
def test_the_role_is_one_of_least_privilege(name: str, role: str) -> None:
    everywhere = {"ecr:GetAuthorizationToken"}  # which has no resource
    if name == "ec2":
        everywhere |= {"ssm:UpdateInstanceInformation"}
        everywhere |= {
            f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")
        }
    for one in statements(name, role):
        assert one["Effect"] == "Allow"
        assert not any("*" in action for action in listed(one["Action"]))
        if one["Resource"] == "*":
            assert set(listed(one["Action"])) <= everywhere
    assert granted(name, role, "ecr:BatchGetImage") == [imported("Repository")]
    assert granted(name, role, "logs:PutLogEvents") == [imported("LogsArn")]


def test_the_service_has_the_policy_of_the_uploads_and_the_role_that_starts_it_has_not() -> None:
    for name, role in (("ecs", "TaskRole"), ("migrate", "TaskRole"), ("ec2", "InstanceRole")):
        assert template(name)["Resources"][role]["Properties"]["ManagedPolicyArns"] == [imported("UploadsPolicy")]
    for name in TASKS:
        roles = template(name)["Resources"]
        assert "Policies" not in roles["TaskRole"]["Properties"]
        assert "ManagedPolicyArns" not in roles["ExecutionRole"]["Properties"]
        task = resource(name, "AWS::ECS::TaskDefinition")
        assert task["TaskRoleArn"] == {"Fn::GetAtt": ["TaskRole", "Arn"]}
        assert task["ExecutionRoleArn"] == {"Fn::GetAtt": ["ExecutionRole", "Arn"]}


def test_an_instance_has_no_key_and_gives_credentials_to_its_container() -> None:
    launch = resource("ec2", "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert "KeyName" not in launch
    assert launch["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
    (disk,) = launch["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True


# --- What keeps data --------------------------------------------------------------------------------------------------


def test_the_bucket_is_private_versioned_and_encrypted() -> None:
    bucket = resource("base", "AWS::S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert rules["broken-off-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    # The files live as long as the database that may come back.
    kept = rules["old-versions"]["NoncurrentVersionExpiration"]["NoncurrentDays"]
    assert kept >= template("base")["Parameters"]["BackupDays"]["MaxValue"]
    assert template("base")["Resources"]["Bucket"]["DeletionPolicy"] == "Retain"


def test_the_policies_are_those_of_the_documentation() -> None:
    documented = re.findall(r"```json\n(.*?)```", (ROOT / "docs/uploads.md").read_text(), re.DOTALL)
    of_role, of_bucket = (json.loads(text) for text in documented)
    assert policy("AWS::IAM::ManagedPolicy") == of_role
    assert policy("AWS::S3::BucketPolicy") == of_bucket


def policy(kind: str) -> dict[str, Any]:
    """The policy in base.yaml, for the bucket of the documentation."""
    arn = "arn:aws:s3:::snippets-uploads"
    text = json.dumps(resource("base", kind)["PolicyDocument"])
    text = text.replace('{"Fn::GetAtt": ["Bucket", "Arn"]}', f'"{arn}"')
    found: dict[str, Any] = json.loads(re.sub(r'\{"Fn::Sub": "\$\{Bucket\.Arn\}([^"]*)"\}', rf'"{arn}\1"', text))
    return found


def test_what_comes_without_tls_is_denied() -> None:
    both = [policy("AWS::IAM::ManagedPolicy"), policy("AWS::S3::BucketPolicy")]
    key = "arn:aws:s3:::snippets-uploads/uploads/attachments/one"
    assert allowed(both, "s3:GetObject", key, aws__SecureTransport="true")
    assert not allowed(both, "s3:GetObject", key, aws__SecureTransport="false")


def test_the_prefix_of_the_policy_is_where_the_service_keeps_its_files() -> None:
    from config import settings

    assert settings.env.folder("S3_PREFIX", "uploads") == "uploads"
    for name in ("ec2", *TASKS):
        assert "S3_PREFIX" not in environment(name)
    assert "/uploads/*" in json.dumps(policy("AWS::IAM::ManagedPolicy"))


def test_the_database_is_private_encrypted_saved_and_hard_to_lose() -> None:
    database = resource("base", "AWS::RDS::DBInstance")
    assert database["PubliclyAccessible"] is False
    assert database["StorageEncrypted"] is True
    assert database["DeletionProtection"] == {"Ref": "Protected"}
    assert template("base")["Parameters"]["Protected"]["Default"] == "true"
    assert template("base")["Parameters"]["BackupDays"]["MinValue"] >= 1
    assert database["DBSubnetGroupName"] == {"Ref": "DatabaseSubnets"}
    assert resource("base", "AWS::RDS::DBSubnetGroup")["SubnetIds"] == {"Ref": "PrivateSubnets"}
    parameters = resource("base", "AWS::RDS::DBParameterGroup")
    assert parameters["Parameters"]["rds.force_ssl"] == "1"
    assert parameters["Family"] == f"postgres{database['EngineVersion']}"
    assert template("base")["Resources"]["Database"]["DeletionPolicy"] == "Snapshot"
    assert f"image: postgres:{database['EngineVersion']}\n" in (ROOT / "compose.yaml").read_text()


def test_the_log_ends_and_alarms_reach_somebody() -> None:
    assert "RetentionInDays" in resource("base", "AWS::Logs::LogGroup")
    for name in ("base", *SERVICES):
        alarms = resources(name, "AWS::CloudWatch::Alarm")
        assert len(alarms) >= 2
        topic = [{"Ref": "Alarms"}] if name == "base" else [imported("Alarms")]
        assert all(alarm["AlarmActions"] == topic for alarm in alarms.values())
