"""Customers and products as the product shows them."""

from __future__ import annotations

import unicodedata
from typing import Any

from sandbox.office.trade import Customer, Office, Product
from sandbox.yonyou import numbers
from sandbox.yonyou.org import STOPPED, Org
from sandbox.yonyou.query import MANY_OPS, Entry, Shape
from sandbox.yonyou.wire import Row, moment, number

CUSTOMERS = Shape(
    ops=MANY_OPS, headers_only=True, largest=5000,
    exact=("code", "createOrgCode", "createOrgId", "customerClassCode", "creditCode", "id", "stopStatus", "erpCode"),
    renamed={"creditCodeList": "creditCode"},
)  # fmt: skip
CHILDREN = (
    "merchantAddressInfos", "merchantContactInfos", "merchantAgentFinancialInfos", "merchantAgentInvoiceInfos",
)  # fmt: skip
LISTED = ("stopStatus", "createTime", "modifyTime", "pubts")
PRODUCTS = Shape(ops=MANY_OPS, headers_only=True, exact=("code", "id"), renamed={"productCode": "code"})


def multilingual(chinese: str, english: str = "") -> Row:
    return {"simplifiedName": chinese, "englishName": english or None, "traditionalName": None}


def names(customer: Customer) -> Row:
    """A second name in other letters is the name in the other language; else the two are one long name."""
    kept = customer.extra.get("name")
    if kept:
        return dict(kept)
    first, second = customer.name, customer.name_2
    if second and has_han(first) != has_han(second):
        chinese, english = (first, second) if has_han(first) else (second, first)
        return multilingual(chinese, english)
    whole = f"{first} {second}".strip()
    return multilingual(whole, "" if has_han(whole) else whole)


def has_han(text: str) -> bool:
    return any(unicodedata.name(letter, "").startswith("CJK") for letter in text)


def managing(office: Office, customer: Customer) -> str:
    """The organisation that manages a customer is the first one he has an account in."""
    return customer.accounts[0].company if customer.accounts else next(iter(office.companies))


def customer_header(office: Office, org: Org, customer: Customer) -> Row:
    """The list's row."""
    own, extra = managing(office, customer), customer.extra
    return {
        "id": numbers.id_of("customer", customer.id), "code": org.customer_code(customer), "name": names(customer),
        "shortname": extra.get("shortname"), "createOrgId": numbers.organisation_id(own),
        "createOrgCode": own, "belongOrgId": numbers.organisation_id(own), "belongOrgCode": own,
        "transTypeCode": "SYCSR001", "customerClassCode": extra.get("customerClassCode", "001"),
        "enterpriseNature": extra.get("enterpriseNature", 0), "countryCode": customer.country or None,
        "enterpriseName": names(customer)["simplifiedName"], "creditCode": customer.tax_number or None,
        "contactName": extra.get("contactName"), "contactTel": customer.phone or None,
        "email": customer.email or None, "address": multilingual(customer.street) if customer.street else None,
        "regionCode": customer.region or None, "postCode": customer.postal_code or None,
        "languageCode": customer.language.lower() or None, "erpCode": customer.our_number or None,
        "taxPayingCategories": 0, "stopStatus": bool(extra.get(STOPPED) or customer.blocked),
        "createTime": moment(customer.created), "modifyTime": moment(customer.changed),
        "pubts": moment(customer.changed),
    }  # fmt: skip


def customer_entry(office: Office, org: Org, customer: Customer) -> Entry:
    external_id = numbers.id_of("customer", customer.id)
    return Entry(customer, external_id, lambda: customer_header(office, org, customer))


def customer_detail(office: Office, org: Org, customer: Customer, company: str = "") -> Row:
    """Children, and the business terms of one using organisation (the managing one unless another is asked for).

    What the list says of its times and of its being stopped is not told here.
    """
    header = {name: told for name, told in customer_header(office, org, customer).items() if name not in LISTED}
    account = customer.account(company) or (customer.accounts[0] if customer.accounts else None)
    if account:
        header["belongOrgCode"] = account.company
        header["belongOrgId"] = numbers.organisation_id(account.company)
    return {
        **header, **children(customer),
        "merchantApplyRanges": [_range(customer, each, at == 0) for at, each in enumerate(customer.accounts)],
        "merchantAppliedDetail": _business(account) if account else None,
    }  # fmt: skip


def children(customer: Customer) -> dict[str, list[Row]]:
    made: tuple[list[Row], ...] = (_addresses(customer), _contacts(customer), [], _invoice_titles(customer))
    return {name: customer.extra.get(name, rows) for name, rows in zip(CHILDREN, made, strict=True)}


def _addresses(customer: Customer) -> list[Row]:
    if not customer.street and not customer.city:
        return []
    return [{
        "id": numbers.id_of("customer", customer.id) + 1, "addressCode": "01", "isDefault": True, "stopStatus": "0",
        "address": f"{customer.city}{customer.street}", "zipCode": customer.postal_code or None,
        "regionCode": customer.region or None, "receiver": None, "mobile": customer.phone or None,
    }]  # fmt: skip


def _contacts(customer: Customer) -> list[Row]:
    name = customer.extra.get("contactName")
    if not name:
        return []
    return [{
        "id": numbers.id_of("customer", customer.id) + 2, "fullName": multilingual(name), "isDefault": True,
        "mobile": customer.phone or None, "email": customer.email or None,
    }]  # fmt: skip


def _invoice_titles(customer: Customer) -> list[Row]:
    if not customer.tax_number:
        return []
    title = names(customer)["simplifiedName"]
    return [{
        "id": numbers.id_of("customer", customer.id) + 3, "title": title, "taxNo": customer.tax_number,
        "isDefault": True,
    }]  # fmt: skip


def _range(customer: Customer, account: Any, managing: bool) -> Row:
    return {
        "id": numbers.id_of("customer", customer.id) + 10 + customer.accounts.index(account),
        "orgId": numbers.organisation_id(account.company), "orgIdCode": account.company,
        "orgCode": account.company, "isCreator": managing, "stopStatus": account.blocked, **_business(account),
    }  # fmt: skip


def _business(account: Any) -> Row:
    """The terms of one organisation; its own number of the customer is the mnemonic code."""
    return {
        "searchCode": account.number or None, "transactionCurrencyCode": account.currency,
        "transactionCurrencyName": numbers.currency_name(account.currency),
        "collectionAgreementCode": account.terms or None, "collectionAgreementName": account.terms or None,
        "payWay": 99, "exchangeRateTypeCode": "01",
    }  # fmt: skip


def product_entry(office: Office, product: Product) -> Entry:
    external_id = numbers.id_of("product", product.id)
    return Entry(product, external_id, lambda: product_header(office, product))


def product_header(office: Office, product: Product) -> Row:
    org = next(iter(office.companies))
    return {
        "id": numbers.id_of("product", product.id), "code": product.code,
        "name": multilingual(product.name("ZH"), product.names.get("EN", "")),
        "model": None, "modelDescription": None, "manageClass": None, "manageClassCode": product.group or None,
        "manageClassName": product.group or None, "unit": numbers.unit_id(product.unit), "unitCode": product.unit,
        "unitName": product.unit, "createOrgId": numbers.organisation_id(org), "createOrgCode": org,
        "realProductAttribute": 1, "stopStatus": product.blocked, "outTaxRate": number(product.tax_rate),
        "createTime": moment(product.created), "modifyTime": moment(product.changed), "pubts": moment(product.changed),
    }  # fmt: skip
