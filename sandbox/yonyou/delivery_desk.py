"""Deliveries: lists, details, made from audited orders, submitted, audited, taken back; and goods issues.

A delivery counts against its order as soon as it is saved. Audited it waits for the goods issue, which the warehouse
makes when the days pass; after that it stays.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.office.trade import Delivery, Office, Order, OrderLine
from sandbox.yonyou import batch, delivery_rows, numbers, order_rows
from sandbox.yonyou.apis import Api, Call, amount, paged, record, records
from sandbox.yonyou.delivery_rows import SUBMITTED
from sandbox.yonyou.envelope import RefusalError, business, missing
from sandbox.yonyou.listing import Lists
from sandbox.yonyou.org import by_id
from sandbox.yonyou.query import Entry
from sandbox.yonyou.wire import Row, parse_day

ROOT, ISSUES = "/yonbip/sd/voucherdelivery/", "/yonbip/scm/salesout/"
OPEN, AUDITED, IN_APPROVAL = 0, 1, 3


class DeliveryDesk:
    def __init__(self, office: Office, lists: Lists) -> None:
        self.office, self.lists = office, lists

    def apis(self) -> list[Api]:
        actions: dict[str, Callable[[Delivery], None]] = {
            "submit": self._submit, "audit": self._audit, "unaudit": self._unaudit, "batchdelete": self._delete,
        }  # fmt: skip
        data = ("data",)
        return [
            paged(ROOT + "list", self._list),
            Api(ROOT + "detail", self._detail, method="GET"),
            Api(ROOT + "saveFromSaleOrder", self._save, writes=True, needs=data),
            Api(ROOT + "singleSave", self._save, writes=True, idempotent=True, needs=data),
            *(Api(ROOT + name, self._batch(act), writes=True, needs=data) for name, act in actions.items()),
            paged(ISSUES + "list", self._issues),
            Api(ISSUES + "detail", self._issue, method="GET"),
        ]  # fmt: skip

    # -- reading ---------------------------------------------------------------------------------------------------

    def _list(self, call: Call) -> Row:
        return self.lists.page(
            call, delivery_rows.SHAPE, ROOT,
            lambda: [delivery_rows.entry(self.office, each) for each in self.office.deliveries.values()],
        )  # fmt: skip

    def _detail(self, call: Call) -> Row:
        return delivery_rows.detail(self.office, self._one(call.options.get("id", "")))

    def _issues(self, call: Call) -> Row:
        return self.lists.page(call, delivery_rows.ISSUES, ISSUES, self._issue_entries)

    def _issue_entries(self) -> list[Entry]:
        issued = [delivery for delivery in self.office.deliveries.values() if delivery.issued]
        return [delivery_rows.issue_entry(self.office, delivery) for delivery in issued]

    def _issue(self, call: Call) -> Row:
        """The id of a goods issue is one more than its delivery's."""
        asked = call.options.get("id", "")
        delivery = self._one(int(asked) - 1 if asked.isdigit() else "")
        if not delivery.issued:
            raise missing()
        lines = [delivery_rows.issue_line(delivery, part) for part in delivery.lines]
        return delivery_rows.issue_header(self.office, delivery) | {"details": lines}

    def _one(self, reference: Any) -> Delivery:
        found: Delivery = by_id(self.office.deliveries, "delivery", reference)
        return found

    # -- writing ---------------------------------------------------------------------------------------------------

    def _save(self, call: Call) -> Row:
        """Lines as asked for, or all that is left of the order."""
        data = record(call.body)
        order: Order = by_id(self.office.orders, "order", data.get("orderId") or data.get("id"))
        if order_rows.next_status(order) not in ("DELIVERGOODS", "DELIVERY_PART"):
            raise business(f"订单[{order_rows.code(order)}]当前状态不能发货")
        rows = data.get("deliveryDetails") or []
        asked = [self._asked(order, row) for row in rows]
        lines = asked or [(line, line.remaining) for line in order.lines if line.remaining]
        if not lines or any(quantity <= 0 or quantity > line.remaining for line, quantity in lines):
            raise business("发货数量超出可发货数量")
        try:
            planned = parse_day(data["vouchdate"]) if data.get("vouchdate") else self.office.today()
        except ValueError:
            raise RefusalError("310023", "参数[data.vouchdate]类型错误") from None
        delivery = self.office.sales.deliver(lines, planned)
        return delivery_rows.detail(self.office, delivery)

    def _asked(self, order: Order, row: Row) -> tuple[OrderLine, Decimal]:
        wanted = str(row.get("orderDetailId"))
        line = next((each for each in order.lines if str(order_rows.line_id(each)) == wanted), None)
        if line is None:
            raise business("未获取到当前订单商品信息")
        return line, amount(row, "qty")

    def _batch(self, act: Callable[[Delivery], None]) -> Callable[[Call], Any]:
        def one(row: Row) -> Row:
            delivery = self._one(row.get("id"))
            act(delivery)
            return {"id": numbers.id_of("delivery", delivery.id), "code": delivery_rows.code(delivery)}

        return lambda call: batch.run(self.office, records(call.body), one)

    def _expect(self, delivery: Delivery, *wanted: int) -> None:
        if delivery_rows.status(delivery) not in wanted or delivery.issued:
            raise business(f"单据[{delivery_rows.code(delivery)}]当前状态不能执行该操作")

    def _submit(self, delivery: Delivery) -> None:
        self._expect(delivery, OPEN)
        self.office.change(delivery, extra={**delivery.extra, SUBMITTED: True})
        self.office.touch(delivery, "submit")

    def _audit(self, delivery: Delivery) -> None:
        self._expect(delivery, OPEN, IN_APPROVAL)
        self.office.change(delivery, picked=True)
        self.office.touch(delivery, "audit")

    def _unaudit(self, delivery: Delivery) -> None:
        self._expect(delivery, AUDITED)
        extra = {name: value for name, value in delivery.extra.items() if name != SUBMITTED}
        self.office.change(delivery, picked=False, extra=extra)
        self.office.touch(delivery, "unaudit")

    def _delete(self, delivery: Delivery) -> None:
        """What was to go is to be delivered again."""
        self._expect(delivery, OPEN)
        for part in delivery.lines:
            line = part.order_line
            self.office.change(line, in_delivery=line.in_delivery - part.quantity)
            if delivery in line.order.deliveries:
                self.office.journal.remove(line.order.deliveries, delivery)
                self.office.touch(line.order)
        self.office.drop(self.office.deliveries, delivery)
