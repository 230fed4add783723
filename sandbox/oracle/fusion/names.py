"""What the control plane calls Fusion's documents."""

from __future__ import annotations

from sandbox.front import Row
from sandbox.office.trade import Contract, Customer, Delivery, Document, Instalment, Invoice, Names, Order, Receipt
from sandbox.oracle.fusion import subscriptions, transactions
from sandbox.oracle.fusion.ids import big
from sandbox.oracle.fusion.order_values import UI_SYSTEM, order_key, order_number, source_of, status_of
from sandbox.oracle.fusion.parties import source_of as party_source
from sandbox.oracle.fusion.tenant import Tenant


class FusionNames(Names):
    """Numbers as users know them where they are unique, ids elsewhere."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    def number(self, document: Document | Instalment) -> str:
        match document:
            case Instalment():
                return str(big("instalment", document.id))
            case Order():
                return order_number(document)
            case Customer():
                return self.tenant.party_number(document)
            case Invoice():
                return transactions.number_of(document)
            case Receipt():
                return str(big("receipt", document.id))
            case Contract():
                return subscriptions.number_of(document)
            case Delivery():
                return str(document.id)
        return str(document.id)

    def keys(self, document: Document) -> dict[str, str]:
        match document:
            case Order():
                system, text = source_of(document)
                return {"SourceTransactionId": "" if system == UI_SYSTEM else text}
            case Customer():
                return {"SourceSystemReferenceValue": party_source(document)[1]}
            case Contract():
                return {"SourceKey": str(document.extra.get("SourceKey", ""))}
        return {}

    def shown(self, document: Document) -> Row:
        match document:
            case Order():
                return {"order_key": order_key(document), "status_code": status_of(document)}
            case Customer():
                return {"account_number": self.tenant.account_number(document)}
            case Invoice():
                return {"transaction_id": big("invoice", document.id)}
        return {}
