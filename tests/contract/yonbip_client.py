"""A bare client of the YonBIP sandbox, and bodies as the documentation has them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx

from sandbox import server
from sandbox.yonyou.tokens import AUTH, GATEWAY, signature

ORDERS, MERCHANT, SACT = "/yonbip/sd/voucherorder/", "/yonbip/digitalModel/merchant/", "/yonbip/sd/sact/"
DELIVERY, INVOICE = "/yonbip/sd/voucherdelivery/", "/yonbip/sd/vouchersaleinvoice/"
OAR, RECEIVABLE = "/yonbip/fi/oar/list", "/yonbip/EFI/receivable/"
BILLS, COLLECTIONS = "/yonbip/fi/receivebill/list/v2", "/yonbip/EFI/collection/list"
Json = dict[str, Any]


class Yonbip:
    """Signed in with a token of the newer kind; numbers with a fraction come as Decimal."""

    def __init__(self, sandbox: server.Sandbox) -> None:
        self.sandbox = sandbox
        self.http = httpx.Client(base_url=sandbox.url, trust_env=False, timeout=30)
        self.token = self.fetch_token()["data"]["access_token"]

    def signed(self, secret: str = "", **more: str) -> dict[str, str]:
        fields = {"appKey": self.sandbox.user, "timestamp": str(int(time.time() * 1000))} | more
        return fields | {"signature": signature(fields, secret or self.sandbox.password)}

    def fetch_token(self, path: str = f"{AUTH}/open-auth/selfAppAuth/base/v1/getAccessToken") -> Json:
        return self.http.get(path, params=self.signed()).json()  # type: ignore[no-any-return]

    def raw(self, path: str, body: Any, *, method: str = "POST", **query: Any) -> httpx.Response:
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body, default=str).encode()
        query = {"access_token": self.token} | query
        return self.http.request(method, GATEWAY + path, params=query, content=content)

    def post(self, path: str, body: Any = None, **fields: Any) -> Json:
        answer = self.raw(path, fields if body is None else body)
        return json.loads(answer.content, parse_float=Decimal)  # type: ignore[no-any-return]

    def get(self, path: str, **query: Any) -> Json:
        answer = self.raw(path, None, method="GET", **query)
        return json.loads(answer.content, parse_float=Decimal)  # type: ignore[no-any-return]

    def rows(self, path: str, **body: Any) -> list[Json]:
        data = self.post(path, {"pageIndex": 1, "pageSize": 500} | body)["data"]
        rows = data if isinstance(data, list) else data["recordList"]
        return [row for row in rows if row.get("code") != "合计"]

    def control(self, path: str, body: Any = None) -> Json:
        answer = self.http.request("POST" if body is not None else "GET", f"/_sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def fault(self, name: str, match: Mapping[str, Any] | None = None, **parameters: Any) -> None:
        match = {"times": 1} | dict(match or {})
        self.control("faults", {"schedule": [{"fault": name, "match": match, **parameters}]})

    def book(self, name: str) -> list[Json]:
        return self.control(f"book?object={name}")["documents"]  # type: ignore[no-any-return]

    # --- bodies ------------------------------------------------------------------------------------------------------

    def order(self, key: str = "", *, gross: str = "1130", quantity: str = "10", **changes: Any) -> Json:
        """A new order of one line at 13 % for the first Chinese customer."""
        data = {
            "_status": "Insert", "salesOrgId": "CN01", "transactionTypeId": "SO01", "agentId": "K1002",
            "vouchdate": "2026-06-15 00:00:00", "settlementOrgId": "CN01", "invoiceAgentId": "K1002",
            "payMoney": Decimal(gross), "orderPrices!currency": "CNY", "orderPrices!natCurrency": "CNY",
            "orderPrices!exchRate": 1, "orderPrices!exchangeRateType": "01", "orderPrices!taxInclusive": True,
            "out_sys_id": key or None, "orderDetails": [self.line(gross, quantity)],
        } | changes  # fmt: skip
        return {name: value for name, value in data.items() if value is not None}

    def line(self, gross: str, quantity: str, **changes: Any) -> Json:
        net = (Decimal(gross) / Decimal("1.13")).quantize(Decimal("0.01"))
        tax = Decimal(gross) - net
        prices = {
            "oriUnitPrice": net / Decimal(quantity), "oriMoney": net, "oriTax": tax, "natUnitPrice": 1,
            "natTaxUnitPrice": 1, "natMoney": net, "natSum": Decimal(gross), "natTax": tax,
        }  # fmt: skip
        amount = Decimal(quantity)
        return {
            "_status": "Insert", "productId": "LQ-1010", "stockOrgId": "CN01", "settlementOrgId": "CN01",
            "masterUnitId": "PCS", "iProductAuxUnitId": "PCS", "iProductUnitId": "PCS", "qty": amount,
            "subQty": amount, "priceQty": amount, "invExchRate": 1, "invPriceExchRate": 1, "unitExchangeType": 0,
            "unitExchangeTypePrice": 0, "taxId": "VAT13", "orderProductType": "SALE",
            "oriTaxUnitPrice": Decimal(gross) / amount, "oriSum": Decimal(gross),
            **{f"orderDetailPrices!{name}": value for name, value in prices.items()},
        } | changes  # fmt: skip

    def save(self, data: Json) -> Json:
        return self.post(ORDERS + "singleSave", {"data": data})

    def act(self, action: str, *ids: Any) -> Json:
        return self.post(ORDERS + action, {"data": [{"id": one} for one in ids]})["data"]  # type: ignore[no-any-return]

    def approved(self, data: Json) -> Json:
        """Saved, submitted, audited; the detail as it then is."""
        saved = self.save(data)["data"]
        for action in ("batchsubmit", "batchaudit"):
            done = self.act(action, saved["id"])
            assert not done["failCount"], done
        return self.get(ORDERS + "detail", id=saved["id"])["data"]  # type: ignore[no-any-return]


@contextmanager
def running(**options: Any) -> Iterator[Yonbip]:
    """Quotas are off unless the test asks for them."""
    sandbox = server.start("yonyou/yonbip", **{"options": {"quotas": "off"}} | options)
    client = Yonbip(sandbox)
    try:
        yield client
    finally:
        client.http.close()
        sandbox.stop()
