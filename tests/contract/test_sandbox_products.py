"""What holds for the control plane of every product: the same books behind each, named once, kept in a file."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.server import PRODUCTS, Sandbox, start
from tests.unit.sandbox_books_help import Oracle

pytestmark = pytest.mark.contract
AS_OF = date(2026, 7, 15)
"""A day on which nothing that counts is still to be entered."""
BOOKS = ("orders", "customers", "deliveries", "invoices", "open_items", "payments")


def control(sandbox: Sandbox, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{sandbox.url}/_sandbox/{path}", data=data, timeout=60) as answer:
        return json.load(answer)


def books(sandbox: Sandbox) -> dict[str, list[dict[str, Any]]]:
    return {name: control(sandbox, f"book?object={name}")["documents"] for name in BOOKS}


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_product_holds_the_golden_books_and_keeps_them(product: str, shared_data: Path, tmp_path: Path) -> None:
    """Money in the books is what the files say of that day; number and key name one document."""
    golden, state = shared_data / "golden", tmp_path / "books"
    first = start(product, data=golden, date=AS_OF, state=state)
    try:
        found = books(first)
        announced = json.loads(first.announcement())
    finally:
        first.stop()
    assert announced["companies"].keys() == {"CN01", "US02"}
    assert len(found["orders"]) == 18
    for name, documents in found.items():
        named = Counter((document["number"], json.dumps(document.get("key"))) for document in documents)
        assert name == "customers" or max(named.values()) == 1, name  # one customer may have several accounts
    assert left(found) == expected(Oracle(golden))
    second = start(product, state=state)
    try:
        assert books(second) == found
        control(second, "advance", {"days": 60})
        assert len(books(second)["invoices"]) > len(found["invoices"])
    finally:
        second.stop()


def left(found: dict[str, list[dict[str, Any]]]) -> dict[str, Decimal]:
    """What is owed less what is unapplied, by currency. SAP's lines hold both; bills and noted items are neither."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for item in found["open_items"]:
        if item.get("special_gl") not in ("F", "W"):
            sums[item["currency"]] += Decimal(item["rest"])
    for payment in found["payments"]:
        sums[payment["currency"]] -= Decimal(payment.get("rest", 0))
    return {currency: amount for currency, amount in sums.items() if amount}


def expected(oracle: Oracle) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for (_, _, currency), amount in oracle.balance(AS_OF).items():
        sums[currency] += amount
    return {currency: amount for currency, amount in sums.items() if amount}


@pytest.mark.parametrize("product", PRODUCTS)
def test_an_erp_user_finds_every_document_by_its_number(product: str) -> None:
    sandbox = start(product, date=date(2026, 6, 15))
    try:
        found = books(sandbox)
        customer = found["customers"][1]
        made = control(
            sandbox, "mutate",
            {"what": "post_invoice", "customer": customer["number"], "company": customer["companies"][0],
             "amount": "100.00"},
        )  # fmt: skip
        (item,) = made["items"]
        paid = {"what": "pay", "company": customer["companies"][0], "item": item, "amount": "40.00"}
        control(sandbox, "mutate", paid)
        items = {row["number"]: row for row in control(sandbox, "book?object=open_items")["documents"]}
        assert Decimal(items[item]["rest"]) == 60
        for name in ("orders", "invoices"):
            number = found[name][-1]["number"]
            control(sandbox, "mutate", {"what": "amount", "object": name, "number": number, "by": "0.01"})
            again = control(sandbox, f"book?object={name}")["documents"]
            after = next(row for row in again if row["number"] == number)
            assert Decimal(after["total"]) - Decimal(found[name][-1]["total"]) == Decimal("0.01")
    finally:
        sandbox.stop()
