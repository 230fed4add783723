"""Sales orders: lists, details, saves, and the actions that move an order from state to state.

A saved order is open (0). batchsubmit puts it into approval (3), batchaudit approves it (1); one over its customer's
credit limit is run by a workflow and waits there for somebody in the ERP. batchunaudit and batchunsubmit go back, as
long as nothing has been made from the order. close (2) and open, lineclose and lineopen stop and resume what is left;
oppose turns down an order that is not audited yet; delete takes an open one out of the books.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.office.trade import Office, Order, TradeError
from sandbox.yonyou import batch, order_rows
from sandbox.yonyou.apis import ORDERS_PER_MINUTE, Api, Call, paged, record, records
from sandbox.yonyou.envelope import business, missing
from sandbox.yonyou.listing import Lists, with_total
from sandbox.yonyou.numbers import serial_of
from sandbox.yonyou.order_rows import SUBMITTED
from sandbox.yonyou.order_save import OrderSave
from sandbox.yonyou.org import Org, by_id
from sandbox.yonyou.query import Entry
from sandbox.yonyou.wire import Row, moment

ROOT = "/yonbip/sd/voucherorder/"


class OrderDesk:
    def __init__(self, office: Office, org: Org, lists: Lists) -> None:
        self.office, self.lists = office, lists
        self._save = OrderSave(office, org)

    def apis(self) -> list[Api]:
        actions: dict[str, Callable[[Order, Row], None]] = {
            "batchsubmit": self._submit, "batchunsubmit": self._unsubmit, "batchaudit": self._audit,
            "batchunaudit": self._unaudit, "close": self._close, "open": self._open, "lineclose": self._close_lines,
            "lineopen": self._open_lines, "oppose": self._oppose,
        }  # fmt: skip
        data = ("data",)
        return [
            paged(ROOT + "list", self._list, per_minute=ORDERS_PER_MINUTE),
            Api(ROOT + "detail", self._detail, method="GET", per_minute=ORDERS_PER_MINUTE),
            Api(ROOT + "singleSave", self._single_save, writes=True, idempotent=True, needs=data,
                per_minute=ORDERS_PER_MINUTE),
            Api(ROOT + "delete", self._delete, writes=True, idempotent=True, needs=data),
            *(Api(ROOT + name, self._batch(act), writes=True, needs=data) for name, act in actions.items()),
        ]  # fmt: skip

    # -- reading ---------------------------------------------------------------------------------------------------

    def _entries(self) -> list[Entry]:
        return [order_rows.entry(self.office, order) for order in self.office.orders.values()]

    def _list(self, call: Call) -> Row:
        page = self.lists.page(call, order_rows.SHAPE, ROOT, self._entries)
        return with_total(page, order_rows.SHAPE, call.body, order_rows.TOTALS)

    def _detail(self, call: Call) -> Row:
        serial = serial_of("order", call.options.get("id", ""))
        if serial is None or serial not in self.office.orders:
            raise business("未获取到当前订单商品信息")
        return order_rows.detail(self.office, self.office.orders[serial])

    # -- saving ----------------------------------------------------------------------------------------------------

    def _single_save(self, call: Call) -> Row:
        data = record(call.body)
        try:
            order = self._save.save(data)
        except TradeError as problem:
            raise business(batch.in_chinese(problem)) from None
        return order_rows.detail(self.office, order)

    def _delete(self, call: Call) -> Row:
        data = record(call.body)
        ids, codes = data.get("id") or [], data.get("code") or []
        if not ids and not codes:
            raise business("单据id和编码不能同时为空")
        rows = [{"id": one} for one in ids] or [{"code": one} for one in codes]
        return batch.run(self.office, rows, self._delete_one)

    def _delete_one(self, row: Row) -> Row:
        order = self._order(row)
        if order_rows.next_status(order) != "CONFIRMORDER":
            raise business(f"单据[{order_rows.code(order)}]已提交或已审核，删除失败！")
        info = {"id": row.get("id"), "code": order_rows.code(order)}
        self.office.sales.delete_order(order)
        return info

    def _order(self, row: Row) -> Order:
        if row.get("id"):
            found: Order = by_id(self.office.orders, "order", row["id"])
            return found
        named = (order for order in self.office.orders.values() if order_rows.code(order) == row.get("code"))
        order = next(named, None)
        if order is None:
            raise missing()
        return order

    # -- actions ---------------------------------------------------------------------------------------------------

    def _batch(self, act: Callable[[Order, Row], None]) -> Callable[[Call], Any]:
        def one(row: Row) -> Row:
            order = self._order(row)
            act(order, row)
            return order_rows.header(self.office, order)

        return lambda call: batch.run(self.office, records(call.body), one)

    def _change(self, order: Order, what: str, **values: Any) -> None:
        self.office.change(order, **values)
        self.office.touch(order, what)

    def _expect(self, order: Order, *wanted: str) -> None:
        state = order_rows.next_status(order)
        if state not in wanted:
            raise business(f"单据[{order_rows.code(order)}]当前状态为{order_rows.NEXT_NAMES[state]}，不能执行该操作")

    def _submit(self, order: Order, row: Row) -> None:
        self._expect(order, "CONFIRMORDER")
        self._change(order, "submit", extra={**order.extra, SUBMITTED: True})

    def _unsubmit(self, order: Order, row: Row) -> None:
        self._expect(order, "APPROVING")
        self._to_open(order, "unsubmit")

    def _audit(self, order: Order, row: Row) -> None:
        self._expect(order, "APPROVING")
        if order.credit == "held":
            raise business(f"单据[{order_rows.code(order)}]受审批流控制，不能直接审批")
        stamp = moment(self.office.now())
        self._change(order, "audit", released=True, extra={**order.extra, "auditTime": stamp})

    def _unaudit(self, order: Order, row: Row) -> None:
        self._expect(order, "DELIVERGOODS", "APPROVING")
        if not order.released:
            raise business(f"单据[{order_rows.code(order)}]未审核，不能弃审")
        if order.deliveries or order.invoices:
            raise business(f"单据[{order_rows.code(order)}]存在下游单据，不能弃审")
        self._to_open(order, "unaudit")

    def _to_open(self, order: Order, what: str) -> None:
        kept = {name: value for name, value in order.extra.items() if name not in (SUBMITTED, "auditTime")}
        self._change(order, what, released=False, extra=kept)

    def _close(self, order: Order, row: Row) -> None:
        self._expect(order, "DELIVERGOODS", "DELIVERY_PART", "TAKEDELIVERY")
        self._change(order, "close", closed=self.office.today())

    def _open(self, order: Order, row: Row) -> None:
        self._expect(order, "CLOSEDORDER")
        self._change(order, "open", closed=None)

    def _close_lines(self, order: Order, row: Row) -> None:
        self._expect(order, "DELIVERGOODS", "DELIVERY_PART", "TAKEDELIVERY")
        for line in self._lines(order, row):
            self.office.sales.cancel_line(line)

    def _open_lines(self, order: Order, row: Row) -> None:
        for line in self._lines(order, row):
            self.office.change(line, cancelled=None)
        self.office.touch(order, "lineopen")

    def _lines(self, order: Order, row: Row) -> list[Any]:
        wanted = {str(part.get("id")) for part in row.get("orderDetails") or []}
        lines = [line for line in order.lines if str(order_rows.line_id(line)) in wanted]
        if len(lines) != len(wanted) or not wanted:
            raise business("未获取到当前订单商品信息")
        return lines

    def _oppose(self, order: Order, row: Row) -> None:
        self._expect(order, "CONFIRMORDER", "APPROVING")
        if order.released:
            raise business(f"单据[{order_rows.code(order)}]已审核，不能驳回")
        self.office.sales.cancel_order(order)
