"""Sale orders: what is saved becomes an order of the trade book, which lives on once it is audited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any

from sandbox.kingdee.contracts import BILL_TYPE, is_contract
from sandbox.kingdee.desks import AUDITED, REOPENED, currency_code, in_words, not_operable, unbound
from sandbox.kingdee.envelope import NO_RIGHT, GalaxyError, truth
from sandbox.kingdee.metadata import HEAD, Form
from sandbox.kingdee.model import Given
from sandbox.kingdee.shapes_base import Client
from sandbox.kingdee.shapes_sales import status_of
from sandbox.kingdee.tables import FIRST_ID, Tenant, local
from sandbox.office.money import ZERO, rounded, tax_split
from sandbox.office.trade import Customer, NewLine, Order, OrderLine, Product

FORM, ENTRY, PLAN = "SAL_SaleOrder", "FSaleOrderEntry", "FSaleOrderPlan"
_FINANCE = "FSaleOrderFinance"
_PRICED = frozenset({"FPrice", "FTaxPrice", "FEntryTaxRate", "FQty", "FDiscountRate", "FIsFree"})
_WIDE = Context(prec=40)


class OrderDesk:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant, self.office = tenant, tenant.office

    # -- saving ------------------------------------------------------------------------------------------------------

    def create(self, form: Form, given: Given, status: str) -> Order:
        header, company = given.header, given.header["FSaleOrgId"]
        if header["FBillTypeID"] == BILL_TYPE:
            raise GalaxyError("您没有该功能的操作权限", NO_RIGHT, "FBillTypeID")
        customer = self.customer(header["FCustId"], company)
        included = truth(header.get("FIsIncludedTax"), default=True)
        currency = currency_code(self.tenant, header["FSettleCurrId"])
        ordered = _day(header.get("FDate")) or self.office.today()
        lines = [self._new_line(row, included, currency) for row in given.entries.get(ENTRY, [])]
        with in_words():
            return self.office.sales.create_order(
                customer, company, lines, currency=currency, ordered=ordered,
                terms=header.get("FRecConditionId") or "", customer_po=header.get("F_CRM_PO") or "",
                external_id=header.get("F_CRM_Text") or "", text=header.get("FNote") or "", released=False,
                extra={**self._kept(given), "FDocumentStatus": status, "FIsIncludedTax": included},
            )  # fmt: skip

    def change(self, doc: Order, given: Given, *, delete_missing: bool) -> None:
        self._check_fixed(doc, given)
        values = {
            name: given.header[key] or ""
            for key, name in (("FRecConditionId", "terms"), ("F_CRM_PO", "customer_po"), ("F_CRM_Text", "external_id"),
                              ("FNote", "text"))
            if key in given.header
        }  # fmt: skip
        if given.header.get("FDate"):
            values["ordered"] = _day(given.header["FDate"])
        included = truth(given.header.get("FIsIncludedTax"), default=bool(doc.extra.get("FIsIncludedTax", True)))
        with in_words():
            self.office.sales.change_order(
                doc, **values, extra={**doc.extra, **self._kept(given), "FIsIncludedTax": included}
            )
            if ENTRY in given.entries:
                self._change_lines(doc, given.entries[ENTRY], included, delete_missing)

    def customer(self, number: str, company: str) -> Customer:
        """One that is audited, not forbidden, and allocated to the organisation: else it is as if none was given."""
        for client in self.tenant.tables["BD_Customer"].by_number(number):
            if isinstance(client, Client) and client.account.company == company:
                usable = client.extra.get("FDocumentStatus", AUDITED) == AUDITED and not client.customer.blocked
                if usable and not client.account.blocked:
                    return client.customer
        raise GalaxyError("字段[客户]是必录字段", field="FCustId")

    def _check_fixed(self, doc: Order, given: Given) -> None:
        header = given.header
        if "FCustId" in header and self.customer(header["FCustId"] or "", doc.company) is not doc.customer:
            raise GalaxyError("已保存单据的客户不允许修改", field="FCustId")
        if "FSaleOrgId" in header and header["FSaleOrgId"] != doc.company:
            raise GalaxyError("已保存单据的销售组织不允许修改", field="FSaleOrgId")
        currency = header.get("FSettleCurrId")
        if currency and currency_code(self.tenant, currency) != doc.currency:
            raise GalaxyError("已保存单据的结算币别不允许修改", field="FSettleCurrId")

    def _kept(self, given: Given) -> dict[str, Any]:
        kept = unbound(self.tenant, FORM, HEAD, given.header)
        kept = unbound(self.tenant, FORM, _FINANCE, kept)
        named = {
            key: given.header[key]
            for key in ("FBillNo", "FBillTypeID", "FBusinessType", "FVersionNo", "FExchangeTypeId")
            if given.header.get(key)
        }
        entries = {key: rows for key, rows in given.entries.items() if key != ENTRY}
        return {**kept, **named, **entries}

    # -- lines -------------------------------------------------------------------------------------------------------

    def _new_line(self, row: Mapping[str, Any], included: bool, currency: str) -> NewLine:
        values = self._priced(row, included, currency)
        return NewLine(
            self._product(row["FMaterialId"]), row["FQty"], unit=row["FUnitID"],
            requested=_day(row.get("FDeliveryDate")), extra=unbound(self.tenant, FORM, ENTRY, row) | _named(row),
            **values,
        )  # fmt: skip

    def _product(self, code: str) -> Product:
        return next(product for product in self.office.products.values() if product.code == code)

    def _priced(self, row: Mapping[str, Any], included: bool, currency: str) -> dict[str, Any]:
        """Price, tax and discount of a line."""
        rate, (price, includes) = row.get("FEntryTaxRate"), _price(row, included)
        if truth(row.get("FIsFree")):
            price = ZERO
        elif price is not None and price <= 0:
            raise GalaxyError("含税单价不能小于等于0", field="FTaxPrice")
        values = {"price": price, "includes_tax": includes, "tax_rate": rate}
        if (discount := row.get("FDiscountRate")) and price is not None:
            values["tax_rate"] = rate = rate or ZERO
            values["fixed"] = _discounted(row["FQty"], price, rate, includes, discount, currency)
        return values

    def _change_lines(self, doc: Order, rows: list[dict[str, Any]], included: bool, delete_missing: bool) -> None:
        by_id = {FIRST_ID + line.id: line for line in doc.lines}
        for row in rows:
            if row["fentryid"] and row["fentryid"] not in by_id:
                raise GalaxyError(f"分录内码 {row['fentryid']} 不存在", field="FEntryID")
        sent = {row["fentryid"] for row in rows}
        for number, line in by_id.items():
            if delete_missing and number not in sent:
                self.office.sales.remove_line(line)
        for row in rows:
            if row["fentryid"]:
                self._change_line(by_id[row["fentryid"]], row, included)
            else:
                self._check_new(row)
                self.office.sales.add_line(doc, self._new_line(row, included, doc.currency))

    def _check_new(self, row: Mapping[str, Any]) -> None:
        entity = self.tenant.metadata.forms[FORM].entities[ENTRY.lower()]
        for wanted in entity.fields.values():
            if wanted.must and row.get(wanted.key) in (None, ""):
                raise GalaxyError(f"字段[{wanted.caption}]是必录字段", field=wanted.key)

    def _change_line(self, line: OrderLine, row: dict[str, Any], included: bool) -> None:
        if row.get("FMaterialId") not in (None, line.product.code):
            raise GalaxyError("已保存分录的物料不允许修改", field="FMaterialId")
        values: dict[str, Any] = {"extra": {**line.extra, **unbound(self.tenant, FORM, ENTRY, row), **_named(row)}}
        if _PRICED & row.keys():
            values |= self._repriced(line, row, included)
        if row.get("FDeliveryDate"):
            values["requested"] = _day(row["FDeliveryDate"])
        if row.get("FUnitID"):
            values["unit"] = row["FUnitID"]
        self.office.sales.change_line(line, **values)

    def _repriced(self, line: OrderLine, row: Mapping[str, Any], included: bool) -> dict[str, Any]:
        """What was not sent stays as it is."""
        whole = {"FQty": line.quantity, "FEntryTaxRate": line.tax_rate, "FMaterialId": line.product.code,
                 "FDiscountRate": line.extra.get("FDiscountRate"), "FIsFree": line.extra.get("FIsFree")}  # fmt: skip
        if not {"FPrice", "FTaxPrice"} & row.keys():
            whole["FTaxPrice" if line.includes_tax else "FPrice"] = (line.price or ZERO) / line.per
            included = line.includes_tax
        whole |= {key: value for key, value in row.items() if value is not None}
        return {"quantity": whole["FQty"], "per": 1, **self._priced(whole, included, line.order.currency)}

    # -- states ------------------------------------------------------------------------------------------------------

    def status(self, doc: Order) -> str:
        if is_contract(doc):
            raise GalaxyError("您没有该功能的操作权限", NO_RIGHT)
        return status_of(doc)

    def set_status(self, doc: Order, status: str, what: str) -> None:
        if status == AUDITED and doc.credit == "held":
            raise GalaxyError("信用检查不通过：客户已超过信用额度，不允许审核", field="FCustId")
        if what == "UnAudit" and status == REOPENED and (doc.deliveries or doc.invoices):
            raise not_operable("单据已有下游单据，不允许反审核")
        extra = {**doc.extra, "FDocumentStatus": status}
        if status == AUDITED:
            extra["FApproveDate"] = local(self.office.now())
        self.office.change(doc, extra=extra, released=status == AUDITED)
        self.office.touch(doc, what)

    def delete(self, doc: Order) -> None:
        with in_words():
            self.office.sales.delete_order(doc)

    def operations(self) -> Mapping[str, Callable[[Order], None]]:
        return {
            "cancel": self._cancel, "uncancel": self._uncancel, "billclose": lambda doc: self._close(doc, True),
            "billunclose": lambda doc: self._close(doc, False), "unclose": lambda doc: self._close(doc, False),
        }  # fmt: skip

    def _cancel(self, doc: Order) -> None:
        if self.status(doc) not in "ZAD":
            raise not_operable("只有暂存、创建或重新审核状态的单据才允许作废")
        with in_words():
            self.office.sales.cancel_order(doc)

    def _uncancel(self, doc: Order) -> None:
        if self.status(doc) and not doc.cancelled:
            raise not_operable("单据未作废，不允许反作废")
        self.office.change(doc, cancelled=None)
        self.office.touch(doc, "UnCancel")

    def _close(self, doc: Order, closed: bool) -> None:
        if self.status(doc) != AUDITED or bool(doc.closed) == closed:
            raise not_operable("单据状态不允许关闭或反关闭")
        self.office.change(doc, closed=self.office.today() if closed else None)
        self.office.touch(doc, "BillClose" if closed else "BillUnClose")


def _price(row: Mapping[str, Any], included: bool) -> tuple[Decimal | None, bool]:
    """The price, and whether tax is in it: of two the one that the order's tax flag names. None: ask the price list."""
    net, gross = row.get("FPrice"), row.get("FTaxPrice")
    by_tax = gross is not None and (included or net is None)
    return (gross, True) if by_tax else (net, False)


def _discounted(
    quantity: Decimal, price: Decimal, rate: Decimal, included: bool, percent: Decimal, currency: str
) -> tuple[Decimal, Decimal]:
    """Net and tax after a discount in per cent of the line's amount with tax."""
    net, tax = tax_split(quantity, price, rate, included, currency)
    gross = (net + tax) - rounded((net + tax) * percent / 100, currency)
    without = rounded(_WIDE.divide(gross * 100, 100 + rate), currency)
    return without, gross - without


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("FEntryNote", "FIsFree", "FRowType", "FReserveType") if row.get(key) is not None}


def _day(value: Any) -> date | None:
    return value.date() if isinstance(value, datetime) else None
