"""The commands of the documentation, read from there and run by a shell, with moto in place of Amazon: from an empty
account to the service, an update, the way back, a restore, new secrets, and nothing left."""

import pytest

from tests.cloudformation.conftest import Account, commands
from tests.s3.servers import BUCKET

AWS = "docs/deploy-aws.md"
WAYS = ["ec2", "ecs"]


def runs(account: Account, way: str) -> str:
    """The image that the service is told to run."""
    stack = account.client("cloudformation").describe_stacks(StackName=f"snippets-{way}")["Stacks"][0]
    return next(str(one["ParameterValue"]) for one in stack["Parameters"] if one["ParameterKey"] == "Image")


@pytest.fixture(scope="module")
def printed(account: Account) -> str:
    """What the steps print until the database is migrated."""
    return account.run(commands(AWS, "From an empty account"))


def test_from_an_empty_account_to_the_migrated_database(account: Account, printed: str) -> None:
    assert account.stacks() == {"snippets-network", "snippets", "snippets-migrate"}
    for line in ("123456789012", "Successfully created/updated stack - snippets", "Login Succeeded", "Done."):
        assert line in printed.splitlines()
    assert account.variables["IMAGE"].startswith("123456789012.dkr.ecr.eu-central-1.amazonaws.com/snippets@sha256:")
    assert len(printed.splitlines()[-1]) == 24  # the admin's password


@pytest.mark.usefixtures("printed")
@pytest.mark.parametrize("way", WAYS)
def test_the_service_an_update_the_way_back_and_a_restart(account: Account, way: str) -> None:
    document = f"docs/deploy-{way}.md"
    images = account.client("ecr").describe_images(repositoryName="snippets", imageIds=[{"imageTag": "1.0.0"}])
    first = f"{account.variables['REPOSITORY']}@{images['imageDetails'][0]['imageDigest']}"
    account.variables["IMAGE"] = first
    account.run(commands(document, "The service"))
    assert runs(account, way) == first
    # The steps of the image and the migration, for another version.
    steps = commands(AWS, "From an empty account")
    image = steps[steps.index("VERSION=1.0.0") : steps.index("aws secretsmanager")]
    account.run(image.replace("VERSION=1.0.0", f"VERSION=1.1.0-{way}") + commands(document, "The service"))
    assert runs(account, way) not in (first, "")
    account.run(commands(document, "Roll back"))
    assert runs(account, way) == first
    account.run(commands(document, "Restart"))
    account.run(commands(document, "Tear down"))
    assert f"snippets-{way}" not in account.stacks()


@pytest.mark.usefixtures("printed")
def test_where_the_migration_fails_the_shell_stops(account: Account) -> None:
    said = account.run("deploy/migrate.sh snippets snippets-migrate; echo went on", check=False, TASK_EXIT_STATUS="1")
    assert "Failed: STOPPED, exit status 1, Essential container in task exited" in said
    assert "went on" not in said
    never_started = account.run("deploy/migrate.sh snippets snippets-migrate", check=False, TASK_EXIT_STATUS="None")
    assert "exit status None" in never_started


@pytest.mark.usefixtures("printed")
def test_another_command_runs_as_the_same_task(account: Account) -> None:
    said = account.run(commands("docs/deploy-ecs.md", "Look inside"))
    assert said.splitlines()[-1] == "Done."
    client, cluster = account.client("ecs"), account.output("snippets", "Cluster")
    tasks = client.describe_tasks(cluster=cluster, tasks=client.list_tasks(cluster=cluster)["taskArns"])["tasks"]
    told = [task["overrides"].get("containerOverrides") for task in tasks]
    assert [{"name": "migrate", "command": ["purge_orphan_files", "--dry-run"]}] in told
    refused = account.run("""deploy/migrate.sh snippets snippets-migrate shell -c 'print("x")'""", check=False)
    assert refused.startswith("Quotes and backslashes cannot be handed on")


@pytest.mark.usefixtures("printed")
def test_restore_rotate_and_tear_down(account: Account) -> None:
    account.run(commands(AWS, "Restore"))
    rds, s3 = account.client("rds"), account.client("s3")
    assert [one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]] == ["snippets"]
    assert "snippets-old" in {one["DBSnapshotIdentifier"] for one in rds.describe_db_snapshots()["DBSnapshots"]}
    account.run(commands(AWS, "Rotate secrets"))
    secret = account.client("secretsmanager").get_secret_value(SecretId=account.output("snippets", "DatabasePassword"))
    assert secret["SecretString"] == account.variables["NEW"]
    for body in (b"first", b"second"):
        s3.put_object(Bucket=account.output("snippets", "Bucket"), Key="uploads/one", Body=body)
    # moto does not know EmptyOnDelete, and keeps a network for its tables of routes.
    images = account.client("ecr").list_images(repositoryName="snippets")["imageIds"]
    account.client("ecr").batch_delete_image(repositoryName="snippets", imageIds=images)
    steps = [step for step in commands(AWS, "Tear down").splitlines() if "snippets-network" not in step]
    account.run("\n".join(steps))
    assert account.stacks() == {"snippets-network"}
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [BUCKET]  # one that the server began with
