"""The server before any front: every fault on a product without words of its own, and books kept in a file."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import server
from sandbox.faults import KINDS
from sandbox.front import Caller, ControlError, Front
from sandbox.http import Request, Response
from sandbox.office.listing import cut, renamed
from sandbox.office.trade import Document, Instalment, Names, NewLine, Office, TradeError, open_office

pytestmark = pytest.mark.contract
TODAY = date(2026, 6, 15)
PRODUCT = "nobody/plain"


class PlainNames(Names):
    def number(self, document: Document | Instalment) -> str:
        return f"{type(document).__name__[:2].upper()}{document.id:05}"

    def keys(self, document: Document) -> dict[str, str]:
        return {"ref": str(document.extra.get("ref", ""))}


class Plain(Front):
    """Everything is a POST: /orders makes one, /list reads them, /token gives what both need."""

    def __init__(self, office: Office, user: str, password: str) -> None:
        self.office = office
        self.backend, self.user, self.password = office, user, password
        office.names = PlainNames()
        self.token, self.session = 1, 1
        self.price = Decimal(10)

    def admit(self, request: Request) -> Response | None:
        wanted = f"{self.token}-{self.session}"
        known = request.path == "/token" or request.headers.get("x-token") == wanted
        return None if known else Response(401, {}, b"no token")

    def is_write(self, request: Request) -> bool:
        return request.path == "/orders"

    def is_lookup(self, request: Request) -> bool:
        return request.path == "/list" and "ref" in request.options

    def needs_token(self, request: Request) -> bool:
        return request.path != "/token"

    def expire(self, what: str) -> None:
        setattr(self, what, getattr(self, what) + 1)

    def configure(self, options: Mapping[str, Any]) -> None:
        if unknown := options.keys() - {"price"}:
            raise ControlError(f"no option {unknown}")
        self.price = Decimal(options.get("price", 10))

    def fault(self, name: str, parameters: Mapping[str, Any], request: Request) -> Response | None:
        return Response(200, {}, b'{"busy": true}') if name == "locked" else None

    def serve(self, request: Request) -> Response:
        self.office.begin(Caller(request.request_id, request.user))
        if request.path == "/token":
            return _json({"token": f"{self.token}-{self.session}"})
        if request.path == "/list":
            return self._list(request)
        try:
            with self.office.attempt():
                return _json({"number": self.office.names.number(self._create(json.loads(request.body)))})
        except TradeError as refusal:
            return _json({"error": refusal.code})

    def _create(self, body: dict[str, Any]) -> Document:
        buyer = next(each for each in self.office.customers.values() if each.key == "K1002")
        product = self.office.products[1]
        line = NewLine(product, Decimal(str(body["quantity"])), price=self.price)
        return self.office.sales.create_order(buyer, "CN01", [line], extra={"ref": body["ref"]})

    def _list(self, request: Request) -> Response:
        rows = [{"id": order.id, "ref": order.extra.get("ref", "")} for order in self.office.orders.values()]
        found = [row for row in rows if request.options.get("ref", row["ref"]) == row["ref"]]
        page = cut(found, int(request.options.get("offset", "0")), 20, request.tweaks)
        return _json(renamed({"rows": page.rows, "more": page.more, "next": page.stop}, request.tweaks))


def _json(answer: Any) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(answer).encode())


def open_front(
    *, data: Path | None, rows: int | None, date: date | None, seed: int, user: str, password: str
) -> tuple[Front, dict[str, Any]]:
    office = open_office(data, rows, date, seed)
    return front_on(office, {}, user=user, password=password), {**office.info(), "token_url": "{url}/token"}


def front_on(backend: Any, info: dict[str, Any], *, user: str, password: str) -> Front:
    return Plain(backend, user, password)


class Client:
    def __init__(self, sandbox: server.Sandbox) -> None:
        self.http = httpx.Client(base_url=sandbox.url, trust_env=False, timeout=20)
        self.token = ""

    def post(self, path: str, body: Any = None, **options: str) -> httpx.Response:
        return self.http.post(path, json=body, params=options, headers={"x-token": self.token})

    def renew(self) -> None:
        self.token = self.post("/token").json()["token"]

    def order(self, ref: str = "CT7-Q1", quantity: int = 1) -> httpx.Response:
        return self.post("/orders", {"ref": ref, "quantity": quantity})

    def booked(self, ref: str = "CT7-Q1") -> int:
        documents = self.http.get("/_sandbox/book", params={"object": "orders"}).json()["documents"]
        return len([document for document in documents if document["key"]["ref"] == ref])

    def arm(self, fault: str, **more: Any) -> None:
        answer = self.http.post("/_sandbox/faults", json={"schedule": [{"fault": fault, **more}]})
        assert answer.status_code == 200, answer.text


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setitem(server.PRODUCTS, PRODUCT, __name__)
    sandbox = server.start(PRODUCT, date=TODAY)
    client = Client(sandbox)
    client.renew()
    yield client
    client.http.close()
    sandbox.stop()


def test_what_never_reaches_the_erp(client: Client) -> None:
    client.arm("rate_limited", retry_after=3)
    assert (client.order().status_code, client.order().headers["retry-after"]) == (429, "3")
    client.arm("unavailable")
    assert client.post("/list").status_code == 503
    client.arm("refused_200")
    assert client.order().headers["content-type"].startswith("text/html")
    client.arm("dropped_before_commit", match={"times": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        client.order()
    assert client.booked() == 0


def test_what_the_client_never_hears_of(client: Client) -> None:
    client.arm("dropped_after_commit", match={"times": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        client.order("A")
    client.arm("dropped_after_commit", status=504)
    assert (client.order("B").status_code, client.post("/list").status_code) == (504, 200)
    client.arm("late_commit", seconds=0.2, status=504)
    assert (client.order("C").status_code, client.booked("C")) == (504, 0)
    deadline = time.monotonic() + 5
    while not client.booked("C") and time.monotonic() < deadline:
        time.sleep(0.02)
    client.arm("half_answer")
    with pytest.raises(httpx.RemoteProtocolError):
        client.order("D")
    client.arm("internal_error", when="after")
    assert client.order("E").status_code == 500
    assert [client.booked(ref) for ref in "ABCDE"] == [1] * 5


def test_what_the_erp_refuses(client: Client) -> None:
    for fault in ("expired_token", "expired_session"):
        client.arm(fault, match={"times": 1})
        assert client.order().status_code == 401
        client.renew()
    client.arm("locked")
    assert client.order().json() == {"busy": True}
    client.arm("internal_error")
    assert client.order().status_code == 500
    client.arm("lookup_fails")
    assert (client.post("/list", ref="x").status_code, client.post("/list").status_code) == (500, 200)
    client.http.delete("/_sandbox/faults")
    assert client.order(quantity=0).json() == {"error": "bad-quantity"}
    assert client.booked() == 0


def test_bent_answers(client: Client) -> None:
    whole = client.post("/list").json()["rows"]
    client.arm("page_limit", n=3)
    assert client.post("/list").json() == {"rows": whole[:3], "more": True, "next": 3}
    client.arm("duplicate_answer")
    assert client.post("/list").json()["rows"] == [*whole, whole[-1]]
    client.arm("rows_move", rows=2)
    assert client.post("/list", offset="3").json()["rows"][0] == {"id": 6, "ref": ""}
    client.arm("field_renamed", **{"from": "ref", "to": "reference"})
    assert client.post("/list").json()["rows"][0].keys() == {"id", "reference"}
    client.arm("latency", ms=150)
    started = time.monotonic()
    client.post("/list")
    assert time.monotonic() - started > 0.15
    right = parsedate_to_datetime(client.http.get("/_sandbox/health").headers["date"])
    client.arm("clock_skew", seconds=3600)
    wrong = parsedate_to_datetime(client.post("/list").headers["date"])
    assert 3590 < (wrong - right).total_seconds() < 3610


def test_every_kind_can_be_armed_for_any_product(client: Client) -> None:
    client.http.post("/_sandbox/faults", json={"schedule": [{"fault": name} for name in KINDS]}).raise_for_status()


def test_options_are_the_products_own(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.http.post("/_sandbox/options", json={"colour": 1}).status_code == 400
    assert client.http.post("/_sandbox/options", json={"price": "12.50"}).status_code == 200
    client.order("dear")
    documents = client.http.get("/_sandbox/book", params={"object": "orders"}).json()["documents"]
    assert [document["total"] for document in documents if document["key"]["ref"] == "dear"] == ["12.50"]
    with pytest.raises(ControlError):
        server.start(PRODUCT, date=TODAY, options={"colour": 1})


def test_books_of_any_product_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(server.PRODUCTS, PRODUCT, __name__)
    state = tmp_path / "books"
    first = server.start(PRODUCT, date=TODAY, state=state)
    assert json.loads(first.announcement())["token_url"] == f"{first.url}/token"
    client = Client(first)
    client.renew()
    number = client.order().json()["number"]
    client.http.close()
    first.stop()
    second = server.start(PRODUCT, state=state)
    client = Client(second)
    documents = client.http.get("/_sandbox/book", params={"object": "orders"}).json()["documents"]
    assert [(row["number"], row["key"]) for row in documents][-1] == (number, {"ref": "CT7-Q1"})
    assert json.loads(second.announcement())["token_url"] == f"{second.url}/token"
    client.http.close()
    second.stop()
