"""A quote as it is typed (draft), as it is stored (rows), and as it was (versions)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select

from crm_core import products, quote_pricing, schema
from crm_core.errors import NotFoundError, RefusedError
from crm_core.money import is_currency
from crm_core.quote_pricing import HUNDRED, Amounts
from crm_core.upserts import upsert

_QUOTE, _LINE, _PART = schema.quote, schema.quote_line, schema.quote_instalment


@dataclass(frozen=True, slots=True)
class DraftLine:
    """`price` is for `per` units (None: the list price), `tax_rate` in per cent; `line` names it in later versions.

    A `tax_rate` of None is not known: such a line came with an adopted order, and cannot be sent again before it is.
    """

    product_key: str
    quantity: Decimal
    price: Decimal | None = None
    per: Decimal = Decimal(1)
    tax_rate: Decimal | None = Decimal(0)
    price_includes_tax: bool = False
    unit: str = ""
    text: str = ""
    requested_on: date | None = None
    line: str = ""


@dataclass(frozen=True, slots=True)
class DraftPart:
    """An instalment: `percent` of the gross total, `days` after `basis` (order, delivery, invoice or acceptance)."""

    percent: Decimal
    days: int = 0
    basis: str = "invoice"
    label: str = ""


@dataclass(frozen=True, slots=True)
class QuoteDraft:
    """What a salesperson decides. Empty `currency` and `payment_terms` take those of the customer's account."""

    system: str
    company_code: str
    customer_number: str
    lines: Sequence[DraftLine]
    parts: Sequence[DraftPart] = ()
    currency: str = ""
    customer_po: str = ""
    payment_terms: str = ""
    quoted_on: date | None = None
    valid_until: date | None = None
    requested_on: date | None = None
    owner: str = ""
    note: str = ""
    custom: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quote:
    """A stored quote: header row, lines and instalments."""

    head: RowMapping
    lines: Sequence[RowMapping]
    parts: Sequence[RowMapping]

    @property
    def number(self) -> str:
        return str(self.head["number"])


def load(conn: Connection, number: str, *, lock: bool = False) -> Quote:
    """Raises NotFoundError. `lock` keeps others from changing it until the transaction ends (PostgreSQL)."""
    query = select(_QUOTE).where(_QUOTE.c.number == number)
    head = conn.execute(query.with_for_update() if lock else query).mappings().first()
    if head is None:
        raise NotFoundError("no-quote", number=number)
    lines = conn.execute(select(_LINE).where(_LINE.c.quote_number == number)).mappings().all()
    parts = conn.execute(select(_PART).where(_PART.c.quote_number == number).order_by(_PART.c.seq)).mappings().all()
    return Quote(head, sorted(lines, key=lambda row: (len(row["line"]), row["line"])), parts)


def draft_of(quote: Quote) -> QuoteDraft:
    """The draft that would make this quote: what an amendment starts from."""
    lines = [DraftLine(**_picked(DraftLine, row)) for row in quote.lines]
    parts = [DraftPart(**_picked(DraftPart, row)) for row in quote.parts]
    return QuoteDraft(**_picked(QuoteDraft, quote.head), lines=lines, parts=parts)


def priced_lines(
    conn: Connection, draft: QuoteDraft, customer_keys: list[str], on: date, used: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Rows of the lines with price and amounts; new lines get numbers that no version `used` before."""
    _check_currency(draft.currency)
    taken = [int(name) for name in [*used, *(line.line for line in draft.lines)] if name.isdecimal()]
    following = max(taken, default=0) // 10 * 10
    rows: list[dict[str, Any]] = []
    for line in draft.lines:
        following += 0 if line.line else 10
        filled = _filled(conn, draft, line, customer_keys, on)
        rows.append({**asdict(filled), "line": line.line or str(following), **_amounts(filled, draft.currency)})
    if len({row["line"] for row in rows}) != len(rows):
        raise RefusedError("line-twice", lines=", ".join(row["line"] for row in rows))
    return rows


def part_rows(draft: QuoteDraft, gross: Decimal) -> list[dict[str, Any]]:
    """Rows of the payment plan; raises RefusedError unless its shares make 100 % and each has a known basis."""
    if not draft.parts:
        return []
    share = sum((part.percent for part in draft.parts), Decimal(0))
    if share != HUNDRED or any(part.percent <= 0 or part.days < 0 for part in draft.parts):
        raise RefusedError("plan-not-whole", percent=format(share, "f"))
    for part in draft.parts:
        if part.basis not in quote_pricing.BASES:
            raise RefusedError("plan-basis", basis=part.basis, known=", ".join(quote_pricing.BASES))
    amounts = quote_pricing.instalments(gross, [part.percent for part in draft.parts], draft.currency)
    return [{"seq": seq, **asdict(part), "amount": amounts[seq - 1]} for seq, part in enumerate(draft.parts, 1)]


def totals(rows: Sequence[dict[str, Any]], currency: str) -> dict[str, Decimal]:
    """The header's sums of its lines."""
    parts = [Amounts(row["net_amount"], row["tax_amount"], row["gross_amount"]) for row in rows]
    whole = quote_pricing.total(parts, currency)
    return {"net_total": whole.net, "tax_total": whole.tax, "gross_total": whole.gross}


def replace_children(
    conn: Connection, number: str, lines: Sequence[dict[str, Any]], parts: Sequence[dict[str, Any]]
) -> None:
    """Store these lines and instalments in place of those there are."""
    for table, rows in ((_LINE, lines), (_PART, parts)):
        conn.execute(delete(table).where(table.c.quote_number == number))
        if rows:
            conn.execute(insert(table), [{"quote_number": number, **row} for row in rows])


def keep_version(conn: Connection, quote: Quote, now: datetime, by: str) -> None:
    """Store this version whole; one that is stored already stays as it was."""
    content = {"quote": dict(quote.head), "lines": [*map(dict, quote.lines)], "instalments": [*map(dict, quote.parts)]}
    key = {"quote_number": quote.number, "version": quote.head["version"]}
    upsert(conn, schema.quote_version, [{**key, "content": content, "saved_at": now, "saved_by": by}], change=False)


def versions(conn: Connection, number: str) -> list[dict[str, Any]]:
    """Every version kept, oldest first; amounts and dates are text."""
    table = schema.quote_version
    query = select(table).where(table.c.quote_number == number).order_by(table.c.version)
    return [dict(row) for row in conn.execute(query).mappings()]


def used_lines(conn: Connection, number: str) -> list[str]:
    """Line numbers that any version of the quote ever had."""
    return [line["line"] for version in versions(conn, number) for line in version["content"]["lines"]]


def _filled(conn: Connection, draft: QuoteDraft, line: DraftLine, customer_keys: list[str], on: date) -> DraftLine:
    """The line with what the product and the price list say of it."""
    product = products.one(conn, draft.system, line.product_key)
    unit, text = (product["unit"], product["name"]) if product else ("", "")
    line = replace(line, unit=line.unit or unit, text=line.text or text)
    if line.price is not None:
        return line
    place = (draft.system, draft.company_code, line.product_key)
    found = products.price(conn, *place, draft.currency, on, customer_keys, line.unit)
    return replace(line, price=found.amount, per=found.per, price_includes_tax=False) if found else line


def _amounts(line: DraftLine, currency: str) -> dict[str, Decimal]:
    price, rate = line.price or Decimal(0), line.tax_rate or Decimal(0)
    if line.per <= 0 or not 0 <= rate <= HUNDRED:
        raise RefusedError("line-unfit", product=line.product_key)
    found = quote_pricing.line_amounts(
        line.quantity, price, line.per, rate, currency, includes_tax=line.price_includes_tax
    )
    return {"net_amount": found.net, "tax_amount": found.tax, "gross_amount": found.gross}


def _check_currency(currency: str) -> None:
    if not is_currency(currency):
        raise RefusedError("quote-currency", value=currency)


def _picked(kind: type[Any], row: RowMapping) -> dict[str, Any]:
    return {part.name: row[part.name] for part in fields(kind) if part.name in row}
