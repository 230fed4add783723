"""The columns of salesOrdersForOrderHub and its children."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sandbox.office.money import rounded
from sandbox.office.trade import Order, OrderLine
from sandbox.oracle.adf.model import Column, Row, Whole
from sandbox.oracle.fusion import units
from sandbox.oracle.fusion.ids import big, midnight, moment
from sandbox.oracle.fusion.order_values import (
    STATUS_NAMES,
    UI_SYSTEM,
    Fulfilment,
    Snapshot,
    fulfilments,
    header_id,
    is_held,
    order_key,
    order_number,
    sent,
    source_of,
    status_of,
    version_of,
)
from sandbox.oracle.fusion.stamps import who
from sandbox.oracle.fusion.tenant import Tenant

ORDERS = "salesOrdersForOrderHub"
PRICE = "QP_SALE_PRICE"


def whole(columns: Mapping[str, Column], of: Callable[[Any], Order | OrderLine]) -> Whole:
    """All values: what was sent for attributes that the books have no field for, and above it the columns.

    A snapshot has its row already.
    """

    def row(document: Any, names: Iterable[str] | None = None) -> Row:
        if isinstance(document, Snapshot):
            return document.row
        values: Row = dict(of(document).extra.get("sent", {}))
        for name in columns if names is None else names:
            if name in columns:
                values[name] = columns[name](document)
        return values

    return row


class OrderColumns:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    def header(self) -> dict[str, Column]:
        tenant = self.tenant
        columns: dict[str, Column] = {
            "HeaderId": header_id,
            "OrderNumber": order_number,
            "OrderKey": order_key,
            "SourceTransactionSystem": lambda o: source_of(o)[0],
            "SourceTransactionId": lambda o: source_of(o)[1],
            "SourceTransactionNumber": _source_number,
            "SourceTransactionRevisionNumber": lambda o: o.extra.get("revision", 1),
            "BusinessUnitId": lambda o: tenant.unit_id(o.company),
            "BusinessUnitName": lambda o: tenant.unit(o.company),
            "RequestingBusinessUnitId": lambda o: tenant.unit_id(o.company),
            "RequestingBusinessUnitName": lambda o: tenant.unit(o.company),
            "RequestingLegalEntity": lambda o: o.company,
            "TransactionOn": lambda o: self._entered(o, o.ordered),
            "TransactionTypeCode": lambda o: sent(o, "TransactionTypeCode") or "STD",
            "TransactionType": lambda o: sent(o, "TransactionType") or "Standard Orders",
            "TransactionDocumentTypeCode": lambda o: "SALES_ORDER",
            "BuyingPartyId": lambda o: tenant.party_id(o.customer),
            "BuyingPartyName": lambda o: tenant.party(o.customer).name,
            "BuyingPartyNumber": lambda o: tenant.party_number(o.customer),
            "TransactionalCurrencyCode": lambda o: o.currency,
            "AppliedCurrencyCode": lambda o: o.currency,
            "CustomerPONumber": lambda o: o.customer_po or None,
            "PaymentTerms": lambda o: o.terms or None,
            "PaymentTermsCode": lambda o: o.terms or None,
            "RequestedShipDate": lambda o: self._entered(o, o.requested),
            **self._state(),
            **who(),
        }
        return columns

    @staticmethod
    def _state() -> dict[str, Column]:
        return {
            "FreezePriceFlag": lambda o: bool(sent(o, "FreezePriceFlag")),
            "FreezeShippingChargeFlag": lambda o: bool(sent(o, "FreezeShippingChargeFlag")),
            "FreezeTaxFlag": lambda o: bool(sent(o, "FreezeTaxFlag")),
            "SubmittedFlag": lambda o: o.released,
            "SubmittedBy": lambda o: "CRM.INTEGRATION" if o.released and o.by_api else None,
            "StatusCode": status_of,
            "Status": lambda o: STATUS_NAMES[status_of(o)],
            "OpenFlag": lambda o: status_of(o) not in ("CLOSED", "CANCELED"),
            "CanceledFlag": lambda o: o.status == "cancelled",
            "OnHold": is_held,
            "ChangeVersionNumber": version_of,
            "ReturnStatus": lambda o: "SUCCESS",
            "Comments": lambda o: o.text or None,
        }

    def lines(self) -> dict[str, Column]:
        columns: dict[str, Column] = {
            "HeaderId": lambda f: header_id(f.line.order),
            "LineId": lambda f: f.line_id,
            "LineNumber": lambda f: f.line.number,
            "DisplayLineNumber": lambda f: str(f.line.number),
            "FulfillLineId": lambda f: f.id,
            "FulfillLineNumber": lambda f: 1 if f.is_return else f.at + 1,
            "SourceTransactionLineId": line_source,
            "SourceTransactionLineNumber": lambda f: _of_line(f, "SourceTransactionLineNumber", str(f.line.number)),
            "SourceScheduleNumber": lambda f: _of_line(f, "SourceScheduleNumber", "1"),
            "SourceTransactionScheduleId": lambda f: _of_line(f, "SourceTransactionScheduleId", line_source(f)),
            "SourceTransactionId": lambda f: source_of(f.line.order)[1],
            "SourceTransactionSystem": lambda f: source_of(f.line.order)[0],
            "SourceTransactionNumber": lambda f: _source_number(f.line.order),
            "ProductId": lambda f: big("item", f.line.product.id),
            "ProductNumber": lambda f: f.line.product.code,
            "ProductDescription": lambda f: f.line.text,
            **self._quantities(),
            **self._line_state(),
            **who(lambda f: f.line.order),
        }
        return columns

    def _quantities(self) -> dict[str, Column]:
        return {
            "OrderedQuantity": lambda f: f.ordered,
            "OrderedUOMCode": lambda f: units.code(f.line.unit),
            "OrderedUOM": lambda f: units.name(f.line.unit),
            "ShippedQuantity": lambda f: f.quantity if f.shipped_on else None,
            "FulfilledQuantity": lambda f: f.quantity if f.shipped_on else None,
            "CanceledQuantity": lambda f: f.quantity if f.status == "CANCELED" else None,
            "UnitListPrice": unit_price,
            "UnitSellingPrice": unit_price,
            "ExtendedAmount": extended,
        }

    def _line_state(self) -> dict[str, Column]:
        return {
            "RequestedShipDate": lambda f: self._entered(f.line.order, f.line.requested),
            "ScheduleShipDate": lambda f: self._there(f.line.order, _scheduled(f)),
            "ActualShipDate": lambda f: self._there(f.line.order, f.shipped_on),
            "ActualCompletionDate": lambda f: self._there(f.line.order, _completed(f)),
            "TransactionCategoryCode": lambda f: "RETURN" if f.is_return else "ORDER",
            "TransactionLineType": lambda f: "Return" if f.is_return else "Buy",
            "OriginalFulfillLineId": lambda f: big("fulfilment", f.line.id * 1000) if f.is_return else None,
            "PaymentTerms": lambda f: f.line.order.terms or None,
            "StatusCode": lambda f: f.status,
            "Status": lambda f: STATUS_NAMES.get(f.status, f.status),
            "OnHold": lambda f: is_held(f.line.order),
            "OpenFlag": lambda f: f.status not in ("CLOSED", "CANCELED"),
            "CanceledFlag": lambda f: f.status == "CANCELED",
            "ShippableFlag": lambda f: True,
            "InvoiceEnabledFlag": lambda f: True,
            "InvoiceInterfacedFlag": lambda f: bool(f.delivery and f.delivery.invoiced),
            "BusinessUnitId": lambda f: self.tenant.unit_id(f.line.order.company),
            "BusinessUnitName": lambda f: self.tenant.unit(f.line.order.company),
        }

    def _entered(self, order: Order, day: date | None) -> datetime | None:
        """An interface sends a day, and midnight of UTC is kept; who types an order in does so at some time of day."""
        return self._there(order, day) if source_of(order)[0] == UI_SYSTEM else midnight(day)

    def _there(self, order: Order, day: date | None) -> datetime | None:
        return moment(day, self.tenant.office.companies[order.company].zone, order.id)

    # -- what hangs on an order ------------------------------------------------------------------------------------

    def bill_to(self, order: Order) -> list[Row]:
        customer = order.customer
        return [{
            "CustomerAccountId": self.tenant.account_id(customer), "PartyName": customer.name,
            "AccountNumber": self.tenant.account_number(customer),
            "SiteUseId": self.tenant.site_use_id(customer, order.company), "City": customer.city or None,
            "Address1": customer.street or None, "PostalCode": customer.postal_code or None,
            "Country": customer.country or None,
        }]  # fmt: skip

    def ship_to(self, order: Order) -> list[Row]:
        customer = order.customer
        return [{
            "PartyId": self.tenant.party_id(customer), "PartyName": customer.name,
            "PartyNumber": self.tenant.party_number(customer), "SiteId": big("address", customer.id),
            "AddressLine1": customer.street or None, "City": customer.city or None,
            "PostalCode": customer.postal_code or None, "Country": customer.country or None,
        }]  # fmt: skip

    @staticmethod
    def totals(order: Order) -> list[Row]:
        amounts = (("QP_TOTAL_NET_PRICE", "Total Net Price", order.net), ("QP_TOTAL_TAX", "Total Tax", order.tax),
                   ("QP_TOTAL_PAY_NOW", "Pay Now", order.gross))  # fmt: skip
        return [
            {
                "OrderTotalId": header_id(order) * 10 + at, "TotalCode": code, "TotalName": name, "DisplayName": name,
                "TotalAmount": amount, "CurrencyCode": order.currency, "PrimaryFlag": at == 0, "EstimatedFlag": False,
            }
            for at, (code, name, amount) in enumerate(amounts)
        ]  # fmt: skip

    @staticmethod
    def holds(order: Order) -> list[Row]:
        return [
            {
                "HoldId": big("hold", order.id * 100 + at), "HoldCode": "DOO_CREDIT_CHECK", "HoldApplyDate": start,
                "HoldName": "Credit check failure", "HoldReleaseDate": end, "ActiveFlag": end is None,
            }
            for at, (start, end) in enumerate(order.holds)
        ]  # fmt: skip

    @staticmethod
    def charges(fulfilment: Fulfilment) -> list[Row]:
        """One sale price, with its net component."""
        return [{
            "OrderChargeId": fulfilment.id, "ChargeDefinitionCode": PRICE, "ChargeDefinition": "Sale Price",
            "PriceTypeCode": "ONE_TIME", "ChargeTypeCode": "ORA_SALE", "ApplyToCode": "PRICE", "PrimaryFlag": True,
            "RollupFlag": False, "SequenceNumber": 1, "PricedQuantity": fulfilment.quantity,
            "PricedQuantityUOMCode": units.code(fulfilment.line.unit),
            "ChargeCurrencyCode": fulfilment.line.order.currency,
            "GSAUnitPrice": unit_price(fulfilment), "AverageUnitSellingPrice": unit_price(fulfilment),
            "fulfilment": fulfilment,
        }]  # fmt: skip

    @staticmethod
    def components(charge: Row) -> list[Row]:
        fulfilment = charge["fulfilment"]
        currency, price, amount = fulfilment.line.order.currency, unit_price(fulfilment), extended(fulfilment)
        return [
            {
                "ChargeCurrencyCode": currency, "HeaderCurrencyCode": currency, "ChargeCurrencyUnitPrice": price,
                "HeaderCurrencyUnitPrice": price, "ChargeCurrencyExtendedAmount": amount,
                "HeaderCurrencyExtendedAmount": amount, "PriceElementCode": code, "SequenceNumber": 1000 + at,
                "RollupFlag": False, "TaxIncludedFlag": False,
            }
            for at, code in enumerate(("QP_LIST_PRICE", "QP_NET_PRICE"))
        ]  # fmt: skip


def line_source(fulfilment: Fulfilment) -> str:
    own = str(fulfilment.line_id)
    return own if fulfilment.is_return else _of_line(fulfilment, "SourceTransactionLineId", own)


def unit_price(fulfilment: Fulfilment) -> Decimal:
    """Without tax: a price that includes it is shown as what is left of it per unit."""
    line = fulfilment.line
    if line.fixed or line.includes_tax or line.price is None or line.per != 1:
        return round(line.amounts[0] / line.quantity, 10)
    return line.price


def extended(fulfilment: Fulfilment) -> Decimal:
    """Net; the last part of a split line takes what rounding leaves, so that the parts add up to the line."""
    line, net = fulfilment.line, fulfilment.line.amounts[0]
    if fulfilment.quantity == line.quantity:
        return net
    share = rounded(net * fulfilment.quantity / line.quantity, line.order.currency)
    parts = [part for part in fulfilments(line) if not (part.is_return or part.called_off)]
    if fulfilment.is_return or fulfilment.called_off or fulfilment.id != parts[-1].id:
        return share
    others = (rounded(net * part.quantity / line.quantity, line.order.currency) for part in parts[:-1])
    return net - sum(others, Decimal(0))


def _of_line(fulfilment: Fulfilment, name: str, default: str) -> str:
    return str(sent(fulfilment.line, name) or default)


def _source_number(order: Order) -> str:
    number = order.extra.get("source_number")
    if number:
        return str(number)
    return (order.external_id or order_number(order)) if source_of(order)[0] == UI_SYSTEM else source_of(order)[1]


def _scheduled(fulfilment: Fulfilment) -> date | None:
    return fulfilment.delivery.planned if fulfilment.delivery else fulfilment.line.requested


def _completed(fulfilment: Fulfilment) -> date | None:
    """The day a fulfilment line ended: was cancelled, or left."""
    line = fulfilment.line
    if fulfilment.status == "CANCELED":
        return line.cancelled or line.order.cancelled
    return fulfilment.shipped_on if fulfilment.status == "CLOSED" else None
