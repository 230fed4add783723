"""OData V4 without a server: values, metadata, what is asked for, what comes back, other names, mixed product files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.errors import ConfigurationError
from connectors.mixed import MixedProduct
from connectors.odata.diff import same
from connectors.odata.errors import refusal
from connectors.odata.metadata import Entity, Metadata
from connectors.odata.shape import ETAG, CutLinesError, tree_of, with_keys
from connectors.odata4 import shape
from connectors.odata4.dialect import V4
from connectors.odata4.metadata import parse_metadata
from connectors.odata4.names import names_of
from connectors.odata4.types import MOMENTS_PLAIN, literal, to_wire
from connectors.products import load_product, parse_product

METADATA = b"""<?xml version="1.0"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
<Schema Namespace="com.example.shop.v1" Alias="self" xmlns="http://docs.oasis-open.org/odata/ns/edm">
  <EntityType Name="Order_Type"><Key><PropertyRef Name="Order"/></Key>
    <Property Name="Order" Type="Edm.String" MaxLength="10"/>
    <Property Name="Total" Type="Edm.Decimal" Precision="15" Scale="variable"/>
    <Property Name="Count" Type="Edm.Int32"/>
    <Property Name="Day" Type="Edm.Date"/>
    <Property Name="At" Type="Edm.TimeOfDay"/>
    <Property Name="Changed" Type="Edm.DateTimeOffset" Precision="7"/>
    <Property Name="Said" Type="Collection(self.Message)"/>
    <NavigationProperty Name="_Line" Type="Collection(self.Line_Type)"/>
  </EntityType>
  <EntityType Name="Line_Type"><Key><PropertyRef Name="Order"/><PropertyRef Name="Line"/></Key>
    <Property Name="Order" Type="Edm.String" MaxLength="10"/>
    <Property Name="Line" Type="Edm.String" MaxLength="6"/>
    <Property Name="Quantity" Type="Edm.Decimal" Precision="13" Scale="3"/>
    <NavigationProperty Name="_Order" Type="com.example.shop.v1.Order_Type"/>
  </EntityType>
  <EntityContainer Name="C"><EntitySet Name="Order" EntityType="self.Order_Type"/>
    <EntitySet Name="Line" EntityType="com.example.shop.v1.Line_Type"/></EntityContainer>
  <Annotations Target="self.Order_Type/Order"><Annotation Term="vocab.IsUpperCase"/></Annotations>
  <Annotations Target="self.Line_Type/Line"><Annotation Term="vocab.IsDigitSequence"/></Annotations>
</Schema></edmx:DataServices></edmx:Edmx>"""


@pytest.fixture
def metadata() -> Metadata:
    return parse_metadata(METADATA)


@pytest.fixture
def order(metadata: Metadata) -> Entity:
    found = metadata.of_set("Order")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("edm", "value", "shown"),
    [
        ("Edm.Date", "2024-04-01", "2024-04-01"),
        ("Edm.Date", "2024-04-01T23:30:00+08:00", "2024-04-01"),
        ("Edm.DateTimeOffset", "2024-04-01T10:00:00.123456Z", "2024-04-01T10:00:00.123456Z"),
        ("Edm.DateTimeOffset", "2024-04-01T10:00:00+08:00", "2024-04-01T02:00:00Z"),
        ("Edm.TimeOfDay", "10:30", "10:30:00"),
        ("Edm.Guid", "005056A5-09B1-1ED1-BFD3-D3C2E1B30D8F", "005056a5-09b1-1ed1-bfd3-d3c2e1b30d8f"),
        ("Edm.Decimal", "12.50", "12.50"),
        ("Edm.Int64", "5", "5"),
        ("Edm.Boolean", "True", "true"),
        ("Edm.String", "O'Brien", "'O''Brien'"),
    ],
)
def test_a_literal_has_neither_prefix_nor_suffix(edm: str, value: str, shown: str) -> None:
    assert literal(edm, value) == shown


@pytest.mark.parametrize(
    ("edm", "value", "sent"),
    [
        ("Edm.Date", "2024-04-01", "2024-04-01"),
        ("Edm.Date", "", None),
        ("Edm.Decimal", "12.50", "12.50"),
        ("Edm.Decimal", 3, "3"),
        ("Edm.Int64", "9007199254740993", "9007199254740993"),
        ("Edm.Int32", "5", 5),
        ("Edm.Boolean", "true", True),
        ("Edm.String", "", ""),
        ("Edm.TimeOfDay", "10:30:00", "10:30:00"),
    ],
)
def test_a_value_to_be_written(edm: str, value: Any, sent: Any) -> None:
    assert to_wire(edm, value) == sent


def test_a_moment_is_always_utc_in_microseconds() -> None:
    assert MOMENTS_PLAIN["2024-04-01T10:00:00.1234567Z"] == "2024-04-01T10:00:00.123456Z"
    assert MOMENTS_PLAIN["2024-04-01T10:00:00+08:00"] == "2024-04-01T02:00:00.000000Z"


def test_metadata_of_v4(metadata: Metadata, order: Entity) -> None:
    assert order.keys == ("Order",)
    assert "Said" not in order.properties
    assert metadata.target(order.navigations["_Line"]).set == "Line"
    assert order.navigations["_Line"].many
    assert dict(metadata.paths(order))["_Line.Quantity"] == "Edm.Decimal"
    line = metadata.target(order.navigations["_Line"])
    assert same(line.properties["Line"], "000010", "10")
    assert not line.navigations["_Order"].many


def test_what_is_no_metadata() -> None:
    for text in (b"<html/>", b"nothing"):
        with pytest.raises(ValueError):
            parse_metadata(text)


@pytest.mark.contract
@pytest.mark.parametrize("obj", ["orders", "contracts"])
def test_the_product_file_agrees_with_the_real_services(shared_reference: Path, obj: str) -> None:
    s4 = load_product("sap/s4")
    assert isinstance(s4, MixedProduct)
    resource: Any = {**s4.resources, "orders": s4.ways["orders"]["odata4"]}[obj]
    file = {"orders": "CE_SALESORDER_0001", "contracts": "CE_SALESCONTRACT_0001"}[obj]
    metadata = parse_metadata((shared_reference / "sap" / f"{file}.edmx").read_bytes())
    entity = metadata.of_set(resource.set)
    assert entity is not None
    known = dict(metadata.paths(entity))
    names = names_of(resource.names, resource.codes)
    told = [*resource.names, *resource.codes]
    write, raw = resource.write, resource.raw
    changed = write.change.fields + write.change.fixed if write.change else []
    used = [write.key_carrier.default, *write.key_carrier.allowed, write.find.customer, write.find.total, *changed]
    used += [raw.amount, raw.currency, raw.company, raw.customer, raw.date, *resource.key]
    used += [read.cursor for read in resource.reads] + [read.when_null for read in resource.reads]
    assert not {*used, *filter(None, map(names.path, told))} - known.keys()


def asked(metadata: Metadata, order: Entity, *fields: str) -> dict[str, str]:
    tree = with_keys(tree_of(fields), order, metadata)
    return V4().options(tree, order, metadata)


def test_lines_are_expanded_with_their_own_fields(metadata: Metadata, order: Entity) -> None:
    assert asked(metadata, order, "Total", "_Line.Quantity") == {
        "select": "Order,Total",
        "expand": "_Line($select=Order,Line,Quantity)",
    }
    assert asked(metadata, order) == {"select": "", "expand": ""}
    assert V4().query(filter="Day ge 2024-04-01", select="") == "?$filter=Day%20ge%202024-04-01"
    assert V4().query() == ""


def page(metadata: Metadata, order: Entity, body: dict[str, Any], *fields: str) -> list[dict[str, Any]]:
    place = (with_keys(tree_of(fields), order, metadata), order, metadata)
    rows, _ = V4().page(V4().decoder(*place)(json.dumps(body).encode()))
    for row in rows:
        V4().shape(*place)(row)
    return list(rows)


def test_records_come_plain_and_without_floats(metadata: Metadata, order: Entity) -> None:
    row = {"@odata.etag": "W/1", "Order": "1", "Total": 0.1, "Count": 3, "At": "10:30:00.5", "Day": None}
    row |= {"Changed": "2024-04-01T10:00:00Z", "_Line": [{"@odata.etag": "W/1", "Line": "10", "Quantity": 2}]}
    plain = {"Order": "1", "Total": "0.1", "Count": "3", "At": "10:30:00", "Day": None}
    plain |= {"Changed": "2024-04-01T10:00:00.000000Z", "_Line": [{"Line": "10", "Quantity": "2"}]}
    names = ["Total", "Count", "At", "Day", "Changed", "_Line.Quantity"]
    assert page(metadata, order, {"value": [dict(row)]}, *names) == [plain]
    whole = {name: value for name, value in plain.items() if name != "_Line"}
    assert page(metadata, order, {"value": [{**row, "SAP__Messages": []}]}) == [whole]


def test_lines_that_the_server_pages_are_not_taken_for_all(metadata: Metadata, order: Entity) -> None:
    cut = {"Order": "1", "_Line": [], "_Line@odata.nextLink": "Order('1')/_Line?$skiptoken=1"}
    with pytest.raises(CutLinesError):
        page(metadata, order, {"value": [cut]}, "_Line.Quantity")


def test_versions_are_kept_for_a_change() -> None:
    row = {"@odata.etag": "W/1", "_Line": [{"@odata.etag": "W/2", "Line": "10"}]}
    shape.keep_etags(row)
    assert row == {ETAG: "W/1", "_Line": [{ETAG: "W/2", "Line": "10"}]}


def test_a_refusal_of_v4_says_its_first_message() -> None:
    error = {"code": "V1/302", "message": "Enter a customer", "details": [{"code": "V1/1", "message": "more"}]}
    assert refusal(json.dumps({"error": error}).encode()) == ("V1/302", "Enter a customer")
    assert refusal(json.dumps({"error": {"code": "X", "message": "said"}}).encode()) == ("X", "said")


def test_warnings_of_a_yes() -> None:
    said = [
        {"code": "A", "message": "saved", "numericSeverity": 1},
        {"code": "B", "message": "b", "numericSeverity": 3},
    ]
    assert V4().warnings(httpx.Headers({"sap-messages": json.dumps(said)})) == ["B: b"]
    assert V4().warnings(httpx.Headers({"sap-messages": "<xml/>"})) == []
    assert V4().warnings(httpx.Headers()) == []


NAMES = names_of(
    {"External": "", "to_Line": "_Line", "to_Line.Material": "Product", "to_Line.Ours": "Line", "to_Line.Line": "Line"},
    {"to_Line.Unit": {"ST": "PC"}, "Kind": {"TA": "OR"}},
)


def test_paths_records_and_writes_in_other_words() -> None:
    assert [NAMES.path(p) for p in ("External", "to_Line", "to_Line.Material", "Total")] == [
        "",
        "_Line",
        "_Line.Product",
        "Total",
    ]
    row = {"Kind": "TA", "_Line": [{"Product": "P", "Line": "10", "Unit": "ST"}, {"Product": "Q", "Unit": "KG"}]}
    NAMES.tell(row)
    first = {"Material": "P", "Line": "10", "Ours": "10", "Unit": "PC"}
    assert row == {"Kind": "OR", "to_Line": [first, {"Material": "Q", "Unit": "KG"}]}
    wire = {"External": "x", "Kind": "OR", "to_Line": [{"Material": "P", "Ours": "10", "Unit": "PC"}], "Total": None}
    sent = {"Kind": "TA", "_Line": [{"Product": "P", "Line": "10", "Unit": "ST"}], "Total": None}
    assert NAMES.write(wire) == sent
    told = NAMES.told({"_Line": "collection", "_Line.Product": "S", "_Line.Line": "S", "Total": "D"})
    assert set(told) == {"to_Line", "to_Line.Material", "to_Line.Ours", "to_Line.Line", "Total"}
    assert list(NAMES.lacking()) == ["External"]


MIXED = """
name: test/both
protocol: odata
root: /two
also:
  odata4: {root: /four}
options: {orders: false}
commit_horizon_s: 60
longest_transaction_s: 60
resources:
  orders:
    path: SHOP/Orders
    key: [Order]
    reads: [{name: all, complete: true}]
  contracts:
    protocol: odata4
    path: shop/v1/0001/Contract
    key: [Contract]
    reads: [{name: all, complete: true}]
ways:
  orders:
    odata4:
      path: shop/v1/0001/Order
      key: [Order]
      reads: [{name: all, complete: true}]
"""


def test_a_product_of_two_protocols() -> None:
    product = parse_product(MIXED, "test/both.yaml")
    assert isinstance(product, MixedProduct)
    assert product.protocol == "odata, odata4"
    assert {name: getattr(part, "root", "") for name, part in product.parts.items()} == {
        "odata": "/two",
        "odata4": "/four",
    }
    assert [*product.resources] == ["orders", "contracts"]


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("    path: shop/v1/0001/Contract\n", "    pth: x\n", "product-key", "resources.contracts"),
        ("      path: shop/v1/0001/Order\n", "      pat: x\n", "product-key", "ways.orders.odata4"),
        ("      key: [Order]\n", "      key: []\n", "product-value", "ways.orders.odata4.key"),
        ("    protocol: odata4\n", "    protocol: odata5\n", "product-value", "resources.contracts.protocol"),
        ("    odata4:\n      path", "    soap:\n      path", "product-value", "ways.orders.soap"),
        ("ways:\n  orders:", "ways:\n  offers:", "product-value", "ways.offers"),
        ("{root: /four}", "{rot: /four}", "product-key", "also.odata4"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(old: str, new: str, code: str, place: str) -> None:
    assert old in MIXED
    text = MIXED.replace(old, new, 1)
    with pytest.raises(ConfigurationError) as caught:
        parse_product(text, "test/both.yaml")
    assert (caught.value.code, caught.value.params["path"]) == (code, place)
    part = new.strip().splitlines()[-1].strip() if code == "product-key" else new.splitlines()[0].strip()
    wanted = next(n for n, line in enumerate(text.splitlines(), 1) if part in line)
    assert abs(int(caught.value.params["line"]) - wanted) <= 1
