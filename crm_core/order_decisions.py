"""The decision document of an order: what the ERP order must say, in our words, and its place in the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from crm_core import companies, customers, outbox_entry, quote_pricing, schema
from crm_core.installation import entry_key
from crm_core.quote_rows import Quote

_OUTBOX = schema.outbox


def key_of(conn: Connection, number: str) -> str:
    """The key that the ERP order of this quote bears: the same for every version."""
    return entry_key(conn, number)


def put(conn: Connection, quote: Quote, action: str, now: datetime, by: str, *, after_key: str = "") -> str:
    """Add the entry of this version of the quote; returns its action (see `outbox_entry.enqueue`)."""
    head = quote.head
    return outbox_entry.enqueue(
        conn,
        key=key_of(conn, quote.number),
        version=head["version"],
        system=head["system"],
        obj="orders",
        action=action,
        crm_id=quote.number,
        document=document(conn, quote),
        now=now,
        by=by,
        after_key=after_key,
    )


def document(conn: Connection, quote: Quote) -> dict[str, Any]:
    """The order as this version of the quote wants it; amounts, quantities and dates as text, prices without tax.

    `total` is without tax, `gross` with it; a line's `price` is for `per` units, `unit_price` for one, and an empty
    `tax_rate` is not known (an adopted order). `prices_with_tax`: whether the quote stated all its prices with tax.
    """
    head = quote.head
    ordered = companies.today(conn, head["system"], head["company_code"], head["accepted_at"])
    return {
        "kind": "order",
        "key": key_of(conn, quote.number),
        "quote": quote.number,
        "version": head["version"],
        "company_code": head["company_code"],
        "currency": head["currency"],
        "order_date": _day(ordered),
        "requested_on": _day(head["requested_on"]),
        "customer": _customer(conn, head),
        "customer_po": head["customer_po"],
        "payment_terms": head["payment_terms"],
        "total": _text(head["net_total"]),
        "gross": _text(head["gross_total"]),
        "prices_with_tax": all(line["price_includes_tax"] for line in quote.lines),
        "lines": [_line(line, head) for line in quote.lines],
    }


def states(conn: Connection, number: str) -> list[dict[str, Any]]:
    """The outbox entries of a quote, oldest first."""
    columns = _OUTBOX.c[
        "key", "version", "action", "state", "external_id", "attempts", "reason", "created_at", "settled_at"
    ]
    mine = (_OUTBOX.c.obj == "orders", _OUTBOX.c.crm_id == number)
    return [dict(row) for row in conn.execute(select(*columns).where(*mine).order_by(_OUTBOX.c.version)).mappings()]


def newest(conn: Connection, numbers: Sequence[str]) -> dict[str, dict[str, str]]:
    """By quote number the state of its newest entry, and the ERP order's key as soon as one version is sent."""
    columns = _OUTBOX.c["crm_id", "version", "state", "external_id"]
    mine = (_OUTBOX.c.obj == "orders", _OUTBOX.c.crm_id.in_(numbers))
    found: dict[str, dict[str, str]] = {}
    for row in conn.execute(select(*columns).where(*mine).order_by(_OUTBOX.c.version)):
        external = row.external_id or found.get(row.crm_id, {}).get("external_id", "")
        found[row.crm_id] = {"entry_state": row.state, "external_id": external}
    return found


def _customer(conn: Connection, head: RowMapping) -> dict[str, str]:
    """Who buys; of several ERP customers the one with an account in the company, and that account's number."""
    number, system = head["customer_number"], head["system"]
    accounts = customers.accounts(conn, number, system)
    here = [(row["erp_key"], row["account_number"]) for row in accounts if row["company_code"] == head["company_code"]]
    elsewhere = [(key, "") for _, key in customers.links(conn, number, system)]
    erp_key, account = next(iter([*here, *elsewhere]), ("", ""))
    name = customers.one(conn, number)["name"]
    return {"number": number, "name": name, "erp_key": erp_key, "account_number": account}


def _line(line: RowMapping, head: RowMapping) -> dict[str, str]:
    quantity, includes_tax = line["quantity"], line["price_includes_tax"]
    amounts = quote_pricing.Amounts(line["net_amount"], line["tax_amount"], line["gross_amount"])
    price, per = quote_pricing.net_price(quantity, amounts.net, line["price"], line["per"], includes_tax=includes_tax)
    unit = quote_pricing.unit_price(quantity, amounts, line["price"], line["per"], includes_tax=includes_tax)
    return {
        "line": line["line"],
        "product": line["product_key"],
        "erp_product": line["product_key"],
        "text": line["text"],
        "quantity": _text(quantity),
        "unit": line["unit"],
        "price": _text(price),
        "per": _text(per),
        "unit_price": _text(unit.net),
        "unit_price_with_tax": _text(unit.gross),
        "net": _text(amounts.net),
        "tax_rate": "" if line["tax_rate"] is None else _text(line["tax_rate"]),
        "tax": _text(amounts.tax),
        "gross": _text(amounts.gross),
        "requested_on": _day(line["requested_on"] or head["requested_on"]),
    }


def _text(value: Decimal) -> str:
    return format(value, "f")


def _day(value: date | None) -> str:
    return value.isoformat() if value else ""
