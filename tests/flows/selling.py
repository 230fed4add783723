"""Quotes for the customers that a pull brought, and what the ERP's own book says became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import cycle, islice
from typing import Any

from sqlalchemy import select

from crm_core import customers, products, quotes, schema
from crm_core.access import local_admin
from crm_core.quote_rows import DraftLine, QuoteDraft
from flows.context import Context
from tests.flows.road import Road

SELLER = local_admin("seller")
BLOCKS = ("order_block", "customer_blocked", "customer_archived")


def drafts(ctx: Context) -> list[QuoteDraft]:
    """One quote for each customer who may order, at prices of our own, so that no list price can hide a mistake."""
    goods = [row["key"] for row in products.listing(ctx.database, SELLER, system=ctx.system) if not row["blocked"]]
    found = []
    for turn, row in enumerate(customers.listing(ctx.database, SELLER, system=ctx.system)):
        accounts = customers.show(ctx.database, SELLER, row["number"])["accounts"]
        here = [account for account in accounts if account["system"] == ctx.system]
        free = [account for account in here if not any(account[name] for name in BLOCKS)]
        if free and not row["blocked"]:
            company = free[0]["company_code"]
            chosen = (goods[(turn + step) % len(goods)] for step in range(1 + turn % 3))
            lines = [DraftLine(key, Decimal(2 + turn % 5), Decimal(11 + turn)) for key in chosen]
            po = f"PO-{turn}"
            found.append(QuoteDraft(ctx.system, company, row["number"], lines, customer_po=po, payment_terms="N30"))
    return found


def sell(ctx: Context, count: int) -> list[str]:
    """Accept so many quotes, customer after customer; their numbers."""
    numbers = []
    for draft in islice(cycle(drafts(ctx)), count):
        number = quotes.create(ctx.database, SELLER, ctx.clock(), draft)
        quotes.accept(ctx.database, SELLER, ctx.clock(), number)
        numbers.append(number)
    return numbers


def add_a_line(ctx: Context, number: str) -> None:
    """The customer wants more of the first line, and one line more."""
    draft = quotes.draft_of(ctx.database, SELLER, number)
    first, *others = draft.lines
    more = replace(first, quantity=first.quantity + 3, price=Decimal("8.50"))
    added = replace(first, line="", quantity=Decimal(1), price=Decimal("4.75"))
    quotes.amend(ctx.database, SELLER, ctx.clock(), number, replace(draft, lines=[more, *others, added]))


def add_only_a_line(ctx: Context, number: str) -> None:
    """A new line is a write that no version of the order guards."""
    draft = quotes.draft_of(ctx.database, SELLER, number)
    added = replace(draft.lines[0], line="", quantity=Decimal(1), price=Decimal("4.75"))
    quotes.amend(ctx.database, SELLER, ctx.clock(), number, replace(draft, lines=[*draft.lines, added]))


def drop_a_line(ctx: Context, number: str) -> None:
    """The customer wants less: the last of several lines goes; his order number is another one."""
    draft = quotes.draft_of(ctx.database, SELLER, number)
    fewer = replace(draft, lines=draft.lines[:-1] or draft.lines, customer_po="PO-AGAIN")
    quotes.amend(ctx.database, SELLER, ctx.clock(), number, fewer)


def cancel(ctx: Context, number: str) -> None:
    quotes.cancel(ctx.database, SELLER, ctx.clock(), number, why="changed his mind")


def entries(ctx: Context) -> list[Mapping[str, Any]]:
    """The outbox, by key and version, with how often each was sent."""
    table = schema.outbox
    with ctx.database.read() as conn:
        return [dict(row) for row in conn.execute(select(table).order_by(table.c.key, table.c.version)).mappings()]


def unsent(ctx: Context) -> list[tuple[Any, ...]]:
    """What is not sent, and why."""
    return [
        (row["key"], row["version"], row["state"], row["attempts"], row["reason"])
        for row in entries(ctx)
        if row["state"] != "sent"
    ]


def misbooked(road: Road, ctx: Context, numbers: Sequence[str]) -> list[str]:
    """What the ERP's book has otherwise than one document a quote that says what the quote says; empty when right."""
    book = road.control("book?object=orders")["documents"]
    keys = {row["crm_id"]: row["key"] for row in entries(ctx)}
    wrong = []
    for number in numbers:
        found = [document for document in book if keys[number] in document["key"].values()]
        quote = quotes.show(ctx.database, SELLER, number)
        wrong += [f"{number}: {fault}" for fault in _faults(quote, found)]
    return wrong


def _faults(quote: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> list[str]:
    if len(found) != 1:
        return [f"{len(found)} orders {[document['number'] for document in found]}"]
    order = found[0]
    kept = [line for line in order["lines"] if not line.get("rejected", line.get("cancelled"))]
    if quote["state"] == "cancelled":
        return [] if order["status"] == "cancelled" else [f"order {order['number']} is not cancelled"]
    told = {"customer_line": all("customer_line" in line for line in kept)}
    told["product"] = {line["product_key"] for line in quote["lines"]} >= {_product(line) for line in kept}
    meant = sorted(_meant(line, told) for line in quote["lines"])
    booked = sorted(_booked(line, told) for line in kept)
    same = meant == booked and Decimal(order["total"]) == quote["net_total"] and order["currency"] == quote["currency"]
    return [] if same else [f"order {order['number']} says {booked}, meant was {meant}"]


def _meant(line: Mapping[str, Any], told: Mapping[str, bool]) -> tuple[str, str, Decimal, Decimal]:
    """The line's number and product are compared where the ERP's book shows ours: some ERPs have ids of their own."""
    ours = line["line"] if told["customer_line"] else ""
    return ours, line["product_key"] if told["product"] else "", line["quantity"], line["net_amount"]


def _booked(line: Mapping[str, Any], told: Mapping[str, bool]) -> tuple[str, str, Decimal, Decimal]:
    ours = line["customer_line"].lstrip("0") if told["customer_line"] else ""
    return ours, _product(line) if told["product"] else "", Decimal(line["quantity"]), Decimal(line["net"])


def _product(line: Mapping[str, Any]) -> str:
    return str(line.get("material") or line["product"])
