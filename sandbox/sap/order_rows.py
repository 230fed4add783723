"""Orders as rows of API_SALES_ORDER_SRV."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from sandbox.odata.backend import Row
from sandbox.office.money import ZERO, plain, rounded
from sandbox.sap import texts
from sandbox.sap.sd import Billing, Delivery, Item, Order

PRICE_STEP, TAX_STEP = "11", "915"
Fields = dict[str, Callable[[Any, str], Any]]
"""How a property is read from a document, given the logon language."""


class View(Mapping[str, Any]):
    """A row whose properties are computed when they are asked for: a page of many orders stays small."""

    __slots__ = ("fields", "language", "more", "source")

    def __init__(self, source: Any, fields: Fields, language: str, more: Mapping[str, Any]) -> None:
        self.source = source
        self.fields = fields
        self.language = language
        self.more = more
        """Properties that are kept as they were sent."""

    def __getitem__(self, name: str) -> Any:
        field = self.fields.get(name)
        return field(self.source, self.language) if field else self.more[name]

    def get(self, name: str, default: Any = None) -> Any:
        field = self.fields.get(name)
        return field(self.source, self.language) if field else self.more.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter({**self.more, **self.fields})

    def __len__(self) -> int:
        return len({**self.more, **self.fields})


def order_view(order: Order, language: str) -> View:
    return View(order, ORDER, language, order.extra)


def item_view(item: Item, language: str) -> View:
    return View(item, ITEM, language, item.extra)


ORDER: Fields = {
    "SalesOrder": lambda o, _: o.number,
    "SalesOrderType": lambda o, language: texts.order_type("TA", language),
    "SalesOrderTypeInternalCode": lambda o, _: "TA",
    "SalesOrganization": lambda o, _: o.sales_org,
    "DistributionChannel": lambda o, _: o.channel,
    "OrganizationDivision": lambda o, _: o.division,
    "SoldToParty": lambda o, _: o.sold_to,
    "CreationDate": lambda o, _: o.created.date(),
    "CreatedByUser": lambda o, _: o.created_by,
    "LastChangeDate": lambda o, _: o.changed.date() if o.changed else None,
    "LastChangeDateTime": lambda o, _: o.changed or o.created,
    "SenderBusinessSystemName": lambda o, _: o.sender,
    "ExternalDocumentID": lambda o, _: o.external_id,
    "PurchaseOrderByCustomer": lambda o, _: o.customer_po,
    "SalesOrderDate": lambda o, _: o.order_date,
    "PricingDate": lambda o, _: o.extra.get("PricingDate") or o.order_date,
    "TotalNetAmount": lambda o, _: rounded(o.net, o.currency),
    "TransactionCurrency": lambda o, _: o.currency,
    "RequestedDeliveryDate": lambda o, _: o.requested,
    "CustomerPaymentTerms": lambda o, _: o.terms,
    "OverallDeliveryStatus": lambda o, _: o.status("delivery_status"),
    "OverallTotalDeliveryStatus": lambda o, _: o.status("delivery_status"),
    "OverallOrdReltdBillgStatus": lambda o, _: o.status("billing_status"),
    "OverallSDProcessStatus": lambda o, _: o.status("process_status"),
    "OverallSDDocumentRejectionSts": lambda o, _: o.rejection_status,
    "OverallSDDocReferenceStatus": lambda o, _: o.status("process_status"),
    "TotalCreditCheckStatus": lambda o, _: o.credit_status,
    "TotalBlockStatus": lambda o, _: "C" if o.blocked else "A",
}

ITEM: Fields = {
    "SalesOrder": lambda i, _: i.order.number,
    "SalesOrderItem": lambda i, _: str(i.number),
    "SalesOrderItemCategory": lambda i, _: i.extra.get("SalesOrderItemCategory") or "TAN",
    "SalesOrderItemText": lambda i, _: i.text,
    "PurchaseOrderByCustomer": lambda i, _: i.extra.get("PurchaseOrderByCustomer") or i.order.customer_po,
    "UnderlyingPurchaseOrderItem": lambda i, _: i.customer_line,
    "Material": lambda i, _: i.material,
    "OriginallyRequestedMaterial": lambda i, _: i.material,
    "PricingDate": lambda i, _: i.extra.get("PricingDate") or i.order.order_date,
    "RequestedQuantity": lambda i, _: plain(i.quantity),
    "RequestedQuantityUnit": lambda i, language: texts.unit(i.unit, language),
    "RequestedQuantitySAPUnit": lambda i, _: i.unit,
    "RequestedQuantityISOUnit": lambda i, _: texts.iso_unit(i.unit),
    "OrderQuantityUnit": lambda i, language: texts.unit(i.unit, language),
    "OrderQuantitySAPUnit": lambda i, _: i.unit,
    "OrderQuantityISOUnit": lambda i, _: texts.iso_unit(i.unit),
    "ConfdDelivQtyInOrderQtyUnit": lambda i, _: _confirmed(i),
    "TransactionCurrency": lambda i, _: i.order.currency,
    "NetAmount": lambda i, _: i.amounts[0],
    "TaxAmount": lambda i, _: i.amounts[1],
    "CustomerPaymentTerms": lambda i, _: i.extra.get("CustomerPaymentTerms") or i.order.terms,
    "ProductionPlant": lambda i, _: i.extra.get("ProductionPlant") or i.order.company,
    "SalesDocumentRjcnReason": lambda i, _: i.rejection,
    "SDProcessStatus": lambda i, _: i.process_status,
    "DeliveryStatus": lambda i, _: i.delivery_status,
    "OrderRelatedBillingStatus": lambda i, _: i.billing_status,
    "SDDocReferenceStatus": lambda i, _: i.process_status,
    "TotalSDDocReferenceStatus": lambda i, _: i.process_status,
}


def _confirmed(item: Item) -> Decimal:
    """Nothing is confirmed while the order is blocked."""
    return ZERO if item.rejection or item.order.blocked else plain(item.quantity)


def pricing_rows(item: Item, language: str) -> list[Row]:
    """The price and the tax of an item; an item without a price has no price row."""
    net, tax = item.amounts
    base: Row = {
        "SalesOrder": item.order.number, "SalesOrderItem": str(item.number), "TransactionCurrency": item.order.currency,
        "PriceConditionDeterminationDte": item.order.order_date,
    }  # fmt: skip
    tax_row = {
        **base, "PricingProcedureStep": TAX_STEP, "PricingProcedureCounter": "1", "ConditionType": "MWST",
        "ConditionCategory": "D",
        "ConditionCalculationType": "A", "ConditionClass": "D", "ConditionBaseValue": net,
        "ConditionRateValue": item.tax_rate,
        "ConditionAmount": tax, "TaxCode": "",
    }  # fmt: skip
    if item.price is None:
        return [tax_row]
    return [{**base, **_price_fields(item, net + tax if item.includes_tax else net, language)}, tax_row]


def _price_fields(item: Item, amount: Decimal, language: str) -> Row:
    return {
        "PricingProcedureStep": PRICE_STEP,
        "PricingProcedureCounter": "1",
        "ConditionType": "PR01" if item.includes_tax else "PPR0",
        "ConditionCalculationType": "C",
        "ConditionClass": "B",
        "ConditionBaseValue": plain(item.quantity),
        "ConditionRateValue": item.price,
        "ConditionCurrency": item.order.currency,
        "ConditionQuantity": Decimal(item.per),
        "ConditionQuantityUnit": texts.unit(item.unit, language),
        "ConditionQuantitySAPUnit": item.unit,
        "ConditionQuantityISOUnit": texts.iso_unit(item.unit),
        "ConditionOrigin": "C" if item.price_is_manual else "A",
        "ConditionIsManuallyChanged": item.price_is_manual,
        "ConditionRecord": item.condition_record,
        "ConditionAmount": amount,
    }


def partner_rows(order: Order, language: str) -> list[Row]:
    return [
        {
            "SalesOrder": order.number, "PartnerFunction": texts.function(code, language),
            "PartnerFunctionInternalCode": code,
            "Customer": customer, "ReferenceBusinessPartner": customer,
        }
        for code, customer in order.partners.items()
    ]  # fmt: skip


def schedule_rows(item: Item, language: str) -> list[Row]:
    """One schedule line an item."""
    quantity, confirmed = plain(item.quantity), _confirmed(item)
    wanted = item.requested or item.order.requested
    return [{
        "SalesOrder": item.order.number, "SalesOrderItem": str(item.number), "ScheduleLine": "1",
        "RequestedDeliveryDate": wanted, "ConfirmedDeliveryDate": wanted if confirmed else None,
        "OrderQuantityUnit": texts.unit(item.unit, language), "OrderQuantitySAPUnit": item.unit,
        "OrderQuantityISOUnit": texts.iso_unit(item.unit), "ScheduleLineOrderQuantity": quantity,
        "ConfdOrderQtyByMatlAvailCheck": confirmed, "DeliveredQtyInOrderQtyUnit": plain(item.issued),
        "OpenConfdDelivQtyInOrdQtyUnit": max(ZERO, confirmed - plain(item.issued)),
    }]  # fmt: skip


def text_rows(owner: Order | Item) -> list[Row]:
    key: Row = {"SalesOrder": owner.number}
    if isinstance(owner, Item):
        key = {"SalesOrder": owner.order.number, "SalesOrderItem": str(owner.number)}
    return [
        {**key, "Language": language, "LongTextID": kind, "LongText": text}
        for (language, kind), text in owner.texts.items()
    ]


def flow_rows(order: Order) -> list[Row]:
    """The deliveries and billing documents that followed an order."""
    return [{"SalesOrder": order.number, **_flow(order, document)} for document in _followers(order)]


def item_flow_rows(item: Item) -> list[Row]:
    key = {"SalesOrder": item.order.number, "SalesOrderItem": str(item.number)}
    rows = []
    for document in _followers(item.order):
        for line in document.items:
            if line.source is item:
                flow = _flow(item.order, document, line.number)
                rows.append({**key, **flow, "SubsequentDocumentItem": str(line.number)})
    return rows


def _followers(order: Order) -> list[Delivery | Billing]:
    return [*order.deliveries, *order.billings]


def _flow(order: Order, document: Delivery | Billing, line: int = 0) -> dict[str, Any]:
    category = document.category if isinstance(document, Billing) else "T" if document.is_return else "J"
    return {
        "DocRelationshipUUID": uuid.uuid5(uuid.NAMESPACE_OID, f"{order.number} {document.number} {line}"),
        "SubsequentDocument": document.number, "SubsequentDocumentCategory": category, "ProcessFlowLevel": "1",
        "CreationDate": document.created.date(), "CreationTime": seconds(document.created),
    }  # fmt: skip


def seconds(moment: datetime) -> time:
    return moment.astimezone(UTC).time().replace(microsecond=0)
