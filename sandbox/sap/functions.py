"""Function imports: picking and goods issue of a delivery, cancelling and printing a billing document, approvals."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeVar

from sandbox.odata.backend import Message, ODataError, ReadRow, Row
from sandbox.sap.books import Books
from sandbox.sap.order_desk import OrderDesk
from sandbox.sap.order_rules import refuse
from sandbox.sap.sd import Billing, Delivery, Order

D = TypeVar("D", Delivery, Billing, Order)
_DELIVERY_FIELDS = {
    "PlannedGoodsIssueDate": "planned",
    "DeliveryDate": "planned",
    "DeliveryDocumentBySupplier": "external_id",
}


class Functions:
    def __init__(self, books: Books, desk: OrderDesk) -> None:
        self.books = books
        self.desk = desk

    def call(self, function: str, params: Row) -> Sequence[ReadRow] | ReadRow | None:
        match function:
            case "PickAllItems" | "ConfirmPickingAllItems":
                return self._pick(self._delivery(params))
            case "PostGoodsIssue":
                return self._issue(self._delivery(params))
            case "ReverseGoodsIssue":
                return self._take_back(self._delivery(params))
            case "Cancel":
                return self._cancel(self._billing(params))
            case "GetPDF":
                return {"BillingDocumentBinary": base64.b64encode(_pdf(self._billing(params))).decode()}
            case "releaseApprovalRequest" | "rejectApprovalRequest":
                return self._approve(self._order(params), "B" if function.startswith("release") else "C")
        raise ODataError(404, "/IWBEP/CM_MGW_RT/020", f"Function {function} not found")

    # -- deliveries ----------------------------------------------------------------------------------------------

    def _delivery(self, params: Row) -> Delivery:
        return _known(self.books.deliveries.get(params["DeliveryDocument"]), "Delivery", params["DeliveryDocument"])

    def _pick(self, delivery: Delivery) -> list[Row]:
        if not delivery.picked:
            self.books.change_delivery(delivery, picked=True)
        return _report(delivery, "VL", "311", "Picked")

    def _issue(self, delivery: Delivery) -> list[Row]:
        if delivery.issued:
            raise refuse("VL/601", f"Goods issue has already been posted for delivery {delivery.number}")
        if not delivery.picked:
            raise refuse("VL/609", f"Delivery {delivery.number} has not yet been completely picked")
        self.books.issue(delivery, self.books.clock.today())
        return _report(delivery, "VL", "311", "Goods issue posted")

    def _take_back(self, delivery: Delivery) -> list[Row]:
        if not delivery.issued or delivery.billed:
            raise refuse("VL/605", f"The goods issue of delivery {delivery.number} cannot be reversed")
        self.books.take_back_issue(delivery)
        return [{"DeliveryDocument": delivery.number, "SystemMessageType": "S", "SystemMessageIdentification": "VL"}]

    def change_delivery(self, set_name: str, key: Row, values: Row) -> list[Message]:
        delivery = self._delivery(key)
        if delivery.issued:
            raise refuse("VL/602", f"Delivery {delivery.number} has left and cannot be changed")
        if set_name == "A_OutbDeliveryItem" and "ActualDeliveryQuantity" in values:
            line = next(item for item in delivery.items if str(item.number) == key["DeliveryDocumentItem"])
            quantity = values["ActualDeliveryQuantity"]
            if quantity <= 0 or quantity > line.quantity + line.source.remaining:
                raise refuse(
                    "VL/367",
                    f"Only {line.quantity + line.source.remaining} are available for delivery",
                    "ActualDeliveryQuantity",
                )
            self.books.journal.set(line.source, "in_delivery", line.source.in_delivery + quantity - line.quantity)
            self.books.journal.set(line, "quantity", quantity)
        changes = {field: values[name] for name, field in _DELIVERY_FIELDS.items() if name in values}
        self.books.change_delivery(delivery, **changes)
        return []

    # -- billing documents and orders ----------------------------------------------------------------------------

    def _billing(self, params: Row) -> Billing:
        number = params["BillingDocument"].lstrip("0")
        return _known(self.books.billings.get(number), "Billing document", number)

    def _cancel(self, billing: Billing) -> list[Row]:
        if billing.cancelled_by or billing.cancels:
            raise refuse("VF/105", f"Billing document {billing.number} is cancelled already")
        accounting = billing.accounting
        if accounting and any(line.clearing or line.partials for line in accounting.lines):
            raise refuse(
                "F5/233", f"Billing document {billing.number} is paid at least in part: reset the clearing first"
            )
        made, _ = self.books.cancel_billing(billing, self.books.clock.today())
        return [{
            "BillingDocument": billing.number, "CancellationBillingDocument": made.number, "SystemMessageType": "S",
            "SystemMessageIdentification": "VF", "SystemMessageNumber": "311",
            "SystemMessageText": f"Document {made.number} has been saved",
            "SystemMessageVariable1": made.number,
        }]  # fmt: skip

    def _order(self, params: Row) -> Order:
        number = params["SalesOrder"].lstrip("0")
        return _known(self.books.orders.get(number), "Order", number)

    def _approve(self, order: Order, status: str) -> Row:
        if order.extra.get("SalesDocApprovalStatus") != "A":
            raise refuse("APPR/012", f"Order {order.number} is not in approval")
        self.books.journal.set(order, "extra", {**order.extra, "SalesDocApprovalStatus": status})
        self.desk.changed(order, "approval")
        return {"Boolean": True}


def _known(document: D | None, kind: str, number: str) -> D:
    if document is None:
        raise ODataError(404, "/IWBEP/CM_MGW_RT/020", f"{kind} {number} does not exist")
    return document


def _report(delivery: Delivery, message_class: str, number: str, text: str) -> list[Row]:
    return [
        {
            "DeliveryDocument": delivery.number, "DeliveryDocumentItem": str(item.number),
            "Material": item.source.material,
            "ActualDeliveryQuantity": item.quantity, "DeliveryDocumentItemText": item.source.text,
            "SystemMessageType": "S",
            "SystemMessageIdentification": message_class, "SystemMessageNumber": number, "SystemMessageVariable1": text,
        }
        for item in delivery.items
    ]  # fmt: skip


def _pdf(billing: Billing) -> bytes:
    """One page that names the document and its total."""
    text = f"BT /F1 14 Tf 60 780 Td (Invoice {billing.number} {billing.net + billing.tax}) Tj ET".encode("ascii")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(text), text), b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]  # fmt: skip
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return body + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        table,
        len(body),
    )
