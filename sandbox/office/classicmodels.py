"""The classicmodels data set: one company in USD, no tax, receivables due 30 days after the invoice date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from sandbox.office.company import Company
from sandbox.office.dataset import (
    ApplicationData,
    DataSet,
    DeliveryData,
    InstalmentData,
    InvoiceData,
    InvoiceLineData,
    OrderData,
    OrderLineData,
    PartnerData,
    PaymentData,
    ProductData,
    known,
    read,
)
from sandbox.office.money import ZERO

FILES = {"customers", "orders", "order_lines", "payments", "products"}
MARKS = {"sales_reps", "orders", "payments"}
"""Files that tell this data set from others."""

COMPANY = Company("US01", "Classic Models", "USD", "America/Los_Angeles", "US", 1, "US01")
TERMS, NET_DAYS = "N30", timedelta(days=30)
STATUSES = ("Shipped", "Resolved", "Disputed", "In Process", "On Hold", "Cancelled")

_COUNTRIES = {
    "Australia": "AU", "Austria": "AT", "Belgium": "BE", "Canada": "CA", "Denmark": "DK", "Finland": "FI",
    "France": "FR",
    "Germany": "DE", "Hong Kong": "HK", "Ireland": "IE", "Israel": "IL", "Italy": "IT", "Japan": "JP",
    "Netherlands": "NL",
    "New Zealand": "NZ", "Norway": "NO", "Philippines": "PH", "Poland": "PL", "Portugal": "PT", "Russia": "RU",
    "Singapore": "SG", "South Africa": "ZA", "Spain": "ES", "Sweden": "SE", "Switzerland": "CH", "UK": "GB",
    "USA": "US",
}  # fmt: skip


def load(folder: Path) -> DataSet:
    customers = list(_customers(folder))
    products = list(_products(folder))
    orders, statuses = _orders(folder, {c.key for c in customers}, {p.code for p in products})
    shipped = {key: day for key, (status, day) in statuses.items() if day and status != "Cancelled"}
    invoices = [_invoice(orders[key], shipped[key], statuses[key][0]) for key in sorted(shipped)]
    payments = list(_payments(folder, {c.key for c in customers}))
    return DataSet(
        "classicmodels", [COMPANY], customers, products, sorted(orders.values(), key=lambda order: (order.ordered,
        order.key)),
        [DeliveryData(key, day, False, [((key,), line.number, line.quantity) for line in orders[key].lines]) for key,
        day in shipped.items()],
        invoices, payments, list(_oldest_first(invoices, payments)), terms={TERMS},
        last_day=max([order.ordered for order in orders.values()] + [payment.posted for payment in payments],
        default=date.min),
    )  # fmt: skip


def _customers(folder: Path) -> Iterator[PartnerData]:
    for record in read(folder, "customers"):
        number, country = record.needed("number"), record.needed("country")
        known(record, "country", country, _COUNTRIES, "the list of countries this loader knows")
        state = record.text("state")
        yield PartnerData(
            number, number, record.needed("name"), country=_COUNTRIES[country], region=state if len(state) <= 3 else "",
            city=record.text("city"), postal_code=record.text("postal_code"),
            street=", ".join(part for part in (record.text("address1"), record.text("address2")) if part),
            phone=record.text("phone"), credit_limit=record.decimal("credit_limit") or None,
            accounts=[(COMPANY.code, number, COMPANY.currency, TERMS)],
        )  # fmt: skip


def _products(folder: Path) -> Iterator[ProductData]:
    for record in read(folder, "products"):
        price = (COMPANY.code, record.decimal("list_price"), COMPANY.currency)
        yield ProductData(
            record.needed("code"), {"EN": record.needed("name")}, "ST", ZERO, record.text("line").upper()[:9], [price]
        )


def _orders(
    folder: Path, customers: set[str], products: set[str]
) -> tuple[dict[str, OrderData], dict[str, tuple[str, date | None]]]:
    orders: dict[str, OrderData] = {}
    statuses: dict[str, tuple[str, date | None]] = {}
    for record in read(folder, "orders"):
        number, ordered = record.needed("number"), record.day("order_date")
        known(record, "customer_number", record.text("customer_number"), customers, "customers.csv")
        status, shipped = record.one_of("status", *STATUSES), record.maybe_day("shipped_date")
        statuses[number] = (status, shipped)
        orders[number] = OrderData(
            (number,), COMPANY.code, record.text("customer_number"), ordered, COMPANY.currency, TERMS, number,
            requested=record.day("required_date"), text=record.text("comments"),
            cancelled=(shipped or ordered) if status == "Cancelled" else None,
            held_from=ordered if status == "On Hold" else None,
        )  # fmt: skip
    for record in read(folder, "order_lines"):
        known(record, "order_number", record.text("order_number"), orders, "orders.csv")
        known(record, "product_code", record.text("product_code"), products, "products.csv")
        orders[record.text("order_number")].lines.append(OrderLineData(
            record.integer("line_number"), record.text("product_code"), record.decimal("quantity"), "ST",
            record.decimal("unit_price"), False, ZERO,
        ))  # fmt: skip
    for order in orders.values():
        order.lines.sort(key=lambda line: line.number)
    return orders, statuses


def _invoice(order: OrderData, day: date, status: str) -> InvoiceData:
    lines = [
        InvoiceLineData(
            line.product,
            line.quantity,
            line.unit,
            line.quantity * line.price,
            ZERO,
            order.key,
            line.number,
            order.key[0],
        )
        for line in order.lines
    ]
    total = sum((line.net for line in lines), ZERO)
    return InvoiceData(
        order.key, "invoice", order.company, order.partner, day, day, day, order.currency, Decimal(1), total, ZERO,
        TERMS,
        source_number=order.key[0], disputed=status == "Disputed", lines=lines,
        instalments=[InstalmentData("1", "trade", day, day + NET_DAYS, total)],
    )  # fmt: skip


def _payments(folder: Path, customers: set[str]) -> Iterator[PaymentData]:
    for record in read(folder, "payments"):
        customer, reference, day = record.needed("customer_number"), record.needed("reference"), record.day("paid_on")
        known(record, "customer_number", customer, customers, "customers.csv")
        yield PaymentData(
            (customer, reference), "receipt", COMPANY.code, customer, day, day, day, COMPANY.currency, Decimal(1),
            record.decimal("amount"), reference,
        )  # fmt: skip


def _oldest_first(invoices: list[InvoiceData], payments: list[PaymentData]) -> Iterator[ApplicationData]:
    """A customer's payments by day settle his invoices by day and number, each as far as it goes.

    Money paid before an invoice exists settles it on the invoice's day.
    """
    owed: dict[str, list[InvoiceData]] = defaultdict(list)
    for invoice in sorted(invoices, key=lambda invoice: (invoice.posted, invoice.key)):
        owed[invoice.partner].append(invoice)
    left = {invoice.key: invoice.net for invoice in invoices}
    number = 0
    for payment in sorted(payments, key=lambda payment: (payment.posted, payment.key)):
        money = payment.amount
        for invoice in owed[payment.partner]:
            amount = min(money, left[invoice.key])
            if not amount:
                continue
            number += 1
            on = max(payment.posted, invoice.posted)
            yield ApplicationData(
                f"AP{number:05}",
                "payment",
                payment.company,
                on,
                None,
                ("payment", payment.key),
                amount,
                invoice.key,
                "1",
                amount,
            )
            money, left[invoice.key] = money - amount, left[invoice.key] - amount
