"""Receivables and receipts: lists and details."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.office.trade import Invoice, Office
from sandbox.yonyou import receipt_rows, receivable_rows
from sandbox.yonyou.apis import FINANCE_PER_MINUTE, Api, Call, paged
from sandbox.yonyou.envelope import business, missing
from sandbox.yonyou.listing import Lists
from sandbox.yonyou.numbers import serial_of
from sandbox.yonyou.query import Entry, Shape
from sandbox.yonyou.wire import Row

EFI, FI = "/yonbip/EFI/", "/yonbip/fi/"


class FinanceDesk:
    def __init__(self, office: Office, lists: Lists) -> None:
        self.office, self.lists = office, lists

    def apis(self) -> list[Api]:
        finance: dict[str, Any] = {"per_minute": FINANCE_PER_MINUTE}
        return [
            paged(EFI + "receivable/list", self._list(receivable_rows.EFI, "receivable", self._receivables), **finance),
            Api(EFI + "receivable/detail", self._receivable, method="GET", **finance),
            paged(EFI + "collection/list", self._list(receipt_rows.COLLECTIONS, "collection", self._collections),
                  **finance),
            Api(EFI + "collection/detail", self._collection, method="GET", **finance),
            paged(FI + "oar/list", self._list(receivable_rows.OAR, "oar", self._events), **finance),
            Api(FI + "oar/detail", self._event, method="GET", **finance),
            paged(FI + "receivebill/list/v2", self._list(receipt_rows.BILLS, "receivebill", self._bills), code=200,
                  **finance),
            Api(FI + "receivebill/detail", self._bill, method="GET", **finance),
        ]  # fmt: skip

    def _list(self, shape: Shape, name: str, entries: Callable[[], list[Entry]]) -> Callable[[Call], Row]:
        return lambda call: self.lists.page(call, shape, name, entries)

    # -- lists -----------------------------------------------------------------------------------------------------

    def _receivable_documents(self) -> list[Invoice]:
        return [invoice for invoice in self.office.invoices.values() if receivable_rows.shown(invoice)]

    def _receivables(self) -> list[Entry]:
        return [receivable_rows.efi_entry(self.office, invoice) for invoice in self._receivable_documents()]

    def _events(self) -> list[Entry]:
        return [receivable_rows.oar_entry(self.office, invoice) for invoice in self._receivable_documents()]

    def _collections(self) -> list[Entry]:
        return [receipt_rows.collection_entry(self.office, each) for each in self.office.receipts.values()]

    def _bills(self) -> list[Entry]:
        return [receipt_rows.bill_entry(self.office, each) for each in self.office.receipts.values()]

    # -- details ---------------------------------------------------------------------------------------------------

    def _one(self, call: Call, table: dict[int, Any], kind: str) -> Any:
        found = table.get(serial_of(kind, call.options.get("id", "")) or 0)
        if found is None:
            raise missing()
        return found

    def _receivable(self, call: Call) -> Row:
        serial = serial_of("invoice", call.options.get("id", ""))
        invoice = self.office.invoices.get(serial or 0)
        if invoice is None or not receivable_rows.shown(invoice):
            raise business("当前单据被删除或没有权限")
        return receivable_rows.efi_detail(self.office, invoice)

    def _event(self, call: Call) -> Row:
        entry = receivable_rows.oar_entry(self.office, self._one(call, self.office.invoices, "invoice"))
        return entry.header | {"oarDetail": [entry.row(at) for at in range(len(entry.lines))]}

    def _collection(self, call: Call) -> Row:
        receipt = self._one(call, self.office.receipts, "receipt")
        header = receipt_rows.collection(self.office, receipt)
        body = {name.removeprefix("bodyItem"): value for name, value in header.items() if name.startswith("bodyItem")}
        return header | {"bodyItem": [{name[:1].lower() + name[1:]: value for name, value in body.items()}]}

    def _bill(self, call: Call) -> Row:
        receipt = self._one(call, self.office.receipts, "receipt")
        return receipt_rows.bill(self.office, receipt)
