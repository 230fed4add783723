"""The entity sets of API_SALES_ORDER_SRV over the order desk."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from sandbox.odata.backend import Created, Message, ODataError, ReadRow, Row
from sandbox.sap import order_rows
from sandbox.sap.books import Books
from sandbox.sap.order_desk import OrderDesk
from sandbox.sap.order_rows import View
from sandbox.sap.sd import Item, Order

_ITEM_CHILDREN = {
    "to_PricingElement": "A_SalesOrderItemPrElement", "to_ScheduleLine": "A_SalesOrderScheduleLine",
    "to_Text": "A_SalesOrderItemText", "to_Partner": "A_SalesOrderItemPartner",
    "to_SubsequentProcFlowDocItem": "A_SalesOrderItmSubsqntProcFlow",
}  # fmt: skip
_ORDER_CHILDREN = {
    "to_Item": "A_SalesOrderItem", "to_Partner": "A_SalesOrderHeaderPartner", "to_Text": "A_SalesOrderText",
    "to_PricingElement": "A_SalesOrderHeaderPrElement", "to_SubsequentProcFlowDoc": "A_SalesOrderSubsqntProcFlow",
}  # fmt: skip


class OrdersApi:
    sets = frozenset({"A_SalesOrder", *_ORDER_CHILDREN.values(), *_ITEM_CHILDREN.values()})

    def __init__(self, books: Books, desk: OrderDesk) -> None:
        self.books = books
        self.desk = desk

    # -- reading -------------------------------------------------------------------------------------------------

    def rows(self, set_name: str) -> Sequence[ReadRow]:
        orders, language = self.books.orders.values(), self.desk.caller.language
        if set_name == "A_SalesOrder":
            return [order_rows.order_view(order, language) for order in orders]
        if set_name == "A_SalesOrderItem":
            return [order_rows.item_view(item, language) for order in orders for item in order.items]
        if set_name in _ORDER_CHILDREN.values():
            return list(chain.from_iterable(self._of_order(set_name, order) for order in orders))
        return list(chain.from_iterable(self._of_item(set_name, item) for order in orders for item in order.items))

    def get(self, set_name: str, key: Row) -> ReadRow | None:
        order = self.books.orders.get(key["SalesOrder"])
        if order is None:
            return None
        if set_name == "A_SalesOrder":
            return order_rows.order_view(order, self.desk.caller.language)
        if set_name in _ORDER_CHILDREN.values():
            rows = self._of_order(set_name, order)
        else:
            item = _find(order, key["SalesOrderItem"])
            rows = self._of_item(set_name, item) if item else []
        return next((row for row in rows if all(row.get(name) == value for name, value in key.items())), None)

    def navigate(self, set_name: str, row: ReadRow, nav: str) -> Sequence[ReadRow] | ReadRow | None:
        language = self.desk.caller.language
        order = _source(row) if set_name == "A_SalesOrder" else None
        order = order or self.books.orders[row["SalesOrder"]]
        if set_name == "A_SalesOrder":
            return self._of_order(_ORDER_CHILDREN[nav], order)
        if nav == "to_SalesOrder":
            return order_rows.order_view(order, language)
        item = _find(order, row["SalesOrderItem"])
        if item is None:
            return None
        if nav == "to_SalesOrderItem":
            return order_rows.item_view(item, language)
        return self._of_item(_ITEM_CHILDREN[nav], item)

    def _of_order(self, set_name: str, order: Order) -> Sequence[ReadRow]:
        language = self.desk.caller.language
        match set_name:
            case "A_SalesOrderItem":
                return [order_rows.item_view(item, language) for item in order.items]
            case "A_SalesOrderHeaderPartner":
                return order_rows.partner_rows(order, language)
            case "A_SalesOrderText":
                return order_rows.text_rows(order)
            case "A_SalesOrderSubsqntProcFlow":
                return order_rows.flow_rows(order)
        return []

    def _of_item(self, set_name: str, item: Item) -> Sequence[ReadRow]:
        language = self.desk.caller.language
        match set_name:
            case "A_SalesOrderItemPrElement":
                return order_rows.pricing_rows(item, language)
            case "A_SalesOrderScheduleLine":
                return order_rows.schedule_rows(item, language)
            case "A_SalesOrderItemText":
                return order_rows.text_rows(item)
            case "A_SalesOrderItmSubsqntProcFlow":
                return order_rows.item_flow_rows(item)
        return []

    # -- writing -------------------------------------------------------------------------------------------------

    def create(self, set_name: str, values: Row) -> Created:
        language = self.desk.caller.language
        if set_name == "A_SalesOrder":
            order, messages = self.desk.create(values)
            return Created(order_rows.order_view(order, language), messages)
        order = self._order(values.get("SalesOrder", ""))
        if set_name == "A_SalesOrderItem":
            item, messages = self.desk.add_item(order, values)
            return Created(order_rows.item_view(item, language), messages)
        messages = self._set_child(set_name, order, values)
        rows = self.rows_like(set_name, order, values)
        return Created(rows[0] if rows else values, messages)

    def rows_like(self, set_name: str, order: Order, values: Row) -> list[ReadRow]:
        """The child just set: the one whose key fields agree with what was sent."""
        item = _find(order, values["SalesOrderItem"]) if values.get("SalesOrderItem") else None
        rows = self._of_item(set_name, item) if item else self._of_order(set_name, order)
        names = {"PartnerFunction", "Language", "LongTextID", "ConditionType"} & values.keys()
        return [row for row in rows if all(row.get(name) == values[name] for name in names)]

    def _set_child(self, set_name: str, order: Order, values: Row) -> list[Message]:
        item = _find(order, values["SalesOrderItem"]) if values.get("SalesOrderItem") else None
        match set_name, item:
            case "A_SalesOrderItemPrElement", Item():
                self.desk.price(item, [values])
                return self.desk.changed(order, f"item {item.number} price")
            case "A_SalesOrderHeaderPartner", _:
                self.desk.set_partner(order, values)
                return self.desk.changed(order, "partner")
            case "A_SalesOrderText", _:
                self.desk.set_text(order, values)
                return self.desk.changed(order, "text")
            case "A_SalesOrderItemText", Item():
                self.desk.set_text(item, values)
                return self.desk.changed(order, f"item {item.number} text")
        raise ODataError(400, "/IWBEP/CM_MGW_RT/021", f"{set_name} cannot be created on an order that exists")

    def update(self, set_name: str, key: Row, values: Row, replace: bool) -> list[Message]:
        order = self._order(key["SalesOrder"])
        if set_name == "A_SalesOrder":
            return self.desk.change_header(order, values, replace)
        if set_name in ("A_SalesOrderHeaderPartner", "A_SalesOrderText"):
            return self._set_child(set_name, order, {**values, **key})
        item = _find(order, key["SalesOrderItem"])
        match set_name, item:
            case "A_SalesOrderItem", Item():
                return self.desk.change_item(item, values, replace)
            case "A_SalesOrderItemPrElement", Item():
                return self.desk.change_price(item, key["PricingProcedureStep"], values)
            case "A_SalesOrderScheduleLine", Item():
                return self.desk.change_schedule(item, values)
            case "A_SalesOrderItemText", Item():
                return self._set_child(set_name, order, {**values, **key})
        raise ODataError(400, "/IWBEP/CM_MGW_RT/021", f"{set_name} cannot be changed")

    def delete(self, set_name: str, key: Row) -> None:
        order = self._order(key["SalesOrder"])
        if set_name == "A_SalesOrder":
            self.desk.delete(order)
            return
        item = _find(order, key.get("SalesOrderItem", ""))
        if set_name == "A_SalesOrderItem" and item:
            self.desk.delete_item(item)
        elif set_name in ("A_SalesOrderText", "A_SalesOrderItemText"):
            owner = item or order
            left = {name: text for name, text in owner.texts.items() if name != (key["Language"], key["LongTextID"])}
            self.books.journal.set(owner, "texts", left)
            self.desk.changed(order, "text deleted")
        else:
            raise ODataError(400, "/IWBEP/CM_MGW_RT/021", f"{set_name} cannot be deleted")

    def _order(self, number: str) -> Order:
        order = self.books.orders.get(number)
        if order is None:
            raise ODataError(
                404, "/IWBEP/CM_MGW_RT/020", f"Resource not found for segment 'A_SalesOrderType' ({number})"
            )
        return order


def _source(row: ReadRow) -> Order | None:
    return row.source if isinstance(row, View) else None


def _find(order: Order, number: str) -> Item | None:
    return next((item for item in order.items if str(item.number) == number), None)
