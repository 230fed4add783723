"""python -m flows.start DEPLOYMENT NUMBER: ask Prefect for so many runs of a deployment.

Prints one JSON line; ends with 2 when Prefect cannot be reached, refuses us or has no such deployment.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from config.failures import told
from config.redaction import redacted


def start(deployment: str, number: int) -> list[str]:
    """Names of the runs that were asked for; ObjectNotFound when it is not deployed."""
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(deployment)
        return [client.create_flow_run_from_deployment(found.id).name for _ in range(number)]


def main() -> int:
    deployment, number = sys.argv[1], int(sys.argv[2])
    try:
        report: dict[str, Any] = {"runs": start(deployment, number)}
    except ObjectNotFound:
        report = {"error": f"{deployment} is not deployed"}
    except Exception as exc:  # whatever Prefect's client raises is told in one line by the command that asked
        report = {"error": redacted(told(exc) if hasattr(exc, "code") else f"{type(exc).__name__}: {exc}")}
    print(json.dumps(report))
    return 2 if "error" in report else 0


if __name__ == "__main__":
    sys.exit(main())
