"""Quotes: what was offered, and the decision that it is an order.

Accepting, amending and cancelling store the new state and the outbox entry in one transaction: there is never an
accepted quote that nobody sends, nor an order that nobody accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert, select, update

from crm_core import (
    access,
    audit,
    companies,
    customer_decisions,
    customers,
    order_decisions,
    quote_check,
    quote_rows,
    schema,
)
from crm_core.access import Actor
from crm_core.customer_decisions import CompanyTerms
from crm_core.database import Database
from crm_core.errors import RefusedError
from crm_core.quote_check import Finding
from crm_core.quote_rows import Quote, QuoteDraft
from crm_core.upserts import next_value

_TABLE = schema.quote
_FIXED = ("system", "company_code", "customer_number", "currency")
"""What an ERP order cannot change once it exists: these take a new quote."""


class QuoteRefusedError(RefusedError):
    """The check found errors; `findings` holds all it found."""

    def __init__(self, number: str, findings: Sequence[Finding]) -> None:
        errors = [finding for finding in findings if finding.severity == "error"]
        self.findings = list(findings)
        super().__init__("quote-refused", number=number, problems=" ".join(finding.text for finding in errors))


def create(db: Database, actor: Actor, now: datetime, draft: QuoteDraft) -> str:
    """Store a draft quote and return its number. Raises RefusedError for what cannot even be written down."""
    access.require(actor, "quotes.write")
    with db.write() as conn:
        number = f"Q{next_value(conn, 'quote'):06d}"
        draft = _completed(conn, draft, now)
        head, lines, parts = _priced(conn, draft, [])
        row = {"number": number, "version": 1, "state": "draft", "created_at": now, "accepted_by": ""}
        conn.execute(insert(_TABLE).values(**row, **{**head, "owner": draft.owner or actor.name}, updated_at=now))
        quote_rows.replace_children(conn, number, lines, parts)
        _audit(conn, actor, now, "create", quote_rows.load(conn, number))
    return number


def check(db: Database, actor: Actor, now: datetime, number: str) -> list[Finding]:
    """What stands in the way of its becoming an order; errors first."""
    access.require(actor, "quotes.read")
    with db.read() as conn:
        return _findings(conn, quote_rows.load(conn, number), now)


def accept(db: Database, actor: Actor, now: datetime, number: str) -> tuple[str, int]:
    """The customer said yes: returns key and version of the outbox entry that makes it one ERP order.

    A prospect becomes an ERP customer first. Raises QuoteRefusedError when the check finds errors.
    """
    access.require(actor, "quotes.accept")
    with db.write() as conn:
        quote = _in_state(conn, number, "draft")
        _refuse_errors(conn, quote, now)
        head = quote.head
        conn.execute(
            update(_TABLE)
            .where(_TABLE.c.number == number)
            .values(state="accepted", accepted_at=now, accepted_by=actor.name, updated_at=now)
        )
        quote = quote_rows.load(conn, number)
        quote_rows.keep_version(conn, quote, now, actor.name)
        order_decisions.put(conn, quote, "create", now, actor.name, after_key=_customer_entry(conn, actor, now, quote))
        _audit(conn, actor, now, "accept", quote)
        return order_decisions.key_of(conn, number), int(head["version"])


def amend(db: Database, actor: Actor, now: datetime, number: str, draft: QuoteDraft) -> int:
    """Make the quote say what `draft` says, as a new version, and return that.

    An accepted quote changes its ERP order. Raises RefusedError for what an order cannot change, QuoteRefusedError
    when the check finds errors in an accepted quote's new version.
    """
    access.require(actor, "quotes.write")
    with db.write() as conn:
        before = _in_state(conn, number, "draft", "accepted")
        draft = _completed(conn, draft, now)
        if before.head["state"] == "accepted":
            access.require(actor, "quotes.accept")
            _refuse_fixed(before, draft)
        quote_rows.keep_version(conn, before, now, actor.name)
        quote = _store_version(conn, before, draft, now)
        if quote.head["state"] == "accepted":
            _refuse_errors(conn, quote, now)
            quote_rows.keep_version(conn, quote, now, actor.name)
            order_decisions.put(conn, quote, "change", now, actor.name)
        _audit(conn, actor, now, "amend", quote, before=before)
        return int(quote.head["version"])


def cancel(db: Database, actor: Actor, now: datetime, number: str, *, why: str) -> int:
    """Call the quote off; the ERP order of an accepted one is cancelled too. Returns the new version."""
    access.require(actor, "quotes.accept")
    if not why.strip():
        raise RefusedError("reason-needed", what=number)
    with db.write() as conn:
        before = _in_state(conn, number, "draft", "accepted")
        quote_rows.keep_version(conn, before, now, actor.name)
        version = int(before.head["version"]) + 1
        same = update(_TABLE).where(_TABLE.c.number == number)
        conn.execute(same.values(state="cancelled", version=version, updated_at=now))
        quote = quote_rows.load(conn, number)
        quote_rows.keep_version(conn, quote, now, actor.name)
        if before.head["state"] == "accepted":
            order_decisions.put(conn, quote, "cancel", now, actor.name)
        _audit(conn, actor, now, "cancel", quote, before=before, why=why)
    return version


def draft_of(db: Database, actor: Actor, number: str) -> QuoteDraft:
    """The quote as a draft, to be changed with `dataclasses.replace` and handed to `amend`."""
    access.require(actor, "quotes.read")
    with db.read() as conn:
        return quote_rows.draft_of(quote_rows.load(conn, number))


def show(db: Database, actor: Actor, number: str) -> dict[str, Any]:
    """A quote with lines, instalments, earlier versions and the state of its outbox entries."""
    access.require(actor, "quotes.read")
    with db.read() as conn:
        quote = quote_rows.load(conn, number)
        return {
            **quote.head,
            "lines": [*map(dict, quote.lines)],
            "instalments": [*map(dict, quote.parts)],
            "versions": quote_rows.versions(conn, number),
            "entries": order_decisions.states(conn, number),
        }


def listing(
    db: Database, actor: Actor, *, state: str = "", customer: str = "", system: str = "", limit: int = 500
) -> list[dict[str, Any]]:
    """Quotes, newest first, each with the state of its newest outbox entry (`sent`: the ERP has it)."""
    access.require(actor, "quotes.read")
    wanted = {"state": state, "customer_number": customer, "system": system}
    where = [_TABLE.c[name] == value for name, value in wanted.items() if value]
    query = (
        select(_TABLE, schema.customer.c.name.label("customer_name"))
        .join(schema.customer, schema.customer.c.number == _TABLE.c.customer_number)
        .where(*where)
        .order_by(_TABLE.c.created_at.desc(), _TABLE.c.number.desc())
    )
    with db.read() as conn:
        rows = [dict(row) for row in conn.execute(query.limit(limit)).mappings()]
        sync = order_decisions.newest(conn, [row["number"] for row in rows])
        nothing = {"entry_state": "", "external_id": ""}
        return [{**row, **sync.get(row["number"], nothing)} for row in rows]


def _completed(conn: Connection, draft: QuoteDraft, now: datetime) -> QuoteDraft:
    """The draft with what the customer's account in that company says, and today's date.

    Raises RefusedError where nothing says the currency, because there is no such company.
    """
    customers.one(conn, draft.customer_number)
    rows = customers.accounts(conn, draft.customer_number, draft.system)
    account = next((row for row in rows if row["company_code"] == draft.company_code), {})
    currency = draft.currency or account.get("currency", "")
    if not currency:
        if (company := companies.one(conn, draft.system, draft.company_code)) is None:
            raise RefusedError("company-unknown", company=draft.company_code, system=draft.system)
        currency = company["currency"]
    return replace(
        draft,
        currency=currency,
        payment_terms=draft.payment_terms or account.get("payment_terms", ""),
        quoted_on=draft.quoted_on or companies.today(conn, draft.system, draft.company_code, now),
    )


def _priced(conn: Connection, draft: QuoteDraft, used: Sequence[str]) -> tuple[dict[str, Any], list[Any], list[Any]]:
    keys = [key for _, key in customers.links(conn, draft.customer_number, draft.system)]
    on = draft.quoted_on or date.min
    lines = quote_rows.priced_lines(conn, draft, keys, on, used)
    sums = quote_rows.totals(lines, draft.currency)
    parts = quote_rows.part_rows(draft, sums["gross_total"])
    plain = {part.name: getattr(draft, part.name) for part in fields(draft) if part.name not in ("lines", "parts")}
    return {**plain, **sums}, lines, parts


def _store_version(conn: Connection, before: Quote, draft: QuoteDraft, now: datetime) -> Quote:
    head, lines, parts = _priced(conn, draft, quote_rows.used_lines(conn, before.number))
    version = int(before.head["version"]) + 1
    same = update(_TABLE).where(_TABLE.c.number == before.number)
    conn.execute(same.values(**{**head, "owner": draft.owner or before.head["owner"]}, version=version, updated_at=now))
    quote_rows.replace_children(conn, before.number, lines, parts)
    return quote_rows.load(conn, before.number)


def _in_state(conn: Connection, number: str, *states: str) -> Quote:
    quote = quote_rows.load(conn, number, lock=True)
    if quote.head["state"] not in states:
        raise RefusedError("quote-state", number=number, state=quote.head["state"], needed=", ".join(states))
    return quote


def _findings(conn: Connection, quote: Quote, now: datetime) -> list[Finding]:
    today = companies.today(conn, quote.head["system"], quote.head["company_code"], now)
    return quote_check.findings(conn, quote, today)


def _refuse_errors(conn: Connection, quote: Quote, now: datetime) -> None:
    found = _findings(conn, quote, now)
    if any(finding.severity == "error" for finding in found):
        raise QuoteRefusedError(quote.number, found)


def _refuse_fixed(before: Quote, draft: QuoteDraft) -> None:
    for name in _FIXED:
        if getattr(draft, name) != before.head[name]:
            raise RefusedError("quote-fixed", number=before.number, field=name)


def _customer_entry(conn: Connection, actor: Actor, now: datetime, quote: Quote) -> str:
    """The key of the entry that makes the prospect a customer there; empty when he is one."""
    head = quote.head
    number, system, company = head["customer_number"], head["system"], head["company_code"]
    waiting = customer_decisions.pending_key(conn, number, system, company)
    if waiting or customers.links(conn, number, system):
        return waiting
    terms = CompanyTerms(company, head["currency"], head["payment_terms"])
    return customer_decisions.put(conn, actor, now, number, system, [terms])[0]


def _audit(
    conn: Connection,
    actor: Actor,
    now: datetime,
    action: str,
    quote: Quote,
    *,
    before: Quote | None = None,
    why: str = "",
) -> None:
    head = quote.head
    detail: dict[str, Any] = {"number": quote.number, "version": head["version"], "state": head["state"]}
    if before is not None:
        old = before.head
        names = [name for name in head if head[name] != old[name] and name != "updated_at"]
        detail["changed"] = {name: [_plain(old[name]), _plain(head[name])] for name in names}
    detail |= {"why": why} if why else {}
    audit.append(
        conn, at=now, actor=actor.name, action=f"quote.{action}", obj="quotes", system=head["system"], detail=detail
    )


def _plain(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value if isinstance(value, (int, dict)) else str(value)
