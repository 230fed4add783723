"""The services that change something: Save and its kin, the verbs of a document's life, allocation, push."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from sandbox.kingdee.batches import Outcome, listed, outcomes_of, wanted_of
from sandbox.kingdee.body import Call
from sandbox.kingdee.desks import (
    AUDITED,
    CREATED,
    DRAFT,
    REOPENED,
    SUBMITTED,
    BillDesk,
    CustomerDesk,
    Desk,
    in_words,
    not_operable,
)
from sandbox.kingdee.envelope import (
    NO_OPERATION,
    NO_RIGHT,
    NOT_FOUND,
    PARAMETER,
    Answer,
    Done,
    GalaxyError,
    Refused,
    ServerError,
    status_of,
    truth,
)
from sandbox.kingdee.metadata import HEAD, Form
from sandbox.kingdee.model import Given, Reader, check_needed
from sandbox.kingdee.order_desk import OrderDesk
from sandbox.kingdee.query import wire
from sandbox.kingdee.shapes_stock import delivery_number
from sandbox.kingdee.tables import FIRST_ID, Table, Tenant, at_midnight
from sandbox.office.trade import Order

_MOVES = {
    "submit": ("Submit", "ZAD", SUBMITTED), "audit": ("Audit", "B", AUDITED), "unaudit": ("UnAudit", "C", REOPENED),
    "cancelassign": ("CancelAssign", "B", REOPENED),
}  # fmt: skip
"""Verb: its name, the states it starts from, and the one it leads to."""

_NOT_IN_STATE = {
    "submit": "只有暂存、创建或重新审核状态的单据才允许提交", "audit": "只有审核中的单据才允许审核",
    "unaudit": "只有已审核的单据才允许反审核", "cancelassign": "只有审核中的单据才允许撤销",
}  # fmt: skip
_NOT_CHANGED = {SUBMITTED: "单据已提交，不允许修改", AUDITED: "单据已审核，不允许修改"}


class Operations:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant, self.office = tenant, tenant.office
        self.customers = CustomerDesk(tenant)
        self.desks: dict[str, Desk] = {
            "order": OrderDesk(tenant), "customer": self.customers, "bill": BillDesk(tenant)
        }  # fmt: skip
        self.manual_numbers = True
        """False: the coding rule of every bill type gives the number, whatever is sent."""

    def run(self, call: Call) -> Answer:
        verbs: dict[str, Callable[[Call, Table, Desk], Answer]] = {
            "save": self._save, "draft": self._save, "batchsave": self._batch_save, "delete": self._delete,
            "executeoperation": self._execute, "allocate": self._allocate, "cancelallocate": self._allocate,
            "push": self._push, **dict.fromkeys(_MOVES, self._move),
        }  # fmt: skip
        if call.method not in verbs:
            raise ServerError(f"找不到服务方法 {call.method}")
        form = self.tenant.metadata.form(call.form)
        if not form.writes:
            raise GalaxyError("您没有该功能的操作权限", NO_RIGHT)
        return verbs[call.method](call, self.tenant.table(form.id), self.desks[form.writes])

    # -- save --------------------------------------------------------------------------------------------------------

    def _save(self, call: Call, table: Table, desk: Desk) -> Answer:
        outcome = self._saved(call, table, desk, call.data.get("model"), 0)
        done = outcome if isinstance(outcome, Done) else None
        return {
            "Result": {
                "ResponseStatus": status_of([outcome]), "Id": done.id if done else "",
                "Number": done.number if done else "", "NeedReturnData": [done.needed if done else {}],
            }
        }  # fmt: skip

    def _batch_save(self, call: Call, table: Table, desk: Desk) -> Answer:
        """One by one: what is refused does not keep back the others."""
        models = call.data.get("model")
        if not isinstance(models, list):
            raise GalaxyError("data 数据包中的参数 Model 必须是数组", PARAMETER)
        outcomes = [self._saved(call, table, desk, model, at) for at, model in enumerate(models)]
        needed = [outcome.needed if isinstance(outcome, Done) else {} for outcome in outcomes]
        return {"Result": {"ResponseStatus": status_of(outcomes), "NeedReturnData": needed}}

    def _saved(self, call: Call, table: Table, desk: Desk, model: Any, at: int) -> Outcome:
        try:
            if not isinstance(model, dict):
                raise GalaxyError("data 数据包中的参数 Model 的值不能为空", PARAMETER)
            with self.office.attempt():
                doc = self._written(call, table, desk, model)
                if truth(call.data.get("isautosubmitandaudit")):
                    desk.set_status(doc, SUBMITTED, "Submit")
                    desk.set_status(doc, AUDITED, "Audit")
        except GalaxyError as error:
            return Refused(at, error)
        return Done(at, table.id_of(doc), table.number_of(doc), self._needed(call, table, doc))

    def _written(self, call: Call, table: Table, desk: Desk, model: dict[str, Any]) -> Any:
        form, data = table.form, call.data
        if truth(data.get("validaterepeatjson")):
            self._check_repeat(form, model)
        given = Reader(self.tenant, form, verify=truth(data.get("isverifybasedatafield"))).read(model)
        if not given.id:
            return self._new(form, table, desk, given, DRAFT if call.method == "draft" else CREATED)
        doc = table.by_id(given.id)
        if doc is None:
            raise GalaxyError(f"内码为 {given.id} 的单据不存在", NOT_FOUND)
        if (text := _NOT_CHANGED.get(desk.status(doc))) is not None:
            raise not_operable(text)
        if names := data.get("needupdatefields"):
            given.limit(names)
        self._check_number(table, given, doc)
        desk.change(doc, given, delete_missing=truth(data.get("isdeleteentry"), default=True))
        if desk.status(doc) == DRAFT and call.method != "draft":
            desk.set_status(doc, CREATED, "Save")
        return doc

    def _new(self, form: Form, table: Table, desk: Desk, given: Given, status: str) -> Any:
        head = form.entities[HEAD.lower()].fields
        if "fbilltypeid" in head:
            given.header.setdefault("FBillTypeID", next(iter(form.bill_types), None))
        if "fdate" in head:
            given.header.setdefault("FDate", at_midnight(self.office.today()))
        if given.header.get("FBillTypeID") in form.fixed_numbers or not self.manual_numbers:
            given.header.pop(form.number, None)
        self._check_number(table, given, None)
        check_needed(form, given)
        return desk.create(form, given, status)

    def _check_number(self, table: Table, given: Given, doc: Any) -> None:
        number = given.header.get(table.form.number)
        wanted = table.id_of(doc) if doc is not None else None
        if number and any(table.id_of(other) != wanted for other in table.by_number(number)):
            text = f"违反字段唯一性要求：编码唯一。[{number}]在当前系统中已经被使用。"
            raise GalaxyError(text, field=table.form.number)

    def _check_repeat(self, form: Form, model: dict[str, Any]) -> None:
        sent: dict[str, str] = self.office.extra.setdefault("repeats", {})
        digest = hashlib.sha256(form.id.encode() + msgspec.json.encode(model)).hexdigest()
        if digest in sent:
            raise GalaxyError("请求的数据包重复提交，不允许保存")
        self.office.journal.put(sent, digest, form.id)

    def _needed(self, call: Call, table: Table, doc: Any) -> Answer:
        shown: Answer = {}
        for name in call.data.get("needreturnfields") or ():
            if found := table.form.find(str(name)):
                entity, field = found
                get = table.getter(entity, field)
                if not entity.id_key:
                    shown[field.key] = wire(get(doc), field)
                    continue
                rows = table.rows(entity, doc)
                entries = shown.setdefault(entity.key, [{} for _ in rows])
                for row, entry in zip(rows, entries, strict=True):
                    entry[field.key] = wire(get(row), field)
        return shown

    # -- verbs -------------------------------------------------------------------------------------------------------

    def _move(self, call: Call, table: Table, desk: Desk) -> Answer:
        name, starts, target = _MOVES[call.method]

        def move(doc: Any) -> None:
            if desk.status(doc) not in starts:
                raise not_operable(_NOT_IN_STATE[call.method])
            if _is_void(doc):
                raise not_operable("单据已作废，不允许该操作")
            desk.set_status(doc, target, name)

        return self._each(call, table, move)

    def _delete(self, call: Call, table: Table, desk: Desk) -> Answer:
        def delete(doc: Any) -> None:
            if desk.status(doc) not in "ZAD":
                raise not_operable("只有暂存、创建或重新审核状态的单据才允许删除")
            desk.delete(doc)

        return self._each(call, table, delete)

    def _execute(self, call: Call, table: Table, desk: Desk) -> Answer:
        wanted = str(call.arguments.get("opnumber") or call.data.get("opnumber") or "")
        if not wanted:
            raise GalaxyError("操作编码不能为空", NO_OPERATION)
        number = table.form.operation(wanted).lower()
        if number in _MOVES:
            return self._move(Call(number, call.arguments, call.data), table, desk)
        if number == "delete":
            return self._delete(call, table, desk)
        work = desk.operations().get(number)
        if work is None:
            raise GalaxyError(f"标识为“{wanted}”的操作不存在", NO_OPERATION)
        return self._each(call, table, work)

    def _each(self, call: Call, table: Table, work: Callable[[Any], None]) -> Answer:
        outcomes = list(outcomes_of(self.office, table, wanted_of(call), work))
        return {"Result": {"ResponseStatus": status_of(outcomes)}}

    # -- organisations, follow-on documents --------------------------------------------------------------------------

    def _allocate(self, call: Call, table: Table, desk: Desk) -> Answer:
        """PkIds and TOrgIds: internal ids, comma separated; an organisation may also be named by its number."""
        if desk is not self.customers:
            raise GalaxyError(f"标识为“{call.method}”的操作不存在", NO_OPERATION)
        organisations = self.tenant.tables["ORG_Organizations"]
        targets = [
            next(iter(organisations.by_number(text)), None) or organisations.by_id(text)
            for text in listed(call.data.get("torgids"))
        ]
        if not targets or None in targets:
            raise GalaxyError("data 数据包中的参数 TOrgIds 的值不正确", PARAMETER)
        work = self.customers.allocate if call.method == "allocate" else self.customers.take_back

        def each(doc: Any) -> None:
            if desk.status(doc) != AUDITED:
                raise not_operable("只有已审核的基础资料才允许分配")
            for organisation in targets:
                work(doc, organisation.number)

        outcomes = list(
            outcomes_of(self.office, table, [("id", text) for text in listed(call.data.get("pkids"))], each)
        )
        return {"Result": {"ResponseStatus": status_of(outcomes)}}

    def _push(self, call: Call, table: Table, desk: Desk) -> Answer:
        """An audited order's open quantities as an out-stock bill; no other rule is set up here."""
        target = str(call.data.get("targetformid") or "").lower()
        if table.form.writes != "order" or (
            target not in ("", "sal_outstock") and str(call.data.get("ruleid")) != "SaleOrder-OutStock"
        ):
            raise GalaxyError("没有找到可用的单据转换规则")
        made: list[Done] = []

        def push(doc: Order) -> None:
            lines = [(line, line.remaining) for line in doc.lines if line.remaining]
            if desk.status(doc) != AUDITED or not lines:
                raise GalaxyError("单据未审核或没有可下推的分录")
            with in_words():
                delivery = self.office.sales.deliver(lines, self.office.today())
                self.office.sales.issue(delivery, self.office.today())
            made.append(Done(len(made), FIRST_ID + delivery.id, delivery_number(delivery), {}))

        converted = list(outcomes_of(self.office, table, wanted_of(call), push))
        refused = [outcome for outcome in converted if isinstance(outcome, Refused)]
        status = status_of([*made, *refused])
        numbers, ids = [one.number for one in made], [str(one.id) for one in made]
        converts = status_of(converted)
        return {"Result": {"ResponseStatus": status, "ConvertResponseStatus": converts, "Numbers": numbers, "Ids": ids}}


def _is_void(doc: Any) -> bool:
    return bool(doc.cancelled) if isinstance(doc, Order) else doc.extra.get("FCancelStatus") == "B"
