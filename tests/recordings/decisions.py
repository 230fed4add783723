"""What a user decided, as the outbox keeps it: the order that is pushed while recordings are taken."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tests.recordings.book import CN, MILL, TODAY

REQUESTED = "2026-07-31"
TAX = Decimal("0.13")
CENT = Decimal("0.01")


def order(buyer: dict[str, Any], goods: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`buyer` and two `goods` as the CRM has them; at prices of our own."""
    lines = [
        _line("10", goods[0], Decimal(5), Decimal("480.00")),
        _line("20", goods[1], Decimal(2), Decimal("33.33")),
    ]
    return {
        "kind": "order",
        "quote": "Q000123",
        "version": "1",
        "company_code": CN,
        "currency": "CNY",
        "order_date": TODAY.isoformat(),
        "requested_on": REQUESTED,
        "customer": {
            "number": MILL,
            "name": buyer["name"],
            "erp_key": buyer["key"],
            "account_number": buyer["accounts"][0]["account_number"],
        },
        "customer_po": "采购 O'Brien & Co. 100%",
        "payment_terms": "N30",
        "total": str(sum(Decimal(line["net"]) for line in lines)),
        "gross": str(sum(Decimal(line["gross"]) for line in lines)),
        "lines": lines,
    }


def _line(number: str, product: dict[str, Any], quantity: Decimal, price: Decimal) -> dict[str, str]:
    net = quantity * price
    tax = (net * TAX).quantize(CENT)
    return {
        "line": number,
        "product": product["key"],
        "erp_product": product["key"],
        "text": product["name"],
        "quantity": str(quantity),
        "unit": product["unit"],
        "price": str(price),
        "per": "1",
        "unit_price": str(price),
        "unit_price_with_tax": str(price * (1 + TAX)),
        "net": str(net),
        "tax_rate": "13",
        "tax": str(tax),
        "gross": str(net + tax),
        "requested_on": REQUESTED,
    }
