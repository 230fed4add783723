"""Subscriptions and their products: a contract of the trade book and its lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sandbox.office.agreements import NewTerm
from sandbox.office.money import rounded
from sandbox.office.trade import Contract, ContractLine, Customer, TradeError
from sandbox.oracle.adf.conditions import moment
from sandbox.oracle.adf.errors import AdfError, duplicate, invalid, missing
from sandbox.oracle.adf.model import Column, Resource, Row, View
from sandbox.oracle.fusion import units
from sandbox.oracle.fusion.catalogue import child, resource
from sandbox.oracle.fusion.ids import big
from sandbox.oracle.fusion.stamps import who
from sandbox.oracle.fusion.tenant import Tenant

STATUS = {"draft": "ORA_DRAFT", "active": "ORA_ACTIVE", "frozen": "ORA_ON_HOLD", "cancelled": "ORA_CANCELED",
          "expired": "ORA_EXPIRED"}  # fmt: skip
_MEANINGS = {"ORA_DRAFT": "Draft", "ORA_ACTIVE": "Active", "ORA_ON_HOLD": "On hold", "ORA_CANCELED": "Canceled",
             "ORA_EXPIRED": "Expired", "ORA_CLOSED": "Closed"}  # fmt: skip


@dataclass(frozen=True)
class Term:
    """A subscription product: one line of a contract."""

    contract: Contract
    line: ContractLine


def number_of(contract: Contract) -> str:
    return str(contract.extra.get("SubscriptionNumber") or f"SUB-{90_000 + contract.id}")


def puid(line: ContractLine) -> str:
    return f"SP-{line.id:08}"


class Subscriptions:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.office = tenant.office

    def subscriptions(self) -> Resource:
        products = child("subscriptions/products", "SubscriptionProductPuid", self._product_columns(),
                         lambda view, contract: [Term(contract, line) for line in contract.lines])  # fmt: skip
        return resource(
            "subscriptions", "SubscriptionNumber", self._columns(), self._rows, create=self._create,
            update=self._update, existing=self._existing, children={"products": products},
            actions={"activate": self._activate, "cancel": self._cancel, "close": self._close, "renew": self._renew,
                     "duplicate": self._duplicate},
        )  # fmt: skip

    def products(self) -> Resource:
        return resource(
            "subscriptionProducts", "SubscriptionProductPuid", self._product_columns(), self._terms,
            actions={
                "putOnHold": lambda view, term, values: self._hold(term.contract, "frozen"),
                "removeHold": lambda view, term, values: self._hold(term.contract, "active"),
                "suspend": lambda view, term, values: self._hold(term.contract, "frozen"),
                "resume": lambda view, term, values: self._hold(term.contract, "active"),
                "cancel": lambda view, term, values: self._cancel(view, term.contract, values),
                "close": lambda view, term, values: self._close(view, term.contract, values),
            },
        )  # fmt: skip

    # -- rows ------------------------------------------------------------------------------------------------------

    def _rows(self, view: View, parent: object) -> Iterator[Contract]:
        return (contract for contract in self.office.contracts.values() if view.sees(contract.company))

    def _terms(self, view: View, parent: object) -> Iterator[Term]:
        return (Term(contract, line) for contract in self._rows(view, None) for line in contract.lines)

    def _existing(self, view: View, values: Row) -> Contract | None:
        wanted = values.get("SubscriptionNumber")
        return next((contract for contract in self._rows(view, None) if wanted and number_of(contract) == wanted), None)

    def _status(self, contract: Contract) -> str:
        code = STATUS[contract.status(self.office.today())]
        return "ORA_CLOSED" if contract.extra.get("closed") else code

    # -- columns ---------------------------------------------------------------------------------------------------

    def _columns(self) -> dict[str, Column]:
        tenant = self.tenant
        return {
            "SubscriptionId": lambda c: big("subscription", c.id),
            "SubscriptionNumber": number_of,
            "SubscriptionPuid": number_of,
            "Description": lambda c: c.text or None,
            "Status": self._status,
            "StatusMeaning": lambda c: _MEANINGS[self._status(c)],
            "StartDate": lambda c: c.start,
            "EndDate": lambda c: c.end,
            "Currency": lambda c: c.currency,
            "BusinessUnitName": lambda c: tenant.unit(c.company),
            "BusinessUnitId": lambda c: tenant.unit_id(c.company),
            "LegalEntityName": lambda c: c.company,
            "PrimaryPartyId": lambda c: tenant.party_id(c.customer),
            "PrimaryPartyName": lambda c: tenant.party(c.customer).name,
            "PrimaryPartyNumber": lambda c: tenant.party_number(c.customer),
            "BillToAccountId": lambda c: tenant.account_id(c.customer),
            "BillToAccountNumber": lambda c: tenant.account_number(c.customer),
            "BillToSiteUseId": lambda c: tenant.site_use_id(c.customer, c.company),
            "BillToSiteNumber": lambda c: tenant.site_number(c.customer, c.company),
            "PaymentTermsName": lambda c: c.terms or None,
            "SourceSystem": lambda c: c.extra.get("SourceSystem"),
            "SourceKey": lambda c: c.extra.get("SourceKey"),
            "SourceNumber": lambda c: c.external_id or None,
            "SignedDate": lambda c: c.signed,
            "CanceledDate": lambda c: c.cancelled,
            "ClosedDate": lambda c: c.extra.get("closed"),
            "RenewalSourceSubscriptionNumber": lambda c: number_of(c.renews) if c.renews else None,
            "TotalContractValue": lambda c: c.net,
            **who(),
        }

    def _product_columns(self) -> dict[str, Column]:
        tenant = self.tenant
        return {
            "SubscriptionProductId": lambda t: big("subscription product", t.line.id),
            "SubscriptionProductPuid": lambda t: puid(t.line),
            "SubscriptionId": lambda t: big("subscription", t.contract.id),
            "SubscriptionNumber": lambda t: number_of(t.contract),
            "LineNumber": lambda t: str(t.line.number),
            "ProductName": lambda t: t.line.product.code,
            "InventoryItemId": lambda t: big("item", t.line.product.id),
            "Description": lambda t: t.line.text,
            "Status": lambda t: self._status(t.contract),
            "StatusMeaning": lambda t: _MEANINGS[self._status(t.contract)],
            "StartDate": lambda t: t.line.start,
            "EndDate": lambda t: t.line.end,
            "Currency": lambda t: t.contract.currency,
            "Quantity": lambda t: t.line.quantity,
            "ItemUnitOfMeasure": lambda t: units.code(t.line.unit),
            "UnitPrice": lambda t: round(t.line.net / t.line.quantity, 10) if t.line.quantity else t.line.net,
            "TotalContractValue": lambda t: t.line.net,
            "MonthlyRecurringRevenue": _monthly,
            "PrimaryPartyId": lambda t: tenant.party_id(t.contract.customer),
            "PrimaryPartyName": lambda t: tenant.party(t.contract.customer).name,
            "BillToAccountId": lambda t: tenant.account_id(t.contract.customer),
            "BillToAccountNumber": lambda t: tenant.account_number(t.contract.customer),
            "PaymentTermsName": lambda t: t.contract.terms or None,
            "SourceSystem": lambda t: t.contract.extra.get("SourceSystem"),
            "SourceKey": lambda t: t.contract.extra.get("SourceKey"),
            "SourceNumber": lambda t: t.contract.external_id or None,
            "CanceledDate": lambda t: t.contract.cancelled,
            "ClosedDate": lambda t: t.contract.extra.get("closed"),
            "RenewSourceProductPuid": _renewed,
            "RenewalType": lambda t: "ORA_MANUAL_RENEW",
            **who(lambda t: t.contract),
        }

    # -- changes ---------------------------------------------------------------------------------------------------

    def _create(self, view: View, values: Row, parent: object) -> Contract:
        for name in ("BusinessUnitName", "PrimaryPartyId"):
            if values.get(name) is None:
                raise missing(name, "Subscription")
        if self._existing(view, values) is not None:
            raise duplicate(f"of Subscription {values['SubscriptionNumber']}")
        company = self.tenant.company(None, values["BusinessUnitName"])
        if company is None or not view.sees(company):
            raise invalid("BusinessUnitName", f"The business unit {values['BusinessUnitName']} isn't valid.")
        own = {name: values[name] for name in ("SubscriptionNumber", "SourceSystem", "SourceKey") if values.get(name)}
        terms = [self._term(row, values) for row in values.get("products") or []]
        try:
            return self.office.agreements.create(
                self._customer(values, company), company, terms, currency=values.get("Currency") or "",
                start=values.get("StartDate"), end=values.get("EndDate"), extra=own, state="draft",
                external_id=values.get("SourceNumber") or "", text=values.get("Description") or "",
            )  # fmt: skip
        except TradeError as error:
            raise _refused(error) from None

    def _customer(self, values: Row, company: str) -> Customer:
        for customer in self.office.customers.values():
            if self.tenant.party_id(customer) == values["PrimaryPartyId"] and customer.account(company):
                return customer
        raise invalid("PrimaryPartyId", "The primary party has no bill-to account in the business unit.")

    def _term(self, row: Row, header: Row) -> NewTerm:
        product = self.tenant.product(row.get("InventoryItemId"), row.get("ProductName"))
        start, end = row.get("StartDate") or header.get("StartDate"), row.get("EndDate") or header.get("EndDate")
        if product is None:
            raise invalid("ProductName", f"The product {row.get('ProductName')} isn't valid.")
        if start is None or end is None or row.get("Quantity") is None:
            raise missing(
                "StartDate" if start is None else "EndDate" if end is None else "Quantity", "SubscriptionProduct"
            )
        currency = header.get("Currency") or row.get("Currency") or "CNY"
        price = row.get("UnitPrice") or 0
        return NewTerm(product, row["Quantity"], rounded(row["Quantity"] * price, currency), start, end)

    def _update(self, view: View, contract: Contract, values: Row) -> Contract:
        fields = {"Description": "text", "StartDate": "start", "EndDate": "end", "SourceNumber": "external_id"}
        new = {fields[name]: value for name, value in values.items() if name in fields and value is not None}
        self._change(contract, **new)
        return contract

    def _activate(self, view: View, contract: Contract, values: Row) -> str:
        if contract.state != "draft":
            raise AdfError(400, f"Subscription {number_of(contract)} isn't a draft.", "400")
        self._change(contract, state="active", signed=contract.signed or self.office.today())
        return "SUCCESS"

    def _cancel(self, view: View, contract: Contract, values: Row) -> str:
        day = _day(values.get("canceledDate")) or self.office.today()
        self._change(contract, state="cancelled", cancelled=day)
        return "SUCCESS"

    def _close(self, view: View, contract: Contract, values: Row) -> str:
        day = _day(values.get("closedDate")) or self.office.today()
        self._change(contract, end=day, extra={**contract.extra, "closed": day})
        return "SUCCESS"

    def _hold(self, contract: Contract, state: str) -> str:
        self._change(contract, state=state)
        return "SUCCESS"

    def _renew(self, view: View, contract: Contract, values: Row) -> str:
        """The same lines for the following term, as a draft; the result is its number."""
        renewal = self._copy(contract, contract.end - contract.start + timedelta(days=1))
        self.office.change(renewal, renews=contract)
        return number_of(renewal)

    def _duplicate(self, view: View, contract: Contract, values: Row) -> str:
        return number_of(self._copy(contract, timedelta(0)))

    def _copy(self, contract: Contract, later: timedelta) -> Contract:
        terms = [
            NewTerm(line.product, line.quantity, line.net, line.start + later, line.end + later, line.text, line.unit,
                    line.tax_rate)
            for line in contract.lines
        ]  # fmt: skip
        return self.office.agreements.create(
            contract.customer, contract.company, terms, currency=contract.currency, terms=contract.terms, state="draft",
            text=contract.text,
        )  # fmt: skip

    def _change(self, contract: Contract, **values: Any) -> None:
        try:
            self.office.agreements.change(contract, **values)
        except TradeError as error:
            raise _refused(error) from None


def _renewed(term: Term) -> str | None:
    """The product of the subscription that this one continues."""
    former = term.contract.renews
    lines = [line for line in former.lines if line.number == term.line.number] if former else []
    return puid(lines[0]) if lines else None


def _monthly(term: Term) -> Any:
    days = (term.line.end - term.line.start).days + 1
    return rounded(term.line.net * 365 / 12 / days, term.contract.currency)


def _day(text: Any) -> date | None:
    try:
        return moment(str(text)).date() if text else None
    except ValueError:
        raise AdfError(400, f"{text} is no date.", "27018") from None


def _refused(error: TradeError) -> AdfError:
    return AdfError(400, f"The subscription wasn't saved: {error}.", error.code)
