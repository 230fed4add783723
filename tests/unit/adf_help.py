"""A product as small as can be that speaks ADF REST, and answers shaped as Oracle's."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import respx

from connectors.adf.connector import AdfConnector, open_connector
from connectors.adf.descriptor import Product
from connectors.products import parse_product
from tests.unit.connector_help import URL, FakeSystem

PRODUCT = """
name: test/pod
protocol: adf
version: "11.13.18.05"
framework: "4"
us: CRM
auth: [basic, oauth2]
options: {source_system: false}
commit_horizon_s: 60
longest_transaction_s: 60
texts: {locked: [JBO-26030], duplicate: [JBO-25013]}
resources:
  orders:
    key: [OrderNumber]
    paging: {size: 3}
    reads:
      - {name: changed, cursor: LastUpdateDate}
      - {name: all, complete: true, filter: "StatusCode != 'O''NEIL'"}
    partition: {date: CreationDate}
    sources:
      - path: fscmRestApi/orders
        id: HeaderId
        key: [OrderNumber]
        reads: [changed, all]
        queryable:
          {HeaderId: integer, OrderNumber: text, OurNumber: text, StatusCode: text, LastUpdateDate: time,
           CreationDate: time}
        finders: {search: [BusinessUnit]}
        children: [lines]
        company: BusinessUnit
        skip: {field: StatusCode, values: [OLD]}
        sums: {Total: {of: [lines.Amount]}}
        raw: {amount: Total, currency: Currency, customer: Party, date: Day}
    write:
      us: OurSystem
      key_carrier: {default: OurId}
      copies: [OurNumber]
      address: [OurSystem, OurId]
      search: OurNumber
      numbers: [Quantity, UnitPrice]
      flags: [Submit]
      fill:
        - {list: billTo, into: Account, path: fscmRestApi/accounts, by: PartyId, kind: integer, of: Party,
           take: AccountNumber}
      refusal: {field: ReturnStatus, accepted: [SUCCESS], text: MessageText}
      find: {customer: Party, currency: Currency, total: Total, state: StatusCode}
      change:
        fields: [Note]
        fixed: [Party]
        lines:
          lines:
            {id: LineId, match: OurLine, compare: [Quantity, Price], numbers: [Quantity, Price], shown: [Price],
             carried: [charges],
             remove: {Quantity: "0", Reason: X}}
      cancel: {accessor: lines, values: {Quantity: "0", Reason: X}}
  rests:
    key: [AccountId, ApplicationId]
    reads: [{name: all, complete: true}]
    sources:
      - path: fscmRestApi/activities
        id: AccountId
        key: [AccountId]
        queryable: {AccountId: integer}
        children: [applications, adjustments]
        finder:
          name: ActivitiesFinder
          variable: AccountNumber
          attribute: AccountNumber
          variants: [{Status: Open, Days: "999"}, {Status: Closed, Days: "999"}]
        rows:
          - {accessor: applications, tag: receipt, key: ApplicationId, need: [DocumentId],
             undo: {amount: Amount, same: [DocumentId], day: Day, into: UndoneOn}}
          - {accessor: adjustments, tag: adjustment, key: AdjustmentId}
        joins:
          - {into: document, path: fscmRestApi/invoices, id: InvoiceId, by: InvoiceId, kind: integer,
             of: [applications.DocumentId, adjustments.DocumentId], fields: [BusinessUnit]}
"""

ROOT = f"{URL}/fscmRestApi/resources/11.13.18.05"
JSON = {"Content-Type": "application/vnd.oracle.adf.resourcecollection+json"}


def product(text: str = PRODUCT) -> Product:
    found = parse_product(text, "test/pod.yaml")
    assert isinstance(found, Product)
    return found


def connector(text: str = PRODUCT, **settings: Any) -> AdfConnector:
    return open_connector(product(text), FakeSystem(**settings))


def collection(*items: dict[str, Any], more: bool = False) -> httpx.Response:
    body = {"items": list(items), "count": len(items), "hasMore": more, "limit": 25, "offset": 0, "links": []}
    return httpx.Response(200, content=json.dumps(body), headers=JSON)


def error(status: int, detail: str, code: str = "27027") -> httpx.Response:
    body = {"title": "Bad Request", "status": str(status), "o:errorDetails": [{"detail": detail, "o:errorCode": code}]}
    kind = {"Content-Type": "application/vnd.oracle.adf.error+json"}
    return httpx.Response(status, content=json.dumps(body), headers=kind)


def asked(call: respx.models.Call) -> dict[str, str]:
    """The options of a request's address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(str(call.request.url)).query).items()}


def order(number: int, stamp: str, **more: Any) -> dict[str, Any]:
    lines = {"items": [{"LineId": number * 10, "OurLine": "1", "Amount": 12.50}], "hasMore": False, "count": 1}
    return {"HeaderId": number, "OrderNumber": f"N{number}", "LastUpdateDate": stamp, "lines": lines, **more}
