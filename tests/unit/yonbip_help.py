"""What tests of the YonBIP connector share: a product as small as can be, its addresses, and answers."""

from __future__ import annotations

from typing import Any

import httpx

from connectors.products import parse_product
from connectors.yonbip.connector import YonBipConnector, open_connector
from connectors.yonbip.descriptor import Product
from tests.unit.connector_help import FakeSystem

HOST = "https://apigateway.yonyoucloud.com"
GATEWAY = "https://c2.yonyoucloud.com/iuap-api-gateway"
TOKENS = "https://c2.yonyoucloud.com/iuap-api-auth/open-auth/selfAppAuth/base/v1/getAccessToken"
DISCOVERY = f"{HOST}/open-auth/dataCenter/getGatewayAddress"
LIST, DETAIL, SAVE = f"{GATEWAY}/order/list", f"{GATEWAY}/order/detail", f"{GATEWAY}/order/save"
SUBMIT, AUDIT = f"{GATEWAY}/order/submit", f"{GATEWAY}/order/audit"

PRODUCT = """
name: test/bip
protocol: yonbip
time_zone: Asia/Shanghai
commit_horizon_s: 60
longest_transaction_s: 0
resend_after_s: 0.5
options: {stop_at: false, calls_per_minute: false}
gateway:
  discovery: /open-auth/dataCenter/getGatewayAddress
  token: /open-auth/selfAppAuth/base/v1/getAccessToken
  api: /iuap-api-gateway
  auth: /iuap-api-auth
  domains: [yonyoucloud.com]
moments: [pubts]
codes: {currency: {beside: [currency_code], table: currency}, org: {table: organisation}}
texts: {locked: [正在被]}
resources:
  orders:
    path: /order/list
    key: [id]
    company: org
    paging: {size: 4}
    query: {body: {isSum: false}}
    rows: {lines: lines, key: lineId, total: {header: payMoney, line: lines.sum}}
    detail: {path: /order/detail, needs: [lines.sum]}
    sums: {net: lines.sum}
    reads: [{name: changed, cursor: pubts}]
    write:
      path: /order/save
      check_key: resubmitCheckKey
      version: version
      key_carrier: {default: outKey}
      numbers: [sum, payMoney]
      find: {customer: buyer, currency: currency, total: net, cancelled: {field: state, values: [X]}}
      steps:
        - {name: submit, path: /order/submit, due: {field: state, values: ["0"]}}
        - {name: audit, path: /order/audit, due: {field: state, values: ["1"]}, unless: {field: flow, values: ["true"]}}
  buyers:
    path: /buyer/list
    key: [id]
    paging: {size: 4}
    query: {window: after, equal: top}
    detail: {path: /buyer/details, batch: 2, needs: [places]}
    reads: [{name: changed, cursor: pubts}]
  items:
    path: /item/list
    key: [id, line]
    paging: {size: 4}
    reads: [{name: all, complete: true}]
  things:
    path: /thing/list
    key: [id]
    paging: {size: 4}
    query: {window: after, equal: top}
    reads: [{name: changed, cursor: pubts}]
"""


def connector(quota: Any = None, **settings: Any) -> YonBipConnector:
    given = {"url": HOST, "client": "tenant01", "username": "app-key", "password": "app-secret", **settings}
    product = parse_product(PRODUCT, "test/bip.yaml")
    assert isinstance(product, Product)
    return open_connector(product, FakeSystem(**given), quota)


def done(data: Any = None, code: Any = "200", **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"code": code, "message": "操作成功", "data": data, **more})


def rows(*found: dict[str, Any], count: int | None = None) -> httpx.Response:
    return done({"recordList": list(found), "recordCount": len(found) if count is None else count})


def token(value: str = "t-1+/=", expire: int = 7200) -> httpx.Response:
    return done({"access_token": value, "expire": expire}, code="00000")


def order(number: int, stamp: str = "2026-01-01 08:00:00", **more: Any) -> dict[str, Any]:
    line = {"lineId": 900 + number, "sum": 1.5}
    return {"id": 2097309745191741000 + number, "code": f"UO-{number}", "pubts": stamp, "payMoney": 1.5, **line, **more}
