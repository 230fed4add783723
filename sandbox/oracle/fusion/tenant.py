"""One tenant of Fusion over a trade book: business units, parties, customer accounts, sites, and what belongs to whom.

A company is a business unit and a legal entity. Trade customers that bear one number of ours are one party; each is a
customer account of it, and its account in a company is a bill-to site of that account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from sandbox.office.trade import Account, Application, Customer, Invoice, Office, Product, Receipt
from sandbox.oracle.adf.model import View
from sandbox.oracle.fusion.ids import big

SOURCE_SYSTEM = "CROSSTIE"
"""The source system whose references are our customer numbers."""

T = TypeVar("T")


class Tenant:
    def __init__(self, office: Office) -> None:
        self.office = office
        self._kept: dict[str, tuple[int, Any]] = {}

    # -- business units --------------------------------------------------------------------------------------------

    def unit(self, company: str) -> str:
        return f"{company} Business Unit"

    def unit_id(self, company: str) -> int:
        return big("unit", list(self.office.companies).index(company) + 1)

    def company(self, unit_id: int | None, unit: str | None) -> str | None:
        """The company of a business unit given by id or name."""
        codes = self.office.companies
        if unit_id is not None:
            return next((code for code in codes if self.unit_id(code) == unit_id), None)
        return next((code for code in codes if self.unit(code) == unit), None)

    # -- parties and accounts --------------------------------------------------------------------------------------

    def party(self, customer: Customer) -> Customer:
        """The first customer of the party: it speaks for it."""
        return self._parties().get(customer.our_number, customer) if customer.our_number else customer

    def parties(self) -> list[Customer]:
        return [customer for customer in self.office.customers.values() if self.party(customer) is customer]

    def accounts_of(self, party: Customer) -> list[Customer]:
        """Customer accounts: a party that nobody has given one is not billable."""
        return [each for each in self.office.customers.values() if each.accounts and self.party(each) is party]

    def party_id(self, customer: Customer) -> int:
        return big("party", self.party(customer).id)

    def party_number(self, customer: Customer) -> str:
        return str(60_000 + self.party(customer).id)

    def account_id(self, customer: Customer) -> int:
        return big("account", customer.id)

    def account_number(self, customer: Customer) -> str:
        return str(10_000 + customer.id)

    def site_number(self, customer: Customer, company: str) -> str:
        account = customer.account(company)
        return f"{company}-{account.number or customer.id}" if account else ""

    def site_use_id(self, customer: Customer, company: str) -> int:
        return big("site use", customer.id * 100 + list(self.office.companies).index(company))

    def sites(self, view: View) -> Iterator[tuple[Customer, Account]]:
        for customer in self.office.customers.values():
            for account in customer.accounts:
                if view.sees(account.company):
                    yield customer, account

    # -- what belongs to whom --------------------------------------------------------------------------------------

    def invoices_of(self, customer: Customer) -> list[Invoice]:
        return self._by("invoices", self.office.invoices.values(), lambda invoice: invoice.customer.id)[customer.id]

    def receipts_of(self, customer: Customer) -> list[Receipt]:
        return self._by("receipts", self.office.receipts.values(), lambda receipt: receipt.customer.id)[customer.id]

    def applications_of(self, customer: Customer) -> list[Application]:
        """Those on the customer's items, whoever paid."""
        every = self.office.applications.values()
        return self._by("applications", every, lambda one: one.item.invoice.customer.id)[customer.id]

    def paid_for(self, customer: Customer) -> list[Application]:
        """Those that use the customer's money."""
        every = (each for each in self.office.applications.values() if each.receipt)
        return self._by("paid", every, lambda one: one.receipt.customer.id)[customer.id]

    def product(self, item_id: int | None, number: str | None) -> Product | None:
        products = self.office.products.values()
        if item_id is not None:
            return self.office.products.get(item_id - big("item", 0))
        return next((product for product in products if product.code == number), None)

    # -- kept while nothing changes --------------------------------------------------------------------------------

    def _parties(self) -> dict[str, Customer]:
        def first() -> dict[str, Customer]:
            numbered = [each for each in reversed(self.office.customers.values()) if each.our_number]
            return {customer.our_number: customer for customer in numbered}

        return self.kept("parties", first)

    def _by(self, name: str, documents: Iterable[Any], owner: Callable[[Any], int]) -> dict[int, list[Any]]:
        def grouped() -> dict[int, list[Any]]:
            groups: dict[int, list[Any]] = defaultdict(list)
            for document in documents:
                groups[owner(document)].append(document)
            return groups

        return self.kept(name, grouped)

    def kept(self, name: str, make: Callable[[], T]) -> T:
        version = self.office.version()
        if name not in self._kept or self._kept[name][0] != version:
            self._kept[name] = (version, make())
        content: T = self._kept[name][1]
        return content
