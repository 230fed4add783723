"""The trade book as a sandbox's backend: opening it, letting its days pass, and what the control plane does to it."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from sandbox.front import Caller, Row
from sandbox.office import data_sets, load
from sandbox.office.agreements import Agreements
from sandbox.office.books import NOBODY, Books
from sandbox.office.changes import Changes
from sandbox.office.clock import morning_of, noon_of
from sandbox.office.dataset import DataSet
from sandbox.office.ledger import Ledger
from sandbox.office.lifecycle import Lifecycle
from sandbox.office.master import Master
from sandbox.office.replay import Replay
from sandbox.office.sales import Sales
from sandbox.office.shown import Names, Shown
from sandbox.office.vouchers import Instalment, Invoice, Receipt

__all__ = ["Names", "Office", "open_office"]


class Office(Books):
    """`names` is set by the product's front: the numbers it gives to documents, and where they bear our key."""

    def __init__(self, data: DataSet, seed: int) -> None:
        super().__init__(data.companies)
        self.master = Master(self)
        self.sales = Sales(self)
        self.ledger = Ledger(self)
        self.agreements = Agreements(self)
        self.replay = Replay(self, data)
        self.lifecycle = Lifecycle(self, seed)
        self.names = Names()
        self._lived = date.min

    def __getstate__(self) -> Row:
        """All but the names, which the front gives anew."""
        return {name: value for name, value in vars(self).items() if name != "names"}

    def __setstate__(self, state: Row) -> None:
        vars(self).update(state)
        self.names = Names()
        for application in self.applications.values():
            for holder in (application.item, application.receipt, application.credit):
                if holder:
                    holder.applications.append(application)

    # -- reading ---------------------------------------------------------------------------------------------------

    def instalments(self) -> list[Instalment]:
        """The open items, settled or not, of every document that is a receivable."""
        return [part for invoice in self.invoices.values() for part in invoice.instalments if part.is_receivable]

    def balance(self, item: Instalment | Invoice, at: date | None = None) -> Decimal:
        return item.balance(at)

    def unapplied(self, receipt: Receipt, at: date | None = None) -> Decimal:
        return receipt.unapplied(at)

    # -- a sandbox's backend ---------------------------------------------------------------------------------------

    def begin(self, caller: Caller) -> None:
        self.live()
        self.caller = caller

    def live(self) -> Counter[str]:
        """Let every day happen that the clock has reached since the last time: nobody asked for it."""
        events: Counter[str] = Counter()
        caller, self.caller = self.caller, NOBODY
        while self._lived < self.clock.today():
            self._lived += timedelta(days=1)
            events.update(self.replay.timeline.run_to(self._lived, strict=False))
            events.update(self.lifecycle.run_day(self._lived))
        self.caller = caller
        return events

    def start(self, day: date, *, rows: int | None, seed: int) -> None:
        """Enter everything up to and including `day`, at whose noon the clock begins to run."""
        self.replay.load_master_data(day)
        self.replay.timeline.run_to(day, strict=True, on_day=lambda reached: self.clock.move_to(morning_of(reached)))
        self.clock.move_to(noon_of(day))
        if rows:
            load.add_orders(self, rows, seed)
        elif self.replay.data.name == "seed":
            self.agreements.make_up(day)
        self._lived = day
        self.clock.run()

    def book(self, object: str) -> list[Row]:
        return Shown(self, self.names).book(object)

    def advance(self, days: int) -> Row:
        events: Counter[str] = Counter()
        self.journal.changes += 1
        for _ in range(days):
            self.clock.advance(1)
            events += self.live()
        return {"clock": self.now().isoformat(), "events": dict(events)}

    def mutate(self, change: Row) -> Row:
        self.caller = NOBODY
        return Changes(self, self.names).make(change)

    def info(self) -> Row:
        """What a system file says of the companies."""
        return {
            "companies": {
                company.code: {
                    "currency": company.currency, "time_zone": company.zone, "country": company.country,
                    "fiscal_year_start_month": company.fiscal_year_start,
                }
                for company in self.companies.values()
            }
        }  # fmt: skip


def open_office(data: Path | None, rows: int | None, date: date | None, seed: int) -> Office:
    """Books that hold everything entered up to `date` (default: the data's last day).

    Without `data` they are made up from `seed`; `rows` asks for that many orders of five lines and no history.
    DataError (a ValueError) when the data set is not one we know or has a wrong line.
    """
    source = data_sets.choose(data, rows, date, seed)
    office = Office(source, seed)
    office.start(date or (office.replay.last_day if data else source.last_day), rows=rows, seed=seed)
    return office
