"""The books as the V4 services show them: orders under other names than V2's, and contracts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.front import Caller
from sandbox.odata.backend import Created, Message, ODataError, ReadRow, Row
from sandbox.sap import contracts
from sandbox.sap.order_rules import refuse
from sandbox.sap.sd import UNITS

if TYPE_CHECKING:
    from sandbox.sap.s4 import S4Backend


@dataclass(frozen=True)
class Shown:
    """A V4 set over one of V2's: its names for what V2 calls otherwise."""

    set: str
    names: Mapping[str, str] = field(default_factory=dict)
    navigations: Mapping[str, str] = field(default_factory=dict)


_PARENT = {"_SalesOrder": "to_SalesOrder"}
ORDERS = {
    "SalesOrder": Shown("A_SalesOrder", {}, {
        "_Item": "to_Item", "_Partner": "to_Partner", "_PricingElement": "to_PricingElement", "_Text": "to_Text",
    }),
    "SalesOrderItem": Shown("A_SalesOrderItem", {"Product": "Material", "Plant": "ProductionPlant"}, {
        "_ItemPricingElement": "to_PricingElement", "_ItemText": "to_Text", "_ItemPartner": "to_Partner",
        "_ScheduleLine": "to_ScheduleLine", **_PARENT,
    }),
    "SalesOrderItemPricingElement": Shown(
        "A_SalesOrderItemPrElement", {"ConditionRateAmount": "ConditionRateValue"},
        {"_Item": "to_SalesOrderItem", **_PARENT},
    ),
    "SalesOrderItemPartner": Shown("A_SalesOrderItemPartner", {}, {"_Item": "to_SalesOrderItem", **_PARENT}),
    "SalesOrderItemText": Shown("A_SalesOrderItemText", {}, {"_Item": "to_SalesOrderItem", **_PARENT}),
    "SalesOrderPartner": Shown("A_SalesOrderHeaderPartner", {}, _PARENT),
    "SalesOrderPricingElement": Shown("A_SalesOrderHeaderPrElement", {}, _PARENT),
    "SalesOrderScheduleLine": Shown("A_SalesOrderScheduleLine", {}, {"_Item": "to_SalesOrderItem", **_PARENT}),
    "SalesOrderText": Shown("A_SalesOrderText", {}, _PARENT),
}  # fmt: skip
_TARGETS = {
    "to_Item": "SalesOrderItem", "to_SalesOrder": "SalesOrder", "to_SalesOrderItem": "SalesOrderItem",
    "to_ScheduleLine": "SalesOrderScheduleLine",
}  # fmt: skip


class Renamed(Mapping[str, Any]):
    """A row of V2 under V4's names."""

    __slots__ = ("names", "row")

    def __init__(self, row: ReadRow, names: Mapping[str, str]) -> None:
        self.row, self.names = row, names

    def __getitem__(self, name: str) -> Any:
        return self.row[self.names.get(name, name)]

    def get(self, name: str, default: Any = None) -> Any:
        return self.row.get(self.names.get(name, name), default)

    def __iter__(self) -> Iterator[str]:
        return iter(self.row)

    def __len__(self) -> int:
        return len(self.row)


class V4Backend:
    def __init__(self, base: S4Backend) -> None:
        self._base = base

    # -- reading -------------------------------------------------------------------------------------------------

    def rows(self, set_name: str) -> Sequence[ReadRow]:
        if shown := ORDERS.get(set_name):
            return [_row(set_name, row) for row in self._base.rows(shown.set)]
        found = self._base.books.contracts.values()
        if set_name == "SalesContract":
            return [contracts.contract_view(contract) for contract in found]
        if set_name == "SalesContractItem":
            return [contracts.item_view(item) for contract in found for item in contract.items]
        return []

    def get(self, set_name: str, key: Row) -> ReadRow | None:
        if shown := ORDERS.get(set_name):
            row = self._base.get(shown.set, key)
            return None if row is None else _row(set_name, row)
        return next((row for row in self.rows(set_name) if all(row[n] == v for n, v in key.items())), None)

    def navigate(self, set_name: str, row: ReadRow, nav: str) -> Sequence[ReadRow] | ReadRow | None:
        shown = ORDERS.get(set_name)
        if shown is None:
            return self._of_contract(row, nav)
        source = row.row if isinstance(row, Renamed) else row
        found = self._base.navigate(shown.set, source, shown.navigations[nav])
        target = _target(set_name, nav)
        if found is None or isinstance(found, Mapping):
            return None if found is None else _row(target, found)
        return [_row(target, one) for one in found]

    def _of_contract(self, row: ReadRow, nav: str) -> Sequence[ReadRow] | ReadRow | None:
        contract = self._base.books.contracts[row["SalesContract"]]
        match nav:
            case "_SalesContract":
                return contracts.contract_view(contract)
            case "_Item" if "SalesContractItem" not in row:
                return [contracts.item_view(item) for item in contract.items]
        return []

    # -- writing -------------------------------------------------------------------------------------------------

    def create(self, set_name: str, values: Row) -> Created:
        shown = _writable(set_name)
        created = self._base.create(shown.set, _told(set_name, values))
        return Created(_row(set_name, created.row), created.messages)

    def update(self, set_name: str, key: Row, values: Row, replace: bool) -> list[Message]:
        return self._base.update(_writable(set_name).set, key, _told(set_name, values), replace)

    def delete(self, set_name: str, key: Row) -> None:
        self._base.delete(_writable(set_name).set, key)

    def call(self, function: str, params: Row) -> ReadRow | None:
        return None

    def etag(self, set_name: str, row: ReadRow) -> datetime | str | None:
        version: datetime | None = row.get("LastChangeDateTime")
        return version

    # -- the rest is the books' own ------------------------------------------------------------------------------

    def begin(self, caller: Caller) -> None:
        self._base.begin(caller)

    def now(self) -> datetime:
        return self._base.now()

    def version(self) -> int:
        return self._base.version()

    def savepoint(self) -> Any:
        return self._base.savepoint()

    def rollback(self, point: Any) -> None:
        self._base.rollback(point)

    def book(self, object: str) -> list[Row]:
        return self._base.book(object)

    def advance(self, days: int) -> Row:
        return self._base.advance(days)

    def mutate(self, change: Row) -> Row:
        return self._base.mutate(change)


def _row(set_name: str, row: ReadRow) -> ReadRow:
    if set_name == "SalesOrderItemPricingElement" and row.get("ConditionCalculationType") == "A":
        return {**row, "ConditionRateRatio": row.get("ConditionRateValue"), "ConditionRateAmount": Decimal(0)}
    return Renamed(row, ORDERS[set_name].names)


def _target(set_name: str, nav: str) -> str:
    """The V4 set that a navigation leads to."""
    if nav in ("_Item", "_SalesOrder", "_ScheduleLine"):
        return _TARGETS[ORDERS[set_name].navigations[nav]]
    return f"SalesOrder{nav.removeprefix('_')}"


def _told(set_name: str, values: Row) -> Row:
    """What was sent, in V2's words. V4 takes a unit by its internal code alone: it has no external one."""
    shown, found = ORDERS[set_name], {}
    unit = values.get("RequestedQuantitySAPUnit")
    if unit and unit not in UNITS:
        raise refuse("BM/302", f"Unit {unit} is not created", "RequestedQuantitySAPUnit")
    for name, value in values.items():
        if name in shown.navigations:
            target = _target(set_name, name)
            found[shown.navigations[name]] = [_told(target, line) for line in value]
        else:
            found[shown.names.get(name, name)] = value
    return found


def _writable(set_name: str) -> Shown:
    if set_name not in ORDERS:
        raise ODataError(405, "/IWBEP/CM_V4_COS/032", f"Entity set '{set_name}' is read only in this system")
    return ORDERS[set_name]
