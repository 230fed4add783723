"""Orders, deliveries, invoices, payments and applications of the golden layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from sandbox.office.company import Company
from sandbox.office.dataset import (
    ApplicationData,
    DeliveryData,
    InstalmentData,
    InvoiceData,
    InvoiceLineData,
    Key,
    OrderData,
    OrderLineData,
    PaymentData,
    ProductData,
    Record,
    known,
    read,
)

INVOICE_KINDS = ("invoice", "credit_memo", "reversal", "pro_forma", "provisional", "opening")


@dataclass
class Tables:
    """What has been read so far, for checking references."""

    companies: dict[str, Company] = field(default_factory=dict)
    partners: dict[tuple[str, str], str] = field(default_factory=dict)
    """The partner by company code and account number."""

    orders: dict[Key, OrderData] = field(default_factory=dict)
    products: dict[str, ProductData] = field(default_factory=dict)
    invoices: dict[Key, InvoiceData] = field(default_factory=dict)
    payments: dict[Key, PaymentData] = field(default_factory=dict)
    last_day: date = date.min

    def company(self, record: Record) -> str:
        code = record.text("company_code")
        known(record, "company_code", code, self.companies, "companies.csv")
        return code

    def partner(self, record: Record) -> str:
        key = (record.text("company_code"), record.text("account_number"))
        known(record, "account_number", key, self.partners, "customer_accounts.csv")
        return self.partners[key]


# -- sales -------------------------------------------------------------------------------------------------------------


def read_orders(folder: Path, tables: Tables) -> None:
    for record in read(folder, "orders"):
        company, number = tables.company(record), record.needed("order_number")
        tables.orders[company, number] = OrderData(
            (company, number), company, tables.partner(record), record.day("order_date"), record.currency("currency"),
            record.text("payment_terms"), f"{company}/{number}", record.text("customer_po"), None, record.text("text"),
            record.maybe_day("cancelled_on"), record.maybe_day("credit_hold_from"),
            record.maybe_day("credit_hold_until"),
        )  # fmt: skip
    for record in read(folder, "order_lines"):
        key = (record.text("company_code"), record.text("order_number"))
        known(record, "order_number", key, tables.orders, "orders.csv")
        known(record, "product_code", record.text("product_code"), tables.products, "products.csv")
        tables.orders[key].lines.append(OrderLineData(
            record.integer("line_number"), record.text("product_code"), record.decimal("quantity"),
            record.needed("unit"),
            record.decimal("unit_price"), record.one_of("price_includes_tax", "Y", "N") == "Y",
            record.decimal("tax_rate"),
        ))  # fmt: skip


def read_deliveries(folder: Path, tables: Tables) -> Iterator[DeliveryData]:
    """The lines of one delivery number are one document; so are the goods of one day."""
    found: dict[tuple[Key, str, date], DeliveryData] = {}
    for record in read(folder, "deliveries"):
        company, number, kind = (
            tables.company(record),
            record.needed("delivery_number"),
            record.one_of("kind", "delivery", "return"),
        )
        order = (company, record.text("order_number"))
        known(record, "order_number", order, tables.orders, "orders.csv")
        line = record.integer("order_line")
        known(
            record,
            "order_line",
            str(line),
            {str(item.number) for item in tables.orders[order].lines},
            "order_lines.csv of this order",
        )
        at = ((company, number), kind, record.day("goods_issue_date"))
        delivery = found.setdefault(at, DeliveryData(f"{company}/{number}", at[2], kind == "return", []))
        delivery.lines.append((order, line, abs(record.decimal("quantity"))))
    yield from found.values()


# -- invoices ----------------------------------------------------------------------------------------------------------


def _invoice_key(record: Record, year: str = "fiscal_year", number: str = "number") -> Key:
    return record.text("company_code"), record.text(year), record.text(number)


def read_invoices(folder: Path, tables: Tables) -> None:
    for record in read(folder, "invoices"):
        key = _invoice_key(record)
        if key in tables.invoices:
            raise record.error(f"number {'/'.join(key)} stands here twice; remove one")
        tables.invoices[key] = _invoice(record, key, tables)
    for record in read(folder, "invoices"):
        reference = tables.invoices[_invoice_key(record)].reference
        if reference:
            known(record, "reference_number", reference, tables.invoices, "invoices.csv")
    for record in read(folder, "invoice_lines"):
        _add_line(record, tables)
    for record in read(folder, "open_items"):
        _add_instalment(record, tables)


def _invoice(record: Record, key: Key, tables: Tables) -> InvoiceData:
    kind = record.one_of("kind", *INVOICE_KINDS)
    reference = (
        _invoice_key(record, "reference_fiscal_year", "reference_number") if record.text("reference_number") else None
    )
    if kind == "reversal" and reference is None:
        raise record.error("a reversal needs reference_fiscal_year and reference_number of what it reverses")
    return InvoiceData(
        key, kind, tables.company(record), tables.partner(record), record.day("document_date"),
        record.day("posting_date"),
        record.day("entry_date"), record.currency("currency"), record.decimal("rate"), record.decimal("net_amount"),
        record.decimal("tax_amount"), record.text("payment_terms"), reference, record.needed("number"),
        text=record.text("text"),
    )  # fmt: skip


def _add_line(record: Record, tables: Tables) -> None:
    key, order = _invoice_key(record), (record.text("company_code"), record.text("order_number"))
    known(record, "number", key, tables.invoices, "invoices.csv")
    known(record, "product_code", record.text("product_code"), tables.products, "products.csv")
    if order[1]:
        known(record, "order_number", order, tables.orders, "orders.csv")
    delivery = f"{order[0]}/{record.text('delivery_number')}" if record.text("delivery_number") else ""
    tables.invoices[key].lines.append(InvoiceLineData(
        record.text("product_code"), record.decimal("quantity"), record.needed("unit"), record.decimal("net_amount"),
        record.decimal("tax_amount"), order if order[1] else None, record.integer("order_line") if order[1] else 0,
        delivery,
    ))  # fmt: skip


def _add_instalment(record: Record, tables: Tables) -> None:
    key = _invoice_key(record)
    known(record, "number", key, tables.invoices, "invoices.csv")
    kind = record.one_of("kind", "trade", "retention", "advance_request", "other")
    tables.invoices[key].instalments.append(InstalmentData(
        record.needed("instalment"), kind, record.maybe_day("baseline_date"), record.maybe_day("due_date"),
        record.decimal("amount"),
    ))  # fmt: skip


# -- money -------------------------------------------------------------------------------------------------------------


def read_payments(folder: Path, tables: Tables) -> None:
    for record in read(folder, "payments"):
        payment = _payment(record, tables)
        if payment.key in tables.payments:
            raise record.error(f"number {'/'.join(payment.key)} stands here twice; remove one")
        tables.payments[payment.key] = payment


def _payment(record: Record, tables: Tables) -> PaymentData:
    kind = record.one_of("kind", "receipt", "advance", "bill")
    if kind == "bill":
        record.day("maturity_date")
    return PaymentData(
        _invoice_key(record), kind, tables.company(record), tables.partner(record), record.day("document_date"),
        record.day("posting_date"),
        record.day("entry_date"), record.currency("currency"), record.decimal("rate"), record.decimal("amount"),
        record.needed("number"),
        record.maybe_day("maturity_date"), record.maybe_day("reversed_on"), record.text("text"),
    )  # fmt: skip


def read_applications(folder: Path, tables: Tables) -> Iterator[ApplicationData]:
    for record in read(folder, "applications"):
        company, item = tables.company(record), _invoice_key(record)
        known(record, "number", item, tables.invoices, "invoices.csv")
        known(
            record,
            "instalment",
            record.text("instalment"),
            {i.number for i in tables.invoices[item].instalments},
            "open_items.csv of this number",
        )
        kind = record.one_of("kind", "payment", "credit", "discount", "write_off")
        yield ApplicationData(
            record.needed("application_id"), kind, company, record.day("applied_on"), record.maybe_day("reversed_on"),
            _source(record, tables),
            record.decimal("source_amount") if record.text("source_amount") else Decimal(0), item,
            record.text("instalment"),
            record.decimal("amount"),
        )  # fmt: skip


def _source(record: Record, tables: Tables) -> tuple[str, Key] | None:
    kind = record.one_of("source_kind", "payment", "credit_memo", "")
    if not kind:
        return None
    key = _invoice_key(record, "source_fiscal_year", "source_number")
    if kind == "payment":
        known(record, "source_number", key, tables.payments, "payments.csv")
    else:
        known(record, "source_number", key, tables.invoices, "invoices.csv")
    return kind, key
