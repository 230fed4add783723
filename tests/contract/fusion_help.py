"""A Fusion sandbox and a client of it, for tests of the sandbox alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec

from sandbox.server import Sandbox, start

ERP, SALES = "/fscmRestApi/resources/11.13.18.05", "/crmRestApi/resources/11.13.18.05"
ORDERS, INVOICES = f"{ERP}/salesOrdersForOrderHub", f"{ERP}/receivablesInvoices"
EVER = "36500"
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Fusion:
    """Reads without floats; framework version 4 unless told otherwise."""

    def __init__(self, sandbox: Sandbox, user: str = "") -> None:
        self.sandbox = sandbox
        self.client = httpx.Client(base_url=sandbox.url, auth=(user or sandbox.user, sandbox.password), timeout=20)

    def call(
        self, method: str, path: str, *, version: int | None = 4, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        framework = {} if version is None else {"REST-Framework-Version": str(version)}
        return self.client.request(method, path, headers={**framework, **(headers or {})}, **more)

    def get(self, path: str, *, version: int | None = 4, **params: Any) -> Any:
        response = self.call("GET", path, version=version, params=params)
        assert response.status_code == 200, response.text
        return _decode(response.content)

    def items(self, path: str, *, version: int | None = 4, **params: Any) -> list[dict[str, Any]]:
        """Every page of a list, without links."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(path, version=version, onlyData="true", limit=500, offset=len(found), **params)
            found += page["items"]
            if not page["hasMore"]:
                return found

    def refused(self, status: int, method: str, path: str, *, version: int | None = 4, **more: Any) -> str:
        """The text of the refusal."""
        response = self.call(method, path, version=version, **more)
        assert response.status_code == status, response.text
        return response.text

    def post(self, path: str, body: Any, status: int = 201, **more: Any) -> Any:
        response = self.call("POST", path, json=body, **more)
        assert response.status_code == status, response.text
        return _decode(response.content)

    def patch(self, path: str, body: Any, **more: Any) -> Any:
        response = self.call("PATCH", path, json=body, **more)
        assert response.status_code == 200, response.text
        return _decode(response.content)

    def arm(self, *schedule: dict[str, Any]) -> None:
        assert self.client.post("/_sandbox/faults", json={"schedule": list(schedule)}).status_code == 200

    def advance(self, days: int) -> None:
        assert self.client.post("/_sandbox/advance", json={"days": days}).status_code == 200

    def book(self, name: str) -> list[dict[str, Any]]:
        documents: list[dict[str, Any]] = self.client.get("/_sandbox/book", params={"object": name}).json()["documents"]
        return documents


@contextmanager
def running(data: Path | None = None) -> Iterator[Fusion]:
    sandbox = start("oracle/fusion", data=data)
    fusion = Fusion(sandbox)
    try:
        yield fusion
    finally:
        fusion.client.close()
        sandbox.stop()


def order(fusion: Fusion, key: str, quantity: Any = 2, price: str = "1250.50", **values: Any) -> dict[str, Any]:
    """An order payload for the first account that has no limits to speak of, as working clients send it."""
    account = fusion.items(f"{ERP}/receivablesCustomerAccountActivities", q="AccountNumber = '10003'")[0]
    site = account_site(fusion, account["AccountNumber"])
    line = {
        "SourceTransactionLineId": "1", "SourceTransactionLineNumber": "1", "SourceScheduleNumber": "1",
        "SourceTransactionScheduleId": "1", "ProductNumber": "LQ-1100", "OrderedQuantity": quantity,
        "OrderedUOMCode": "Ea", "TransactionCategoryCode": "ORDER", "TransactionLineType": "Buy",
        "charges": [charge(price)],
    }  # fmt: skip
    return {
        "SourceTransactionNumber": key, "SourceTransactionSystem": "CROSSTIE", "SourceTransactionId": key,
        "BusinessUnitName": f"{site['company']} Business Unit", "BuyingPartyId": str(account["CustomerId"]),
        "TransactionalCurrencyCode": "CNY", "CustomerPONumber": "PO-1", "SubmittedFlag": "true",
        "FreezePriceFlag": "true", "lines": [line], **values,
    }  # fmt: skip


def account_site(fusion: Fusion, number: str) -> dict[str, Any]:
    sites = fusion.items(f"{ERP}/receivablesCustomerAccountSiteActivities", q=f"AccountNumber = '{number}'")
    return {**sites[0], "company": sites[0]["BillToSiteNumber"].partition("-")[0]}


def charge(price: str) -> dict[str, Any]:
    component = {
        "PriceElementCode": "QP_NET_PRICE", "HeaderCurrencyUnitPrice": price, "HeaderCurrencyCode": "CNY",
        "SequenceNumber": "1", "RollupFlag": "false",
    }  # fmt: skip
    return {
        "ChargeDefinitionCode": "QP_SALE_PRICE", "PriceTypeCode": "ONE_TIME", "PrimaryFlag": "true",
        "SequenceNumber": "1", "chargeComponents": [component],
    }  # fmt: skip
