"""Items of the master organization (itemsV2), and price lists: one for each business unit and currency."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from sandbox.office.documents import FOREVER
from sandbox.office.trade import Price, Product
from sandbox.oracle.adf.model import Column, Resource, Row, View
from sandbox.oracle.fusion import units
from sandbox.oracle.fusion.catalogue import child, resource, row_columns
from sandbox.oracle.fusion.ids import big, ms, serial_of
from sandbox.oracle.fusion.stamps import who
from sandbox.oracle.fusion.tenant import Tenant

MASTER = "MASTER"
_LANGUAGES = {"ZH": "ZHS", "EN": "US", "JA": "JA", "DE": "D"}


@dataclass(frozen=True)
class PriceList:
    company: str
    currency: str
    at: int
    prices: tuple[Price, ...]

    @property
    def start(self) -> date:
        return min(price.start for price in self.prices)

    @property
    def changed(self) -> datetime:
        return max(price.changed for price in self.prices)


@dataclass(frozen=True)
class ListItem:
    """An item on a price list, with the prices it has over time."""

    product: Product
    prices: tuple[Price, ...]


class Items:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.office = tenant.office

    def items(self) -> Resource:
        columns: dict[str, Column] = {
            "ItemId": lambda p: big("item", p.id),
            "ItemNumber": lambda p: p.code,
            "OrganizationId": lambda p: big("unit", 900),
            "OrganizationCode": lambda p: MASTER,
            "ItemDescription": lambda p: p.name("EN"),
            "LongDescription": lambda p: p.name("EN"),
            "ItemClass": lambda p: p.group or "Root Item Class",
            "ItemStatusValue": lambda p: "Inactive" if p.blocked else "Active",
            "LifecyclePhaseValue": lambda p: "Production",
            "ApprovalStatusValue": lambda p: "Approved",
            "PrimaryUOMValue": lambda p: units.name(p.unit),
            "PrimaryUOMCode": lambda p: units.code(p.unit),
            "UserItemTypeValue": lambda p: "Finished Good",
            "CustomerOrderEnabledFlag": lambda p: not p.blocked,
            "InvoiceEnabledFlag": lambda p: True,
            "OutputTaxClassificationCodeValue": lambda p: f"VAT{p.tax_rate:f}" if p.tax_rate else None,
            "CreatedBy": lambda p: "SCM.USER",
            "CreationDateTime": lambda p: ms(p.created),
            "LastUpdatedBy": lambda p: "SCM.USER",
            "LastUpdateDateTime": lambda p: ms(p.changed),
        }
        return resource(
            "itemsV2", "ItemId", columns, lambda view, parent: self.office.products.values(), find=self._item,
            children={"ItemTranslation": child("itemsV2/ItemTranslation", "Language",
                                               row_columns("itemsV2/ItemTranslation"), _translations)},
        )  # fmt: skip

    def _item(self, view: View, key: str, parent: object) -> Product | None:
        return self.office.products.get(serial_of("item", key) or 0)

    # -- prices ----------------------------------------------------------------------------------------------------

    def price_lists(self) -> Resource:
        tenant = self.tenant
        columns: dict[str, Column] = {
            "PriceListId": _list_id,
            "PriceListName": lambda x: f"{x.company} {x.currency}",
            "PriceListTypeCode": lambda x: "SEGMENT",
            "PriceListType": lambda x: "Segment price list",
            "BusinessUnitId": lambda x: tenant.unit_id(x.company),
            "BusinessUnit": lambda x: tenant.unit(x.company),
            "CurrencyCode": lambda x: x.currency,
            "StatusCode": lambda x: "APPROVED",
            "Status": lambda x: "Approved",
            "StartDate": lambda x: x.start,
            "CreationDate": lambda x: ms(min(price.created for price in x.prices)),
            "LastUpdateDate": lambda x: ms(x.changed),
        }
        return resource("priceLists", "PriceListId", columns, self._lists, children={"items": self._list_items()})

    def _lists(self, view: View, parent: object) -> Iterator[PriceList]:
        groups: dict[tuple[str, str], list[Price]] = {}
        for price in self.office.prices.values():
            if price.customer is None and view.sees(price.company):
                groups.setdefault((price.company, price.currency), []).append(price)
        for at, ((company, currency), prices) in enumerate(sorted(groups.items(), key=lambda each: each[0]), 1):
            yield PriceList(company, currency, at, tuple(prices))

    @staticmethod
    def _list_items() -> Resource:
        columns: dict[str, Column] = {
            "PriceListItemId": lambda i: big("price", 500_000_000 + i.prices[0].id),
            "ItemId": lambda i: big("item", i.product.id),
            "Item": lambda i: i.product.code,
            "ItemDescription": lambda i: i.product.name("EN"),
            "PricingUOMCode": lambda i: units.code(i.prices[0].unit),
            "PricingUOM": lambda i: units.name(i.prices[0].unit),
            "LineTypeCode": lambda i: "ORA_BUY",
            "LineType": lambda i: "Buy",
            "PrimaryPricingUOMFlag": lambda i: True,
            **who(lambda i: max(i.prices, key=lambda price: price.changed)),
        }
        return child("priceLists/items", "PriceListItemId", columns, _items_of, children={"charges": _charges()})


def _charges() -> Resource:
    columns: dict[str, Column] = {
        "PriceListChargeId": lambda p: big("price", p.id),
        "PricingChargeDefinitionCode": lambda p: "QP_SALE_PRICE",
        "PricingChargeDefinition": lambda p: "Sale Price",
        "CalculationMethodCode": lambda p: "PRICE",
        "CalculationMethod": lambda p: "Price",
        "BasePrice": lambda p: p.amount / p.per,
        "StartDate": lambda p: p.start,
        "EndDate": lambda p: None if p.end == FOREVER else p.end,
        **who(),
    }
    return child("priceLists/items/charges", "PriceListChargeId", columns, lambda view, item: item.prices)


def _list_id(price_list: PriceList) -> int:
    return big("price list", price_list.at)


def _items_of(view: View, price_list: PriceList) -> list[ListItem]:
    products: dict[int, list[Price]] = {}
    for price in price_list.prices:
        products.setdefault(price.product.id, []).append(price)
    return [ListItem(prices[0].product, tuple(prices)) for prices in products.values()]


def _translations(view: View, product: Product) -> list[Row]:
    return [
        {"Language": _LANGUAGES.get(code, code), "SourceLanguage": "US", "ItemDescription": name}
        for code, name in product.names.items()
    ]
