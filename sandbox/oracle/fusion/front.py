"""Oracle Fusion over a trade book: its resources, its sign-on, and its words for what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from sandbox.front import Caller, Front, Row
from sandbox.http import WRITES, Request, Response
from sandbox.office.trade import Account, Office, open_office
from sandbox.oracle.adf import batch, versions
from sandbox.oracle.adf.errors import AdfError, refusal
from sandbox.oracle.adf.model import Resource, View
from sandbox.oracle.adf.render import encode
from sandbox.oracle.adf.service import MEDIA, Service
from sandbox.oracle.fusion.activities import Activities
from sandbox.oracle.fusion.clerk import Clerk
from sandbox.oracle.fusion.door import TOKEN_PATH, Door, unauthorized
from sandbox.oracle.fusion.finance import Finance
from sandbox.oracle.fusion.items import Items
from sandbox.oracle.fusion.names import FusionNames
from sandbox.oracle.fusion.order_columns import ORDERS
from sandbox.oracle.fusion.orders import Orders
from sandbox.oracle.fusion.parties import Parties
from sandbox.oracle.fusion.receipts import Receipts
from sandbox.oracle.fusion.receivables import Receivables
from sandbox.oracle.fusion.subscriptions import Subscriptions
from sandbox.oracle.fusion.tenant import Tenant

RELEASES = ("11.13.18.05",)
TWO_ACCOUNTS = "K1014"
"""The number, in the made-up books, of a customer in China alone."""
_HTML = {"content-type": "text/html; charset=utf-8"}
_LOGIN = (
    b"<html><head><title>Sign In</title></head><body><form action='/oam/server/auth_cred_submit'></form></body></html>"
)
_READING_ACTIONS = ("findDuplicates",)


def resources(tenant: Tenant) -> dict[str, dict[str, Resource]]:
    """By context and name."""
    receivables, activities, parties = Receivables(tenant), Activities(tenant), Parties(tenant)
    items, subscriptions, finance = Items(tenant), Subscriptions(tenant), Finance(tenant)
    erp = [
        Orders(tenant).resource(), receivables.invoices(), receivables.credit_memos(), activities.accounts(),
        activities.sites(), Receipts(tenant).resource(), items.items(), items.price_lists(), finance.ledgers(),
        finance.rates(),
    ]  # fmt: skip
    sales = [parties.accounts(), parties.organizations(), subscriptions.subscriptions(), subscriptions.products()]
    return {
        "fscmRestApi": {resource.name: resource for resource in erp},
        "crmRestApi": {resource.name: resource for resource in sales},
    }


class FusionFront(Front):
    def __init__(self, office: Office, user: str, password: str) -> None:
        self.backend = office
        self.user, self.password = user, password
        tenant = Tenant(office)
        office.names = FusionNames(tenant)
        self.door = Door(user, password, office.companies, office.now)
        self.clerk = Clerk(office)
        self.service = Service(resources(tenant), RELEASES, lambda: (office.version(), office.today()))

    # -- requests --------------------------------------------------------------------------------------------------

    def admit(self, request: Request) -> Response | None:
        if request.path.startswith(TOKEN_PATH):
            return None
        return None if self.door.view(request) is not None else unauthorized()

    def serve(self, request: Request) -> Response:
        if request.path.startswith(TOKEN_PATH):
            return self.door.token(request)
        view = self.door.view(request)
        if view is None:
            return unauthorized()
        self.clerk.work()
        self.backend.begin(Caller(request.request_id if self.is_write(request) else "", self.user))
        point = self.backend.savepoint()
        response = self._answer(request, view)
        if response.status >= 400:
            self.backend.rollback(point)
        return response

    def _answer(self, request: Request, view: View) -> Response:
        if batch.is_batch(request):
            return batch.run(self.service, request, view, self.backend)
        return self.service.answer(request, view)

    def is_write(self, request: Request) -> bool:
        reads = request.path.startswith(TOKEN_PATH) or request.path.endswith(_READING_ACTIONS)
        return request.method in WRITES and not reads

    def is_lookup(self, request: Request) -> bool:
        """A search, or an order asked for by the key of its source."""
        searches = {"q", "finder"} & request.options.keys() or ":" in request.path.replace("%3A", ":")
        return bool(searches) and not self.is_write(request)

    def needs_token(self, request: Request) -> bool:
        return request.headers.get("authorization", "").lower().startswith("bearer ")

    # -- faults ----------------------------------------------------------------------------------------------------

    def expire(self, what: str) -> None:
        """There are no sessions: whoever signs on with each request notices nothing."""
        self.door.expire()

    def unlock(self) -> None:
        """Nobody is locked."""

    def fault(self, name: str, parameters: Mapping[str, Any], request: Request) -> Response | None:
        match name:
            case "rate_limited":
                return _page(429, "Too Many Requests")
            case "unavailable":
                return _page(503, "Service Unavailable")
            case "gateway_timeout":
                return _page(parameters["status"], "Gateway Timeout")
            case "refused_200":
                return self._refused_200(request)
            case "locked":
                text = f"JBO-26030: The row is locked by another user: {parameters['user']}."
                return self._refusal(request, AdfError(400, text, "26030"))
            case "internal_error" | "lookup_fails":
                return self._refusal(request, AdfError(500, "An internal error occurred.", "500"))
        return None

    def _refused_200(self, request: Request) -> Response:
        """An order that is answered but not accepted; elsewhere the sign-on page."""
        if self.is_write(request) and f"/{ORDERS}" in request.path:
            text = "The sales order wasn't submitted because the orchestration process can't be assigned."
            body = encode({"HeaderId": None, "ReturnStatus": "ERROR", "MessageText": text})
            return Response(200, {"content-type": f"{MEDIA}resourceitem+json"}, body)
        return Response(200, dict(_HTML), _LOGIN)

    @staticmethod
    def _refusal(request: Request, error: AdfError) -> Response:
        try:
            version = versions.asked(request)
        except AdfError:
            version = versions.DEFAULT
        return refusal(error, version)


def _page(status: int, title: str) -> Response:
    body = f"<html><head><title>{status} {title}</title></head><body><h1>{status} {title}</h1></body></html>"
    return Response(status, dict(_HTML), body.encode())


def open_front(
    *, data: Path | None, rows: int | None, date: date | None, seed: int, user: str, password: str
) -> tuple[Front, Row]:
    office = open_office(data, rows, date, seed)
    if data is None:
        _open_second_accounts(office)
    front = FusionFront(office, user, password)
    return front, _info(office)


def _open_second_accounts(office: Office) -> None:
    """A party of the made-up books is billed in two business units, in each by a customer account of its own."""
    for party in [customer for customer in office.customers.values() if customer.our_number == TWO_ACCOUNTS]:
        account = Account("US01", party.accounts[0].number, "USD", "N30")
        address: dict[str, Any] = {"country": party.country, "city": party.city, "street": party.street}
        office.master.create_customer(party.name, [account], our_number=party.our_number, **address)


def front_on(backend: Any, info: Row, *, user: str, password: str) -> Front:
    return FusionFront(backend, user, password)


def _info(office: Office) -> Row:
    tenant, companies = Tenant(office), office.companies.values()
    return {
        **office.info(),
        "token_url": f"{{url}}{TOKEN_PATH}",
        "lookups": {
            "company": {tenant.unit(company.code): company.code for company in companies},
            "business_unit": {company.code: tenant.unit(company.code) for company in companies},
            "local_currency": {company.code: company.currency for company in companies},
            "time_zone": {company.code: company.zone for company in companies},
            "site_company": {company.code: company.code for company in companies},
        },
    }
