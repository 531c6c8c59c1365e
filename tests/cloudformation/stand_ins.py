"""Programs that the documentation calls, where moto stands for Amazon: `python -m tests.cloudformation.stand_ins NAME`.

- `aws` is the real one, but for three things. `cloudformation deploy`: moto forgets the outputs of a stack that a
  change set makes, and needs the templates changed (for_moto.py). The end of a task: moto runs nothing, so it ends as
  TASK_EXIT_STATUS says. What else is in OURS moto does not know, and it does nothing.
- `docker` builds nothing, and pushes to moto's registry.
- `curl` fetches only the certificates of RDS, which are none.

The folder STATE keeps what they must remember.
"""

import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import boto3

from tests.cloudformation.for_moto import finish_bucket, for_moto, make_before

# The commands of `aws` that come here.
OURS = [
    "cloudformation deploy",
    "cloudformation update-termination-protection",
    "ecs wait",
    "ecs describe-tasks",
    "autoscaling start-instance-refresh",
    "autoscaling describe-instance-refreshes",
]
STATE = Path(os.environ.get("STATE", "."))


def client_of(service: str) -> Any:
    return boto3.client(service)  # the address and the keys are in the environment


def deploy(words: list[str]) -> None:
    options = {word: words[place + 1] for place, word in enumerate(words) if word.startswith("--")}
    stack, file = options["--stack-name"], Path(options["--template-file"])
    assert file.exists(), file
    parameters = dict(word.split("=", 1) for word in words if re.match(r"\w+=", word))
    capabilities = [options["--capabilities"]] if "--capabilities" in options else []
    remembered = STATE / f"{stack}.json"
    settings: dict[str, Any] = {"StackName": stack, "Capabilities": capabilities}
    if remembered.exists():
        made, before = json.loads(remembered.read_text())
        parameters = before | parameters  # as `deploy` does: what is not named stays
    else:
        made = make_before(file.stem, client_of)
    settings["TemplateBody"] = json.dumps(for_moto(file.stem, made))
    settings["Parameters"] = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    cloudformation = client_of("cloudformation")
    if remembered.exists():
        cloudformation.update_stack(**settings)
    else:
        cloudformation.create_stack(**settings)
        if file.stem == "base":
            outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
            finish_bucket(next(one["OutputValue"] for one in outputs if one["OutputKey"] == "Bucket"), client_of)
    remembered.write_text(json.dumps([made, parameters]))
    print(f"\nWaiting for stack create/update to complete\nSuccessfully created/updated stack - {stack}")


def aws(words: list[str]) -> None:
    if words[:2] == ["cloudformation", "deploy"]:
        deploy(words[2:])
    elif words[:2] == ["ecs", "describe-tasks"]:
        print("STOPPED", os.environ.get("TASK_EXIT_STATUS", "0"), "Essential container in task exited", sep="\t")


def docker(words: list[str]) -> None:
    if words[0] == "build":
        assert list(Path("certificates").glob("*.pem")), "The build has no certificates of RDS."
    elif words[0] == "login":
        assert sys.stdin.read().strip()
        print("Login Succeeded")
    elif words[0] == "push":
        repository, _, tag = words[1].partition("/")[2].partition(":")
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": {"digest": hashlib.sha256(tag.encode()).hexdigest()},
            }
        )
        client_of("ecr").put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)


def curl(words: list[str]) -> None:
    assert words[-1].startswith("https://truststore.pki.rds.amazonaws.com/"), words
    file = Path(words[words.index("--output") + 1])
    assert "--create-dirs" in words
    file.parent.mkdir(exist_ok=True)
    file.write_text("-----BEGIN CERTIFICATE-----\n")


if __name__ == "__main__":
    {"aws": aws, "docker": docker, "curl": curl}[sys.argv[1]](sys.argv[2:])
