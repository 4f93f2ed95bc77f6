"""Which zones of a Region the network takes: Redshift Serverless and MWAA do not run in every one."""

from __future__ import annotations

from typing import Any

from deploy.errors import DeployError

ZONES = 3
# Redshift Serverless asks for subnets in three zones that it supports, and for two in this Region, which has no more:
# its guide, 'Considerations when using Amazon Redshift Serverless'.
ZONES_ELSEWHERE = {"us-west-1": 2}
# By id: a zone's name means another place in each account.
UNSUPPORTED = {"use1-az3": "Redshift Serverless does not run there"}
_REMEDY = "deploy to another Region, or give the parameter ZoneIds three ids if you know better"


def choose(client: Any, region: str) -> list[str]:
    """Return the ids of the zones of the three subnets; MWAA gets the first two, which are always different.

    Args:
        client: A boto3 EC2 client.
        region: The Region.

    Raises:
        DeployError: The Region has too few zones; the message says which were left out, and why.
    """
    found = client.describe_availability_zones(
        Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}]
    )["AvailabilityZones"]
    ids = sorted(zone["ZoneId"] for zone in found)
    usable = [zone for zone in ids if zone not in UNSUPPORTED]
    wanted = ZONES_ELSEWHERE.get(region, ZONES)
    if len(usable) < wanted:
        left_out = [f"{zone}: {reason}" for zone, reason in UNSUPPORTED.items() if zone in ids]
        without = f"; without {'; '.join(left_out)}" if left_out else ""
        raise DeployError(
            f"{region} offers {len(usable)} zones ({', '.join(usable) or 'none'}{without}), and Redshift Serverless "
            f"asks for {wanted}: {_REMEDY}."
        )
    return [usable[number % wanted] for number in range(ZONES)]
