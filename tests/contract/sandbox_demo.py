"""A handful of made-up orders, deliveries and account lines behind the OData engine: books without any bookkeeping."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

import sandbox
from sandbox.front import Caller, ControlError
from sandbox.odata.backend import Created, Detail, Message, ODataError, ReadRow, Row
from sandbox.odata.gateway import Gateway
from sandbox.odata.metadata import EntitySet, Service, load_services
from sandbox.odata.session import Door
from sandbox.server import PASSWORD, USER, serve

METADATA = Path(sandbox.__file__).parent / "sap" / "metadata"
START = datetime(2024, 4, 30, 8, 15, 47, 125705, tzinfo=UTC)
CHILD_NUMBERS = {"A_SalesOrderItem": "SalesOrderItem"}


class DemoBackend:
    """Generic: a navigation leads to the rows that share the key properties both sides have."""

    def __init__(self, services: Sequence[Service], orders: int = 12) -> None:
        self.sets: dict[str, EntitySet] = {name: s for service in services for name, s in service.sets.items()}
        self.changes = 0
        self.caller = Caller("", "", "EN")
        self.fill(orders)

    def fill(self, orders: int) -> None:
        """Start anew; the count of changes goes on, for whoever keeps results by it."""
        self.tables: dict[str, list[Row]] = {name: [] for name in self.sets}
        self.clock = START
        self.index: dict[tuple[str, tuple[str, ...]], dict[tuple[Any, ...], list[Row]]] = {}
        self.changes += 1
        for number in range(1, orders + 1):
            self._seed_order(number)
        self._seed_others()

    # --- the protocol ------------------------------------------------------------------------------------------------

    def begin(self, caller: Caller) -> None:
        self.caller = caller

    def now(self) -> datetime:
        return self.clock

    def version(self) -> int:
        return self.changes

    def rows(self, set_name: str) -> Sequence[ReadRow]:
        return self.tables[set_name]

    def get(self, set_name: str, key: Row) -> ReadRow | None:
        return self._find(set_name, key)

    def navigate(self, set_name: str, row: ReadRow, nav: str) -> Sequence[ReadRow] | ReadRow | None:
        navigation = self.sets[set_name].navigations[nav]
        shared = self._shared(set_name, navigation.target)
        found = self._indexed(navigation.target, shared).get(tuple(row[name] for name in shared), [])
        return found if navigation.many else next(iter(found), None)

    def create(self, set_name: str, values: Row) -> Created:
        self._touch()
        if set_name == "A_SalesOrder":
            return self._create_order(values)
        row = {name: value for name, value in values.items() if name not in self.sets[set_name].navigations}
        if number := CHILD_NUMBERS.get(set_name):
            siblings = [r for r in self.tables[set_name] if r["SalesOrder"] == row["SalesOrder"]]
            row[number] = str(10 * (len(siblings) + 1))
        self.tables[set_name].append(row)
        return Created(row)

    def update(self, set_name: str, key: Row, values: Row, replace: bool) -> list[Message]:
        self._touch()
        row = self._find(set_name, key)
        assert row is not None
        if replace:
            for prop in self.sets[set_name].properties.values():
                if prop.updatable and prop not in self.sets[set_name].keys:
                    row.pop(prop.name, None)
        row.update(values)
        order = self._find("A_SalesOrder", {"SalesOrder": row.get("SalesOrder")})
        if order is not None:
            order["LastChangeDateTime"] = self.clock
        return []

    def delete(self, set_name: str, key: Row) -> None:
        self._touch()
        self.tables[set_name].remove(self._find(set_name, key))  # type: ignore[arg-type]

    def call(self, function: str, params: Row) -> Sequence[ReadRow] | ReadRow | None:
        if function == "releaseApprovalRequest":
            return {"Boolean": self._find("A_SalesOrder", params) is not None}
        if function == "GetPDF":
            return {"BillingDocumentBinary": "JVBERi0="}
        return [{"DeliveryDocument": params["DeliveryDocument"], "SystemMessageType": "S"}]

    def etag(self, set_name: str, row: ReadRow) -> datetime | str | None:
        version = self.sets[set_name].version
        return row.get(version.name) if version else None

    def savepoint(self) -> Any:
        return copy.deepcopy((self.tables, self.clock))

    def rollback(self, point: Any) -> None:
        self.tables, self.clock = point
        self._touch()

    def book(self, object: str) -> list[Row]:
        if object != "orders":
            raise ControlError(f"no object {object}; there is orders")
        return [{"number": row["SalesOrder"], "total": row["TotalNetAmount"]} for row in self.tables["A_SalesOrder"]]

    def advance(self, days: int) -> Row:
        self.clock += timedelta(days=days)
        return {"clock": self.clock, "events": {}}

    def mutate(self, change: Row) -> Row:
        if change.get("what") != "set":
            raise ControlError(f"unknown change {change.get('what')}")
        return {"ok": True}

    # --- inside ------------------------------------------------------------------------------------------------------

    def _touch(self) -> None:
        self.clock += timedelta(microseconds=1)
        self.changes += 1
        self.index = {}

    def _find(self, set_name: str, key: Row) -> Row | None:
        return next((r for r in self.tables[set_name] if all(r.get(n) == v for n, v in key.items())), None)

    def _shared(self, source: str, target: str) -> tuple[str, ...]:
        return tuple(key.name for key in self.sets[source].keys if key.name in self.sets[target].properties)

    def _indexed(self, target: str, names: tuple[str, ...]) -> dict[tuple[Any, ...], list[Row]]:
        if (target, names) not in self.index:
            index = self.index[target, names] = {}
            for row in self.tables[target]:
                index.setdefault(tuple(row.get(name) for name in names), []).append(row)
        return self.index[target, names]

    def _create_order(self, values: Row) -> Created:
        if values.get("SoldToParty") == "999":
            text = "Sold-to party 999 not maintained for sales area 1010 10 00"
            raise ODataError(400, "VP/112", text, [Detail("VP/112", text, "SoldToParty")])
        number = str(4500000 + len(self.tables["A_SalesOrder"]) + 1)
        items = values.pop("to_Item", [])
        partners = values.pop("to_Partner", [])
        row = {"SalesOrder": number, "TotalNetAmount": Decimal("0.00"), **values, "LastChangeDateTime": self.clock}
        self.tables["A_SalesOrder"].append(row)
        for position, item in enumerate(items, start=1):
            self.tables["A_SalesOrderItem"].append(
                {"SalesOrder": number, "SalesOrderItem": str(10 * position)}
                | {k: v for k, v in item.items() if not k.startswith("to_")}
            )
            for pricing in item.get("to_PricingElement", []):
                self.tables["A_SalesOrderItemPrElement"].append(
                    {"SalesOrder": number, "SalesOrderItem": str(10 * position), "PricingProcedureStep": "10"}
                    | {"PricingProcedureCounter": "1"}
                    | pricing
                )
        for partner in partners:
            self.tables["A_SalesOrderHeaderPartner"].append({"SalesOrder": number} | partner)
        messages = (
            [Message("V1/555", "Kreditlimit überschritten", target="SoldToParty")]
            if row.get("SDDocumentReason")
            else []
        )
        return Created(row, messages)

    def _seed_order(self, number: int) -> None:
        order = str(number)
        self.tables["A_SalesOrder"].append(
            {
                "SalesOrder": order,
                "SalesOrderType": "OR",
                "SoldToParty": str(10000000 + number % 3),
                "PurchaseOrderByCustomer": f"PO-{number}" if number != 3 else "O'Brien & Söhne/中文",
                "TransactionCurrency": "JPY" if number == 2 else "USD",
                "TotalNetAmount": Decimal("250000") if number == 2 else Decimal(f"{number}52.65"),
                "CreationDate": date(2024, 4, 1) + timedelta(days=number),
                "RequestedDeliveryDate": None,
                "CompleteDeliveryIsDefined": number % 2 == 0,
                "OverallSDProcessStatus": "ABC"[number % 3],
                "LastChangeDateTime": START - timedelta(days=30) + timedelta(days=number, microseconds=number),
            }
        )
        for position in range(1, 6):
            self.tables["A_SalesOrderItem"].append(
                {
                    "SalesOrder": order,
                    "SalesOrderItem": str(10 * position),
                    "Material": str(100 + position) if position < 5 else "TG11",
                    "RequestedQuantity": Decimal(position),
                    "RequestedQuantityUnit": "PC",
                    "NetAmount": Decimal(f"{position}0.50"),
                    "TransactionCurrency": "USD",
                }
            )

    def _seed_others(self) -> None:
        self.tables["A_SalesOrderSubsqntProcFlow"].append(
            {"SalesOrder": "1", "DocRelationshipUUID": UUID(int=1), "SubsequentDocument": "80000001"}
        )
        self.tables["A_OutbDeliveryHeader"].append({"DeliveryDocument": "80000001", "DeliveryVersion": "0001"})
        self.tables["A_OutbDeliveryPartner"].append({"SDDocument": "80000001", "PartnerFunction": "SH"})
        for item in range(1, 4):
            self.tables["A_OperationalAcctgDocItemCube"].append(
                {
                    "CompanyCode": "CN01",
                    "FiscalYear": "2024",
                    "AccountingDocument": "1800000000",
                    "AccountingDocumentItem": str(item),
                    "IsCleared": item == 1,
                    "ClearingDate": date(2024, 4, 2) if item == 1 else None,
                    "AmountInTransactionCurrency": Decimal("-1.10") * item,
                    "SpecialGLCode": "" if item < 3 else "A",
                }
            )
        self.tables["A_BusinessPartner"].append(
            {"BusinessPartner": "10000001", "BusinessPartnerFullName": "上海明光贸易有限公司", "Customer": "10000001"}
        )
        self.tables["A_Customer"].append({"Customer": "10000001", "CustomerName": "上海明光贸易有限公司"})


ORDERS = "/sap/opu/odata/sap/API_SALES_ORDER_SRV"
CUBE = "/sap/opu/odata/sap/API_OPLACCTGDOCITEMCUBE_SRV"
DELIVERIES = "/sap/opu/odata/sap/API_OUTBOUND_DELIVERY_SRV;v=0002"
PARTNERS = "/sap/opu/odata/sap/API_BUSINESS_PARTNER"


class Demo:
    """A running sandbox over the demo books, and a signed-on client."""

    def __init__(self, orders: int = 12) -> None:
        self.services = {service.name: service for service in load_services(METADATA)}
        self.books = DemoBackend(list(self.services.values()), orders)
        front = Gateway(self.books, list(self.services.values()), Door(USER, PASSWORD))
        self.sandbox = serve("sap/s4", front)
        self.client = self.new_client()

    def new_client(self, **options: Any) -> httpx.Client:
        options.setdefault("auth", (self.sandbox.user, self.sandbox.password))
        options.setdefault("headers", {"accept": "application/json"})
        return httpx.Client(base_url=self.sandbox.url, trust_env=False, timeout=20, **options)

    def get(self, path: str, /, **options: str) -> httpx.Response:
        """Keyword arguments are system query options without their $."""
        return self.client.get(path, params={f"${name}": value for name, value in options.items()})

    def rows(self, path: str, /, **options: str) -> list[dict[str, Any]]:
        answer = self.get(path, **options)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["d"]["results"])

    def token(self) -> dict[str, str]:
        answer = self.client.get(ORDERS + "/", headers={"x-csrf-token": "Fetch"})
        return {"x-csrf-token": answer.headers["x-csrf-token"]}

    def write(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = self.token() | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, path, json=body, headers=sent)

    def arm(self, *schedule: dict[str, Any], seed: int = 7) -> None:
        answer = self.client.post("/_sandbox/faults", json={"seed": seed, "schedule": list(schedule)})
        assert answer.status_code == 200, answer.text

    def reset(self, orders: int) -> None:
        """As just started; a new process would cost each test a fifth of a second."""
        self.books.fill(orders)
        self.client.delete("/_sandbox/faults")
        self.client.delete("/_sandbox/locks")
        self.client.cookies.clear()
        for service in self.services.values():
            service.page_size, service.one_operation_changesets = 1000, False

    def close(self) -> None:
        self.client.close()
        self.sandbox.stop()
