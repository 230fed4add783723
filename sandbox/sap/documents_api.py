"""The entity sets of deliveries, billing documents, account lines, products and prices over the books."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sandbox.odata.backend import ReadRow, Row
from sandbox.sap import document_rows as rows
from sandbox.sap.books import Books
from sandbox.sap.order_desk import OrderDesk


class DocumentsApi:
    """They are read alone; what is changed on a delivery goes through Functions."""

    def __init__(self, books: Books, desk: OrderDesk) -> None:
        self.books = books
        self.desk = desk

    def rows(self, set_name: str) -> Sequence[ReadRow]:
        return self._sets().get(set_name, list)()

    def _sets(self) -> dict[str, Callable[[], Sequence[ReadRow]]]:
        books, language = self.books, self.desk.caller.language
        return {
            "A_OutbDeliveryHeader": lambda: [rows.delivery_row(d) for d in books.deliveries.values()],
            "A_OutbDeliveryItem": lambda: [
                rows.delivery_item_row(d, i, language) for d in books.deliveries.values() for i in d.items
            ],
            "A_BillingDocument": lambda: [rows.billing_row(b) for b in books.billings.values()],
            "A_BillingDocumentItem": lambda: [
                rows.billing_item_row(b, i, language) for b in books.billings.values() for i in b.items
            ],
            "A_BillingDocumentPartner": lambda: [
                r for b in books.billings.values() for r in rows.billing_partner_rows(b, language)
            ],
            "A_OperationalAcctgDocItemCube": self._account_lines,
            "A_Product": lambda: [rows.product_row(p) for _, p in sorted(books.catalogue.products.items())],
            "A_ProductDescription": lambda: [
                r
                for _, p in sorted(books.catalogue.products.items())
                for r in sorted(rows.description_rows(p), key=lambda r: str(r["Language"]))
            ],
            "A_SlsPrcgCndnRecdValidity": lambda: [rows.validity_row(p) for p in books.catalogue.prices.values()],
            "A_SlsPrcgConditionRecord": lambda: [rows.condition_row(p) for p in books.catalogue.prices.values()],
        }

    def _account_lines(self) -> list[Row]:
        names = {
            row["Customer"]: row.get("CustomerName", "") for row in self.books.partners.tables["A_Customer"].values()
        }
        documents = sorted(self.books.ledger.documents.items())
        return [rows.line_row(line, names) for _, document in documents for line in document.lines]

    def get(self, set_name: str, key: Row) -> ReadRow | None:
        books = self.books
        if set_name == "A_BillingDocument":
            billing = books.billings.get(key["BillingDocument"])
            return rows.billing_row(billing) if billing else None
        if set_name == "A_OutbDeliveryHeader":
            delivery = books.deliveries.get(key["DeliveryDocument"])
            return rows.delivery_row(delivery) if delivery else None
        if set_name == "A_Product":
            product = books.catalogue.products.get(key["Product"])
            return rows.product_row(product) if product else None
        if set_name == "A_SlsPrcgConditionRecord":
            price = books.catalogue.prices.get(key["ConditionRecord"])
            return rows.condition_row(price) if price else None
        return next(
            (row for row in self.rows(set_name) if all(row.get(name) == value for name, value in key.items())), None
        )

    def navigate(self, set_name: str, row: ReadRow, nav: str) -> Sequence[ReadRow] | ReadRow | None:
        books, language = self.books, self.desk.caller.language
        match set_name, nav:
            case "A_BillingDocument", "to_Item":
                billing = books.billings[row["BillingDocument"]]
                return [rows.billing_item_row(billing, item, language) for item in billing.items]
            case "A_BillingDocument", "to_Partner":
                return rows.billing_partner_rows(books.billings[row["BillingDocument"]], language)
            case (("A_BillingDocumentItem" | "A_BillingDocumentPartner"), "to_BillingDocument"):
                return rows.billing_row(books.billings[row["BillingDocument"]])
            case "A_OutbDeliveryHeader", "to_DeliveryDocumentItem":
                delivery = books.deliveries[row["DeliveryDocument"]]
                return [rows.delivery_item_row(delivery, item, language) for item in delivery.items]
            case "A_OutbDeliveryHeader", "to_DeliveryDocumentPartner":
                return rows.delivery_partner_rows(books.deliveries[row["DeliveryDocument"]])
            case "A_OutbDeliveryItem", "to_DocumentFlow":
                delivery = books.deliveries[row["DeliveryDocument"]]
                items = [item for item in delivery.items if str(item.number) == row["DeliveryDocumentItem"]]
                return [flow for item in items for flow in rows.document_flow_rows(delivery, item)]
            case "A_Product", "to_Description":
                return rows.description_rows(books.catalogue.products[row["Product"]])
            case "A_SlsPrcgCndnRecdValidity", "to_SlsPrcgConditionRecord":
                return rows.condition_row(books.catalogue.prices[row["ConditionRecord"]])
        return []
