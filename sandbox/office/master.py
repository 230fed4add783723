"""Master data of a trade book: customers with their accounts, products, prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sandbox.office.books import Books, TradeError
from sandbox.office.dataset import DataSet, PartnerData, ProductData
from sandbox.office.documents import Account, Customer, Price, Product
from sandbox.office.money import DIGITS


class Master:
    def __init__(self, books: Books) -> None:
        self.books = books

    def create_customer(
        self, name: str, accounts: Sequence[Account], *, our_number: str = "", key: str = "",
        extra: Mapping[str, Any] | None = None, **values: Any,
    ) -> Customer:  # fmt: skip
        """`values` are fields of Customer. TradeError: no-name, unknown-company, double-account, unknown-currency."""
        if not name.strip():
            raise TradeError("no-name", "a customer needs a name")
        customer = Customer(
            **self.books.entry("customer"), key=key, our_number=our_number, name=name, accounts=list(accounts), **values
        )
        customer.extra.update(extra or {})
        for account in accounts:
            self._check_account(account)
        if len({account.company for account in accounts}) < len(accounts):
            raise TradeError("double-account", "a customer has one account in a company")
        if not customer.credit_currency and accounts:
            customer.credit_currency = accounts[0].currency
        return self.books.add(self.books.customers, customer)

    def change_customer(self, customer: Customer, **values: Any) -> None:
        self.books.change(customer, **values)
        self.books.touch(customer, ", ".join(sorted(values)))

    def add_account(self, customer: Customer, account: Account) -> None:
        """TradeError: double-account, unknown-company, unknown-currency."""
        self._check_account(account)
        if customer.account(account.company):
            raise TradeError("double-account", f"the customer has an account in {account.company} already")
        self.books.journal.append(customer.accounts, account)
        self.books.touch(customer, f"account in {account.company}")

    def _check_account(self, account: Account) -> None:
        if account.company not in self.books.companies:
            raise TradeError("unknown-company", f"company {account.company} is not known")
        if account.currency not in DIGITS:
            raise TradeError("unknown-currency", f"currency {account.currency} is not known")

    def add_product(
        self, code: str, names: Mapping[str, str], unit: str, tax_rate: Decimal, group: str = ""
    ) -> Product:
        product = Product(
            **self.books.entry("product"), code=code, names=dict(names), unit=unit, tax_rate=tax_rate, group=group
        )
        return self.books.add(self.books.products, product)

    def add_price(
        self, company: str, product: Product, amount: Decimal, currency: str, start: date,
        customer: Customer | None = None,
    ) -> Price:  # fmt: skip
        """Valid from `start`; the record valid until then for the same customer (or for all) ends the day before."""
        old = [
            price for price in self.books.prices_of(product, company)
            if price.currency == currency and price.customer is customer and price.start < start <= price.end
        ]  # fmt: skip
        for price in old:
            self.books.change(price, end=start - timedelta(days=1))
            self.books.touch(price)
        new = Price(
            **self.books.entry("price"), company=company, product=product, amount=amount, currency=currency,
            unit=product.unit, start=start, customer=customer,
        )  # fmt: skip
        return self.books.add(self.books.prices, new)

    # -- from a data set -------------------------------------------------------------------------------------------

    def load(self, data: DataSet) -> dict[str, Customer]:
        """Everything before the first document; returns the customers by the data set's own key."""
        self.books.rates = data.rates
        self.books.terms = set(data.terms)
        customers = {partner.key: self._load_customer(partner) for partner in data.partners}
        for product in data.products:
            self._load_product(product)
        return customers

    def _load_customer(self, data: PartnerData) -> Customer:
        same = (
            "name_2", "language", "country", "region", "city", "postal_code", "street", "phone", "email", "tax_type",
            "tax_number", "credit_limit",
        )  # fmt: skip
        accounts = [Account(code, number, currency, terms) for code, number, currency, terms in data.accounts]
        values = {name: getattr(data, name) for name in same}
        return self.create_customer(data.name, accounts, our_number=data.external_id, key=data.key, **values)

    def _load_product(self, data: ProductData) -> None:
        product = self.add_product(data.code, data.names, data.unit, data.tax_rate, data.group)
        for company, amount, currency in data.prices:
            self.add_price(company, product, amount, currency, date(self.books.today().year, 1, 1))
