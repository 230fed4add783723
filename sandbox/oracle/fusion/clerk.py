"""What finance does by hand: a party that came through the interface becomes a customer account the next day."""

from __future__ import annotations

from datetime import date

from sandbox.front import Caller
from sandbox.office.trade import Account, Customer, Office

TERMS = "N30"


class Clerk:
    """One bill-to site in every business unit, in its own currency; once a day is enough."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self._worked = date.min

    def work(self) -> None:
        today = self.office.today()
        if self._worked == today:
            return
        self._worked = today
        self.office.caller = Caller("", "FINANCE")
        for customer in self.office.customers.values():
            if customer.by_api and not customer.accounts and customer.created.date() < today:
                self._open(customer)

    def _open(self, customer: Customer) -> None:
        for company in self.office.companies.values():
            self.office.master.add_account(customer, Account(company.code, "", company.currency, TERMS))
