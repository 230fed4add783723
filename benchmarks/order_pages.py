"""OData V2 pages of made-up sales orders, written fast: one text pattern a page shape, filled in by order number.

Names, keys and types are those of the sandbox's $metadata; the values follow from the order's number alone, so all
clients read the same rows. Number and change stamp are an order's own, the rest repeats from page to page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import sandbox.sap
from sandbox.odata.metadata import EntitySet, Property, Service, load_service

SERVICE_FILE = Path(sandbox.sap.__file__).parent / "metadata" / "API_SALES_ORDER_SRV.txt"
LINES = 5
PAGE = 1000
FIRST_STAMP_MS = 1_704_100_000_000  # 2024-01-01T09:06:40Z
STAMP_STEP_MS = 10_000  # a page spans 10**7 ms, so that its number alone is the front of every stamp
_MARKS = {b"<order>": 4_500_000, b"<time>": 170_410}  # as long as what replaces them, which is fastest
DAY_MS = 86_400_000
FIRST_DAY = date(2024, 1, 1)

Tree = dict[str, "Tree"]

_HEADER = {
    "SalesOrder": '"%(number)s"',
    "SalesOrderType": '"OR"',
    "SalesOrderTypeInternalCode": '"TA"',
    "SalesOrganization": '"1010"',
    "DistributionChannel": '"10"',
    "OrganizationDivision": '"00"',
    "SoldToParty": '"%(customer)d"',
    "PurchaseOrderByCustomer": '"PO 采购 %(number)s"',
    "PurchaseOrderByShipToParty": '"CT1-Q%(number)s"',
    "CustomerPurchaseOrderDate": '"/Date(%(day)d)/"',
    "SalesOrderDate": '"/Date(%(day)d)/"',
    "RequestedDeliveryDate": '"/Date(%(due)d)/"',
    "CreationDate": '"/Date(%(day)d)/"',
    "LastChangeDate": '"/Date(%(day)d)/"',
    "LastChangeDateTime": '"/Date(%(stamp)s+0000)/"',
    "TotalNetAmount": '"%(total)d.%(cents)02d"',
    "TransactionCurrency": '"CNY"',
    "CustomerPaymentTerms": '"NT30"',
    "OverallSDProcessStatus": '"%(status)s"',
    "OverallDeliveryStatus": '"%(status)s"',
    "OverallTotalDeliveryStatus": '"%(status)s"',
    "OverallOrdReltdBillgStatus": '"A"',
    "OverallSDDocumentRejectionSts": '"A"',
    "TotalCreditCheckStatus": '"A"',
}
_ITEM = {
    "SalesOrder": '"%(number)s"',
    "SalesOrderItem": '"{line}0"',
    "UnderlyingPurchaseOrderItem": '"{line}0"',
    "Material": '"MAT-%(material)d-{line}"',
    "SalesOrderItemText": '"Ball valve 球阀 DN50 %(material)d-{line}"',
    "RequestedQuantity": '"%(quantity)d.000"',
    "RequestedQuantityUnit": '"PC"',
    "RequestedQuantitySAPUnit": '"ST"',
    "RequestedQuantityISOUnit": '"PCE"',
    "NetAmount": '"%(price)d{line}.%(cents)02d"',
    "TransactionCurrency": '"CNY"',
    "SDProcessStatus": '"%(status)s"',
    "DeliveryStatus": '"%(status)s"',
    "OrderRelatedBillingStatus": '"A"',
}
_VALUES = {
    "A_SalesOrder": _HEADER,
    "A_SalesOrderItem": _ITEM,
}
_INITIAL = {
    "Edm.String": '""',
    "Edm.Decimal": '"0"',
    "Edm.Boolean": "false",
    "Edm.Int16": "0",
    "Edm.Int32": "0",
    "Edm.Double": '"0"',
}


@cache
def service() -> Service:
    return load_service(SERVICE_FILE)


@dataclass(frozen=True)
class Pages:
    """`rows` orders under the service's address `root`, in pages of PAGE."""

    root: str
    rows: int

    def page(self, start: int, before: int, select: str, expand: str, following: str) -> bytes:
        """Orders from the `start`-th to the end of its page or the last before `before`.

        `following`: the next page's address, if it is to be named.
        """
        number = start // PAGE
        stop = max(start, min((number + 1) * PAGE, before))
        body = _body(self.root, select, expand, start % PAGE, stop - number * PAGE)
        for mark, first in _MARKS.items():
            body = body.replace(mark, b"%d" % (first + number))
        link = f',"__next":"{following}"' if following and stop < before else ""
        return b'{"d":{"results":[' + body + b"]" + link.encode() + b"}}"

    def first_changed(self, since_ms: int) -> int:
        """The index of the first order changed at or after that moment."""
        steps = -((FIRST_STAMP_MS - since_ms) // STAMP_STEP_MS)
        return min(max(0, steps), self.rows)

    def first_created(self, day: date) -> int:
        """The index of the first order created on that day or later, where a filter asks: every day has one page."""
        return min(max(0, (day - FIRST_DAY).days * PAGE), self.rows)


@lru_cache(maxsize=64)
def _body(root: str, select: str, expand: str, start: int, stop: int) -> bytes:
    """Orders of any page, with marks where the page shows."""
    tree = _tree([*select.split(","), *expand.split(",")])
    pattern = _entity(root, service().sets["A_SalesOrder"], tree, "")
    return ",".join([pattern % _values(index) for index in range(start, stop)]).encode()


def _values(index: int) -> dict[str, Any]:
    """What fills an order's pattern, by its place on the page."""
    day = FIRST_STAMP_MS // DAY_MS * DAY_MS + index % 365 * DAY_MS
    return {
        "number": f"<order>{index:03d}",
        "stamp": f"<time>{index * STAMP_STEP_MS:07d}",
        "customer": 10_000_001 + index % 400,
        "material": 1000 + index % 90,
        "day": day,
        "due": day + 14 * DAY_MS,
        "total": 10_000 + index * 90,
        "cents": index % 100,
        "price": 100 + index % 900,
        "quantity": 1 + index % 250,
        "status": "ABC"[index % 3],
    }


def _tree(paths: Iterable[str]) -> Tree:
    tree: Tree = {}
    for path in filter(None, paths):
        node = tree
        for part in path.split("/"):
            node = node.setdefault(part, {})
    return tree


def _entity(root: str, entity_set: EntitySet, tree: Tree, key: str) -> str:
    names = [name for name in tree if name in entity_set.properties] or list(entity_set.properties)
    known = _VALUES.get(entity_set.name, _HEADER)
    parts = [_metadata(root, entity_set, key)]
    parts += [f'"{name}":{known.get(name) or _initial(entity_set.properties[name])}' for name in names]
    parts += [f'"{name}":{_many(root, entity_set, name, below)}' for name, below in _navigations(entity_set, tree)]
    return "{" + ",".join(parts) + "}"


def _navigations(entity_set: EntitySet, tree: Tree) -> Iterator[tuple[str, Tree]]:
    return ((name, below) for name, below in tree.items() if name in entity_set.navigations)


def _many(root: str, entity_set: EntitySet, name: str, below: Tree) -> str:
    target = service().sets[entity_set.navigations[name].target]
    if name != "to_Item":
        return '{"results":[' + _entity(root, target, below, "") + "]}"
    lines = (_entity(root, target, below, "item").replace("{line}", str(line)) for line in range(1, LINES + 1))
    return '{"results":[' + ",".join(lines) + "]}"


def _metadata(root: str, entity_set: EntitySet, key: str) -> str:
    predicate = "SalesOrder='%(number)s',SalesOrderItem='{line}0'" if key else "'%(number)s'"
    uri = f"{root}/{entity_set.name}({predicate})"
    etag = ',"etag":"W/\\"datetimeoffset\'%(stamp)s\'\\""' if entity_set.version else ""
    return f'"__metadata":{{"id":"{uri}","uri":"{uri}","type":"{service().name}.{entity_set.type_name}"{etag}}}'


def _initial(prop: Property) -> str:
    return _INITIAL.get(prop.edm, "null")
