"""Deliveries, billing documents, account lines, products and prices as rows of their services."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sandbox.odata.backend import Row
from sandbox.office.money import ZERO, plain, rounded
from sandbox.office.terms import TERMS
from sandbox.sap import texts
from sandbox.sap.catalogue import Price, Product
from sandbox.sap.documents import Line
from sandbox.sap.order_rows import seconds
from sandbox.sap.sd import Billing, BillingItem, Delivery, DeliveryItem


def delivery_row(delivery: Delivery) -> Row:
    issued = "C" if delivery.issued else "A"
    billed = "C" if delivery.billed else "A"
    return {
        "DeliveryDocument": delivery.number,
        "DeliveryDocumentType": "LR" if delivery.is_return else "LF",
        "DeliveryDocumentBySupplier": delivery.external_id,
        "SDDocumentCategory": "T" if delivery.is_return else "J",
        "DeliveryVersion": f"{delivery.version % 10000:04}",
        "SalesOrganization": delivery.sales_org,
        "ShippingPoint": delivery.company,
        "SoldToParty": delivery.sold_to,
        "ShipToParty": delivery.ship_to,
        "DocumentDate": delivery.created.date(),
        "DeliveryDate": delivery.planned,
        "PlannedGoodsIssueDate": delivery.planned,
        "PickingDate": delivery.planned,
        "ActualGoodsMovementDate": delivery.issued,
        "ActualGoodsMovementTime": seconds(delivery.issued_at) if delivery.issued_at else None,
        "CreatedByUser": "SYSTEM",
        "CreationDate": delivery.created.date(),
        "CreationTime": seconds(delivery.created),
        "LastChangeDate": delivery.changed or delivery.created.date(),
        "OverallPickingStatus": "C" if delivery.picked else "A",
        "OverallPackingStatus": "",
        "OverallGoodsMovementStatus": issued,
        "OverallDelivReltdBillgStatus": billed,
        "OverallSDProcessStatus": "C" if delivery.issued and delivery.billed else "B" if delivery.picked else "A",
        "HdrGeneralIncompletionStatus": "C",
    }


def delivery_item_row(delivery: Delivery, item: DeliveryItem, language: str) -> Row:
    source = item.source
    return {
        "DeliveryDocument": delivery.number,
        "DeliveryDocumentItem": str(item.number),
        "DeliveryDocumentItemCategory": "REN" if delivery.is_return else "TAN",
        "DeliveryDocumentItemText": source.text,
        "DeliveryVersion": f"{delivery.version % 10000:04}",
        "SDDocumentCategory": "T" if delivery.is_return else "J",
        "Material": source.material,
        "Plant": delivery.company,
        "ActualDeliveryQuantity": plain(item.quantity),
        "OriginalDeliveryQuantity": plain(item.quantity),
        "ActualDeliveredQtyInBaseUnit": plain(item.quantity),
        "DeliveryQuantityUnit": texts.unit(source.unit, language),
        "BaseUnit": texts.unit(source.unit, language),
        "ReferenceSDDocument": source.order.number,
        "ReferenceSDDocumentItem": str(source.number),
        "ReferenceSDDocumentCategory": "C",
        "CreationDate": delivery.created.date(),
        "LastChangeDate": delivery.changed or delivery.created.date(),
        "GoodsMovementStatus": "C" if delivery.issued else "A",
        "PickingStatus": "C" if delivery.picked else "A",
        "DeliveryRelatedBillingStatus": "C" if delivery.billed else "A",
    }


def delivery_partner_rows(delivery: Delivery) -> list[Row]:
    parties = {"AG": delivery.sold_to, "WE": delivery.ship_to}
    return [
        {"SDDocument": delivery.number, "PartnerFunction": code, "Customer": customer}
        for code, customer in parties.items()
    ]


def document_flow_rows(delivery: Delivery, item: DeliveryItem) -> list[Row]:
    source = item.source
    rows: list[Row] = [{
        "PrecedingDocument": source.order.number, "PrecedingDocumentItem": str(source.number),
        "PrecedingDocumentCategory": "C",
        "Subsequentdocument": delivery.number, "SubsequentDocumentItem": str(item.number),
        "SubsequentDocumentCategory": "T" if delivery.is_return else "J", "QuantityInBaseUnit": plain(item.quantity),
    }]  # fmt: skip
    for billing in source.order.billings:
        rows += [
            {
                "PrecedingDocument": delivery.number, "PrecedingDocumentItem": str(item.number),
                "PrecedingDocumentCategory": "J",
                "Subsequentdocument": billing.number, "SubsequentDocumentItem": str(line.number),
                "SubsequentDocumentCategory": billing.category, "QuantityInBaseUnit": plain(line.quantity),
            }
            for line in billing.items
            if line.delivery is delivery and line.source is source
        ]  # fmt: skip
    return rows


def billing_row(billing: Billing) -> Row:
    accounting = billing.accounting
    cleared = bool(accounting and accounting.lines and all(line.clearing for line in accounting.lines))
    return {
        "BillingDocument": billing.number,
        "SDDocumentCategory": billing.category,
        "BillingDocumentCategory": "U" if billing.category == "U" else "L",
        "BillingDocumentType": billing.kind,
        "CreationDate": billing.created.date(),
        "CreationTime": seconds(billing.created),
        "LastChangeDate": billing.changed.date() if billing.changed > billing.created else None,
        "LastChangeDateTime": billing.changed,
        "SalesOrganization": billing.sales_org,
        "DistributionChannel": "10",
        "Division": "00",
        "BillingDocumentDate": billing.posted,
        "BillingDocumentIsCancelled": billing.cancelled_by is not None,
        "CancelledBillingDocument": billing.cancels.number if billing.cancels else "",
        "TotalNetAmount": billing.net,
        "TaxAmount": billing.tax,
        "TotalGrossAmount": billing.net + billing.tax,
        "TransactionCurrency": billing.currency,
        "PayerParty": billing.payer,
        "SoldToParty": billing.sold_to,
        "CustomerPaymentTerms": billing.terms,
        "PurchaseOrderByCustomer": billing.customer_po,
        "CompanyCode": billing.company,
        "FiscalYear": accounting.year if accounting else "",
        "AccountingDocument": accounting.number if accounting else "",
        "AbsltAccountingExchangeRate": billing.rate,
        "ExchangeRateDate": billing.posted,
        "DocumentReferenceID": billing.reference or billing.number,
        "DunningBlockingReason": billing.dunning_block,
        "OverallBillingStatus": "C",
        "OverallSDProcessStatus": "C",
        "AccountingPostingStatus": "C" if accounting else "",
        "AccountingTransferStatus": "C" if accounting else "D",
        "InvoiceClearingStatus": "C" if cleared else "A" if accounting else "",
    }


def billing_item_row(billing: Billing, item: BillingItem, language: str) -> Row:
    unit = texts.unit(item.unit, language)
    source, delivery = item.source, item.delivery
    row: Row = {
        "BillingDocument": billing.number, "BillingDocumentItem": str(item.number),
        "SalesDocumentItemCategory": "G2N" if billing.category == "O" else "TAN",
        "Material": item.material, "BillingDocumentItemText": item.text, "CreationDate": billing.created.date(),
        "BillingQuantity": plain(item.quantity), "BillingQuantityUnit": unit,
        "BillingQuantityInBaseUnit": plain(item.quantity),
        "BaseUnit": unit, "NetAmount": item.net, "TaxAmount": item.tax, "GrossAmount": item.net + item.tax,
        "TransactionCurrency": billing.currency, "PricingDate": billing.posted,
        "AbsltPriceDetnExchangeRate": billing.rate,
    }  # fmt: skip
    if source:
        row |= {
            "SalesDocument": source.order.number,
            "SalesDocumentItem": str(source.number),
            "SalesSDDocumentCategory": "C",
        }
        row |= {
            "ReferenceSDDocument": source.order.number,
            "ReferenceSDDocumentItem": str(source.number),
            "ReferenceSDDocumentCategory": "C",
        }
    if delivery:
        at = next((line.number for line in delivery.items if line.source is source), 0)
        category = "T" if delivery.is_return else "J"
        row |= {
            "ReferenceSDDocument": delivery.number,
            "ReferenceSDDocumentItem": str(at or ""),
            "ReferenceSDDocumentCategory": category,
        }
    elif billing.credits:
        row |= {
            "ReferenceSDDocument": billing.credits.number,
            "ReferenceSDDocumentItem": "",
            "ReferenceSDDocumentCategory": "M",
        }
    return row


def billing_partner_rows(billing: Billing, language: str) -> list[Row]:
    parties = {"AG": billing.sold_to, "RG": billing.payer}
    return [
        {"BillingDocument": billing.number, "PartnerFunction": texts.function(code, language), "Customer": customer}
        for code, customer in parties.items()
    ]


def line_row(line: Line, names: Mapping[str, str]) -> Row:
    document, company, clearing = line.document, line.document.company, line.clearing
    refers = line.settles or line.credits
    other = document.reverses or document.reversed_by
    terms = TERMS.get(line.terms)
    net_days = (line.due - line.baseline).days if line.due and line.baseline else 0
    return {
        "CompanyCode": company.code,
        "FiscalYear": document.year,
        "AccountingDocument": document.number,
        "AccountingDocumentItem": str(line.item),
        "CompanyCodeName": company.name[:25],
        "FinancialAccountType": "D",
        "Customer": line.customer,
        "CustomerName": names.get(line.customer, ""),
        "GLAccount": "12100000",
        "IsOpenItemManaged": "X",
        "AccountingDocumentType": document.kind,
        "PostingKey": line.posting_key,
        "DebitCreditCode": "S" if line.amount >= 0 else "H",
        "SpecialGLCode": line.special_gl,
        "AmountInTransactionCurrency": line.amount,
        "TransactionCurrency": document.currency,
        "AmountInCompanyCodeCurrency": line.local,
        "CompanyCodeCurrency": company.currency,
        "ExchangeRate": line.rate,
        "PostingDate": document.posted,
        "DocumentDate": document.dated,
        "FiscalPeriod": str(company.period(document.posted)),
        "AccountingDocumentCreationDate": document.entered,
        "CreationTime": document.entered_at,
        "LastChangeDate": document.changed,
        "DueCalculationBaseDate": line.baseline,
        "NetDueDate": line.due,
        "NetPaymentDays": Decimal(net_days),
        "PaymentTerms": line.terms,
        "CashDiscount1Days": Decimal(terms.discount_days if terms else 0),
        "CashDiscount1Percent": terms.discount_percent if terms else ZERO,
        "CashDiscountAmount": line.discount,
        "CashDiscountAmtInCoCodeCrcy": rounded(line.discount * line.rate, company.currency),
        "IsCleared": clearing is not None,
        "ClearingDate": clearing.on if clearing else None,
        "ClearingCreationDate": clearing.entered if clearing else None,
        "ClearingAccountingDocument": clearing.document.number if clearing else "",
        "ClearingDocFiscalYear": clearing.document.year if clearing else "",
        "ClearingIsReversed": line.was_reset,
        "InvoiceReference": refers.document.number if refers else "",
        "InvoiceReferenceFiscalYear": refers.document.year if refers else "",
        "InvoiceItemReference": str(refers.item) if refers else "",
        "FollowOnDocumentType": "Z" if line.settles else "G" if line.credits else "",
        "BillingDocument": document.billing,
        "DocumentReferenceID": document.reference,
        "AssignmentReference": line.assignment,
        "DocumentItemText": line.text,
        "DunningBlockingReason": line.dunning_block,
        "PaymentDifferenceReason": line.difference_reason,
        "OffsettingAccountType": line.offsetting,
        "IsReversal": document.reverses is not None,
        "IsReversed": document.reversed_by is not None,
        "ReverseDocument": other.number if other else "",
        "ReverseDocumentFiscalYear": other.year if other else "",
    }


def product_row(product: Product) -> Row:
    return {
        "Product": product.code, "ProductType": "FERT", "BaseUnit": texts.unit(product.unit, "EN"),
        "ProductGroup": product.group,
        "ProductOldID": product.old_code, "IsMarkedForDeletion": False, "CreationDate": product.created.date(),
        "LastChangeDate": product.changed.date() if product.changed else None,
        "LastChangeDateTime": product.changed or product.created,
    }  # fmt: skip


def description_rows(product: Product) -> list[Row]:
    return [
        {"Product": product.code, "Language": language, "ProductDescription": name[:40]}
        for language, name in product.names.items()
    ]


def validity_row(price: Price) -> Row:
    return {
        "ConditionRecord": price.number, "ConditionValidityStartDate": price.start,
        "ConditionValidityEndDate": price.end,
        "ConditionApplication": "V", "ConditionType": "PPR0", "ConditionReleaseStatus": "",
        "SalesOrganization": price.sales_org,
        "DistributionChannel": price.channel, "Material": price.material, "Customer": price.customer,
    }  # fmt: skip


def condition_row(price: Price) -> Row:
    return {
        "ConditionRecord": price.number, "ConditionType": "PPR0", "ConditionRateValue": price.rate,
        "ConditionRateValueUnit": price.currency, "ConditionQuantity": Decimal(price.per),
        "ConditionQuantityUnit": texts.unit(price.unit, "EN"), "ConditionIsDeleted": price.deleted,
    }  # fmt: skip
