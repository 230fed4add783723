"""What API_SALES_ORDER_SRV lets a client do: create, change and delete orders, as the sales module checks them.

A refusal is a 400 with its single messages. An order over the credit limit or without a price is saved and says so in
a warning: deliveries do not follow until somebody has dealt with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sandbox.front import Caller
from sandbox.odata.backend import Message, Row
from sandbox.office.money import ZERO
from sandbox.sap import texts
from sandbox.sap.books import Books
from sandbox.sap.order_rows import PRICE_STEP
from sandbox.sap.order_rules import UNIT_FIELDS, OrderRules, refuse
from sandbox.sap.sd import Item, Order

PRICE_TYPES = {"PPR0": False, "PR00": False, "PR01": True}
"""Condition types of a price, and whether it includes tax."""

_HEADER = {
    "PurchaseOrderByCustomer": ("customer_po", ""),
    "RequestedDeliveryDate": ("requested", None),
    "CustomerPaymentTerms": ("terms", ""),
}
"""Where a header property is kept, and its initial value."""

_FIXED = {
    "SalesOrderDate",
    "SoldToParty",
    "SalesOrderType",
    "SalesOrganization",
    "DistributionChannel",
    "OrganizationDivision",
    "TransactionCurrency",
}
_ITEM_OWN = {
    "SalesOrder", "SalesOrderItem", "Material", "RequestedQuantity", "SalesOrderItemText",
    "UnderlyingPurchaseOrderItem",
    "SalesDocumentRjcnReason", *UNIT_FIELDS,
}  # fmt: skip


class OrderDesk:
    def __init__(self, books: Books) -> None:
        self.books = books
        self.rules = OrderRules(books)
        self.caller = Caller("", "", "EN")

    # -- create --------------------------------------------------------------------------------------------------

    def create(self, values: Row) -> tuple[Order, list[Message]]:
        order = self._header(values)
        if not values.get("to_Item"):
            raise refuse("V1/555", "Enter at least one item", "to_Item")
        for line in values["to_Item"]:
            self._add_item(order, line)
        if values.get("to_PricingElement"):
            raise refuse(
                "VK/107", "Conditions on header level are not set up in this pricing procedure", "to_PricingElement"
            )
        for partner in values.get("to_Partner") or []:
            self.set_partner(order, partner)
        for text in values.get("to_Text") or []:
            self.set_text(order, text)
        self.rules.check_credit(order)
        order.number = self.books.number("order")
        self.books.add_order(order)
        self.books.note(order.number, self.caller.request_id, "create")
        return order, self.rules.warnings(order)

    def _header(self, values: Row) -> Order:
        area = self.rules.sales_area(values)
        sold_to = values.get("SoldToParty", "")
        customer_area = self.rules.customer_area(sold_to, *area)
        currency = values.get("TransactionCurrency") or customer_area.get("Currency") or ""
        self.rules.check_currency(currency)
        now = self.books.clock.stamp()
        everyone: dict[str, str] = dict.fromkeys(("AG", "WE", "RE", "RG"), str(sold_to))
        order = Order(
            "", self.books.company_of_org[area[0]].code, *area, sold_to, currency,
            values.get("SalesOrderDate") or now.date(),
            now, self.caller.user, values.get("CustomerPaymentTerms") or customer_area.get("CustomerPaymentTerms", ""),
            values.get("RequestedDeliveryDate") or now.date(), values.get("PurchaseOrderByCustomer", ""),
            partners=everyone, extra=_others(values, {*_HEADER, *_FIXED}),
            by_api=True,
        )  # fmt: skip
        self.rules.check_terms(order.terms)
        return order

    # -- items ---------------------------------------------------------------------------------------------------

    def add_item(self, order: Order, values: Row) -> tuple[Item, list[Message]]:
        """One more item on an order that exists."""
        item = self._add_item(order, values)
        return item, self.changed(order, f"item {item.number} added")

    def _add_item(self, order: Order, values: Row) -> Item:
        number = (
            int(values.get("SalesOrderItem") or 0)
            or max((item.number for item in order.items), default=0) // 10 * 10 + 10
        )
        if any(item.number == number for item in order.items):
            raise refuse("V1/356", f"Item {number} exists already", "SalesOrderItem")
        product = self.rules.product(order, values.get("Material", ""), self.caller.language)
        item = Item(
            order, number, product.code, values.get("SalesOrderItemText") or product.name(self.caller.language)[:40],
            ZERO, self.rules.unit(values, self.caller.language) or product.unit, None,
            tax_rate=self.rules.tax_rate(order, product),
            customer_line=values.get("UnderlyingPurchaseOrderItem", ""),
            rejection=values.get("SalesDocumentRjcnReason", ""),
            requested=order.requested, extra=_others(values, _ITEM_OWN),
        )  # fmt: skip
        self._set_quantity(item, values.get("RequestedQuantity"))
        self.price(item, values.get("to_PricingElement") or [])
        for line in values.get("to_ScheduleLine") or []:
            item.requested = line.get("RequestedDeliveryDate") or item.requested
        for text in values.get("to_Text") or []:
            self.set_text(item, text)
        self.books.journal.append(order.items, item)
        return item

    def _set_quantity(self, item: Item, quantity: Decimal | None) -> None:
        if quantity is None or quantity <= 0:
            raise refuse("V1/365", f"Enter a quantity greater than zero for item {item.number}", "RequestedQuantity")
        if quantity < item.issued + item.in_delivery:
            raise refuse(
                "V1/104",
                f"Item {item.number}: {item.issued + item.in_delivery} are already delivered",
                "RequestedQuantity",
            )
        self.books.journal.set(item, "quantity", quantity)

    def price(self, item: Item, elements: Iterable[Row]) -> None:
        """A price that was sent goes before the price list."""
        for element in elements:
            if element.get("ConditionType") not in PRICE_TYPES:
                raise refuse(
                    "VK/214",
                    f"Condition type {element.get('ConditionType', '')} is not in this procedure",
                    "ConditionType",
                )
            self.set_price(item, element)
        if item.price is None:
            order = item.order
            found = self.books.catalogue.price(
                order.sales_org, order.channel, item.material, order.sold_to, order.currency, order.order_date
            )
            if found:
                item.price, item.per, item.condition_record = found.rate, found.per, found.number

    def set_price(self, item: Item, element: Row) -> None:
        """Set a price by hand: rate for `ConditionQuantity` units in the order's currency."""
        currency = element.get("ConditionCurrency") or item.order.currency
        if currency != item.order.currency:
            raise refuse(
                "VK/053", f"Enter the price of item {item.number} in {item.order.currency}", "ConditionCurrency"
            )
        journal = self.books.journal
        if (rate := element.get("ConditionRateValue")) is not None:
            if rate < 0:
                raise refuse("VK/056", f"The price of item {item.number} must not be negative", "ConditionRateValue")
            journal.set(item, "price", Decimal(rate))
        if per := element.get("ConditionQuantity"):
            journal.set(item, "per", int(per))
        if kind := element.get("ConditionType"):
            journal.set(item, "includes_tax", PRICE_TYPES[kind])
        journal.set(item, "price_is_manual", True)

    # -- change --------------------------------------------------------------------------------------------------

    def change_header(self, order: Order, values: Row, replace: bool) -> list[Message]:
        for name in _FIXED & values.keys():
            if not self._same(order, name, values[name]):
                raise refuse("V1/261", f"{name} of order {order.number} cannot be changed", name)
        if "CustomerPaymentTerms" in values:
            self.rules.check_terms(values["CustomerPaymentTerms"])
        for name, (field, initial) in _HEADER.items():
            if name in values or replace:
                self.books.journal.set(order, field, values.get(name, initial))
        others = _others(values, {*_HEADER, *_FIXED})
        self.books.journal.set(order, "extra", others if replace else {**order.extra, **others})
        return self.changed(order, f"header {', '.join(sorted(values))}")

    def _same(self, order: Order, name: str, value: Any) -> bool:
        if name == "SalesOrderType":
            return texts.internal_order_type(value) == "TA"
        fields = {
            "SoldToParty": order.sold_to, "SalesOrganization": order.sales_org, "DistributionChannel": order.channel,
            "OrganizationDivision": order.division, "TransactionCurrency": order.currency,
            "SalesOrderDate": order.order_date,
        }  # fmt: skip
        return bool(fields[name] == value)

    def change_item(self, item: Item, values: Row, replace: bool) -> list[Message]:
        if values.get("Material", item.material) != item.material:
            raise refuse("V1/472", f"The material of item {item.number} cannot be changed", "Material")
        journal = self.books.journal
        if unit := self.rules.unit(values, self.caller.language):
            journal.set(item, "unit", unit)
        if "RequestedQuantity" in values:
            self._set_quantity(item, values["RequestedQuantity"])
        for name, field in (
            ("SalesOrderItemText", "text"), ("UnderlyingPurchaseOrderItem", "customer_line"),
            ("SalesDocumentRjcnReason", "rejection"),
        ):  # fmt: skip
            if name in values:
                journal.set(item, field, values[name])
        others = _others(values, _ITEM_OWN)
        journal.set(item, "extra", others if replace else {**item.extra, **others})
        return self.changed(item.order, f"item {item.number} {', '.join(sorted(values))}")

    def change_price(self, item: Item, step: str, values: Row) -> list[Message]:
        if step != PRICE_STEP:
            raise refuse("VK/068", "This condition cannot be changed by hand", "PricingProcedureStep")
        self.set_price(item, values)
        return self.changed(item.order, f"item {item.number} price")

    def change_schedule(self, item: Item, values: Row) -> list[Message]:
        if "RequestedDeliveryDate" in values:
            self.books.journal.set(item, "requested", values["RequestedDeliveryDate"])
        if (quantity := values.get("ScheduleLineOrderQuantity")) is not None:
            self._set_quantity(item, quantity)
        return self.changed(item.order, f"item {item.number} schedule")

    def set_partner(self, order: Order, values: Row) -> None:
        function, customer = texts.internal_function(values.get("PartnerFunction", "")), values.get("Customer", "")
        if function not in order.partners:
            raise refuse(
                "VP/112", f"Partner function {values.get('PartnerFunction', '')} is not allowed", "PartnerFunction"
            )
        if function == "AG" and customer != order.sold_to:
            raise refuse("V1/261", "The sold-to party cannot be changed", "Customer")
        if self.books.partners.customer(customer) is None:
            raise refuse("VP/201", f"Customer {customer} does not exist", "Customer")
        self.books.journal.put(order.partners, function, customer)

    def set_text(self, owner: Order | Item, values: Row) -> None:
        self.books.journal.set(owner, "texts", {**owner.texts, self._text_key(values): values.get("LongText", "")})

    def _text_key(self, values: Row) -> tuple[str, str]:
        if not values.get("LongTextID"):
            raise refuse("TD/605", "Enter a text ID", "LongTextID")
        return values.get("Language") or self.caller.language, values["LongTextID"]

    def delete(self, order: Order) -> None:
        if order.deliveries or order.billings:
            raise refuse(
                "V1/269", f"Order {order.number} has follow-on documents and cannot be deleted: reject its items"
            )
        self.books.journal.pop(self.books.orders, order.number)
        self.books.journal.remove(self.books.orders_of[order.sold_to], order)

    def delete_item(self, item: Item) -> list[Message]:
        if item.issued or item.in_delivery or item.billed:
            raise refuse("V1/269", f"Item {item.number} has follow-on documents and cannot be deleted: reject it")
        self.books.journal.remove(item.order.items, item)
        return self.changed(item.order, f"item {item.number} deleted")

    # -- after every change --------------------------------------------------------------------------------------

    def changed(self, order: Order, what: str) -> list[Message]:
        self.rules.check_credit(order)
        self.books.touch(order)
        self.books.note(order.number, self.caller.request_id, what)
        return self.rules.warnings(order)


def _others(values: Row, own: Iterable[str]) -> Row:
    skip = set(own)
    return {name: value for name, value in values.items() if name not in skip and not name.startswith("to_")}
