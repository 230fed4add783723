"""From account lines to open items, payments and applications, for ERPs that settle by clearing (SAP and its kin).

**The unit** is a connected component of documents: two documents belong together when a line of the one was cleared
by the other (now or ever remembered), settles a line of it, or reverses it. Nothing outside a component bears on it,
so it is enough to derive again the components of the lines that changed, and to replace all rows that came from
them: items and payments by their document, applications by `group_key`, which is always a document of the component.
`documents` names the documents a line ties together, `components` finds the units.

**The rules.** An item line is an open item. The payment lines of a document on one account are one payment, less
granted discounts; a bill line makes it a bill. Lines of a reversal document only end what they reverse. A partial
line (`settles`) is an application from its posting date on, until one of the two is cleared without the other. A
clearing closes what is left of each of its lines on its date: credits against debits, equal amounts first, then
first in, first out; what finds no other side is applied from or to nothing. A transfer that only passes an amount on
disappears: its source settles its target. A transfer line that stands open by itself is an item (debit) or a payment
(credit) of its own. At every date, open items less payments left over are the sum of the lines posted and not
reversed, less advance requests and bills.

**The memory** (`Cleared`, one row a line and clearing) is what the ERP forgets; see `crm_core.clearing_book.groups`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple, TypeVar

from crm_core.clearing_book import Book, Cleared, Group, document_of, groups, open_book
from crm_core.clearing_flows import Flow, flows, payment_keys
from crm_core.clearing_transfers import straighten
from crm_core.model import AccountLine
from crm_core.money import digits, exact, is_currency, quantize
from crm_core.receivables import Application, OpenItem, Payment

__all__ = ["Cleared", "Derived", "components", "derive", "document_of", "documents"]

Row = TypeVar("Row", OpenItem, Payment, Application)

_ITEM_KINDS = ("trade", "retention", "other")
_SPARE = 6
"""Digits of a derived rate beyond those of amount and currency: all of it, and any part, is right to the cent."""


class Derived(NamedTuple):
    """Everything that follows from the lines given, each list in key order; `cleared` is the memory for the next
    time.
    """

    items: list[OpenItem]
    payments: list[Payment]
    applications: list[Application]
    cleared: list[Cleared]


def derive(
    lines: Mapping[str, AccountLine], previous: Iterable[Cleared], erp_today: date, *, system: str = ""
) -> Derived:
    """Derive whole components: all their lines by full ERP key, and the memory the last call returned for them.

    `erp_today` is the ERP's own date at the read. Equal input gives equal rows, in whatever order it comes, and a
    second call with the memory of the first changes nothing.
    """
    with exact():
        book = open_book(lines)
        clearings = groups(book, previous, erp_today)
        payment_of = payment_keys(book)
        items = {key: _item(book, key, system) for key in book.kept if lines[key].role == "item"}
        payments = _payments(book, payment_of, system)
        customers = {key: row.customer_key for rows in (items, payments) for key, row in rows.items()}
        straight = straighten(book, flows(book, clearings, payment_of), customers)
        for key in straight.accounts:
            _add_transfer_line(book, key, system, items, payments)
        applications = _applications(straight.flows, items, payments, system)
    return Derived(_in_order(items), _in_order(payments), _in_order(applications), _memory(clearings))


def documents(key: str, line: AccountLine) -> set[str]:
    """The documents that a line ties together: its own, and those it is cleared by, settles or reverses."""
    return {document_of(key), line.clearing, document_of(line.settles), line.reverses} - {""}


def components(lines: Mapping[str, AccountLine], previous: Iterable[Cleared] = ()) -> list[set[str]]:
    """The keys of `lines`, split into the units that can be derived each by itself; ordered by their least key."""
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while (above := parent.setdefault(name, name)) != name:
            parent[name] = name = parent[above]
        return name

    for key, line in lines.items():
        own = find(document_of(key))
        for other in documents(key, line):
            parent[find(other)] = own = find(own)
    for row in previous:
        parent[find(row.clearing)] = find(document_of(row.line))
    found: dict[str, set[str]] = defaultdict(set)
    for key in sorted(lines):
        found[find(document_of(key))].add(key)
    return list(found.values())


def _item(book: Book, key: str, system: str) -> OpenItem:
    line = book.lines[key]
    return OpenItem(
        system=system,
        key=key,
        company_code=line.company_code,
        customer_key=line.customer_key,
        fiscal_year=line.fiscal_year,
        document_number=line.document_number,
        instalment=line.line,
        kind=line.kind if line.role == "item" or line.kind in _ITEM_KINDS else "trade",
        document_kind=line.document_kind if line.role == "item" else line.role,
        document_date=line.document_date,
        posting_date=line.posting_date,
        due_date=line.due_date,
        currency=line.currency,
        amount=line.amount,
        local_currency=line.local_currency,
        rate=_rate([line]),
        reversed_on=book.reversed_on.get(document_of(key)),
        disputed=bool(line.dispute_code),
        reference=line.reference,
        invoice_key=line.invoice_key,
    )


def _payments(book: Book, payment_of: Mapping[str, str], system: str) -> dict[str, Payment]:
    members: dict[str, list[str]] = defaultdict(list)
    for key, payment in payment_of.items():
        members[payment].append(key)
    bills: dict[str, date | None] = {}
    for key in book.kept:
        if book.lines[key].role == "bill":
            bills[document_of(key)] = book.lines[key].due_date
    return {payment: _payment(book, payment, keys, bills, system) for payment, keys in members.items()}


def _payment(book: Book, key: str, keys: list[str], bills: Mapping[str, date | None], system: str) -> Payment:
    line, document = book.lines[keys[0]], document_of(keys[0])
    advance = any(book.lines[each].kind == "advance" for each in keys)
    return Payment(
        system=system,
        key=key,
        company_code=line.company_code,
        customer_key=line.customer_key,
        fiscal_year=line.fiscal_year,
        document_number=line.document_number,
        kind="bill" if document in bills else "advance" if advance else "receipt",
        document_date=line.document_date,
        posting_date=line.posting_date,
        currency=line.currency,
        amount=sum((_received(book.lines[each]) for each in keys), Decimal(0)),
        local_currency=line.local_currency,
        rate=_rate([book.lines[each] for each in keys]),
        maturity_date=bills.get(document),
        reversed_on=book.reversed_on.get(document),
        reference=line.reference,
    )


def _rate(lines: Sequence[AccountLine]) -> Decimal:
    """Local currency per 1 unit: as the ERP states it where that gives the local amount it booked, else what does.

    ERPs quote some pairs the other way round, or for 100 or 1000 units, without saying so beside the rate.
    """
    line = lines[0]
    amount, booked = (sum((getattr(each, name) for each in lines), Decimal(0)) for name in ("amount", "local_amount"))
    if not amount or line.currency == line.local_currency or not is_currency(line.local_currency):
        return line.rate
    if quantize(amount * line.rate, line.local_currency) == quantize(booked, line.local_currency):
        return line.rate
    places = digits(line.local_currency) + amount.adjusted() + _SPARE
    return (booked / amount).quantize(Decimal(1).scaleb(-places))


def _received(line: AccountLine) -> Decimal:
    """Money in a payment's line: discounts only reduce what is owed."""
    return -(line.amount - line.discount) if line.amount < 0 else -line.amount


def _add_transfer_line(
    book: Book, key: str, system: str, items: dict[str, OpenItem], payments: dict[str, Payment]
) -> None:
    line = book.lines[key]
    if line.role == "transfer" and line.amount < 0:
        payments[key] = _payment(book, key, [key], {}, system)
    else:
        items[key] = _item(book, key, system)


def _applications(
    found: list[Flow], items: Mapping[str, OpenItem], payments: Mapping[str, Payment], system: str
) -> dict[str, Application]:
    rows: dict[str, Application] = {}
    for flow in found:
        if row := _application(flow, items, payments, system):
            same = rows.get(row.key)
            rows[row.key] = _sum(same, row) if same else row
    return rows


def _application(
    flow: Flow, items: Mapping[str, OpenItem], payments: Mapping[str, Payment], system: str
) -> Application | None:
    source_kind = "payment" if flow.giver in payments else "item" if flow.giver in items else ""
    target = flow.taker if flow.taker in items or flow.taker in payments else ""
    gives = bool(source_kind) and flow.kind != "discount"
    if not gives and not target:
        return None
    kind = flow.kind or ("credit" if source_kind == "item" else "payment")
    name = "|".join((flow.origin, flow.mark, flow.start.isoformat(), flow.giver, flow.taker, kind))
    return Application(
        system=system,
        key=blake2b(name.encode(), digest_size=16).hexdigest(),
        kind=kind,
        applied_on=flow.start,
        reversed_on=flow.end,
        source_kind=source_kind,
        source_key=flow.giver if source_kind else "",
        source_amount=flow.amount if gives else Decimal(0),
        target_key=target,
        amount=flow.amount if target else Decimal(0),
        group_key=flow.origin,
    )


def _sum(one: Application, other: Application) -> Application:
    return Application(
        **{name: getattr(one, name) for name in one.__struct_fields__ if name not in ("source_amount", "amount")},
        source_amount=one.source_amount + other.source_amount,
        amount=one.amount + other.amount,
    )


def _in_order(rows: Mapping[str, Row]) -> list[Row]:
    return [rows[key] for key in sorted(rows)]


def _memory(clearings: Iterable[Group]) -> list[Cleared]:
    return [
        Cleared(line=key, clearing=group.clearing, cleared_on=group.cleared_on, reset_on=group.reset_on)
        for group in clearings
        for key in sorted(group.members)
    ]
