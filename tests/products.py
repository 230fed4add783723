"""What tests that run for every product must know of each: which requests write, create and look up an order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.databases import Databases


@dataclass(frozen=True)
class Product:
    """`write`, `create`, `look_up` and `listing` are what a fault of the sandbox may match on, for orders.

    `past`: it tells what was open at earlier dates; else only what is open today. `final_200`: a refusal inside a 200
    concerns the order, so nobody sends it again. `tax`: its orders bear the tax of prices that include it, to the cent;
    else the ERP works it out of the price without. `steps`: an order found without answer needs a turn for its steps.
    `overlay`: where a tenant that holds the golden books keeps the source's numbers and dates, as its own mapping
    overlay says it. `sandbox` and `system`: options of both by which a test does not wait for minutes to pass.
    """

    name: str
    write: dict[str, Any]
    create: dict[str, Any]
    look_up: dict[str, Any]
    listing: dict[str, Any]
    past: bool = True
    final_200: bool = False
    steps: bool = False
    tax: bool = False
    overlay: str = ""
    sandbox: dict[str, str] = field(default_factory=dict)
    system: dict[str, str] = field(default_factory=dict)


PRODUCTS = {
    product.name: product
    for product in (
        Product(
            "sap/s4",
            write={"method": ["POST", "PATCH", "PUT", "MERGE"], "path": r"/(A_SalesOrder\b.*|\$batch)$"},
            create={"method": "POST", "path": r"/A_SalesOrder$"},
            look_up={"method": "GET", "path": r"/A_SalesOrder$"},
            listing={"method": "GET", "path": r"/A_SalesOrder$"},
        ),
        Product(
            "oracle/fusion",
            write={"method": ["POST", "PATCH"], "path": r"/salesOrdersForOrderHub\b"},
            create={"method": "POST", "path": r"/salesOrdersForOrderHub$"},
            look_up={"method": "GET", "path": r"/salesOrdersForOrderHub\b"},
            listing={"method": "GET", "path": r"/salesOrdersForOrderHub$"},
            final_200=True,
        ),
        Product(
            "yonyou/yonbip",
            write={"path": r"/sd/voucherorder/(?!list|detail)"},
            create={"path": r"/sd/voucherorder/singleSave$"},
            look_up={"path": r"/sd/voucherorder/list$"},
            listing={"path": r"/sd/voucherorder/list$"},
            past=False,
            steps=True,
            tax=True,
            overlay="{objects: {open_items: {pull: {fields: {reference: headItem.define2}}}}}",
            sandbox={"quotas": "off"},
            system={"calls_per_minute": "100000"},
        ),
        Product(
            "kingdee/galaxy",
            write={"path": r"DynamicFormService\.(?!ExecuteBillQuery|BillQuery|View|QueryBusinessInfo)"},
            create={"path": r"DynamicFormService\.Save\."},
            look_up={"path": r"DynamicFormService\.(ExecuteBillQuery|BillQuery)\."},
            listing={"path": r"DynamicFormService\.(ExecuteBillQuery|BillQuery)\."},
            steps=True,
            tax=True,
            overlay="{objects: {open_items: {pull: {fields: {document_date: $date(F_CRM_Date)}}},"
            " invoices: {pull: {fields: {document_date: $date(F_CRM_Date)}}}}}",
        ),
    )
}


def once_is_enough(name: str, databases: Databases) -> None:
    """A product's connector meets one kind of database: S/4HANA's PostgreSQL, the others' SQLite."""
    if (name == "sap/s4") != (databases.kind == "postgresql"):
        pytest.skip("the databases do not differ by product")
