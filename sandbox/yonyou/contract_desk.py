"""Sales contracts: save, submit, audit, effect; freeze, stop and back. And the list of opportunities.

A list of contracts is used by clients, though no documentation of it was seen. A contract is saved open (0), submitted
(3), audited (1) and takes effect (5); sactfreeze (6) and sactstop (7) end that, sactunstop and sactuneffect go back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sandbox.office.agreements import NewTerm
from sandbox.office.money import ZERO
from sandbox.office.trade import Contract, Office, TradeError
from sandbox.yonyou import batch, contract_rows, numbers
from sandbox.yonyou.apis import Api, Call, amount, paged, record
from sandbox.yonyou.contract_rows import AUDITED, EFFECTIVE, FROZEN, IN_APPROVAL, OPEN, STATE, STOPPED
from sandbox.yonyou.envelope import RefusalError, business, missing
from sandbox.yonyou.listing import Lists
from sandbox.yonyou.org import Org, by_id
from sandbox.yonyou.query import Entry
from sandbox.yonyou.wire import Row, day, parse_day

ROOT = "/yonbip/sd/sact/"
OPPORTUNITIES = "/yonbip/crm/oppt/bill/list"
NEEDED = (
    "salesOrgId", "transactionTypeId", "code", "vouchdate", "agentId", "invoiceAgentId", "currency", "natCurrency",
    "exchangeRateType", "childs",
)  # fmt: skip
_OUTSIDE = ("code", "out_sys_id", "out_sys_code", "out_sys_version", "receiveAgreement")


class ContractDesk:
    def __init__(self, office: Office, org: Org, lists: Lists) -> None:
        self.office, self.org, self.lists = office, org, lists

    def apis(self) -> list[Api]:
        moves: dict[str, tuple[tuple[int, ...], Row]] = {
            "sactsubmit": ((OPEN,), _draft(IN_APPROVAL)), "batchunsubmit": ((IN_APPROVAL,), _draft(OPEN)),
            "batchaudit": ((IN_APPROVAL,), _draft(AUDITED)), "batchunaudit": ((AUDITED,), _draft(OPEN)),
            "sactEffect": ((AUDITED,), {"state": "active"}), "sactuneffect": ((EFFECTIVE,), _draft(AUDITED)),
            "sactfreeze": ((EFFECTIVE,), {"state": "frozen"}), "sactunfreeze": ((FROZEN,), {"state": "active"}),
            "sactstop": ((EFFECTIVE, FROZEN), {"state": "cancelled"}),
            "sactunstop": ((STOPPED,), {"state": "active", "cancelled": None}),
        }  # fmt: skip
        data = ("data",)
        return [
            paged(ROOT + "list", self._list),
            Api(ROOT + "detail", self._detail, method="GET"),
            Api(ROOT + "save", self._save, writes=True, idempotent=True, needs=data),
            *(Api(ROOT + name, self._move(*move), writes=True, needs=data) for name, move in moves.items()),
            paged(OPPORTUNITIES, self._opportunities, code="0"),
        ]  # fmt: skip

    # -- reading ---------------------------------------------------------------------------------------------------

    def _entries(self) -> list[Entry]:
        return [contract_rows.entry(self.office, contract) for contract in self.office.contracts.values()]

    def _list(self, call: Call) -> Row:
        return self.lists.page(call, contract_rows.SHAPE, ROOT, self._entries)

    def _opportunities(self, call: Call) -> Row:
        return self.lists.page(
            call, contract_rows.OPPORTUNITIES, OPPORTUNITIES,
            lambda: [contract_rows.opportunity(order) for order in self.office.orders.values()],
        )  # fmt: skip

    def _detail(self, call: Call) -> Row:
        contract = self.office.contracts.get(numbers.serial_of("contract", call.options.get("id", "")) or 0)
        if contract is None:
            raise missing()
        return contract_rows.detail(self.office, contract)

    # -- saving ----------------------------------------------------------------------------------------------------

    def _save(self, call: Call) -> Row:
        data = record(call.body)
        try:
            contract = self._update(data) if data.get("_status") == "Update" else self._insert(data)
        except TradeError as problem:
            raise business(batch.in_chinese(problem)) from None
        return contract_rows.detail(self.office, contract)

    def _insert(self, data: Row) -> Contract:
        for name in ("_status", *NEEDED):
            if data.get(name) in (None, "", []):
                raise RefusalError("310008", f"必填参数[data.{name}]缺失")
        if any(contract_rows.code(each) == data["code"] for each in self.office.contracts.values()):
            raise business(f"合同编号[{data['code']}]重复")
        start = _day(data, "planEffectiveDate") or _day(data, "vouchdate") or self.office.today()
        end = _day(data, "planExpirationDate") or start + timedelta(days=364)
        renewed = data.get("srcContractId")
        self.org.customer(data["invoiceAgentId"], "invoiceAgentId")
        return self.office.agreements.create(
            self.org.customer(data["agentId"], "agentId"), self.org.company(data["salesOrgId"], "salesOrgId"),
            [self._term(row, start, end) for row in data["childs"]],
            currency=self.org.currency(data["currency"], "currency"), start=start, end=end, state="draft",
            signed=_day(data, "vouchdate"), text=str(data.get("name") or ""), terms=str(data.get("agreement") or ""),
            renews=by_id(self.office.contracts, "contract", renewed) if renewed else None,
            extra={name: data[name] for name in _OUTSIDE if data.get(name)},
        )  # fmt: skip

    def _term(self, row: Row, start: date, end: date) -> NewTerm:
        if not row.get("_status"):
            raise RefusalError("310008", "必填参数[data.childs._status]缺失")
        net, gross = amount(row, "oriMoney"), amount(row, "oriSum")
        rate = amount(row, "taxRate") if row.get("taxRate") is not None else _implied(net, gross)
        return NewTerm(
            self.org.product(row.get("productId"), "productId"), amount(row, "qty"), net,
            _day(row, "serviceStartDate") or start, _day(row, "serviceEndDate") or end, tax_rate=rate,
        )  # fmt: skip

    def _update(self, data: Row) -> Contract:
        """Header fields of an open contract; its lines stay."""
        contract: Contract = by_id(self.office.contracts, "contract", data.get("id"))
        if contract_rows.status(contract) != OPEN:
            raise business(f"合同[{contract_rows.code(contract)}]不是开立态，不能修改")
        values: Row = {
            own: _day(data, name)
            for name, own in (("planEffectiveDate", "start"), ("planExpirationDate", "end"))
            if data.get(name)
        }
        values["extra"] = {**contract.extra, **{name: data[name] for name in _OUTSIDE if data.get(name)}}
        self.office.agreements.change(contract, **values)
        return contract

    # -- actions ---------------------------------------------------------------------------------------------------

    def _move(self, wanted: tuple[int, ...], values: Row) -> Callable[[Call], Any]:
        """An action on a list of contracts, or on one."""

        def one(row: Row) -> Row:
            contract: Contract = by_id(self.office.contracts, "contract", row.get("id"))
            if contract_rows.status(contract) not in wanted:
                raise business(f"合同[{contract_rows.code(contract)}]当前状态不能执行该操作")
            self._set(contract, dict(values))
            return contract_rows.header(self.office, contract)

        def run(call: Call) -> Row:
            data = call.body["data"]
            rows = data if isinstance(data, list) else [data]
            if not all(isinstance(row, dict) for row in rows):
                raise RefusalError("310023", "参数[data]类型错误")
            return batch.run(self.office, rows, one)

        return run

    def _set(self, contract: Contract, values: Row) -> None:
        extra = dict(contract.extra)
        if STATE in values:
            extra[STATE] = values.pop(STATE)
        extra["frozenDate"] = day(self.office.today()) if values.get("state") == "frozen" else None
        if values.get("state") == "cancelled":
            values["cancelled"] = self.office.today()
        self.office.change(contract, **values, extra=extra)
        self.office.touch(contract, str(values["state"]))


def _draft(state: int) -> Row:
    return {"state": "draft", STATE: state}


def _day(row: Row, name: str) -> date | None:
    try:
        return parse_day(row[name]) if row.get(name) else None
    except ValueError:
        raise RefusalError("310023", f"参数[data.{name}]类型错误") from None


def _implied(net: Decimal, gross: Decimal) -> Decimal:
    """The rate in whole per cent that the amounts say."""
    return ((gross - net) * 100 / net).quantize(Decimal(1)) if net else ZERO
