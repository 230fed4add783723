"""What happened on a customer's account: receivablesCustomerAccountActivities, and its twin for one bill-to site.

Only what is not older than TransactionLimitByDays is shown, 90 days unless a finder says more: older items vanish, open
or not. An application that was undone stands twice: as it was made, and negative on the day it was undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import Application, Customer, Instalment, Invoice, Receipt
from sandbox.oracle.adf.errors import invalid
from sandbox.oracle.adf.model import Column, Finder, Resource, View
from sandbox.oracle.fusion.activity_columns import Columns, Settled
from sandbox.oracle.fusion.catalogue import child, finder_variables, resource, row_columns
from sandbox.oracle.fusion.ids import serial_of
from sandbox.oracle.fusion.stamps import who
from sandbox.oracle.fusion.tenant import Tenant
from sandbox.oracle.fusion.transactions import installments_of, is_complete, is_credit

DAYS = 90
SHAPING = frozenset({"TransactionLimitByDays", "TransactionStatus"})
_CHILD_FINDERS = {
    "transactionPaymentSchedules": "TransactionPaymentSchedulesFinder", "standardReceipts": "StandardReceiptsFinder",
    "standardReceiptApplications": "StandardReceiptApplicationsFinder", "creditMemos": "CreditMemosFinder",
    "creditMemoApplications": "CreditMemoApplicationsFinder", "transactionAdjustments": "TransactionAdjustmentsFinder",
    "transactionsPaidByOtherCustomers": "TransactionsPaidByOtherCustomersFinder",
}  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """A customer account; or one of its sites, where `company` is given."""

    customer: Customer
    company: str = ""

    def holds(self, view: View, company: str) -> bool:
        return view.sees(company) and self.company in ("", company)


class Activities:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.office = tenant.office
        self.columns = Columns(tenant)

    def accounts(self) -> Resource:
        name, finder = "receivablesCustomerAccountActivities", "CustomerAccountActivitiesFinder"
        return resource(
            name, "AccountId", self._account_columns(), self._accounts, find=self._account,
            finders={finder: Finder(finder_variables(name, finder), shaping=SHAPING)}, children=self._children(name),
        )  # fmt: skip

    def sites(self) -> Resource:
        name, finder = "receivablesCustomerAccountSiteActivities", "CustomerAccountSiteActivitiesFinder"
        return resource(
            name, "BillToSiteUseId", self._site_columns(), self._sites, find=self._site,
            finders={finder: Finder(finder_variables(name, finder), shaping=SHAPING)}, children=self._children(name),
        )  # fmt: skip

    # -- accounts and sites ----------------------------------------------------------------------------------------

    def _accounts(self, view: View, parent: Any) -> Iterator[Scope]:
        for customer in self.office.customers.values():
            if any(view.sees(account.company) for account in customer.accounts):
                yield Scope(customer)

    def _account(self, view: View, key: str, parent: Any) -> Scope | None:
        customer = self.office.customers.get(serial_of("account", key) or 0)
        sees = customer is not None and any(view.sees(account.company) for account in customer.accounts)
        return Scope(customer) if customer is not None and sees else None

    def _sites(self, view: View, parent: Any) -> Iterator[Scope]:
        return (Scope(customer, account.company) for customer, account in self.tenant.sites(view))

    def _site(self, view: View, key: str, parent: Any) -> Scope | None:
        found = (scope for scope in self._sites(view, None) if str(self._site_id(scope)) == key)
        return next(found, None)

    def _site_id(self, scope: Scope) -> int:
        return self.tenant.site_use_id(scope.customer, scope.company)

    def _same_columns(self) -> dict[str, Column]:
        tenant = self.tenant
        return {
            "AccountId": lambda s: tenant.account_id(s.customer),
            "AccountNumber": lambda s: tenant.account_number(s.customer),
            "CustomerId": lambda s: tenant.party_id(s.customer),
            "CustomerName": lambda s: s.customer.name,
            "TaxRegistrationNumber": lambda s: s.customer.tax_number or None,
            "TaxpayerIdentificationNumber": lambda s: s.customer.tax_number or None,
            **who(lambda s: s.customer),
        }

    def _account_columns(self) -> dict[str, Column]:
        return {
            **self._same_columns(),
            "TotalOpenReceivablesForAccount": self._total_open,
            "TotalTransactionsDueForAccount": self._total_due,
        }

    def _site_columns(self) -> dict[str, Column]:
        return {
            **self._same_columns(),
            "BillToSiteUseId": self._site_id,
            "BillToSiteNumber": lambda s: self.tenant.site_number(s.customer, s.company),
            "BillToSiteName": lambda s: s.customer.city or s.customer.name,
            "TotalOpenReceivablesForSite": self._total_open,
            "TotalTransactionsDueForSite": self._total_due,
        }

    def _total_open(self, scope: Scope) -> Decimal:
        """In the business units' own currencies, as booked; money not applied yet goes off."""
        everything = View()
        owed = sum((self._local(i.balance(), i.invoice) for i in self._items(scope, everything)), ZERO)
        receipts = (r for r in self.tenant.receipts_of(scope.customer) if scope.holds(everything, r.company))
        return owed - sum((self._local(receipt.unapplied(), receipt) for receipt in receipts), ZERO)

    def _total_due(self, scope: Scope) -> Decimal:
        today = self.office.today()
        due = (i for i in self._items(scope, View()) if i.due and i.due <= today)
        return sum((self._local(i.balance(), i.invoice) for i in due), ZERO)

    def _local(self, amount: Decimal, document: Invoice | Receipt) -> Decimal:
        return rounded(amount * document.rate, self.office.companies[document.company].currency)

    # -- children --------------------------------------------------------------------------------------------------

    def _children(self, name: str) -> dict[str, Resource]:
        columns = self.columns
        dff = f"{name}/standardReceiptApplications/standardReceiptApplicationDFF"
        below = {
            "standardReceiptApplicationDFF": child(
                dff, "ApplicationId", row_columns(dff), lambda v, one: columns.flex(one)
            )
        }
        make = [
            self._child(name, "transactionPaymentSchedules", "InstallmentId", columns.schedule(), self._schedules),
            self._child(name, "standardReceipts", "StandardReceiptId", columns.receipt(), self._receipts),
            self._child(name, "standardReceiptApplications", "ApplicationId", columns.receipt_application(),
                        self._receipt_applications, below),
            self._child(name, "creditMemos", "CreditMemoId", columns.credit_memo(), self._credit_memos),
            self._child(name, "creditMemoApplications", "ApplicationId", columns.credit_application(),
                        self._credit_applications),
            self._child(name, "transactionAdjustments", "AdjustmentId", columns.adjustment(), self._adjustments),
            self._child(name, "transactionsPaidByOtherCustomers", "ApplicationId",
                        columns.paid_by_other(), self._paid_by_others),
        ]  # fmt: skip
        return {each.name: each for each in make}

    def _child(
        self,
        name: str,
        accessor: str,
        key: str,
        columns: dict[str, Column],
        rows: Callable[[Scope, View], Iterable[Any]],
        children: dict[str, Resource] | None = None,
    ) -> Resource:
        """Its own finder takes the same two limits; a child asked for by its path knows nothing of the parent's."""
        variables = {"TransactionLimitByDays": "integer", "TransactionStatus": "string"}
        finder = {_CHILD_FINDERS[accessor]: Finder(variables, shaping=SHAPING)}
        return child(
            f"{name}/{accessor}", key, columns, lambda view, scope: rows(scope, view), children=children, finders=finder
        )

    def _items(self, scope: Scope, view: View) -> Iterator[Instalment]:
        for invoice in self.tenant.invoices_of(scope.customer):
            if scope.holds(view, invoice.company):
                yield from installments_of(invoice)

    def _schedules(self, scope: Scope, view: View) -> Iterator[Instalment]:
        shown = self._limit(view, lambda item: item.invoice.dated, lambda item: item.balance())
        return (item for item in self._items(scope, view) if shown(item))

    def _credit_memos(self, scope: Scope, view: View) -> Iterator[Invoice]:
        shown = self._limit(view, lambda memo: memo.dated, lambda memo: memo.balance())
        for memo in self.tenant.invoices_of(scope.customer):
            if is_credit(memo) and is_complete(memo) and scope.holds(view, memo.company) and shown(memo):
                yield memo

    def _receipts(self, scope: Scope, view: View) -> Iterator[Receipt]:
        shown = self._limit(view, lambda receipt: receipt.dated, lambda receipt: receipt.unapplied())
        for receipt in self.tenant.receipts_of(scope.customer):
            if scope.holds(view, receipt.company) and shown(receipt):
                yield receipt

    def _receipt_applications(self, scope: Scope, view: View) -> Iterator[Settled]:
        """Those of the account's own receipts, a discount that came with one among them."""
        return self._settled(scope, view, self.tenant.paid_for(scope.customer), "payment", "discount")

    def _paid_by_others(self, scope: Scope, view: View) -> Iterator[Settled]:
        applications = self.tenant.applications_of(scope.customer)
        others = [each for each in applications if each.receipt and each.receipt.customer is not scope.customer]
        return self._settled(scope, view, others, "payment")

    def _adjustments(self, scope: Scope, view: View) -> Iterator[Settled]:
        every = self.tenant.applications_of(scope.customer)
        apart = [each for each in every if not (each.kind == "discount" and each.receipt)]
        return self._settled(scope, view, apart, "discount", "write_off")

    def _credit_applications(self, scope: Scope, view: View) -> Iterator[Settled]:
        yield from self._settled(scope, view, self.tenant.applications_of(scope.customer), "credit")
        shown = self._limit(view, lambda one: one.on, lambda one: one.item.balance())
        for item in self._items(scope, view):
            reversal = item.invoice.reversed_by
            if reversal is not None and shown(one := Settled.by_reversal(item, reversal)):
                yield one

    def _settled(self, scope: Scope, view: View, applications: Iterable[Application], *kinds: str) -> Iterator[Settled]:
        shown = self._limit(view, lambda one: one.on, lambda one: one.item.balance())
        for application in applications:
            if application.kind in kinds and scope.holds(view, application.company):
                yield from (one for one in Settled.of(application) if shown(one))

    def _limit(
        self, view: View, day: Callable[[Any], date], balance: Callable[[Any], Decimal]
    ) -> Callable[[Any], bool]:
        """Open is a transaction with something left; an application is as open as what it settles."""
        text = view.variables.get("TransactionLimitByDays", str(DAYS))
        if not text.strip().isdigit():
            raise invalid("TransactionLimitByDays", f"{text} is not a number of days.")
        first = self.office.today() - timedelta(days=min(int(text), 300_000))
        status = view.variables.get("TransactionStatus", "").lower()
        if status not in ("", "open", "closed"):
            raise invalid("TransactionStatus", "The transaction status must be Open or Closed.")

        def shown(row: Any) -> bool:
            fits = not status or (balance(row) != 0) is (status == "open")
            return fits and day(row) >= first

        return shown
