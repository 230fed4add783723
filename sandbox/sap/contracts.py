"""Sales contracts: what was agreed for a term, and how much of it has been called off."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.odata.backend import Row
from sandbox.office.clock import morning_of
from sandbox.office.money import ZERO, plain, rounded
from sandbox.sap.books import CHANNEL, DIVISION, Books
from sandbox.sap.catalogue import Price, Product
from sandbox.sap.order_rows import Fields, View
from sandbox.sap.sd import REJECTED
from sandbox.sap.texts import iso_unit

RENEWED, CANCELLED = 720, 200

AGES = (30, RENEWED, CANCELLED, 340, 364, 380, 500, 120)
"""Days ago on which the terms of the made-up contracts began: running, ending soon, run out; one is cancelled."""

FIRST_NUMBER = 40000001


@dataclass(slots=True, eq=False)
class ContractItem:
    contract: Contract
    number: int
    material: str
    text: str
    quantity: Decimal
    unit: str
    price: Decimal
    per: int = 1
    released: Decimal = ZERO
    """Called off by orders."""
    rejection: str = ""

    @property
    def net(self) -> Decimal:
        return rounded(self.quantity * self.price / self.per, self.contract.currency)

    @property
    def status(self) -> str:
        if self.rejection:
            return "C"
        return "A" if not self.released else "C" if self.released >= self.quantity else "B"


@dataclass(slots=True, eq=False)
class Contract:
    """`end` is included; `follows`: the number of the contract that this one continues."""

    number: str
    company: str
    sales_org: str
    sold_to: str
    currency: str
    start: date
    end: date
    agreed: date
    created: datetime
    customer_po: str
    terms: str = ""
    follows: str = ""
    changed: datetime | None = None
    items: list[ContractItem] = field(default_factory=list)

    @property
    def net(self) -> Decimal:
        return sum((item.net for item in self.items if not item.rejection), ZERO)

    @property
    def status(self) -> str:
        found = {item.status for item in self.items}
        return found.pop() if len(found) == 1 else "B"

    @property
    def rejection_status(self) -> str:
        rejected = [bool(item.rejection) for item in self.items]
        return "C" if all(rejected) else "B" if any(rejected) else "A"


CONTRACT: Fields = {
    "SalesContract": lambda c, _: c.number,
    "SalesContractType": lambda c, _: "CQ",
    "SalesOrganization": lambda c, _: c.sales_org,
    "DistributionChannel": lambda c, _: CHANNEL,
    "OrganizationDivision": lambda c, _: DIVISION,
    "SoldToParty": lambda c, _: c.sold_to,
    "CreationDate": lambda c, _: c.created.date(),
    "LastChangeDate": lambda c, _: c.changed.date() if c.changed else None,
    "LastChangeDateTime": lambda c, _: c.changed or c.created,
    "PurchaseOrderByCustomer": lambda c, _: c.customer_po,
    "SalesContractDate": lambda c, _: c.agreed,
    "TotalNetAmount": lambda c, _: rounded(c.net, c.currency),
    "TransactionCurrency": lambda c, _: c.currency,
    "CustomerPaymentTerms": lambda c, _: c.terms,
    "SalesContractValidityStartDate": lambda c, _: c.start,
    "SalesContractValidityEndDate": lambda c, _: c.end,
    "ReferenceSDDocument": lambda c, _: c.follows,
    "ReferenceSDDocumentCategory": lambda c, _: "G" if c.follows else "",
    "OverallSDProcessStatus": lambda c, _: c.status,
    "OverallSDDocumentRejectionSts": lambda c, _: c.rejection_status,
}
ITEM: Fields = {
    "SalesContract": lambda i, _: i.contract.number,
    "SalesContractItem": lambda i, _: str(i.number),
    "SalesContractItemCategory": lambda i, _: "KMN",
    "SalesContractItemText": lambda i, _: i.text,
    "PurchaseOrderByCustomer": lambda i, _: i.contract.customer_po,
    "Product": lambda i, _: i.material,
    "RequestedQuantity": lambda i, _: plain(i.quantity),
    "RequestedQuantitySAPUnit": lambda i, _: i.unit,
    "RequestedQuantityISOUnit": lambda i, _: iso_unit(i.unit),
    "SlsContrItemReleasedQuantity": lambda i, _: plain(i.released),
    "SlsContrItmReldQuantitySAPUnit": lambda i, _: i.unit,
    "SlsContrItmReldQuantityISOUnit": lambda i, _: iso_unit(i.unit),
    "OutlineAgreementTargetAmount": lambda i, _: i.net,
    "SlsContractItemReleasedAmount": lambda i, _: rounded(i.released * i.price / i.per, i.contract.currency),
    "TransactionCurrency": lambda i, _: i.contract.currency,
    "NetAmount": lambda i, _: i.net,
    "CustomerPaymentTerms": lambda i, _: i.contract.terms,
    "SalesDocumentRjcnReason": lambda i, _: i.rejection,
    "SDProcessStatus": lambda i, _: i.status,
}


def contract_view(contract: Contract) -> View:
    return View(contract, CONTRACT, "EN", {})


def item_view(item: ContractItem) -> View:
    return View(item, ITEM, "EN", {})


def make_up(books: Books, today: date) -> None:
    """A few yearly contracts of the made-up company, one of them renewed and one cancelled."""
    areas = [
        row for row in books.partners.rows("A_CustomerSalesArea") if row["SalesOrganization"] in books.company_of_org
    ]
    for at, (area, age) in enumerate(zip(areas, AGES, strict=False)):
        first = _add(books, area, today - timedelta(days=age), at)
        if first and age == CANCELLED:
            first.items[0].rejection, first.changed = REJECTED, morning_of(today - timedelta(days=20))
        if first and age == RENEWED:
            _add(books, area, first.end + timedelta(days=1), at, follows=first.number)


def _add(books: Books, area: Any, start: date, at: int, follows: str = "") -> Contract | None:
    org, customer, currency = area["SalesOrganization"], area["Customer"], area.get("Currency") or ""
    found = _priced(books, org, customer, currency, at)
    if found is None:
        return None
    product, price = found
    end = date(start.year + 1, start.month, min(start.day, 28)) - timedelta(days=1)
    contract = Contract(
        str(FIRST_NUMBER + len(books.contracts)), books.company_of_org[org].code, org, customer, currency, start, end,
        start - timedelta(days=7), morning_of(start), f"FRAME-{len(books.contracts) + 1:04}",
        area.get("CustomerPaymentTerms", ""), follows,
    )  # fmt: skip
    quantity = Decimal(12 * (1 + at % 3))
    item = ContractItem(
        contract, 10, product.code, product.name("EN")[:40], quantity, product.unit, price.rate, price.per
    )
    item.released = min(quantity, Decimal(at * 6))
    contract.items.append(item)
    books.contracts[contract.number] = contract
    return contract


def _priced(books: Books, org: str, customer: str, currency: str, at: int) -> tuple[Product, Price] | None:
    """A product that has a price there: another one for each contract."""
    today, found = books.clock.today(), []
    for _, product in sorted(books.catalogue.products.items()):
        if price := books.catalogue.price(org, CHANNEL, product.code, customer, currency, today):
            found.append((product, price))
    return found[at % len(found)] if found else None


def book(books: Books) -> list[Row]:
    """The control plane's view."""
    return [
        {
            "number": contract.number, "key": {"PurchaseOrderByCustomer": contract.customer_po},
            "customer": contract.sold_to, "company": contract.company, "currency": contract.currency,
            "total": contract.net, "start": contract.start, "end": contract.end, "follows": contract.follows,
            "status": {"A": "open", "B": "in_process", "C": "complete"}[contract.status], "created_count": 1,
            "created_at": contract.created,
            "lines": [
                {"number": item.number, "material": item.material, "quantity": plain(item.quantity),
                 "released": plain(item.released), "unit": item.unit, "net": item.net}
                for item in contract.items
            ],
        }
        for contract in books.contracts.values()
    ]  # fmt: skip
