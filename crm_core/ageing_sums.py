"""The running sums of an ageing, one set of figures for each company, currency and customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from crm_core.ageing_report import COLUMNS, BillRow, CompanyAgeing, CurrencyAgeing, Figures, ItemRow, Level, PaymentRow
from crm_core.buckets import BASES, Buckets
from crm_core.money import zero
from crm_core.receivables import OpenItem, Payment

_COLUMN = {name: number for number, name in enumerate(COLUMNS)}
_OPEN, _CREDITS, _DISPUTED, _BILLS = (_COLUMN[name] for name in ("open", "credits", "disputed", "bills"))


@dataclass(slots=True)
class _Cell:
    """Sums by column, then by bucket of each basis: in own currency, local, revalued."""

    views: tuple[list[Decimal], list[Decimal], list[Decimal]]
    rows: int = 0
    erp_customers: set[str] = field(default_factory=set)

    def add(self, column: int, own: Decimal, local: Decimal, revalued: Decimal) -> None:
        mine, booked, newest = self.views
        mine[column] += own
        booked[column] += local
        newest[column] += revalued

    def count(self, document: OpenItem | Payment) -> None:
        self.rows += 1
        self.erp_customers.add(document.customer_key)


class Sums:
    """Adds documents up; `companies` gives every level."""

    def __init__(self, bases: tuple[str, ...], buckets: Buckets) -> None:
        self.bases, self.buckets = bases, buckets
        steps = len(buckets.names)
        self._bucket = {
            (basis, name): len(COLUMNS) + steps * number + step
            for number, basis in enumerate(bases)
            for step, name in enumerate(buckets.names)
        }
        self._width = len(COLUMNS) + steps * len(bases)
        self._cells: dict[tuple[str, str, str, str, str], _Cell] = {}
        self._aged: dict[tuple[date, date, date], dict[str, str]] = {}

    def buckets_of(self, item: OpenItem, as_of: date) -> dict[str, str]:
        """Basis → bucket. Without a due date, an item ages from its document date."""
        dates = item.due_date or item.document_date, item.document_date, item.posting_date
        known = self._aged.get(dates)
        if known is None:
            since = dict(zip(BASES, dates, strict=True))
            known = {basis: self.buckets.name((as_of - since[basis]).days) for basis in self.bases}
            self._aged[dates] = known
        return known

    def add_item(self, row_and_disputed: tuple[ItemRow, Decimal, Decimal]) -> ItemRow:
        row, disputed_local, disputed_revalued = row_and_disputed
        cell = self._cell(row.item)
        cell.count(row.item)
        amounts = row.open, row.local, row.revalued
        cell.add(_COLUMN[row.column], *amounts)
        for basis_and_bucket in row.buckets.items():
            cell.add(self._bucket[basis_and_bucket], *amounts)
        if row.open < 0 and row.column == "open":
            cell.add(_CREDITS, *amounts)
        if row.disputed:
            cell.add(_DISPUTED, row.disputed, disputed_local, disputed_revalued)
        return row

    def add_payment(self, row: PaymentRow) -> PaymentRow:
        cell = self._cell(row.payment)
        cell.count(row.payment)
        cell.add(_COLUMN[row.column], row.rest, row.local, row.revalued)
        return row

    def add_bill(self, row: BillRow) -> BillRow:
        cell = self._cell(row.payment)
        cell.count(row.payment)
        cell.add(_BILLS, row.amount, row.local, row.revalued)
        return row

    def companies(self) -> dict[tuple[str, str], CompanyAgeing]:
        tree: dict[tuple[str, str, str], dict[str, dict[str, _Cell]]] = defaultdict(lambda: defaultdict(dict))
        for (system, company, local, currency, customer), cell in sorted(self._cells.items()):
            tree[system, company, local][currency][customer] = cell
        return {(place[0], place[1]): self._company(place, currencies) for place, currencies in tree.items()}

    def _cell(self, document: OpenItem | Payment) -> _Cell:
        own, local = document.currency, document.local_currency
        key = (document.system, document.company_code, local, own, document.customer or document.customer_key)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = self._empty(own, local)
        return cell

    def _empty(self, own: str, local: str) -> _Cell:
        return _Cell(([zero(own)] * self._width, [zero(local)] * self._width, [zero(local)] * self._width))

    def _company(self, place: tuple[str, str, str], currencies: dict[str, dict[str, _Cell]]) -> CompanyAgeing:
        system, company, local = place
        totals = {
            currency: self._together(currency, local, customers.values()) for currency, customers in currencies.items()
        }
        whole = self._together(local, local, totals.values())
        return CompanyAgeing(
            system=system,
            company_code=company,
            local_currency=local,
            local=self._figures(whole.views[1]),
            revalued=self._figures(whole.views[2]),
            currencies={
                currency: CurrencyAgeing(
                    self._level(totals[currency]), {name: self._level(cell) for name, cell in customers.items()}
                )
                for currency, customers in currencies.items()
            },
        )

    def _together(self, own: str, local: str, cells: Iterable[_Cell]) -> _Cell:
        """Sum over customers, or over currencies, whose own amounts then mean nothing."""
        whole = self._empty(own, local)
        for cell in cells:
            for number, view in enumerate(whole.views):
                view[:] = [one + other for one, other in zip(view, cell.views[number], strict=True)]
            whole.rows += cell.rows
            whole.erp_customers |= cell.erp_customers
        return whole

    def _level(self, cell: _Cell) -> Level:
        own, local, revalued = map(self._figures, cell.views)
        return Level(own, local, revalued, cell.rows, tuple(sorted(cell.erp_customers)))

    def _figures(self, sums: list[Decimal]) -> Figures:
        by_column = dict(zip(COLUMNS, sums, strict=False))
        return Figures(**by_column, buckets=dict(self._by_bucket(sums)))

    def _by_bucket(self, sums: list[Decimal]) -> Iterator[tuple[str, dict[str, Decimal]]]:
        for basis in self.bases:
            yield basis, {name: sums[self._bucket[basis, name]] for name in self.buckets.names}
