"""Who and what a document names: organisations, customers and products found by id or by code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.office.trade import Customer, Office, Product
from sandbox.yonyou import numbers
from sandbox.yonyou.envelope import RefusalError, business

CODE = "code"
STOPPED = "stopStatus"


class Org:
    def __init__(self, office: Office) -> None:
        self.office = office

    def company(self, reference: Any, field: str) -> str:
        """A company by its organisation's id or code."""
        for code in self.office.companies:
            if str(reference) in (code, numbers.organisation_id(code)):
                return code
        raise business(f"[{field}]组织[{reference}]不存在")

    def customer(self, reference: Any, field: str) -> Customer:
        found = self.find_customer(reference)
        if found is None:
            raise business(f"[{field}]客户[{reference}]不存在")
        return found

    def find_customer(self, reference: Any) -> Customer | None:
        serial = numbers.serial_of("customer", reference)
        if serial is not None and serial in self.office.customers:
            return self.office.customers[serial]
        return next((each for each in self.office.customers.values() if self.customer_code(each) == reference), None)

    def product(self, reference: Any, field: str) -> Product:
        serial = numbers.serial_of("product", reference)
        found = self.office.products.get(serial) if serial is not None else None
        found = found or next((each for each in self.office.products.values() if each.code == reference), None)
        if found is None:
            raise business(f"[{field}]物料[{reference}]不存在")
        return found

    def currency(self, reference: Any, field: str) -> str:
        code = numbers.currency_code(reference)
        if code is None:
            raise business(f"[{field}]币种[{reference}]不存在")
        return code

    def customer_code(self, customer: Customer) -> str:
        """Our number as far as it is nobody else's code; the code a customer was inserted with stays."""
        kept = customer.extra.get(CODE)
        if kept:
            return str(kept)
        plain = customer.our_number or f"KH{customer.id:06d}"
        same = [each.id for each in self.office.customers.values() if each.our_number == customer.our_number]
        at = same.index(customer.id) if customer.our_number else 0
        return f"{plain}-{at + 1}" if at else plain


def by_id(table: dict[int, Any], kind: str, reference: Any) -> Any:
    """A document by its id; RefusalError 1002 when there is none."""
    serial = numbers.serial_of(kind, reference)
    if serial is None or serial not in table:
        raise RefusalError("1002", "数据不存在")
    return table[serial]


def only_one(values: Iterable[Any], what: str) -> Any:
    found = list(values)
    if len(found) != 1:
        raise business(f"{what}不存在")
    return found[0]
