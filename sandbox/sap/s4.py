"""SAP S/4HANA's entity sets over the books, and the choice of what the books start with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.front import Caller
from sandbox.odata.backend import Created, Message, ODataError, ReadRow, Row
from sandbox.odata.gateway import Gateway
from sandbox.odata.metadata import load_services
from sandbox.odata.session import Door
from sandbox.odata4.gateway import Gateway4
from sandbox.office import data_sets
from sandbox.office.clock import morning_of, noon_of
from sandbox.sap import contracts, load_test
from sandbox.sap.books import Books
from sandbox.sap.changes import SETS
from sandbox.sap.control import Desk
from sandbox.sap.documents_api import DocumentsApi
from sandbox.sap.functions import Functions
from sandbox.sap.lifecycle import Lifecycle
from sandbox.sap.order_desk import OrderDesk
from sandbox.sap.orders_api import OrdersApi
from sandbox.sap.partners import CHILDREN, KEYS
from sandbox.sap.partners_api import PartnersApi
from sandbox.sap.replay import Replay
from sandbox.sap.s4_v4 import V4Backend

VERSIONS = {
    "A_SalesOrder": "LastChangeDateTime", "A_BillingDocument": "LastChangeDateTime",
    "A_OutbDeliveryHeader": "DeliveryVersion",
    "A_OutbDeliveryItem": "DeliveryVersion", "A_OutbDeliveryDocFlow": "Deliveryversion", "A_BusinessPartner": "ETag",
}  # fmt: skip


class S4Backend:
    """One client of an S/4HANA. `begin` brings the books up to the clock before anything is read or written."""

    def __init__(self, books: Books, replay: Replay | None, lifecycle: Lifecycle) -> None:
        self.books = books
        self.replay = replay
        self.lifecycle = lifecycle
        self.desk = OrderDesk(books)
        self.caller = self.desk.caller
        self._orders = OrdersApi(books, self.desk)
        self._partners = PartnersApi(books)
        self._documents = DocumentsApi(books, self.desk)
        self._functions = Functions(books, self.desk)
        self._control = Desk(books, self.desk, self.get)
        self._lived = books.clock.today()

    def __getstate__(self) -> tuple[Books, Replay | None, Lifecycle, date]:
        return self.books, self.replay, self.lifecycle, self._lived

    def __setstate__(self, kept: tuple[Books, Replay | None, Lifecycle, date]) -> None:
        self.__init__(*kept[:3])  # type: ignore[misc]  # all else hangs on these three
        self._lived = kept[3]

    # -- reading -------------------------------------------------------------------------------------------------

    def begin(self, caller: Caller) -> None:
        self.caller = self.desk.caller = caller
        self._live()

    def now(self) -> datetime:
        return self.books.clock.now()

    def version(self) -> int:
        """Rows show texts in the caller's language: that is a part of their state."""
        return self.books.journal.changes * 0x10000 + int.from_bytes(self.caller.language.encode()[:2], "big")

    def rows(self, set_name: str) -> Sequence[ReadRow]:
        return self._shown(set_name, self._rows(set_name))

    def _shown(self, set_name: str, rows: Sequence[ReadRow]) -> Sequence[ReadRow]:
        """The rows, with what was set by hand."""
        by_hand = {key: values for (name, key), values in self.books.overrides.items() if name == set_name}
        if not by_hand:
            return rows
        keys = next(keys for name, keys in SETS.values() if name == set_name)
        changed = (by_hand.get(tuple(str(row[name]) for name in keys)) for row in rows)
        return [{**row, **values} if values else row for row, values in zip(rows, changed, strict=True)]

    def _rows(self, set_name: str) -> Sequence[ReadRow]:
        if set_name in KEYS:
            return self._partners.rows(set_name)
        if set_name in self._orders.sets:
            return self._orders.rows(set_name)
        return self._documents.rows(set_name)

    def get(self, set_name: str, key: Row) -> ReadRow | None:
        row = self._get(set_name, key)
        return self._shown(set_name, [row])[0] if row is not None else None

    def _get(self, set_name: str, key: Row) -> ReadRow | None:
        if set_name in KEYS:
            return self.books.partners.get(set_name, key)
        if set_name in self._orders.sets:
            return self._orders.get(set_name, key)
        return self._documents.get(set_name, key)

    def navigate(self, set_name: str, row: ReadRow, nav: str) -> Sequence[ReadRow] | ReadRow | None:
        if nav in CHILDREN.get(set_name, {}):
            return self._partners.navigate(set_name, dict(row), nav)
        if set_name in self._orders.sets:
            found = self._orders.navigate(set_name, row, nav)
            return self._shown("A_SalesOrderItem", found) if nav == "to_Item" and isinstance(found, list) else found
        return self._documents.navigate(set_name, row, nav)

    # -- writing -------------------------------------------------------------------------------------------------

    def create(self, set_name: str, values: Row) -> Created:
        if set_name in KEYS:
            return Created(self._partners.create(set_name, values, self.caller))
        if set_name in self._orders.sets:
            return self._orders.create(set_name, values)
        raise _not_possible("created", set_name)

    def update(self, set_name: str, key: Row, values: Row, replace: bool) -> list[Message]:
        if set_name in KEYS:
            return self._partners.update(set_name, key, values, self.caller)
        if set_name in self._orders.sets:
            return self._orders.update(set_name, key, values, replace)
        if set_name in ("A_OutbDeliveryHeader", "A_OutbDeliveryItem"):
            return self._functions.change_delivery(set_name, key, values)
        raise _not_possible("changed", set_name)

    def delete(self, set_name: str, key: Row) -> None:
        if set_name in KEYS:
            self._partners.delete(set_name, key)
        elif set_name in self._orders.sets:
            self._orders.delete(set_name, key)
        else:
            raise _not_possible("deleted", set_name)

    def call(self, function: str, params: Row) -> Sequence[ReadRow] | ReadRow | None:
        return self._functions.call(function, params)

    def etag(self, set_name: str, row: ReadRow) -> datetime | str | None:
        return row.get(VERSIONS.get(set_name, ""))

    def savepoint(self) -> Any:
        return self.books.journal.savepoint()

    def rollback(self, point: Any) -> None:
        self.books.journal.rollback(point)

    # -- control plane -------------------------------------------------------------------------------------------

    def book(self, object: str) -> list[Row]:
        return self._control.book(object)

    def advance(self, days: int) -> Row:
        events: Counter[str] = Counter()
        self.books.journal.changes += 1
        for _ in range(days):
            self.books.clock.advance(1)
            events += self._live()
        return {"clock": self.now().isoformat(), "events": dict(events)}

    def mutate(self, change: Row) -> Row:
        return self._control.mutate(change)

    def _live(self) -> Counter[str]:
        """Let every day happen that the clock has reached since the last time."""
        events: Counter[str] = Counter()
        while self._lived < self.books.clock.today():
            self._lived += timedelta(days=1)
            if self.replay:
                events.update(self.replay.timeline.run_to(self._lived, strict=False))
            events.update(self.lifecycle.run_day(self._lived))
        return events


def _not_possible(what: str, set_name: str) -> ODataError:
    return ODataError(400, "/IWBEP/CM_MGW_RT/021", f"An entity of {set_name} cannot be {what} through this service")


# -- starting ----------------------------------------------------------------------------------------------------------


def open_backend(data: Path | None, rows: int | None, date: date | None, seed: int) -> tuple[S4Backend, dict[str, Any]]:
    """Books that hold everything entered up to `date`, and what a client needs to know about them.

    Without `data` they are made up from `seed`; `rows` asks for that many orders of five lines and no history.
    DataError (a ValueError) when the data set is not one we know or has a wrong line.
    """
    source = data_sets.choose(data, rows, date, seed)
    books = Books(source.companies)
    replay = Replay(books, source)
    start = date or (replay.last_day if data else source.last_day)
    replay.load_master_data(start)
    replay.timeline.run_to(start, strict=True, on_day=lambda day: books.clock.move_to(morning_of(day)))
    books.clock.move_to(noon_of(start))
    if rows:
        load_test.add_orders(books, rows, seed)
    elif not data:
        contracts.make_up(books, start)
    books.clock.run()
    return S4Backend(books, replay, Lifecycle(books, seed)), _info(books)


def open_front(
    *, data: Path | None, rows: int | None, date: date | None, seed: int, user: str, password: str
) -> tuple[Gateway, dict[str, Any]]:
    """The Gateway on new books, and what a client needs to know about them."""
    backend, info = open_backend(data, rows, date, seed)
    return front_on(backend, info, user=user, password=password), info


def front_on(backend: S4Backend, info: dict[str, Any], *, user: str, password: str) -> Gateway:
    """The Gateway on books that were kept."""
    home = Path(__file__).parent
    services, services4 = load_services(home / "metadata"), load_services(home / "metadata4")
    return Gateway4(backend, services, Door(user, password), V4Backend(backend), services4)


def _info(books: Books) -> dict[str, Any]:
    return {
        "companies": {
            company.code: {
                "currency": company.currency, "time_zone": company.zone, "country": company.country,
                "fiscal_year_start_month": company.fiscal_year_start, "sales_org": company.sales_org,
            }
            for company in books.companies.values()
        }
    }  # fmt: skip
