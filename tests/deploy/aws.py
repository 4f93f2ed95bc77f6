"""AWS's control plane on this machine: moto's server, and what its CloudFormation lacks of our templates.

Moto makes nested stacks but does not hand on their outputs, cuts `!GetAtt A.B.C` at each dot, overlooks or replaces a
nested stack where AWS updates it, leaves a bucket's versions off, and knows no resource of Redshift Serverless or MWAA:
those become entries with a name and attributes, so that the stacks around them can be made.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from moto.cloudformation import models, parsing, responses, utils
from moto.cloudformation.models import Stack
from moto.cloudformation.utils import get_stack_from_s3_url
from moto.core.common_models import CloudFormationModel
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.s3.models import FakeBucket
from moto.utilities.utils import get_partition

KNOWN_BY_NAME = (
    "AWS::RedshiftServerless::Namespace",
    "AWS::RedshiftServerless::Workgroup",
    "AWS::MWAA::Environment",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SecretsManager::Secret",
    "AWS::CloudWatch::Alarm",
    "AWS::Logs::MetricFilter",
)
_NAMES = ("WorkgroupName", "NamespaceName", "Name", "AlarmName")


class Entry(CloudFormationModel):
    """A resource of which only the name and the properties are known."""

    def __init__(self, name: str, properties: Mapping[str, Any]) -> None:
        self.name = next((properties[key] for key in _NAMES if key in properties), name)
        self.properties = properties
        self.type = ""

    @property
    def physical_resource_id(self) -> str:
        return self.name

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return f"{self.name}.{attribute_name}"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, *_: Any, **__: Any
    ) -> "Entry":
        return cls(resource_name, cloudformation_json["Properties"])

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, *_: Any, **__: Any
    ) -> "Entry":
        return cls(new_resource_name, cloudformation_json["Properties"])

    @classmethod
    def delete_from_cloudformation_json(cls, *_: Any, **__: Any) -> None:
        return None

    def delete(self, *_: Any) -> None:
        return None


def _output(stack: Stack, attribute_name: str) -> str:
    name = attribute_name.removeprefix("Outputs.")
    return stack.output_map[name].value


def _update_nested(
    cls: type[Stack],
    original_resource: Stack,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> Stack:
    properties = cloudformation_json["Properties"]
    template = get_stack_from_s3_url(
        properties["TemplateURL"], account_id=account_id, partition=get_partition(region_name)
    )
    original_resource.update(template, parameters=properties.get("Parameters", {}))
    return original_resource


def _short_form(loader: Any, tag: Any, node: Any) -> Any:
    if tag == "!GetAtt" and isinstance(node.value, str):
        return {"Fn::GetAtt": node.value.split(".", 1)}
    return _SHORT_FORM(loader, tag, node)


def _diff(resources: parsing.ResourceMap, template: dict[str, Any], parameters: Any = None) -> dict[str, Any]:
    actions = _DIFF(resources, template, parameters)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::CloudFormation::Stack" and name in resources._parsed_resources:
            actions["Modify"] = [*(modified for modified in actions["Modify"] if modified != name), name]
    return actions


def _versioned(
    cls: type[FakeBucket], resource_name: str, cloudformation_json: Any, *arguments: Any, **names: Any
) -> Any:
    bucket = _BUCKET(resource_name, cloudformation_json, *arguments, **names)
    bucket.versioning_status = cloudformation_json["Properties"]["VersioningConfiguration"]["Status"]
    return bucket


_SHORT_FORM = utils.yaml_tag_constructor
_DIFF = parsing.ResourceMap.build_resource_diff
_BUCKET = FakeBucket.create_from_cloudformation_json


@contextmanager
def server() -> Iterator[str]:
    """Serve AWS on a free port; yields the address."""
    resource_class = parsing.resource_class_from_type
    patched = {
        (parsing, "resource_class_from_type"): lambda name: Entry if name in KNOWN_BY_NAME else resource_class(name),
        (models, "yaml_tag_constructor"): _short_form,
        (responses, "yaml_tag_constructor"): _short_form,
        (parsing.ResourceMap, "build_resource_diff"): _diff,
        (FakeBucket, "create_from_cloudformation_json"): classmethod(_versioned),
        (Stack, "get_cfn_attribute"): _output,
        (Stack, "update_from_cloudformation_json"): classmethod(_update_nested),
    }
    before = {(owner, name): owner.__dict__.get(name) for owner, name in patched}
    for (owner, name), value in patched.items():
        setattr(owner, name, value)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    try:
        with warnings.catch_warnings():
            moto.start()
            host, port = moto.get_host_and_port()
            yield f"http://{host}:{port}"
    finally:
        moto.stop()
        for (owner, name), value in before.items():
            setattr(owner, name, value) if value is not None else delattr(owner, name)
