"""A client written by others, unchanged: mcp-oraclefusion, spoken to over its standard input as its users do.

It takes the framework version that is not asked for (1), so its q is query by example; it asks for totalResults and
fields, and tries again without them when the service answers 500.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.contract.fusion_help import ERP, INVOICES, Fusion, running

pytestmark = pytest.mark.contract


class Client:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.number = 0

    def call(self, method: str, **params: Any) -> Any:
        self.number += 1
        message = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer["id"] == self.number and "error" not in answer, answer
        return answer["result"]

    def tool(self, tool: str, /, **arguments: Any) -> Any:
        result = self.call("tools/call", name=tool, arguments=arguments)
        return json.loads(result["content"][0]["text"], parse_float=Decimal)


@contextmanager
def client_of(fusion: Fusion, folder: Path, password: str = "") -> Iterator[Client]:
    environment = {
        **os.environ,
        "ORACLE_FUSION_BASE_URL": fusion.sandbox.url,
        "ORACLE_USERNAME": fusion.sandbox.user,
        "ORACLE_PASSWORD": password or fusion.sandbox.password,
    }
    command = [sys.executable, "-m", "oracle_fusion_mcp.cli"]
    with subprocess.Popen(
        command, env=environment, cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        yield Client(process)
        assert process.stdin
        process.stdin.close()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def fusion(shared_data: Path) -> Iterator[Fusion]:
    with running(shared_data / "golden") as fusion:
        yield fusion


@pytest.fixture(scope="module")
def client(fusion: Fusion, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with client_of(fusion, tmp_path_factory.mktemp("client")) as client:
        client.call("initialize")
        yield client


@pytest.fixture(autouse=True)
def _calm(fusion: Fusion) -> Iterator[None]:
    yield
    fusion.client.delete("/_sandbox/faults")


def test_invoices_of_a_customer_page_by_page(client: Client, fusion: Fusion) -> None:
    name = fusion.items(INVOICES)[0]["BillToCustomerName"]
    found: list[dict[str, Any]] = []
    while True:
        page = client.tool("search_ar_invoices", customer=name, status="Complete", limit=3, offset=len(found))
        found += page["records"]
        if not page["has_more"]:
            break
    finder = f"invoiceSearch;BillToCustomerName={name},InvoiceStatus=Complete"
    ours = fusion.items(INVOICES, finder=finder)
    assert page["total"] == len(found) == len(ours) > 3
    assert [row["transaction_id"] for row in found] == [row["CustomerTransactionId"] for row in ours]
    assert sum(Decimal(row["balance_due"]) for row in found) == sum(row["InvoiceBalanceAmount"] for row in ours)


def test_invoices_of_a_time_are_query_by_example(client: Client, fusion: Fusion) -> None:
    found = client.tool(
        "search_ar_invoices", date_from="2025-10-01", date_to="2025-12-31", status="Complete", limit=500
    )
    days = [row["creation_date"][:10] for row in found["records"]]
    assert found["total"] == len(days) > 5 and min(days) >= "2025-10-01" and max(days) <= "2025-12-31"
    wanted = "CreationDate >= '2025-10-01' and CreationDate <= '2025-12-31' and InvoiceStatus = 'Complete'"
    assert len(fusion.items(INVOICES, q=wanted)) == len(days)


def test_one_invoice_with_its_lines_as_an_array(client: Client, fusion: Fusion) -> None:
    key = next(each for each in fusion.items(INVOICES) if each["TransactionType"] == "Invoice")["CustomerTransactionId"]
    invoice = client.tool("get_ar_invoice_details", transaction_id=key, expand_lines=True)
    assert invoice["CustomerTransactionId"] == key > 2**53
    assert sum(Decimal(line["LineAmount"]) for line in invoice["receivablesInvoiceLines"]) > 0
    assert client.tool("get_ar_invoice_details", transaction_id=1) is None


def test_receipts_by_number_and_part_of_a_name(client: Client, fusion: Fusion) -> None:
    receipt = fusion.items(f"{ERP}/standardReceipts")[0]
    same = client.tool(
        "search_receipts", receipt_number=receipt["ReceiptNumber"], business_unit=receipt["BusinessUnit"]
    )
    assert receipt["StandardReceiptId"] in [row["receipt_id"] for row in same["records"]]
    part = receipt["CustomerName"][1:5]
    named = client.tool("search_receipts", customer=part, date_from="2025-01-01", limit=500)
    assert named["records"] and all(part in row["customer_name"] for row in named["records"])


def test_ledgers_and_rates(client: Client) -> None:
    ledgers = client.tool("list_ledgers", name="CN01", ledger_type="Primary")
    assert [row["currency"] for row in ledgers["records"]] == ["CNY"]
    rates = client.tool(
        "search_currency_rates", from_currency="USD", to_currency="CNY", start_date="2025-12-31", end_date="2025-12-31"
    )
    assert len(rates["records"]) == 1 and Decimal(rates["records"][0]["conversion_rate"]) > 6


@pytest.mark.parametrize("part", ["totalResults", "fields|totalResults"])
def test_its_way_round_a_500_works(client: Client, fusion: Fusion, part: str) -> None:
    fusion.arm({"fault": "internal_error", "match": {"query": part}})
    page = client.tool("search_ar_invoices", status="Complete", limit=2)
    assert (len(page["records"]), page["total"]) == (2, None)
    assert page["records"][0]["transaction_number"]


def test_a_wrong_password_and_a_bad_query_are_its_errors(client: Client, fusion: Fusion, tmp_path: Path) -> None:
    assert "400" in client.tool("search_ar_invoices", q="BillToCustomerNumber='1'")["error"]
    with client_of(fusion, tmp_path, password="wrong") as stranger:
        assert "401" in stranger.tool("search_receipts")["error"]
