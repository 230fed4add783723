"""Customers and products: lists, details, and the saves of a customer.

`newlist` answers a bare list without children. Insert is idempotent by its key and needs a code nobody has; newupdate
finds the customer by id or code, takes its fields without `data` around them, and has no idempotency. A child that
comes without an id is one more; organisations are only added. Who manages a customer does not change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox.office.trade import Account, Customer, Office, Product, TradeError
from sandbox.yonyou import batch, master_rows, numbers
from sandbox.yonyou.apis import Api, Call, paged, record, records
from sandbox.yonyou.envelope import RefusalError, missing
from sandbox.yonyou.listing import Lists
from sandbox.yonyou.org import CODE, STOPPED, Org
from sandbox.yonyou.query import Entry
from sandbox.yonyou.wire import Row

MERCHANT, PRODUCT = "/yonbip/digitalModel/merchant/", "/yonbip/digitalModel/product/"
_KEPT = ("shortname", "customerClassCode", "enterpriseNature", "contactName")
_NO_CHILDREN: dict[str, list[Row]] = {name: [] for name in master_rows.CHILDREN}
_FIRST_CHILD = 7_000_000_000_000_000_000
_NEEDED = {"code": "客户编码", "name": "客户名称", "createOrgCode": "管理组织", "enterpriseNature": "企业类型"}
_FIELDS = {
    "contactTel": "phone", "email": "email", "creditCode": "tax_number", "countryCode": "country",
    "regionCode": "region", "postCode": "postal_code",
}  # fmt: skip


def refused(message: str) -> RefusalError:
    """A customer that cannot be saved: here the code is the number 0."""
    return RefusalError(0, message, data=None)


class MasterDesk:
    def __init__(self, office: Office, org: Org, lists: Lists) -> None:
        self.office, self.org, self.lists = office, org, lists

    def apis(self) -> list[Api]:
        data = ("data",)
        return [
            paged(MERCHANT + "newlist", self._customers, code=200),
            Api(MERCHANT + "newBatchDetail", self._details, any_body=True, code=200),
            Api(MERCHANT + "idempotent/newinsert", self._insert, writes=True, idempotent=True, needs=data,
                extra={"success": True}),
            Api(MERCHANT + "newupdate", self._update, writes=True, extra={"success": True}),
            Api(MERCHANT + "stop", self._stop, writes=True, needs=data),
            Api(MERCHANT + "unstop", self._unstop, writes=True, needs=data),
            Api(PRODUCT + "queryByPage", self._products, plain_refusal=True),
            paged(PRODUCT + "list", self._product_page),
            paged(PRODUCT + "listproductbycondition", self._product_page),
            Api(PRODUCT + "detail", self._product, method="GET"),
        ]  # fmt: skip

    # -- reading ---------------------------------------------------------------------------------------------------

    def _customers(self, call: Call) -> list[Row]:
        return self.lists.rows(_since(call), master_rows.CUSTOMERS, MERCHANT, self._customer_entries)

    def _customer_entries(self) -> list[Entry]:
        return [master_rows.customer_entry(self.office, self.org, each) for each in self.office.customers.values()]

    def _details(self, call: Call) -> list[Row]:
        """One for each that is asked for, by id before code; as a list or one at the top of the body."""
        data = call.body.get("data")
        wanted = [data] if isinstance(data, dict) else records(call.body) if isinstance(data, list) else [call.body]
        found = [(self.org.find_customer(one.get("id") or one.get("code")), one) for one in wanted]
        return [
            master_rows.customer_detail(self.office, self.org, each, str(one.get("belongOrgCode") or ""))
            for each, one in found
            if each
        ]

    def _products(self, call: Call) -> Row:
        """Conditions and page stand in objects of their own here; flat ones are taken as well."""
        body = call.body
        page = body.get("page") if isinstance(body.get("page"), dict) else {}
        condition = body.get("condition") if isinstance(body.get("condition"), dict) else {}
        flat = {**body, **(page or {}), **(condition or {})}
        for name in ("pageIndex", "pageSize"):
            if flat.get(name) in (None, ""):
                raise RefusalError("310008", f"必填参数[{name}]缺失")
        return self._product_page(Call(flat, call.options, call.tweaks))

    def _product_page(self, call: Call) -> Row:
        return self.lists.page(_since(call), master_rows.PRODUCTS, PRODUCT, self._product_entries)

    def _product_entries(self) -> list[Entry]:
        return [master_rows.product_entry(self.office, each) for each in self.office.products.values()]

    def _product(self, call: Call) -> Row:
        serial = numbers.serial_of("product", call.options.get("id", ""))
        product: Product | None = self.office.products.get(serial or 0)
        if product is None:
            raise missing()
        return master_rows.product_header(self.office, product) | {"detail": {"saleUnitCode": product.unit}}

    # -- writing ---------------------------------------------------------------------------------------------------

    def _insert(self, call: Call) -> list[Row]:
        data = record(call.body)
        code, name = str(data.get("code") or ""), data.get("name")
        if not isinstance(name, dict) or not name.get("simplifiedName"):
            raise refused("客户名称不能为空!")
        if not code:
            raise refused("客户编码不能为空!")
        if self.org.find_customer(code):
            raise refused(f"客户编码[{code}]已存在!")
        accounts = self._accounts(data)
        customer = self._try(
            lambda: self.office.master.create_customer(
                str(name["simplifiedName"]), accounts, our_number=str(data.get("erpCode") or ""),
                extra={CODE: code, "name": _whole(name), **_kept(data), **_children(_NO_CHILDREN, data)},
                **_fields(data),
            )
        )  # fmt: skip
        return [{"id": numbers.id_of("customer", customer.id), "code": code}]

    def _accounts(self, data: Row) -> list[Account]:
        """One for the managing organisation, and for each that is to use the customer."""
        own = str(data.get("createOrgCode") or "")
        if own not in self.office.companies:
            raise refused(f"管理组织[{own}]不存在!" if own else "管理组织不能为空!")
        terms, codes = data.get("merchantAppliedDetail") or {}, [own]
        for row in data.get("merchantApplyRanges") or []:
            code = str(row.get("orgIdCode") or row.get("orgCode") or "")
            if code not in self.office.companies:
                raise refused(f"组织[{code}]不存在!")
            codes.append(code)
        return [self._account(code, terms) for code in dict.fromkeys(codes)]

    def _account(self, company: str, terms: Row) -> Account:
        sent = terms.get("transactionCurrencyCode") or terms.get("transactionCurrencyName")
        currency = _currency(sent) or self.office.companies[company].currency
        agreement = str(terms.get("collectionAgreementCode") or terms.get("collectionAgreementName") or "")
        return Account(company, str(terms.get("searchCode") or ""), currency, agreement)

    def _update(self, call: Call) -> Row:
        data = call.body
        for name, said in _NEEDED.items():
            if data.get(name) in (None, "", {}):
                raise refused(f"{said}不能为空!")
        customer = self.org.find_customer(data.get("id") or data["code"])
        if customer is None:
            raise refused("客户不存在!")
        if data["createOrgCode"] != master_rows.managing(self.office, customer):
            raise refused(f"管理组织[{data['createOrgCode']}]不允许修改!")
        values: Row = _fields(data)
        extra = {**customer.extra, **_kept(data), **_children(master_rows.children(customer), data)}
        if isinstance(data.get("name"), dict) and data["name"].get("simplifiedName"):
            values |= {"name": str(data["name"]["simplifiedName"]), "name_2": ""}
            extra["name"] = _whole(data["name"])
        if data.get("id") and data.get("code"):
            extra[CODE] = str(data["code"])
        self.office.master.change_customer(customer, extra=extra, **values)
        for account in self._new_ranges(customer, data):
            self._try(lambda account=account: self.office.master.add_account(customer, account))
        return {"id": numbers.id_of("customer", customer.id), "code": self.org.customer_code(customer)}

    def _new_ranges(self, customer: Customer, data: Row) -> list[Account]:
        codes = [str(row.get("orgIdCode") or "") for row in data.get("merchantApplyRanges") or []]
        terms = data.get("merchantAppliedDetail") or {}
        return [self._account(code, terms) for code in codes if code and not customer.account(code)]

    def _try(self, work: Any) -> Any:
        try:
            return work()
        except (TradeError, KeyError) as problem:
            raise refused(batch.in_chinese(problem) if isinstance(problem, TradeError) else "组织不存在!") from None

    def _stop(self, call: Call) -> Row:
        return batch.run(self.office, records(call.body), lambda row: self._set_stopped(row, True))

    def _unstop(self, call: Call) -> Row:
        return batch.run(self.office, records(call.body), lambda row: self._set_stopped(row, False))

    def _set_stopped(self, row: Row, stopped: bool) -> Row:
        customer = self.org.find_customer(row.get("id") or row.get("code"))
        if customer is None:
            raise missing()
        extra = {**customer.extra, STOPPED: stopped}
        self.office.master.change_customer(customer, extra=extra, blocked=stopped)
        return {"id": row.get("id"), "code": self.org.customer_code(customer)}


_TIMES = (("pubts", "egt"), ("beganTime", "egt"), ("endTime", "elt"))
_NAMES = (("name", "eq"), ("fuzzyName", "like"))


def _since(call: Call) -> Call:
    """The lists of master data take a time (changed then or later) and a name, whole or in part, beside conditions."""
    body, given = call.body, call.body.get("simpleVOs") or []
    if not isinstance(given, list):
        return call
    wanted = [("pubts", op, body[name]) for name, op in _TIMES if body.get(name)]
    wanted += [("name.simplifiedName", op, body[name]) for name, op in _NAMES if body.get(name)]
    conditions = [{"field": field, "op": op, "value1": value} for field, op, value in wanted]
    rest = {key: value for key, value in body.items() if key not in ("pubts", "name")}
    return replace(call, body=rest | {"simpleVOs": [*given, *conditions]})


def _whole(name: Row) -> Row:
    return {key: name.get(key) for key in ("simplifiedName", "englishName", "traditionalName")}


def _children(have: dict[str, list[Row]], data: Row) -> Row:
    return {name: _more(rows, data[name]) for name, rows in have.items() if name in data}


def _more(have: list[Row], sent: Any) -> list[Row]:
    """Children that are sent with an id take the place of theirs; one without is one more."""
    rows = [row for row in sent or [] if isinstance(row, dict)]
    named = {str(row["id"]): row for row in rows if row.get("id")}
    first = max((int(row["id"]) for row in have), default=_FIRST_CHILD)
    new = [row for row in rows if not row.get("id")]
    changed = [{**row, **named.get(str(row["id"]), {})} for row in have]
    return [*changed, *({**row, "id": first + at} for at, row in enumerate(new, 1))]


def _kept(data: Row) -> Row:
    return {name: data[name] for name in _KEPT if name in data}


def _fields(data: Row) -> Row:
    """Plain fields that were sent; a null empties one."""
    values = {own: str(data[name] or "") for name, own in _FIELDS.items() if name in data}
    address = data.get("address")
    if isinstance(address, dict):
        values["street"] = str(address.get("simplifiedName") or "")
    return values


def _currency(sent: Any) -> str | None:
    if not sent:
        return None
    named = (code for code in numbers.CURRENCIES if numbers.currency_name(code) == sent)
    return numbers.currency_code(sent) or next(named, None)
