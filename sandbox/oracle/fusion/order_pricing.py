"""The unit price that a payload means."""

from __future__ import annotations

from decimal import Decimal

from sandbox.oracle.adf.errors import invalid, missing
from sandbox.oracle.adf.model import Row

_ELEMENTS = ("QP_NET_PRICE", "QP_LIST_PRICE", "QP_BASE_LIST_PRICE")


def price_of(line: Row, frozen: bool, present: Decimal | None) -> Decimal | None:
    """None: ask the price list (of a new line), or leave the price as it is.

    A frozen price stands in the charges, which a new line then needs; otherwise only manual adjustments count, and a
    UnitSellingPrice of the client's is not looked at.
    """
    if frozen:
        if line.get("charges"):
            return _charged(line["charges"])
        if present is None:
            raise missing("charges", "SalesOrderLine")
        return None
    for adjustment in line.get("manualPriceAdjustments") or []:
        return _adjusted(adjustment, present)
    return None


def _charged(charges: list[Row]) -> Decimal:
    primary = next((charge for charge in charges if charge.get("PrimaryFlag")), charges[0])
    found = {component.get("PriceElementCode"): component for component in primary.get("chargeComponents") or []}
    for element in _ELEMENTS:
        price = _unit_price(found[element]) if element in found else None
        if price is not None:
            return price
    raise missing("chargeComponents", "OrderCharge")


def _unit_price(component: Row) -> Decimal | None:
    price = component.get("HeaderCurrencyUnitPrice")
    found: Decimal | None = component.get("ChargeCurrencyUnitPrice") if price is None else price
    return found


def _adjusted(adjustment: Row, present: Decimal | None) -> Decimal:
    amount, kind = adjustment.get("AdjustmentAmount"), adjustment.get("AdjustmentTypeCode")
    if amount is None:
        raise missing("AdjustmentAmount", "ManualPriceAdjustment")
    if kind == "PRICE_OVERRIDE":
        return Decimal(amount)
    if present is None:
        raise invalid("AdjustmentTypeCode", "A discount needs a price to take it from.")
    if kind == "DISCOUNT_AMOUNT":
        return present - Decimal(amount)
    if kind == "DISCOUNT_PERCENT":
        return present * (100 - Decimal(amount)) / 100
    raise invalid("AdjustmentTypeCode", f"The adjustment type {kind} isn't valid.")
