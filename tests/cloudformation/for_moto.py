"""The templates as moto can read them. It knows a part of CloudFormation; all that is changed for its sake is here.

- What it has no model for is made through its API (secrets, the certificate), or left out (auto-scaling's policies,
  alarms, subscriptions, the bucket's policy, of which it does not understand the condition).
- A container is given its share of memory, which Fargate does not ask for.
- Attributes that it does not know are written as what they would be.
- Of the bucket, its CloudFormation makes the encryption alone: the rest is told to its S3 afterwards.
"""

import copy
from collections.abc import Callable
from typing import Any

from tests.templates import resource, template

Clients = Callable[[str], Any]

LEFT_OUT = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::AutoScaling::ScalingPolicy",
    "AWS::CloudWatch::Alarm",
    "AWS::SNS::Subscription",
    "AWS::S3::BucketPolicy",
}
ATTRIBUTES = {
    "PublicSubnetA.CidrBlock": "10.20.0.0/20",
    "PublicSubnetB.CidrBlock": "10.20.16.0/20",
    "LoadBalancer.LoadBalancerFullName": "app/snippets/0123456789abcdef",
    "LoadBalancer.CanonicalHostedZoneID": "Z215JYRZR1TBD5",
    "Database.Endpoint.Address": "snippets.abc.eu-central-1.rds.amazonaws.com",
    "Database.Endpoint.Port": "5432",
    "TargetGroup.TargetGroupFullName": "targetgroup/snippets/0123456789abcdef",
}


def _secret(name: str, properties: dict[str, Any], client_of: Clients) -> str:
    client = client_of("secretsmanager")
    password = client.get_random_password(**properties["GenerateSecretString"])["RandomPassword"]
    arn: str = client.create_secret(Name=name, SecretString=password)["ARN"]
    return arn


def _certificate(name: str, properties: dict[str, Any], client_of: Clients) -> str:
    arn: str = client_of("acm").request_certificate(DomainName="snippets.example.org")["CertificateArn"]
    return arn


def _parameter_group(name: str, properties: dict[str, Any], client_of: Clients) -> str:
    names = {"DBParameterGroupName": name.lower(), "DBParameterGroupFamily": properties["Family"]}
    client_of("rds").create_db_parameter_group(Description=properties["Description"], **names)
    return name.lower()


MADE_BEFORE: dict[str, Callable[[str, dict[str, Any], Clients], str]] = {
    "AWS::SecretsManager::Secret": _secret,
    "AWS::CertificateManager::Certificate": _certificate,
    "AWS::RDS::DBParameterGroup": _parameter_group,  # a Ref to one has no name in moto
}


def make_before(name: str, client_of: Clients) -> dict[str, str]:
    """Makes what moto's CloudFormation cannot, and says what a Ref to each is."""
    return {
        key: MADE_BEFORE[found["Type"]](f"{name}-{key}", found["Properties"], client_of)
        for key, found in template(name)["Resources"].items()
        if found["Type"] in MADE_BEFORE
    }


def for_moto(name: str, made: dict[str, str]) -> dict[str, Any]:
    changed = copy.deepcopy(template(name))
    changed["Resources"] = {
        key: found for key, found in changed["Resources"].items() if found["Type"] not in LEFT_OUT | MADE_BEFORE.keys()
    }
    for found in changed["Resources"].values():
        if found["Type"] == "AWS::ECS::TaskDefinition":  # whose memory moto adds up
            found["Properties"]["ContainerDefinitions"][0]["Memory"] = 1024
    replaced: dict[str, Any] = _replace(changed, made)
    return replaced


def _replace(value: Any, made: dict[str, str]) -> Any:
    """The value with what is known: in Ref, Fn::GetAtt, and within the text of Fn::Sub."""
    if isinstance(value, list):
        return [_replace(item, made) for item in value]
    if isinstance(value, str):
        for key, text in (made | ATTRIBUTES).items():
            value = value.replace(f"${{{key}}}", text)
        return value
    if not isinstance(value, dict):
        return value
    if value.get("Ref") in made:
        return made[value["Ref"]]
    if ".".join(value.get("Fn::GetAtt", [])) in ATTRIBUTES:
        return ATTRIBUTES[".".join(value["Fn::GetAtt"])]
    return {key: _replace(item, made) for key, item in value.items()}


def finish_bucket(bucket: str, client_of: Clients) -> None:
    """What CloudFormation tells S3 of a new bucket. boto3 refuses what S3 would not know."""
    properties, s3 = resource("base", "AWS::S3::Bucket"), client_of("s3")
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
    )
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=properties["OwnershipControls"])
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=properties["VersioningConfiguration"])
