"""What connector tests share: a system's settings, and a product as small as can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.odata.connector import ODataConnector, open_connector
from connectors.odata.descriptor import Product
from connectors.products import parse_product

URL = "https://erp.example.com:44300"


@dataclass
class FakeSystem:
    name: str = "mill"
    url: str = URL
    auth: str = ""
    username: str = "CROSSTIE"
    password: str = "pa55-word"
    token_url: str = ""
    client: str = "100"
    language: str = "EN"
    proxy: str = ""
    ca_bundle: str = ""
    client_cert: tuple[str, ...] = ()
    client_cert_password: str = ""
    allow_http: bool = False
    key_carrier: str | Mapping[str, str] = ""
    companies: tuple[str, ...] = ()
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=lambda: {"retry_s": 0.0})
    timeout_s: float = 5.0


PRODUCT = """
name: test/shop
protocol: odata
root: /odata
auth: [basic, oauth2, certificate]
logon: {client: sap-client, language: sap-language}
commit_horizon_s: 60
longest_transaction_s: 60
texts: {locked: [being processed by], single_write: [only one operation]}
resources:
  orders:
    path: SHOP/Orders
    key: [Order]
    strip_zeros: [Order]
    paging: {size: 3}
    reads:
      - {name: changed, cursor: Changed, when_null: Created}
      - {name: all, complete: true}
    write:
      key_carrier: {default: OurKey, allowed: [Note]}
      find: {customer: Buyer, currency: Currency, total: Total}
      change:
        changeset: true
        fields: [Note, Total, Due]
        fixed: [Buyer]
        children:
          to_Lines: {match: [OurLine], remove: {Reason: "X"}}
      cancel: {nav: to_Lines, values: {Reason: "X"}}
    raw: {amount: Total, currency: Currency, customer: Buyer, sign: {field: Kind, values: {I: 1, C: -1}}}
  lines:
    path: SHOP/Lines
    key: [Order, Line]
    strip_zeros: [Order, Line]
    reads: [{name: all, complete: true}]
"""

METADATA = b"""<?xml version="1.0"?>
<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"
    xmlns:sap="http://www.sap.com/Protocols/SAPData"><edmx:DataServices>
<Schema Namespace="SHOP" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">
  <EntityType Name="OrderType"><Key><PropertyRef Name="Order"/></Key>
    <Property Name="Order" Type="Edm.String" MaxLength="10" sap:display-format="UpperCase"/>
    <Property Name="OurKey" Type="Edm.String" MaxLength="20"/>
    <Property Name="Note" Type="Edm.String" MaxLength="40"/>
    <Property Name="Buyer" Type="Edm.String" MaxLength="10" sap:display-format="UpperCase"/>
    <Property Name="Kind" Type="Edm.String" MaxLength="1"/>
    <Property Name="Currency" Type="Edm.String" MaxLength="5"/>
    <Property Name="Total" Type="Edm.Decimal" Precision="16" Scale="3"/>
    <Property Name="Due" Type="Edm.DateTime" Precision="0" sap:display-format="Date"/>
    <Property Name="At" Type="Edm.Time"/>
    <Property Name="Count" Type="Edm.Int32"/>
    <Property Name="Open" Type="Edm.Boolean"/>
    <Property Name="Created" Type="Edm.DateTime" Precision="0" sap:display-format="Date"/>
    <Property Name="Changed" Type="Edm.DateTimeOffset" Precision="7"/>
    <NavigationProperty Name="to_Lines" Relationship="SHOP.order_lines" FromRole="one" ToRole="many"/>
  </EntityType>
  <EntityType Name="LineType"><Key><PropertyRef Name="Order"/><PropertyRef Name="Line"/></Key>
    <Property Name="Order" Type="Edm.String" MaxLength="10"/>
    <Property Name="Line" Type="Edm.String" MaxLength="6"/>
    <Property Name="OurLine" Type="Edm.String" MaxLength="6"/>
    <Property Name="Reason" Type="Edm.String" MaxLength="2"/>
    <Property Name="Quantity" Type="Edm.Decimal" Precision="13" Scale="3"/>
    <NavigationProperty Name="to_Order" Relationship="SHOP.order_lines" FromRole="many" ToRole="one"/>
  </EntityType>
  <Association Name="order_lines">
    <End Type="SHOP.OrderType" Multiplicity="1" Role="one"/><End Type="SHOP.LineType" Multiplicity="*" Role="many"/>
  </Association>
  <EntityContainer Name="C"><EntitySet Name="Orders" EntityType="SHOP.OrderType"/>
    <EntitySet Name="Lines" EntityType="SHOP.LineType"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""

ROOT = f"{URL}/odata/SHOP"


def product(text: str = PRODUCT) -> Product:
    return parse_product(text, "test/shop.yaml")


def connector(text: str = PRODUCT, **settings: Any) -> ODataConnector:
    return open_connector(product(text), FakeSystem(**settings))
