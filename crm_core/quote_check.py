"""What stands in the way of a quote becoming an order, found before anything is sent.

An *error* keeps it from being accepted; a *warning* tells what the ERP may hold up, or what looks like a slip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from crm_core import companies, customer_decisions, customers, products, receivables_report, schema
from crm_core.installation import entry_key
from crm_core.messages import MESSAGES
from crm_core.quote_rows import Quote

LIMITS = {"customer_po": 35, "payment_terms": 4, "text": 40}
"""Longest texts that the order of an ERP takes; the shortest ERP decides."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`line` is the quote line it is about, empty for the whole quote."""

    code: str
    severity: str
    params: dict[str, str]
    line: str = ""

    @property
    def text(self) -> str:
        return MESSAGES[self.code].format(**self.params)


def error(code: str, line: str = "", **params: str) -> Finding:
    return Finding(code, "error", {"line": line, **params}, line)


def warning(code: str, line: str = "", **params: str) -> Finding:
    return Finding(code, "warning", {"line": line, **params}, line)


def _late(head: RowMapping) -> Callable[..., Finding]:
    """A date that has passed keeps a draft from being accepted; an accepted quote may still be amended after it."""
    return error if head["state"] == "draft" else warning


def findings(conn: Connection, quote: Quote, today: date) -> list[Finding]:
    """Everything found, errors first; `today` is the company's own date."""
    found = [*_header(conn, quote, today), *_customer(conn, quote, today)]
    for line in quote.lines:
        found += _line(conn, quote.head, line, today)
    return sorted(found, key=lambda finding: finding.severity)


def _header(conn: Connection, quote: Quote, today: date) -> Iterator[Finding]:
    head = quote.head
    entry_key(conn, head["number"])
    if companies.one(conn, head["system"], head["company_code"]) is None:
        yield error("company-unknown", company=head["company_code"], system=head["system"])
    if not quote.lines:
        yield error("quote-empty", number=head["number"])
    if head["valid_until"] and head["valid_until"] < today:
        yield _late(head)("quote-expired", number=head["number"], until=str(head["valid_until"]), today=str(today))
    if head["requested_on"] and head["requested_on"] < today:
        yield _late(head)("requested-past", requested=str(head["requested_on"]), today=str(today))
    for name in ("customer_po", "payment_terms"):
        if len(head[name]) > LIMITS[name]:
            yield error("text-long", field=name, value=head[name], length=str(len(head[name])), limit=str(LIMITS[name]))
    yield from _same_po(conn, head)


def _same_po(conn: Connection, head: RowMapping) -> Iterator[Finding]:
    """The customer's own order number stands on another quote of his: perhaps typed twice."""
    table = schema.quote
    same = (table.c.customer_po == head["customer_po"], table.c.customer_number == head["customer_number"])
    others = (table.c.number != head["number"], table.c.state == "accepted")
    if not head["customer_po"]:
        return
    for number in conn.execute(select(table.c.number).where(*same, *others).order_by(table.c.number)).scalars():
        yield warning("po-used", po=head["customer_po"], other=number)


def _customer(conn: Connection, quote: Quote, today: date) -> Iterator[Finding]:
    head = quote.head
    customer = customers.one(conn, head["customer_number"])
    names = {"number": customer["number"], "system": head["system"], "company": head["company_code"]}
    if customer["blocked"]:
        yield error("customer-blocked", **names, why="-")
    if customers.links(conn, customer["number"], head["system"]):
        yield from _accounts(conn, quote, names, today)
    elif customer_decisions.missing(customer):
        yield error("customer-incomplete", fields=", ".join(customer_decisions.missing(customer)), **names)
    else:
        yield warning("customer-new", **names)


def _accounts(conn: Connection, quote: Quote, names: dict[str, str], today: date) -> Iterator[Finding]:
    head = quote.head
    rows = [
        row
        for row in customers.accounts(conn, names["number"], head["system"])
        if row["company_code"] == head["company_code"]
    ]
    if not rows:
        if not customer_decisions.pending_key(conn, names["number"], head["system"], head["company_code"]):
            yield error("customer-not-in-company", **names)
        return
    account = rows[0]
    blocks = [name for name in ("order_block", "delivery_block", "billing_block", "posting_blocked") if account[name]]
    if account["customer_blocked"] or account["customer_archived"] or account["order_block"]:
        yield error("customer-blocked", **names, why=", ".join(blocks) or "-")
    elif blocks:
        yield warning("customer-held", **names, why=", ".join(blocks))
    if account["currency"] and account["currency"] != head["currency"]:
        yield warning("currency-differs", quote=head["currency"], account=account["currency"], **names)
    if account["credit_limit"]:
        yield from _credit(conn, head, account, names, today)


def _credit(
    conn: Connection, head: RowMapping, account: dict[str, Any], names: dict[str, str], today: date
) -> Iterator[Finding]:
    """Open receivables and this quote against the limit, in the company's local currency, at the newest rates."""
    used = receivables_report.exposure(conn, head["system"], head["company_code"], names["number"], today)
    value = receivables_report.in_local(
        conn, head["system"], head["company_code"], head["gross_total"], head["currency"], today
    )
    if value is None:
        yield warning("credit-unknown", currency=head["currency"], **names)
    elif used + value > account["credit_limit"]:
        amounts = {"open": f"{used:f}", "value": f"{value:f}", "limit": f"{account['credit_limit']:f}"}
        yield warning("credit-limit", **amounts, **names)


def _line(conn: Connection, head: RowMapping, line: RowMapping, today: date) -> Iterator[Finding]:
    name = {"line": line["line"], "product": line["product_key"]}
    product = products.one(conn, head["system"], line["product_key"])
    if product is None:
        yield error("product-unknown", **name, system=head["system"])
    elif product["blocked"]:
        yield error("product-blocked", **name)
    elif product["unit"] and line["unit"] != product["unit"]:
        yield warning("unit-differs", **name, unit=line["unit"], base=product["unit"])
    if line["quantity"] <= 0:
        yield error("quantity-not-positive", **name, quantity=f"{line['quantity']:f}")
    if line["price"] is None:
        yield error("price-missing", **name, company=head["company_code"], currency=head["currency"])
    elif line["price"] < 0:
        yield error("price-negative", **name, price=f"{line['price']:f}")
    if line["tax_rate"] is None:
        yield error("tax-missing", **name, number=head["number"])
    if line["requested_on"] and line["requested_on"] < today:
        yield _late(head)(
            "line-requested-past", line=line["line"], requested=str(line["requested_on"]), today=str(today)
        )
    if len(line["text"]) > LIMITS["text"]:
        size = {"length": str(len(line["text"])), "limit": str(LIMITS["text"])}
        yield error("line-text-long", line=line["line"], value=line["text"], **size)
