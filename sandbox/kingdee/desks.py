"""Who keeps what is saved: customers and quotations here, orders in order_desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from sandbox.kingdee.envelope import NOT_OPERABLE, GalaxyError
from sandbox.kingdee.metadata import HEAD, Form
from sandbox.kingdee.model import Given
from sandbox.kingdee.shapes_base import COUNTRIES, Client
from sandbox.kingdee.shapes_sales import Bill, bills_of
from sandbox.kingdee.tables import FIRST_ID, Base, Tenant, local
from sandbox.office.trade import Account, Customer, TradeError

DRAFT, CREATED, SUBMITTED, AUDITED, REOPENED = "ZABCD"
_COUNTRIES = {number: code for code, number in COUNTRIES.items()}
_WORDS = {
    "customer-blocked": "客户已禁用或冻结", "no-account": "客户未分配到该销售组织", "no-lines": "单据分录不能为空",
    "bad-quantity": "数量必须大于0", "no-price": "含税单价不能小于等于0", "bad-price": "含税单价不能小于等于0",
    "below-delivered": "数量不能小于已出库数量", "has-follow-on": "单据已有下游单据，不允许该操作",
    "cancelled": "单据已作废，不允许该操作",
    "product-blocked": "物料已禁用", "fixed-field": "已保存单据的客户、组织和币别不允许修改",
}  # fmt: skip


class Desk(Protocol):
    """One kind of document: made, changed, moved between its states."""

    def create(self, form: Form, given: Given, status: str) -> Any: ...

    def change(self, doc: Any, given: Given, *, delete_missing: bool) -> None: ...

    def status(self, doc: Any) -> str: ...

    def set_status(self, doc: Any, status: str, what: str) -> None: ...

    def delete(self, doc: Any) -> None: ...

    def operations(self) -> Mapping[str, Callable[[Any], None]]:
        """What ExecuteOperation does, by lower-case number."""


@contextmanager
def in_words() -> Any:
    """The trade book's refusals in this product's words."""
    try:
        yield
    except TradeError as error:
        raise GalaxyError(_WORDS.get(error.code, str(error))) from None


def not_operable(text: str) -> GalaxyError:
    return GalaxyError(text, NOT_OPERABLE)


def currency_code(tenant: Tenant, number: str) -> str:
    found = tenant.base("BD_Currency", number)
    return str(found.values["code"]) if isinstance(found, Base) else number


def unbound(tenant: Tenant, form_id: str, entity: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that the trade book has no field for."""
    bound = tenant.tables[form_id].source.fields.get(entity, {})
    return {key: value for key, value in values.items() if key not in bound and key != "fentryid"}


# -- customers ---------------------------------------------------------------------------------------------------------


class CustomerDesk:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant, self.office = tenant, tenant.office

    def create(self, form: Form, given: Given, status: str) -> Client:
        header = given.header
        company = header["FCreateOrgId"]
        currency = currency_code(self.tenant, header["FTRADINGCURRID"])
        extra = {**self._kept(given), "FDocumentStatus": status, "FCreateOrgId": company}
        if header.get("FNumber"):
            extra["FNumber"] = header["FNumber"]
        account = Account(company, "", currency, header.get("FRECCONDITIONID") or "NT00")
        with in_words():
            customer = self.office.master.create_customer(
                header["FName"], [account], our_number=header.get("F_CRM_Text") or "", extra=extra, **_address(header)
            )
        return Client(customer, account, list(self.office.companies).index(company) + 1)

    def change(self, doc: Client, given: Given, *, delete_missing: bool) -> None:
        values: dict[str, Any] = _address(given.header)
        if given.header.get("FName"):
            values["name"] = given.header["FName"]
        if "F_CRM_Text" in given.header:
            values["our_number"] = given.header["F_CRM_Text"] or ""
        if given.header.get("FRECCONDITIONID"):
            self.office.change(doc.account, terms=given.header["FRECCONDITIONID"])
        if given.header.get("FTRADINGCURRID"):
            self.office.change(doc.account, currency=currency_code(self.tenant, given.header["FTRADINGCURRID"]))
        values["extra"] = {**doc.extra, **self._kept(given)}
        self.office.master.change_customer(doc.customer, **values)

    def status(self, doc: Client) -> str:
        return str(doc.extra.get("FDocumentStatus", AUDITED))

    def set_status(self, doc: Client, status: str, what: str) -> None:
        if status == REOPENED and what == "UnAudit" and self.office.orders_of(doc.customer):
            raise not_operable("客户已被业务单据引用，不允许反审核")
        moment = {"FApproveDate": local(self.office.now())} if status == AUDITED else {}
        self.office.change(doc.customer, extra={**doc.extra, "FDocumentStatus": status, **moment})
        self.office.touch(doc.customer, what)

    def delete(self, doc: Client) -> None:
        if self.office.orders_of(doc.customer) or self.office.vouchers_of(doc.customer):
            raise not_operable("客户已被业务单据引用，不允许删除")
        self.office.drop(self.office.customers, doc.customer)

    def operations(self) -> Mapping[str, Callable[[Client], None]]:
        return {"forbid": lambda doc: self._forbid(doc, True), "enable": lambda doc: self._forbid(doc, False)}

    def allocate(self, doc: Client, company: str) -> None:
        """The same terms and currency in one more organisation."""
        with in_words():
            self.office.master.add_account(
                doc.customer, Account(company, "", doc.account.currency, doc.account.terms)
            )  # fmt: skip

    def take_back(self, doc: Client, company: str) -> None:
        customer: Customer = doc.customer
        account = customer.account(company)
        if account is None or len(customer.accounts) == 1 or self._used(customer, company):
            raise not_operable("基础资料已被使用或未分配，不允许取消分配")
        self.office.journal.remove(customer.accounts, account)
        self.office.touch(customer, f"CancelAllocate {company}")

    def _used(self, customer: Customer, company: str) -> bool:
        return any(order.company == company for order in self.office.orders_of(customer))

    def _forbid(self, doc: Client, blocked: bool) -> None:
        if self.status(doc) != AUDITED:
            raise not_operable("只有已审核的基础资料才允许禁用或反禁用")
        self.office.master.change_customer(doc.customer, blocked=blocked)

    def _kept(self, given: Given) -> dict[str, Any]:
        kept = unbound(self.tenant, "BD_Customer", HEAD, given.header)
        short: dict[str, Any] = {
            key: given.header[key] for key in ("FShortName", "FINVOICETITLE") if key in given.header
        }
        entries = {key: _numbered(rows) for key, rows in given.entries.items()}
        return {**kept, **short, **entries}


def _address(header: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "FADDRESS": "street", "FZIP": "postal_code", "FTEL": "phone", "FPROVINCIAL": "region",
        "FTAXREGISTERCODE": "tax_number", "FSOCIALCRECODE": "tax_number",
    }  # fmt: skip
    found = {names[key]: value or "" for key, value in header.items() if key in names}
    if "FCOUNTRY" in header:
        number = header["FCOUNTRY"] or ""
        found["country"] = _COUNTRIES.get(number, number)
    return found


def _numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with ids of their own, in the order they were sent."""
    return [
        {**row, "FEntryID": row["fentryid"] or FIRST_ID + at, "FENTRYID": row["fentryid"] or FIRST_ID + at, "FSeq": at}
        for at, row in enumerate(rows, 1)
    ]


# -- other bills -------------------------------------------------------------------------------------------------------


class BillDesk:
    """Bills that nothing follows: they are kept as they were saved."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant, self.office = tenant, tenant.office

    def create(self, form: Form, given: Given, status: str) -> Bill:
        bills = bills_of(self.tenant, form.id)
        number = self.office.next_id(f"bill {form.id}")
        stamp = local(self.office.clock.stamp())
        given.header.setdefault("FBillNo", "")
        extra = {
            **given.header, "FDocumentStatus": status, "FCreateDate": stamp, "FModifyDate": stamp,
            "FBillNo": given.header["FBillNo"] or f"{form.prefix}{number:06}",
            **{entity: _numbered(rows) for entity, rows in given.entries.items()},
        }  # fmt: skip
        bill = Bill(FIRST_ID + number, extra)
        self.office.journal.put(bills, bill.id, bill)
        return bill

    def change(self, doc: Bill, given: Given, *, delete_missing: bool) -> None:
        entries = {
            entity: _numbered(_merged(doc.extra.get(entity, []), rows, delete_missing))
            for entity, rows in given.entries.items()
        }
        self._set(doc, {**given.header, **entries})

    def status(self, doc: Bill) -> str:
        return str(doc.extra["FDocumentStatus"])

    def set_status(self, doc: Bill, status: str, what: str) -> None:
        moment = {"FApproveDate": local(self.office.now())} if status == AUDITED else {}
        self._set(doc, {"FDocumentStatus": status, **moment})

    def delete(self, doc: Bill) -> None:
        holder = next(bills for bills in self.office.extra["bills"].values() if bills.get(doc.id) is doc)
        self.office.journal.pop(holder, doc.id)

    def operations(self) -> Mapping[str, Callable[[Bill], None]]:
        return {
            "cancel": lambda doc: self._set(doc, {"FCancelStatus": "B"}),
            "uncancel": lambda doc: self._set(doc, {"FCancelStatus": "A"}),
        }

    def _set(self, doc: Bill, values: Mapping[str, Any]) -> None:
        stamp = local(self.office.clock.stamp())
        self.office.change(doc, extra={**doc.extra, **values, "FModifyDate": stamp})


def _merged(kept: list[dict[str, Any]], sent: list[dict[str, Any]], delete_missing: bool) -> list[dict[str, Any]]:
    """Rows with an id change the one that has it, those without are appended, those not sent go or stay."""
    by_id = {row["FEntryID"]: row for row in kept}
    changed = {row["fentryid"]: {**by_id[row["fentryid"]], **row} for row in sent if row["fentryid"] in by_id}
    stay = [changed.get(row["FEntryID"], row) for row in kept if row["FEntryID"] in changed or not delete_missing]
    fresh = max((row["FEntryID"] for row in kept), default=FIRST_ID)
    new = [{**row, "fentryid": 0} for row in sent if row["fentryid"] not in by_id]
    return stay + [{**row, "fentryid": fresh + at} for at, row in enumerate(new, 1)]
