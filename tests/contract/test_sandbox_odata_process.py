"""The sandbox as it is started: by a command that announces itself in one line, over the books of SAP S/4HANA."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyodata
import pytest
import requests
from lxml import etree

from sandbox.server import Sandbox, start
from tests.contract.sandbox_demo import ORDERS

pytestmark = pytest.mark.contract
ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sandbox", "up", *arguments]


def test_the_command_announces_itself_and_stops_when_told() -> None:
    with subprocess.Popen(
        run("sap/s4", "--date", "2026-01-31"), cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        answer = httpx.get(told["url"] + ORDERS + "/", auth=(told["user"], told["password"]), trust_env=False)
        process.terminate()
        process.wait(timeout=20)
    assert (told["product"], answer.status_code) == ("sap/s4", 200)
    assert told["clock"].startswith("2026-01-31")
    assert {company["currency"] for company in told["companies"].values()} == {"CNY", "USD"}


def test_what_cannot_start_says_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, told in [(["--port", port], f"port {port}"), (["--data", str(tmp_path)], str(tmp_path))]:
            done = subprocess.run(run("sap/s4", *arguments), cwd=ROOT, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.startswith("sandbox: ")
            assert told in done.stderr
            assert "Traceback" not in done.stderr


def test_an_unknown_product_is_named() -> None:
    with pytest.raises(ValueError, match="no sandbox for sap/r2; there is sap/s4"):
        start("sap/r2")


@pytest.fixture(scope="module")
def s4() -> Iterator[Sandbox]:
    sandbox = start("sap/s4")
    yield sandbox
    sandbox.stop()


@pytest.fixture
def session(s4: Sandbox) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.auth = (s4.user, s4.password)
        answer = session.get(s4.url + ORDERS + "/", headers={"x-csrf-token": "fetch"})
        session.headers.update({"x-csrf-token": answer.headers["x-csrf-token"], "sap-language": "EN"})
        yield session


def test_every_set_of_every_service_can_be_read_in_both_formats(s4: Sandbox, session: requests.Session) -> None:
    catalogue = session.get(s4.url + "/sap/opu/odata/IWFND/CATALOGSERVICE;v=2/ServiceCollection?$format=json")
    for service in catalogue.json()["d"]["results"]:
        root = s4.url + service["ServiceUrl"]
        for name in session.get(root, headers={"accept": "application/json"}).json()["d"]["EntitySets"]:
            read = session.get(f"{root}/{name}?$top=3", headers={"accept": "application/json"})
            if read.status_code == 501:  # reached by navigation only
                continue
            rows = read.json()["d"]["results"]
            assert etree.fromstring(session.get(f"{root}/{name}?$top=3").content).tag.endswith("feed")
            for row in rows:
                again = session.get(row["__metadata"]["uri"] + "?$format=json")
                assert again.json()["d"]["__metadata"] == row["__metadata"], name


def test_pyodata_creates_changes_and_finds_an_order_in_the_books(s4: Sandbox, session: requests.Session) -> None:
    orders = pyodata.Client(s4.url + ORDERS, session).entity_sets.A_SalesOrder
    old = orders.get_entities().top(1).expand("to_Item").execute()[0]
    order = create_like(orders, old, "CT7-Q000001")
    assert (order.SoldToParty, len(order.to_Item)) == (old.SoldToParty, 1)
    found = orders.get_entities().filter("PurchaseOrderByCustomer eq 'CT7-Q000001'").execute()
    assert [hit.SalesOrder for hit in found] == [order.SalesOrder]
    change = orders.update_entity(order.SalesOrder).set(PurchaseOrderByShipToParty="SHIP-1")
    change.add_headers({"If-Match": found[0].etag})
    change.execute()
    assert orders.get_entity(order.SalesOrder).execute().PurchaseOrderByShipToParty == "SHIP-1"
    book = session.get(s4.url + "/_sandbox/book?object=orders").json()["documents"]
    assert [d["created_count"] for d in book if d["number"] == order.SalesOrder] == [1]


def create_like(orders: Any, old: Any, reference: str) -> Any:
    """A new order of the same customer in the same sales area for the same material."""
    return (
        orders.create_entity()
        .set(
            SalesOrderType=old.SalesOrderType,
            SalesOrganization=old.SalesOrganization,
            DistributionChannel=old.DistributionChannel,
            OrganizationDivision=old.OrganizationDivision,
            SoldToParty=old.SoldToParty,
            PurchaseOrderByCustomer=reference,
            to_Item=[{"Material": old.to_Item[0].Material, "RequestedQuantity": "2"}],
        )
        .execute()
    )


def test_a_changeset_that_fails_leaves_no_trace_in_the_books(s4: Sandbox, session: requests.Session) -> None:
    client = pyodata.Client(s4.url + ORDERS, session)
    orders = client.entity_sets.A_SalesOrder
    old = orders.get_entities().top(1).expand("to_Item").execute()[0]
    good: dict[str, Any] = {
        "SalesOrderType": "OR",
        "SalesOrganization": old.SalesOrganization,
        "SoldToParty": old.SoldToParty,
    }
    good |= {"DistributionChannel": old.DistributionChannel, "OrganizationDivision": old.OrganizationDivision}
    good |= {"to_Item": [{"Material": old.to_Item[0].Material, "RequestedQuantity": "1"}]}
    before = orders.get_entities().count().execute()
    with pytest.raises(pyodata.exceptions.PyODataException, match="single response received, status code: 400"):
        send_changeset(client, good, good | {"SoldToParty": "77777777"})
    assert orders.get_entities().count().execute() == before
    send_changeset(client, good, good)
    assert orders.get_entities().count().execute() == before + 2


def send_changeset(client: Any, *creates: dict[str, Any]) -> None:
    changes, batch = client.create_changeset(), client.create_batch()
    for values in creates:
        changes.add_request(client.entity_sets.A_SalesOrder.create_entity().set(**values))
    batch.add_request(changes)
    batch.execute()
