"""The demo's story: a dozen quotes for different customers become orders, one is amended, one cancelled, time passes.

Everything goes through the same services and flows as the commands; the sandbox's own book is the judge at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from commands import session
from commands.sandbox_process import Sandbox

if TYPE_CHECKING:
    from crm_core.quote_rows import DraftLine, QuoteDraft
    from flows.context import Context

QUOTES = 12
QUANTITIES = (Decimal(2), Decimal(5), Decimal(12), Decimal(3))
TAX = {"CN": Decimal(13)}
ASKED = Decimal("128.00")
"""What the seller asks for a piece where the ERP tells no price lists."""
DAYS = (4, 45)
"""Two steps of the ERP's clock: goods leave and are invoiced, then customers pay."""


@dataclass(slots=True)
class Story:
    """What was decided: keys by quote, which quote was amended and which cancelled, and what is wrong in the end."""

    keys: dict[str, str] = field(default_factory=dict)
    amended: str = ""
    cancelled: str = ""
    wrong: list[str] = field(default_factory=list)


def accept_quotes(ctx: Context, story: Story) -> None:
    """Write and accept quotes for as many different customers as there are, up to a dozen."""
    from crm_core import quotes

    for draft in _drafts(ctx):
        number = quotes.create(ctx.database, session.actor(), ctx.clock(), draft)
        found = quotes.check(ctx.database, session.actor(), ctx.clock(), number)
        if any(finding.severity == "error" for finding in found):
            quotes.cancel(ctx.database, session.actor(), ctx.clock(), number, why="demo")
            continue
        story.keys[number] = quotes.accept(ctx.database, session.actor(), ctx.clock(), number)[0]
        if len(story.keys) == QUOTES:
            return


def _drafts(ctx: Context) -> Iterator[QuoteDraft]:
    """One quote for each customer who may buy, of products for which the company has a price in his currency."""
    from crm_core import customers
    from crm_core.quote_rows import QuoteDraft

    shelf = _shelf(ctx)
    listed = any(product["prices"] for product in shelf)
    for turn, row in enumerate(customers.listing(ctx.database, session.actor(), system=ctx.system)):
        accounts = customers.show(ctx.database, session.actor(), row["number"])["accounts"]
        for account in [one for one in accounts if one["system"] == ctx.system and not _blocked(one)][:1]:
            company = ctx.companies[account["company_code"]]
            currency = account["currency"] or company["currency"]
            sold = [one["key"] for one in shelf if not listed or _has_price(one, account["company_code"], currency)]
            lines = _lines(sold, turn, TAX.get(company["country"], Decimal(0)), None if listed else ASKED)
            yield QuoteDraft(
                system=ctx.system,
                company_code=account["company_code"],
                customer_number=row["number"],
                lines=lines,
                currency=currency,
                customer_po=f"PO-{turn + 1:04d}",
            )


def _blocked(account: dict[str, Any]) -> bool:
    names = (
        "order_block",
        "delivery_block",
        "billing_block",
        "posting_blocked",
        "customer_blocked",
        "customer_archived",
    )
    return any(account[name] for name in names)


def _shelf(ctx: Context) -> list[dict[str, Any]]:
    """Products that can be sold, with their prices."""
    from crm_core import products

    found = products.listing(ctx.database, session.actor(), system=ctx.system)
    return [product for product in found if not product["blocked"]]


def _has_price(product: dict[str, Any], company_code: str, currency: str) -> bool:
    mine = ("", company_code)
    return any(price["currency"] == currency and price["company_code"] in mine for price in product["prices"])


def _lines(products: Sequence[str], turn: int, tax: Decimal, price: Decimal | None) -> list[DraftLine]:
    from crm_core.quote_rows import DraftLine

    count = min(1 + turn % 3, len(products))
    chosen = [products[(turn * 3 + step) % len(products)] for step in range(count)]
    return [
        DraftLine(product, QUANTITIES[(turn + step) % len(QUANTITIES)], price, tax_rate=tax)
        for step, product in enumerate(dict.fromkeys(chosen))
    ]


def amend_and_cancel(ctx: Context, story: Story) -> None:
    """One customer wants more, another one nothing any more: the same orders must change, none may be added."""
    from crm_core import quotes

    numbers = list(story.keys)
    story.amended, story.cancelled = numbers[0], numbers[-1]
    draft = quotes.draft_of(ctx.database, session.actor(), story.amended)
    first, *others = draft.lines
    lines = [replace(first, quantity=first.quantity + 3), *others]
    quotes.amend(ctx.database, session.actor(), ctx.clock(), story.amended, replace(draft, lines=lines))
    quotes.cancel(ctx.database, session.actor(), ctx.clock(), story.cancelled, why="demo")


def judge(ctx: Context, story: Story, sandbox: Sandbox) -> int:
    """Count quotes that are exactly one order in the ERP's own book, as we meant it; note what is wrong."""
    from crm_core import quotes

    book = sandbox.control("GET", "book?object=orders")["documents"]
    good = 0
    for number, key in story.keys.items():
        found = [document for document in book if key in document["key"].values()]
        wrong = _wrong(quotes.show(ctx.database, session.actor(), number), found)
        good += not wrong
        story.wrong += [f"{number} ({key}): {wrong}"] if wrong else []
    return good


def _wrong(quote: dict[str, Any], found: Sequence[dict[str, Any]]) -> str:
    """What is wrong with the orders found for a quote; empty when it is exactly the one that was meant."""
    if len(found) != 1:
        return f"{len(found)} orders"
    order = found[0]
    if quote["state"] == "cancelled":
        return "" if order["status"] == "cancelled" else f"order {order['number']} is not cancelled"
    if Decimal(order["total"]) != quote["net_total"] or order["currency"] != quote["currency"]:
        return f"order {order['number']} is over {order['total']} {order['currency']}"
    return ""
