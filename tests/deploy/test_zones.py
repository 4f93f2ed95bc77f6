"""Which zones the network takes."""

import boto3
import pytest
from botocore.stub import Stubber

from deploy import zones
from deploy.errors import DeployError


def choose(region, *ids):
    client = boto3.client("ec2", region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:
        # AWS lists zones by name, and which id a name has differs between accounts.
        found = [{"ZoneName": f"{region}{letter}", "ZoneId": zone} for letter, zone in zip("abcdef", ids, strict=False)]
        stubber.add_response("describe_availability_zones", {"AvailabilityZones": found})
        return zones.choose(client, region)


def test_a_zone_that_redshift_does_not_run_in_is_left_out():
    assert choose("us-east-1", "use1-az6", "use1-az3", "use1-az1", "use1-az2") == ["use1-az1", "use1-az2", "use1-az6"]


def test_the_choice_does_not_depend_on_the_order_of_the_names():
    ids = ["euc1-az2", "euc1-az3", "euc1-az1"]
    assert choose("eu-central-1", *ids) == choose("eu-central-1", *reversed(ids)) == sorted(ids)


def test_a_region_of_two_zones_holds_three_subnets_in_both():
    assert choose("us-west-1", "usw1-az3", "usw1-az1") == ["usw1-az1", "usw1-az3", "usw1-az1"]


@pytest.mark.parametrize(
    ("region", "ids", "sentence"),
    [
        ("us-west-1", ["usw1-az1"], r"us-west-1 offers 1 zones \(usw1-az1\), and Redshift Serverless asks for 2: "),
        (
            "us-east-1",
            ["use1-az1", "use1-az2", "use1-az3"],
            r"use1-az2; without use1-az3: Redshift",
        ),
        (
            "xx-new-1",
            [],
            r"offers 0 zones \(none\).*asks for 3.*give the parameter ZoneIds",
        ),
    ],
)
def test_too_few_zones_are_refused_with_the_reason(region, ids, sentence):
    with pytest.raises(DeployError, match=sentence):
        choose(region, *ids)
