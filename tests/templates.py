"""The templates in deploy/, as data: the short forms (`!Ref`) in their long ones, as CloudFormation reads them."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
NAMES = sorted(path.stem for path in DEPLOY.glob("*.yaml"))


class _Loader(yaml.SafeLoader):
    """Knows CloudFormation's tags."""


def _function(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt":
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _function)


@cache
def template(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((DEPLOY / f"{name}.yaml").read_text(), _Loader)  # noqa: S506 - a safe one
    return loaded


def resources(name: str, kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of this type, by their names."""
    found = template(name)["Resources"].items()
    return {key: resource.get("Properties", {}) for key, resource in found if resource["Type"] == kind}


def resource(name: str, kind: str) -> dict[str, Any]:
    """The properties of the only one."""
    (properties,) = resources(name, kind).values()
    return properties
