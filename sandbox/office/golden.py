"""The golden layout: books of several companies whose documents, items and applications are all given."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

from sandbox.office.company import Company
from sandbox.office.dataset import (
    DataSet,
    PartnerData,
    ProductData,
    Record,
    known,
    read,
)
from sandbox.office.golden_documents import (
    Tables,
    read_applications,
    read_deliveries,
    read_invoices,
    read_orders,
    read_payments,
)

MARKS = {"companies", "customer_accounts", "open_items", "applications"}
"""Files that tell this data set from others."""

FILES = MARKS | {
    "customers", "payment_terms", "products", "rates", "orders", "order_lines", "deliveries", "invoices",
    "invoice_lines", "payments",
}  # fmt: skip
_LANGUAGES = {"CN": "ZH", "JP": "JA", "DE": "DE"}


def load(folder: Path) -> DataSet:
    tables = Tables()
    for record in read(folder, "companies"):
        company = _company(record)
        tables.companies[company.code] = company
    partners = _partners(folder, tables)
    for record in read(folder, "products"):
        product = _product(record)
        tables.products[product.code] = product
    read_orders(folder, tables)
    read_invoices(folder, tables)
    read_payments(folder, tables)
    return DataSet(
        "golden", list(tables.companies.values()), partners, list(tables.products.values()),
        list(tables.orders.values()),
        list(read_deliveries(folder, tables)), list(tables.invoices.values()), list(tables.payments.values()),
        list(read_applications(folder, tables)), _rates(folder),
        {record.needed("payment_terms") for record in read(folder, "payment_terms")},
    )  # fmt: skip


# -- master data -------------------------------------------------------------------------------------------------------


def _company(record: Record) -> Company:
    code, month = record.needed("company_code"), record.integer("fiscal_year_start_month")
    if not 1 <= month <= 12:
        raise record.error(f"fiscal_year_start_month {month} is not a month; use 1 to 12")
    return Company(
        code,
        record.needed("name_en"),
        record.currency("local_currency"),
        record.needed("time_zone"),
        record.needed("country"),
        month,
        code,
    )


def _partners(folder: Path, tables: Tables) -> list[PartnerData]:
    """A partner for each customer; one who has several accounts in a company is a partner for each of them."""
    customers = {record.needed("customer_id"): record for record in read(folder, "customers")}
    accounts: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    for record in read(folder, "customer_accounts"):
        company, customer = tables.company(record), record.text("customer_id")
        known(record, "customer_id", customer, customers, "customers.csv")
        accounts[customer].append(
            (company, record.needed("account_number"), record.currency("currency"), record.text("payment_terms"))
        )
    partners: list[PartnerData] = []
    for customer, record in customers.items():
        for group in _groups(accounts[customer]):
            key = (
                customer if len(partners) == 0 or partners[-1].external_id != customer else f"{customer}/{group[0][1]}"
            )
            partners.append(_partner(record, key, group))
            tables.partners.update({(company, account): key for company, account, _, _ in group})
    return partners


def _groups(accounts: list[tuple[str, str, str, str]]) -> list[list[tuple[str, str, str, str]]]:
    """Accounts of one partner: at most one in each company."""
    groups: list[list[tuple[str, str, str, str]]] = [[]]
    for account in accounts:
        group = next((g for g in groups if account[0] not in {company for company, *_ in g}), None)
        if group is None:
            groups.append(group := [])
        group.append(account)
    return groups


def _partner(record: Record, key: str, accounts: list[tuple[str, str, str, str]]) -> PartnerData:
    country, zh, en = record.needed("country"), record.text("name_zh"), record.text("name_en")
    name, other = (zh, en) if country == "CN" and zh else (en or zh, "" if country == "CN" else zh)
    return PartnerData(
        key, record.text("customer_id"), name, other, _LANGUAGES.get(country, "EN"), country, accounts=accounts
    )


def _product(record: Record) -> ProductData:
    names = {"ZH": record.text("name_zh"), "EN": record.needed("name_en")}
    return ProductData(record.needed("product_code"), names, record.needed("unit"), record.decimal("tax_rate"))


def _rates(folder: Path) -> dict[tuple[str, str], list[tuple[date, Decimal]]]:
    rates: dict[tuple[str, str], list[tuple[date, Decimal]]] = defaultdict(list)
    for record in read(folder, "rates"):
        rates[record.currency("from_currency"), record.currency("to_currency")].append(
            (record.day("rate_date"), record.decimal("rate"))
        )
    for known_rates in rates.values():
        known_rates.sort()
    return dict(rates)
