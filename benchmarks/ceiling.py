"""How fast the same rows get from the same server into the same tables by a program written for nothing else.

The recipe: one prefetch thread, typed msgspec decoding of the mapped fields, tuples, one blake2b hash a row, unchanged
rows skipped, 5,000 orders a transaction, executemany. No mapping, checks, dead letters, resume position or audit.
"""

from __future__ import annotations

import base64
import gc
import hashlib
import http.client
import queue
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from benchmarks.page_server import PASSWORD, USER

BATCH = 5000
SYSTEM = "bench"


class Item(msgspec.Struct, gc=False):
    SalesOrderItem: str
    Material: str
    SalesOrderItemText: str
    RequestedQuantity: str
    RequestedQuantityUnit: str
    NetAmount: str
    SalesDocumentRjcnReason: str
    UnderlyingPurchaseOrderItem: str
    DeliveryStatus: str
    OrderRelatedBillingStatus: str


class Items(msgspec.Struct, gc=False):
    results: list[Item]


class Order(msgspec.Struct, gc=False):
    SalesOrder: str
    SalesOrderType: str
    SalesOrganization: str
    SoldToParty: str
    PurchaseOrderByCustomer: str
    PurchaseOrderByShipToParty: str
    ExternalDocumentID: str
    SalesOrderDate: str
    RequestedDeliveryDate: str | None
    TransactionCurrency: str
    TotalNetAmount: str
    CustomerPaymentTerms: str
    OverallSDProcessStatus: str
    OverallDeliveryStatus: str
    OverallOrdReltdBillgStatus: str
    OverallSDDocumentRejectionSts: str
    TotalCreditCheckStatus: str
    SalesDocApprovalStatus: str
    DeliveryBlockReason: str
    HeaderBillingBlockReason: str
    LastChangeDateTime: str
    lines: Items = msgspec.field(name="to_Item")


class Results(msgspec.Struct, gc=False):
    """Of what else a page holds nothing is decoded."""

    results: list[Order]
    next: str = msgspec.field(default="", name="__next")


class Answer(msgspec.Struct, gc=False):
    d: Results


HEADER = (
    "system, key, changed_at, custom, number, order_type, company_code, customer_key, customer_po, our_key,"
    " external_ref, order_date, requested_on, currency, net_amount, payment_terms, status, delivery_status,"
    " billing_status, credit_status, blocked, cancelled_on, row_hash, mapping_version, seen_at"
)
LINE = (
    "system, parent, seq, line, product_key, text, quantity, unit, net_amount, rejected, requested_on, confirmed_on,"
    " our_line, delivery_status, billing_status"
)


def _upsert() -> str:
    names = HEADER.split(", ")
    sets = ", ".join(f"{name} = excluded.{name}" for name in names[2:])
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO erp_order ({HEADER}) VALUES ({marks}) ON CONFLICT (system, key) DO UPDATE SET {sets}"


UPSERT = _upsert()
INSERT_LINE = f"INSERT INTO erp_order_line ({LINE}) VALUES ({', '.join('?' * len(LINE.split(', ')))})"
DELETE_LINES = "DELETE FROM erp_order_line WHERE system = ? AND parent = ?"

FIELDS = [name for name in Order.__struct_fields__ if name != "lines"]
FIELDS += ["to_Item/" + name for name in Item.__struct_fields__]
QUERY = f"$select={','.join(FIELDS)}&$expand=to_Item&$orderby=LastChangeDateTime,SalesOrder"


class Pages:
    """Pages of orders, fetched and decoded one ahead in a thread."""

    def __init__(self, url: str, path: str) -> None:
        self._queue: queue.Queue[Results | None] = queue.Queue(maxsize=1)
        self._netloc, self._path = urlsplit(url).netloc, path
        threading.Thread(target=self._fetch, daemon=True).start()

    def __iter__(self) -> Iterator[Results]:
        return iter(self._queue.get, None)

    def _fetch(self) -> None:
        connection = http.client.HTTPConnection(self._netloc)
        decode = msgspec.json.Decoder(Answer).decode
        proof = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        target = f"{self._path}/A_SalesOrder?{quote(QUERY, safe='$=&,/')}"
        while target:
            connection.request("GET", target, headers={"Authorization": f"Basic {proof}"})
            page = decode(connection.getresponse().read()).d
            self._queue.put(page)
            target = page.next.partition(self._netloc)[2]
        connection.close()
        self._queue.put(None)


class Dates(dict[str | None, str | None]):
    """`/Date(ms)/` → ISO text, remembered."""

    def __missing__(self, raw: str | None) -> str | None:
        text = None if raw is None else _moment(raw[6:-2]).date().isoformat()
        self[raw] = text
        return text


def _moment(ms: str) -> datetime:
    return datetime.fromtimestamp(int(ms) / 1000, UTC)


class Load:
    """Writes orders to the tables; `written` counts those that were new or had changed."""

    def __init__(self, database: str) -> None:
        self.connection = sqlite3.connect(database, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.read = self.written = 0
        self._dates = Dates()
        self._encode = msgspec.msgpack.Encoder().encode
        self._seen = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")

    def store(self, orders: list[Order]) -> None:
        """One transaction: what is new or differs from the hash kept."""
        self.read += len(orders)
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        known = self._known([order.SalesOrder for order in orders])
        headers: list[tuple[Any, ...]] = []
        lines: list[tuple[Any, ...]] = []
        replaced: list[tuple[str, str]] = []
        for order in orders:
            header, own = self._rows(order)
            digest = hashlib.blake2b(self._encode((header, own)), digest_size=16).hexdigest()
            have = known.get(order.SalesOrder)
            if have == digest:
                continue
            if have is not None:
                replaced.append((SYSTEM, order.SalesOrder))
            headers.append((*header, digest, "", self._seen))
            lines += own
        self.connection.executemany(UPSERT, headers)
        self.connection.executemany(DELETE_LINES, replaced)
        self.connection.executemany(INSERT_LINE, lines)
        execute("COMMIT")
        self.written += len(headers)

    def _known(self, keys: list[str]) -> dict[str, str]:
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, row_hash FROM erp_order WHERE system = ? AND key IN ({marks})"
        return dict(self.connection.execute(query, (SYSTEM, *keys)).fetchall())

    def _rows(self, order: Order) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
        dates, number = self._dates, order.SalesOrder
        header = (
            SYSTEM,
            number,
            _moment(order.LastChangeDateTime[6:-7]).isoformat(timespec="microseconds"),
            "{}",
            number,
            order.SalesOrderType,
            COMPANIES[order.SalesOrganization],
            order.SoldToParty,
            order.PurchaseOrderByCustomer,
            order.PurchaseOrderByShipToParty,
            order.ExternalDocumentID,
            dates[order.SalesOrderDate],
            dates[order.RequestedDeliveryDate],
            order.TransactionCurrency,
            order.TotalNetAmount,
            order.CustomerPaymentTerms,
            _status(order),
            PROGRESS[order.OverallDeliveryStatus],
            PROGRESS[order.OverallOrdReltdBillgStatus],
            CREDIT[order.TotalCreditCheckStatus],
            order.DeliveryBlockReason != "" or order.HeaderBillingBlockReason != "",
            None,
        )
        lines = [
            (
                SYSTEM,
                number,
                seq,
                item.SalesOrderItem,
                item.Material,
                item.SalesOrderItemText,
                item.RequestedQuantity,
                UNITS.get(item.RequestedQuantityUnit, item.RequestedQuantityUnit),
                item.NetAmount,
                item.SalesDocumentRjcnReason != "",
                None,
                None,
                item.UnderlyingPurchaseOrderItem,
                PROGRESS[item.DeliveryStatus],
                PROGRESS[item.OrderRelatedBillingStatus],
            )
            for seq, item in enumerate(order.lines.results)
        ]
        return header, lines


PROGRESS = {"": "", "A": "not_started", "B": "partial", "C": "complete"}
CREDIT = {"": "not_checked", "A": "passed", "B": "blocked", "C": "partly_released", "D": "released"}
COMPANIES = {"1010": "CN01"}
UNITS = {"PC": "PCS", "H": "HUR"}


def _status(order: Order) -> str:
    if order.OverallSDDocumentRejectionSts == "C":
        return "cancelled"
    if order.TotalCreditCheckStatus == "B":
        return "credit_hold"
    if order.SalesDocApprovalStatus == "A":
        return "approval"
    return "complete" if order.OverallSDProcessStatus == "C" else "open"


def load(url: str, path: str, database: str) -> Load:
    """Read every order of the server into the database."""
    gc.disable()  # nothing here makes cycles
    target = Load(database)
    batch: list[Order] = []
    for page in Pages(url, path):
        batch += page.results
        if len(batch) >= BATCH:
            target.store(batch)
            batch = []
    if batch:
        target.store(batch)
    target.connection.close()
    gc.enable()
    return target
