"""Who buys, and where: the business unit, the party and the customer account that a payload means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.office.trade import Customer
from sandbox.oracle.adf.errors import invalid, missing
from sandbox.oracle.adf.model import Row, View
from sandbox.oracle.fusion.tenant import Tenant

ENTITY = "SalesOrder"


class Buyers:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    def company(self, view: View, values: Row) -> str:
        unit_id = values.get("BusinessUnitId") or values.get("RequestingBusinessUnitId")
        unit = values.get("BusinessUnitName") or values.get("RequestingBusinessUnitName")
        if unit_id is None and unit is None:
            raise missing("BusinessUnitId", ENTITY)
        company = self.tenant.company(unit_id, unit)
        if company is None or not view.sees(company):
            raise invalid("BusinessUnitName", f"The business unit {unit or unit_id} isn't valid.")
        return company

    def customer(self, values: Row, company: str) -> Customer:
        """The account that is billed; without one, the party's only account that has a site in the business unit."""
        party = self._party(values)
        accounts = [each for each in self.tenant.accounts_of(party) if each.account(company)]
        bill_to = (values.get("billToCustomer") or [{}])[0]
        if bill_to.get("CustomerAccountId") or bill_to.get("AccountNumber"):
            accounts = [each for each in accounts if self._is_billed(each, bill_to)]
        if len(accounts) != 1:
            raise invalid(
                "billToCustomer",
                "The sales order wasn't created because the customer account has no active bill-to site in the "
                "reference data set of the business unit."
                if not accounts
                else "The buying party has several customer accounts: name one in billToCustomer.",
            )
        return accounts[0]

    def _is_billed(self, customer: Customer, bill_to: Row) -> bool:
        if bill_to.get("CustomerAccountId"):
            return bool(self.tenant.account_id(customer) == bill_to["CustomerAccountId"])
        return bool(self.tenant.account_number(customer) == bill_to["AccountNumber"])

    def _party(self, values: Row) -> Customer:
        names: dict[str, Callable[[Customer], Any]] = {
            "BuyingPartyId": self.tenant.party_id,
            "BuyingPartyNumber": self.tenant.party_number,
            "BuyingPartyName": lambda customer: customer.name,
        }
        given = [(name, of) for name, of in names.items() if values.get(name) is not None]
        if not given:
            raise missing("BuyingPartyId", ENTITY)
        name, of = given[0]
        party = next((each for each in self.tenant.parties() if of(each) == values[name]), None)
        if party is None:
            raise invalid(name, f"The buying party {values[name]} isn't valid.")
        return party
