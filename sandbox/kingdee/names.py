"""What this product calls the trade book's documents: for the control plane's book."""

from __future__ import annotations

from typing import Any

from sandbox.kingdee.contracts import contract_number
from sandbox.kingdee.shapes_ar import OTHER, receipt_number, receivable_number
from sandbox.kingdee.shapes_base import number_of
from sandbox.kingdee.shapes_other import other_number
from sandbox.kingdee.shapes_sales import order_number, status_of
from sandbox.kingdee.shapes_stock import delivery_number
from sandbox.kingdee.tables import FIRST_ID, Tenant
from sandbox.office.trade import (
    Contract,
    Customer,
    Delivery,
    Document,
    Instalment,
    Invoice,
    Names,
    Order,
    Product,
    Receipt,
)


class GalaxyNames(Names):
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    def number(self, document: Document | Instalment) -> str:
        match document:
            case Order():
                return order_number(document)
            case Customer():
                return number_of("KH", document)
            case Product():
                return document.code
            case Delivery():
                return delivery_number(document)
            case Contract():
                return contract_number(document)
            case Receipt():
                return receipt_number(document)
            case Invoice():
                kinds = {item.kind for item in document.instalments}
                return (other_number if kinds and kinds <= set(OTHER) else receivable_number)(document)
            case Instalment():
                return f"{self.number(document.invoice)}/{document.number}"
        return f"HX{FIRST_ID + document.id:08}" if hasattr(document, "taken") else str(document.id)

    def keys(self, document: Document) -> dict[str, str]:
        """Where our key may stand: the number, or the tenant's own text field."""
        match document:
            case Order():
                return {"FBillNo": order_number(document), "F_CRM_Text": document.external_id,
                        "FThirdPartyNo": self._third_party(document)}  # fmt: skip
            case Customer():
                return {"FNumber": self.number(document), "F_CRM_Text": document.our_number}
        return {"number": self.number(document)}

    @staticmethod
    def _third_party(order: Order) -> str:
        return next((str(line.extra["FThirdPartyNo"]) for line in order.lines if line.extra.get("FThirdPartyNo")), "")

    def shown(self, document: Document) -> dict[str, Any]:
        if isinstance(document, Order):
            return {"document_status": status_of(document)}
        return {}
