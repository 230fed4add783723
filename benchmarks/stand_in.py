"""The orders section of mappings/sap/s4.yaml written by hand: what a mapping costs when it costs nearly nothing."""

from __future__ import annotations

from typing import Any

from benchmarks.ceiling import COMPANIES, CREDIT, PROGRESS, UNITS

Record = dict[str, Any]


def map_order(data: Record, key: str = "") -> Record:
    """An order in the CRM's words, as the mapping gives it; none of those served is cancelled."""
    credit = CREDIT[data["TotalCreditCheckStatus"]]
    return {
        "number": data["SalesOrder"],
        "order_type": data["SalesOrderType"],
        "company_code": COMPANIES[data["SalesOrganization"]],
        "customer_key": data["SoldToParty"],
        "customer_po": data["PurchaseOrderByCustomer"],
        "our_key": data["PurchaseOrderByShipToParty"],
        "external_ref": data["ExternalDocumentID"],
        "order_date": data["SalesOrderDate"],
        "requested_on": data["RequestedDeliveryDate"],
        "currency": data["TransactionCurrency"],
        "net_amount": data["TotalNetAmount"],
        "payment_terms": data["CustomerPaymentTerms"],
        "status": _status(data, credit),
        "delivery_status": PROGRESS[data["OverallDeliveryStatus"]],
        "billing_status": PROGRESS[data["OverallOrdReltdBillgStatus"]],
        "credit_status": credit,
        "blocked": data["DeliveryBlockReason"] != "" or data["HeaderBillingBlockReason"] != "",
        "changed_at": data["LastChangeDateTime"],
        "lines": [_line(item) for item in data["to_Item"]],
    }


def _line(item: Record) -> Record:
    return {
        "line": item["SalesOrderItem"],
        "product_key": item["Material"],
        "text": item["SalesOrderItemText"],
        "quantity": item["RequestedQuantity"],
        "unit": UNITS.get(item["RequestedQuantityUnit"], item["RequestedQuantityUnit"]),
        "net_amount": item["NetAmount"],
        "rejected": item["SalesDocumentRjcnReason"] != "",
        "our_line": item["UnderlyingPurchaseOrderItem"].lstrip("0"),
        "delivery_status": PROGRESS[item["DeliveryStatus"]],
        "billing_status": PROGRESS[item["OrderRelatedBillingStatus"]],
    }


def _status(data: Record, credit: str) -> str:
    if data["OverallSDDocumentRejectionSts"] == "C":
        return "cancelled"
    if credit == "blocked":
        return "credit_hold"
    if data["SalesDocApprovalStatus"] == "A":
        return "approval"
    return "complete" if data["OverallSDProcessStatus"] == "C" else "open"
