"""The trade book: the books of an ERP that settles receivables by applications, behind any product's protocol.

A product's sandbox opens one with `open_office` and shows its documents as its own. Reading: the tables `customers`,
`products`, `prices`, `orders`, `deliveries`, `invoices` (their `instalments` are the open items), `receipts`,
`applications`, `contracts`, each by id in the order of entry; `balance` and `unapplied`, now or at a day.
Writing: `master` (customers, products, prices), `sales` (orders, deliveries), `ledger` (invoices, receipts,
applications), `agreements` (contracts). They raise TradeError; run a request's work inside `with office.attempt():`
and a refusal leaves no trace.
"""

from __future__ import annotations

from sandbox.office.books import TradeError
from sandbox.office.contracts import Contract, ContractLine
from sandbox.office.documents import (
    Account,
    Customer,
    Delivery,
    DeliveryLine,
    Document,
    Order,
    OrderLine,
    Part,
    Price,
    Product,
)
from sandbox.office.office import Names, Office, open_office
from sandbox.office.sales import NewLine
from sandbox.office.vouchers import Application, Instalment, Invoice, InvoiceLine, Receipt

__all__ = [
    "Account", "Application", "Contract", "ContractLine", "Customer", "Delivery", "DeliveryLine", "Document",
    "Instalment", "Invoice", "InvoiceLine", "Names", "NewLine", "Office", "Order", "OrderLine", "Part", "Price",
    "Product", "Receipt", "TradeError", "open_office",
]  # fmt: skip
