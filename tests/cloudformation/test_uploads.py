"""The bucket as the template makes it, and the policy of the service's role: it lets the service do what it does in
its bucket, and nothing else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command

from tests.cloudformation.conftest import REGION, Account
from tests.policies import allowed, listed
from tests.s3.servers import BUCKET, Proxy
from uploads.errors import UploadsUnavailableError
from uploads.keys import random_key
from uploads.s3_storage import S3Storage

MIB = 1024 * 1024
BASE = """
aws cloudformation deploy --stack-name snippets-network --template-file deploy/network.yaml
zone=$(aws route53 create-hosted-zone --name example.org --caller-reference 1 --query HostedZone.Id --output text)
aws cloudformation deploy --stack-name snippets --template-file deploy/base.yaml --capabilities CAPABILITY_IAM \
  --parameter-overrides Domain=snippets.example.org "HostedZone=${zone##*/}" \
  $(aws cloudformation describe-stacks --stack-name snippets-network --output text \
    --query 'Stacks[0].Outputs[].join(`=`, [OutputKey, OutputValue])')
aws cloudformation deploy --stack-name snippets-ecs --template-file deploy/ecs.yaml --capabilities CAPABILITY_IAM \
  --parameter-overrides Image=snippets@sha256:0
"""


@pytest.fixture(scope="module")
def bucket(account: Account) -> str:
    account.run(BASE)
    return account.output("snippets", "Bucket")


@pytest.fixture(scope="module")
def policy(account: Account, bucket: str) -> dict[str, Any]:
    """The policy that stands there."""
    iam, arn = account.client("iam"), account.output("snippets", "UploadsPolicy")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    assert f"arn:aws:s3:::{bucket}/uploads/*" in json.dumps(document)
    return cast(dict[str, Any], document)


def storage(account: Account, bucket: str, **others: Any) -> S3Storage:
    options = {"bucket_name": bucket, "region_name": REGION, "endpoint_url": account.moto.url, "location": "uploads/"}
    keys = {"access_key": "snippets-key", "secret_key": "snippets-secret-key", "timeout": 5}
    return S3Storage(**options | keys | others)


class Unreadable:
    """A file that breaks off after some parts: what has been uploaded must be given up."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        self.read_bytes += size
        if self.read_bytes > 12 * MIB:
            raise OSError("The disk has failed.")
        return b"x" * size


def call_of(method: str, path: str) -> tuple[str, str, str]:
    """What IAM calls a request: the action, the resource, and the prefix of a list."""
    url = urlsplit(path)
    query = parse_qs(url.query, keep_blank_values=True)
    bucket, _, key = unquote(url.path).lstrip("/").partition("/")
    if not key:
        assert method == "GET"
        assert query.keys() <= {"list-type", "prefix", "delimiter", "encoding-type"}  # no other question to the bucket
        return "s3:ListBucket", f"arn:aws:s3:::{bucket}", query.get("prefix", [""])[0]
    if method == "DELETE":
        action = "AbortMultipartUpload" if "uploadId" in query else "DeleteObject"
    else:
        action = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject"}[method]
    return f"s3:{action}", f"arn:aws:s3:::{bucket}/{key}", ""


# --- What stands there ------------------------------------------------------------------------------------------------


def test_the_bucket_is_private_versioned_and_encrypted(account: Account, bucket: str) -> None:
    s3 = account.client("s3")
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_what_was_deleted_comes_back_as_the_documentation_says(account: Account, bucket: str) -> None:
    files = storage(account, bucket)
    name = files.save(random_key("attachments"), ContentFile(b"content"))
    files.delete(name)
    assert not files.exists(name)
    markers = """aws s3api list-object-versions --bucket "$BUCKET" --prefix uploads/attachments/ --output text \
        --query 'DeleteMarkers[?IsLatest].[LastModified, Key, VersionId]'"""
    lines = [line.split("\t") for line in account.run(markers, BUCKET=bucket).splitlines()]
    key, version = next((key, version) for _, key, version in lines if key.endswith(name))
    account.run(f'aws s3api delete-object --bucket "$BUCKET" --key {key} --version-id {version}', BUCKET=bucket)
    assert files.open(name).read() == b"content"


def test_the_service_runs_behind_the_load_balancer_in_private(account: Account, bucket: str) -> None:
    (database,) = account.client("rds").describe_db_instances()["DBInstances"]
    assert (database["PubliclyAccessible"], database["StorageEncrypted"]) == (False, True)
    assert database["DBInstanceIdentifier"] == "snippets"
    group = account.output("snippets", "ServiceGroup")
    (found,) = account.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    (permission,) = found["IpPermissions"]
    assert (permission["FromPort"], permission["ToPort"], permission["IpRanges"]) == (8080, 8080, [])
    rules = account.client("elbv2").describe_rules(ListenerArn=account.output("snippets", "Listener"))["Rules"]
    assert {rule["Priority"] for rule in rules} == {"200", "default"}


# --- What the role may do ---------------------------------------------------------------------------------------------


def everything_that_the_service_does(files: S3Storage) -> None:
    """The calls of uploads/ and of the purge."""
    name = files.save(random_key("attachments"), ContentFile(b"content"))
    assert files.open(name).read() == b"content"
    assert files.size(name) == 7
    assert not files.exists("attachments/none")
    assert httpx.get(files.url(name)).status_code == 200
    large = files.save(random_key("attachments"), ContentFile(b"x" * 9 * MIB))
    files.probe()
    with pytest.raises(OSError, match=r"The disk has failed\."):
        files.connection.meta.client.upload_fileobj(
            Unreadable(), files.bucket_name, "uploads/attachments/broken", Config=files.transfer_config
        )
    for gone in (name, large):
        files.delete(gone)


@pytest.mark.usefixtures("db")
def test_the_policy_allows_exactly_what_the_service_does(
    account: Account, bucket: str, policy: dict[str, Any], settings: Any
) -> None:
    calls: set[tuple[str, str, str]] = set()
    proxy = Proxy(account.moto)
    proxy.before = lambda method, path: calls.add(call_of(method, path))
    options = {"bucket_name": bucket, "region_name": REGION, "endpoint_url": proxy.url, "location": "uploads/"}
    options |= {"access_key": "snippets-key", "secret_key": "snippets-secret-key"}
    settings.STORAGES |= {"default": {"BACKEND": "uploads.s3_storage.S3Storage", "OPTIONS": options}}
    everything_that_the_service_does(S3Storage(**options))
    call_command("purge_orphan_files")
    proxy.shutdown()
    refused = {call for call in calls if not allowed([policy], call[0], call[1], s3__prefix=call[2])}
    assert not refused
    used = {action for action, _, _ in calls}
    assert used == {action for statement in policy["Statement"] for action in listed(statement["Action"])}


@pytest.mark.parametrize(
    ("action", "resource", "prefix"),
    [
        ("s3:GetObject", "arn:aws:s3:::{bucket}/backups/one", ""),
        ("s3:PutObject", "arn:aws:s3:::{bucket}/one", ""),
        ("s3:GetObject", "arn:aws:s3:::another/uploads/one", ""),
        ("s3:ListBucket", "arn:aws:s3:::{bucket}", ""),
        ("s3:ListBucket", "arn:aws:s3:::{bucket}", "backups/"),
        ("s3:ListBucket", "arn:aws:s3:::another", "uploads/"),
        ("s3:DeleteBucket", "arn:aws:s3:::{bucket}", ""),
        ("s3:PutBucketPolicy", "arn:aws:s3:::{bucket}", ""),
        ("s3:DeleteObjectVersion", "arn:aws:s3:::{bucket}/uploads/one", ""),
        ("s3:PutObjectAcl", "arn:aws:s3:::{bucket}/uploads/one", ""),
    ],
)
def test_the_policy_allows_nothing_else(
    bucket: str, policy: dict[str, Any], action: str, resource: str, prefix: str
) -> None:
    assert not allowed([policy], action, resource.format(bucket=bucket), s3__prefix=prefix)


@contextmanager
def permissions_are_checked(account: Account) -> Iterator[None]:
    """moto begins to check signatures and policies; it does not know the condition of ListBucket."""
    httpx.post(f"{account.moto.url}/moto-api/reset-auth", content="0")
    try:
        yield
    finally:
        httpx.post(f"{account.moto.url}/moto-api/reset-auth", content="inf")


def credentials_of_the_task(account: Account) -> dict[str, str]:
    stack = account.client("cloudformation").describe_stack_resource(
        StackName="snippets-ecs", LogicalResourceId="TaskRole"
    )
    role = stack["StackResourceDetail"]["PhysicalResourceId"]
    # moto's CloudFormation leaves this out; tests/test_cloudformation.py looks that the template has it.
    uploads = account.output("snippets", "UploadsPolicy")
    account.client("iam").attach_role_policy(RoleName=role, PolicyArn=uploads)
    arn = f"arn:aws:iam::123456789012:role/{role}"
    given = account.client("sts").assume_role(RoleArn=arn, RoleSessionName="task")["Credentials"]
    keys = {"access_key": given["AccessKeyId"], "secret_key": given["SecretAccessKey"]}
    return keys | {"security_token": given["SessionToken"]}


def test_with_the_credentials_of_the_task(account: Account, bucket: str) -> None:
    keys = credentials_of_the_task(account)
    files = storage(account, bucket, **keys)
    with permissions_are_checked(account):
        name = files.save(random_key("attachments"), ContentFile(b"content"))
        assert files.open(name).read() == b"content"
        assert files.size(name) == 7
        files.delete(name)
        for other in (
            storage(account, bucket, location="backups/", **keys),
            storage(account, BUCKET, **keys),
            storage(account, bucket, **keys | {"secret_key": "a wrong one"}),
        ):
            with pytest.raises(UploadsUnavailableError):
                other.save(random_key("attachments"), ContentFile(b"content"))
            with pytest.raises(UploadsUnavailableError):
                other.size("attachments/one")
            with pytest.raises(UploadsUnavailableError):
                other.delete("attachments/one")
