"""YonBIP's sandbox: the front the server runs, and how new books are opened.

The user is the app's key (appKey, suiteKey), the password its secret, `client` in the info the tenant.

What no documentation says is this sandbox's own choice: the codes of a wrong signature and an old timestamp (see
tokens), quotas over a rolling minute (quotas), 999 for amounts that do not add up, an order that can be changed only
while it is open, an audited order that is unaudited or closed but not opposed, the kinds of receivables and receipts
(receivable_rows, receipt_rows), returns as deliveries with negative quantities, and rows whose order is left open.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from sandbox.front import Caller, ControlError
from sandbox.http import Request, Response
from sandbox.office.trade import (
    Contract,
    Customer,
    Delivery,
    Document,
    Instalment,
    Invoice,
    Names,
    Office,
    Order,
    Receipt,
    open_office,
)
from sandbox.yonyou import batch, contract_rows, delivery_rows, invoice_rows, numbers, order_rows, receipt_rows
from sandbox.yonyou.contract_desk import ContractDesk
from sandbox.yonyou.delivery_desk import DeliveryDesk
from sandbox.yonyou.envelope import RefusalError, success
from sandbox.yonyou.finance_desk import FinanceDesk
from sandbox.yonyou.gateway import Gateway, decoded
from sandbox.yonyou.invoice_desk import InvoiceDesk
from sandbox.yonyou.listing import Lists
from sandbox.yonyou.master_desk import MasterDesk
from sandbox.yonyou.order_desk import OrderDesk
from sandbox.yonyou.org import Org
from sandbox.yonyou.quotas import Quotas
from sandbox.yonyou.tokens import TokenService
from sandbox.yonyou.wire import Row, moment

TENANT = "crosstie0"
_PAGING = frozenset({"pageIndex", "pageSize", "isSum", "queryOrders"})
_WORDS = {
    "rate_limited": ("310046", "API访问频率超出限制，请稍后再试"),
    "unavailable": ("310043", "后端服务熔断，请稍后再试"),
    "refused_200": ("999", "服务端逻辑异常"),
    "internal_error": ("310504", "后端服务响应超时"),
    "gateway_timeout": ("310504", "后端服务响应超时"),
    "lookup_fails": ("310504", "后端服务响应超时"),
}


class YonbipNames(Names):
    """Numbers are the codes people read; our key is what another system wrote into the external reference."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def number(self, document: Document | Instalment) -> str:
        match document:
            case Instalment():
                return f"{self.number(document.invoice)}/{document.number}"
            case Customer():
                return self._org.customer_code(document)
            case Order():
                return order_rows.code(document)
            case Delivery():
                return delivery_rows.code(document)
            case Invoice():
                return invoice_rows.code(document)
            case Receipt():
                return receipt_rows.code(document)
            case Contract():
                return contract_rows.code(document)
        return super().number(document)

    def keys(self, document: Document) -> dict[str, str]:
        if isinstance(document, Customer):
            return {"code": self._org.customer_code(document)}
        if isinstance(document, Order | Contract):
            return {name: str(document.extra.get(name) or "") for name in ("out_sys_id", "out_sys_code")}
        return {}

    def shown(self, document: Document) -> Row:
        if isinstance(document, Order):
            state = order_rows.state(document)
            own = {"nextStatus": order_rows.next_status(document), "state": state[0], "verifystate": state[1]}
            return {**own, "external_id": str(numbers.id_of("order", document.id))}
        if isinstance(document, Contract):
            return {"contractStatus": contract_rows.status(document)}
        return {}


class YonbipFront:
    """sandbox.front.Front over a trade book."""

    def __init__(self, office: Office, user: str, password: str, *, quotas: Quotas | None = None) -> None:
        self.backend, self.user, self.password = office, user, password
        self.quotas = quotas or Quotas()
        self.tokens = TokenService(user, password, TENANT, office.now)
        org = Org(office)
        lists = Lists(office.version, lambda: moment(office.now()) or "")
        desks = (
            MasterDesk(office, org, lists), OrderDesk(office, org, lists), DeliveryDesk(office, lists),
            InvoiceDesk(office, lists),
            FinanceDesk(office, lists), ContractDesk(office, org, lists),
        )  # fmt: skip
        apis = [api for desk in desks for api in desk.apis()]
        self.gateway = Gateway(apis, self.tokens, self.quotas, office)
        office.names = YonbipNames(org)
        self._looked_at = -1

    def admit(self, request: Request) -> Response | None:
        return self.gateway.admit(request)

    def serve(self, request: Request) -> Response:
        self.backend.begin(Caller(request.request_id, self.user, "ZH"))
        self._let_released_go()
        return self.gateway.serve(request)

    def _let_released_go(self) -> None:
        """Orders whose credit somebody released are approved by the workflow that they waited in."""
        if self.backend.version() == self._looked_at:
            return
        for order in self.backend.orders.values():
            if not order.released and order.credit == "released" and order.extra.get(order_rows.SUBMITTED):
                self.backend.change(order, released=True)
                self.backend.touch(order)
        self._looked_at = self.backend.version()

    def is_write(self, request: Request) -> bool:
        api = self.gateway.api(request)
        return bool(api and api.writes)

    def is_lookup(self, request: Request) -> bool:
        """Whether a list is asked for with conditions."""
        api = self.gateway.api(request)
        if api is None or api.writes or api.method != "POST":
            return False
        return bool(decoded(request).keys() - _PAGING)

    def needs_token(self, request: Request) -> bool:
        return self.gateway.api(request) is not None

    def fault(self, name: str, parameters: Mapping[str, Any], request: Request) -> Response | None:
        if name == "locked":
            self.gateway.leave(request)
            return self._locked(str(parameters.get("user", "")), request)
        if name not in _WORDS:
            return None
        if name != "gateway_timeout":
            self.gateway.leave(request)
        return RefusalError(*_WORDS[name]).response()

    def _locked(self, user: str, request: Request) -> Response:
        """A batch fails row by row."""
        data = decoded(request).get("data")
        message = f"单据正在被[{user}]操作，请稍后再试"
        if isinstance(data, list):
            return success(batch.answer([], [message] * len(data)))
        return RefusalError("999", message).response()

    def expire(self, what: str) -> None:
        self.tokens.expire()

    def unlock(self) -> None:
        """Apps are not locked."""

    def configure(self, options: Mapping[str, Any]) -> None:
        """quotas: on, off, or one number of calls a minute for every API that has a quota; not_granted: paths of APIs
        that the app may not call, with commas between them."""
        if unknown := options.keys() - {"quotas", "not_granted"}:
            raise ControlError(f"unknown option {', '.join(sorted(unknown))}; there are quotas and not_granted")
        if "quotas" in options:
            self.quotas.set(str(options["quotas"]))
        if "not_granted" in options:
            self.gateway.not_granted = frozenset(str(options["not_granted"]).split(","))


def open_front(
    *, data: Path | None, rows: int | None, date: date | None, seed: int, user: str, password: str
) -> tuple[YonbipFront, Row]:
    office = open_office(data, rows, date, seed)
    info = office.info() | {"client": TENANT, "options": {}, "lookups": _lookups(office)}
    return YonbipFront(office, user, password), info


def front_on(backend: Any, info: Row, *, user: str, password: str) -> YonbipFront:
    return YonbipFront(backend, user, password)


def _lookups(office: Office) -> dict[str, dict[str, str]]:
    """What a system file of this installation says of its own records, by company code; rates by pair.

    Tax items by company and rate: CN01/13.
    """
    return {
        "organisation": {code: numbers.organisation_id(code) for code in office.companies},
        "transaction_type": dict.fromkeys(office.companies, numbers.ORDER_TYPE[1]),
        "exchange_rate_type": dict.fromkeys(office.companies, str(numbers.RATE_TYPE["id"])),
        "local_currency": {code: company.currency for code, company in office.companies.items()},
        "exchange_rate": {f"{own}/{other}": str(rates[-1][1]) for (own, other), rates in office.rates.items() if rates},
        "tax": {f"{code}/{rate}": f"VAT{rate}" for code in office.companies for rate in numbers.TAX_RATES},
    }
