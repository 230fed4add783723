"""Sales invoices: lists, details, made from orders or goods issues, submitted, audited, turned red, deleted.

An invoice that is not audited yet counts nowhere and is no receivable; its audit posts it. `red` reverses an audited
one as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.office.ledger import Billed, dues_of, part_of
from sandbox.office.money import ZERO
from sandbox.office.trade import Delivery, Invoice, Office, Order, OrderLine
from sandbox.yonyou import batch, invoice_rows, order_rows
from sandbox.yonyou.apis import Api, Call, amount, paged, record
from sandbox.yonyou.envelope import RefusalError, business
from sandbox.yonyou.invoice_rows import DRAFT, SUBMITTED
from sandbox.yonyou.listing import Lists
from sandbox.yonyou.org import by_id
from sandbox.yonyou.query import Entry
from sandbox.yonyou.wire import Row, parse_day

ROOT = "/yonbip/sd/vouchersaleinvoice/"
NEEDED = (
    "orgId", "agentId", "invAgentId", "currency", "natCurrency", "exchangeRateType", "vouchdate", "source",
    "saleInvoiceDetails", "_status",
)  # fmt: skip
SOURCES = ("voucher_order", "st_salesout", "voucher_delivery")


class InvoiceDesk:
    def __init__(self, office: Office, lists: Lists) -> None:
        self.office, self.lists = office, lists

    def apis(self) -> list[Api]:
        actions: dict[str, Callable[[Invoice], Invoice | None]] = {
            "submit": self._submit, "audit": self._audit, "red": self._red, "delete": self._delete,
        }  # fmt: skip
        data = ("data",)
        return [
            paged(ROOT + "list", self._list),
            Api(ROOT + "detail", self._detail, method="GET"),
            Api(ROOT + "singleSave", self._save, writes=True, idempotent=True, needs=data),
            Api(ROOT + "saveForSalesOut", self._save_for_issue, writes=True, needs=data),
            *(Api(ROOT + name, self._batch(act), writes=True, needs=data) for name, act in actions.items()),
        ]

    # -- reading ---------------------------------------------------------------------------------------------------

    def _list(self, call: Call) -> Row:
        return self.lists.page(call, invoice_rows.SHAPE, ROOT, self._entries)

    def _entries(self) -> list[Entry]:
        """Openings were taken over as receivables, and what has no lines was entered as one: no sales invoices."""
        invoices = [each for each in self.office.invoices.values() if each.kind != "opening" and each.lines]
        return [invoice_rows.entry(self.office, invoice) for invoice in invoices]

    def _detail(self, call: Call) -> Row:
        return invoice_rows.detail(self.office, self._one(call.options.get("id", "")))

    def _one(self, reference: Any) -> Invoice:
        found: Invoice = by_id(self.office.invoices, "invoice", reference)
        return found

    # -- saving ----------------------------------------------------------------------------------------------------

    def _save(self, call: Call) -> Row:
        """Lines of one order, by orderDetailId; without a quantity the rest of the line."""
        data = record(call.body)
        for name in NEEDED:
            if data.get(name) in (None, "", []):
                raise RefusalError("310008", f"必填参数[data.{name}]缺失")
        if data["source"] not in SOURCES:
            raise business(f"来源单据类型[{data['source']}]不正确")
        lines = [self._asked(row) for row in data["saleInvoiceDetails"]]
        try:
            return self._draft(lines, None, parse_day(data["vouchdate"]))
        except ValueError:
            raise RefusalError("310023", "参数[data.vouchdate]类型错误") from None

    def _asked(self, row: Row) -> tuple[OrderLine, Decimal]:
        wanted = str(row.get("orderDetailId"))
        lines = (line for order in self.office.orders.values() for line in order.lines)
        line = next((line for line in lines if str(order_rows.line_id(line)) == wanted), None)
        if line is None:
            raise business("未获取到当前订单商品信息")
        return line, amount(row, "qty") if row.get("qty") is not None else line.quantity - line.invoiced

    def _save_for_issue(self, call: Call) -> Row:
        """Everything of a goods issue; its id is one more than its delivery's."""
        asked = str(record(call.body).get("id", ""))
        delivery: Delivery = by_id(self.office.deliveries, "delivery", int(asked) - 1 if asked.isdigit() else "")
        if not delivery.issued or delivery.is_return or delivery.invoiced:
            raise business("出库单当前状态不能开票")
        lines = [(part.order_line, part.quantity) for part in delivery.lines]
        return self._draft(lines, delivery, self.office.today())

    def _draft(self, lines: list[tuple[OrderLine, Decimal]], delivery: Delivery | None, posted: Any) -> Row:
        order = self._order_of(lines)
        billed = []
        for line, quantity in lines:
            _check_quantity(line, quantity)
            net, tax = part_of(line, quantity)
            billed.append(Billed(line.product, quantity, line.unit, net, tax, line.tax_rate, line, delivery, line.text))
        net, tax = sum((line.net for line in billed), ZERO), sum((line.tax for line in billed), ZERO)
        invoice = self.office.ledger.post(
            "provisional", order.company, order.customer, order.currency, posted, billed,
            dues_of(order.terms, posted, net + tax, order.currency), net=net, tax=tax, terms=order.terms,
            customer_po=order.customer_po,
        )  # fmt: skip
        self.office.change(invoice, extra={DRAFT: True})
        return invoice_rows.detail(self.office, invoice)

    def _order_of(self, lines: list[tuple[OrderLine, Decimal]]) -> Order:
        orders = {line.order.id: line.order for line, _ in lines}
        if len(orders) != 1:
            raise business("一张发票只能来源于一张订单")
        order = next(iter(orders.values()))
        if not order.released or order.status == "cancelled":
            raise business(f"订单[{order_rows.code(order)}]未审核，不能开票")
        return order

    # -- actions ---------------------------------------------------------------------------------------------------

    def _batch(self, act: Callable[[Invoice], Invoice | None]) -> Callable[[Call], Any]:
        def one(row: Row) -> Row:
            invoice = self._one(row.get("id"))
            return invoice_rows.header(self.office, act(invoice) or invoice)

        def run(call: Call) -> Row:
            data = call.body["data"]
            rows = data if isinstance(data, list) else [data]
            if not all(isinstance(row, dict) for row in rows):
                raise RefusalError("310023", "参数[data]类型错误")
            return batch.run(self.office, rows, one)

        return run

    def _expect(self, invoice: Invoice, *wanted: int) -> None:
        if invoice_rows.status(invoice) not in wanted:
            raise business(f"单据[{invoice_rows.code(invoice)}]当前状态不能执行该操作")

    def _submit(self, invoice: Invoice) -> None:
        self._expect(invoice, invoice_rows.OPEN)
        self.office.change(invoice, extra={**invoice.extra, SUBMITTED: True})
        self.office.touch(invoice, "submit")

    def _audit(self, invoice: Invoice) -> None:
        self._expect(invoice, invoice_rows.OPEN, invoice_rows.IN_APPROVAL)
        if not invoice.extra.get(DRAFT):
            raise business(f"单据[{invoice_rows.code(invoice)}]为暂估单据，不能审核")
        for line in invoice.lines:
            if line.order_line:
                _check_quantity(line.order_line, line.quantity)
        self.office.change(invoice, kind="invoice", extra={}, entered=self.office.today())
        self.office.ledger.count(invoice)
        self.office.touch(invoice, "audit")

    def _red(self, invoice: Invoice) -> Invoice:
        self._expect(invoice, invoice_rows.AUDITED)
        return self.office.ledger.reverse(invoice, self.office.today())

    def _delete(self, invoice: Invoice) -> None:
        self._expect(invoice, invoice_rows.OPEN)
        for line in invoice.lines:
            source = line.order_line
            if source and invoice in source.order.invoices:
                self.office.journal.remove(source.order.invoices, invoice)
        self.office.drop(self.office.invoices, invoice)


def _check_quantity(line: OrderLine, quantity: Decimal) -> None:
    if quantity <= 0 or line.invoiced + quantity > line.quantity:
        raise business("开票数量超出可开票数量")
