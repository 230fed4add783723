"""The Galaxy sandbox: one integration user's way through logins and services to the books.

Facts about this tenant: organisations bear the company codes as numbers, server-local time is China's, orders and
customers have a text field F_CRM_Text of the tenant's own, bill type XSDD02_SYS has a coding rule that gives the number
whatever is sent. The password is also the application's secret. Beside the account set whose books the control
plane shows there is a second one with books of its own, made up.

This tenant's own: FPRESETENTRYTEXT_P1 of a receivable's schedule tells retention, F_CRM_PO is the customer's order
number, F_CRM_Date the date on a receivable's paper (FDATE is when it counts), contracts are orders of bill type
XSDD08_CRM, and the last of several organisations books business receivables.

No public source says it, so it is a guess of ours: a coding rule replaces a number that is sent (it could refuse it);
an order on credit hold stays in approval (B); a reversal is a red receivable written off against the blue one; AR_Match
keeps a write-off that was taken back, with FIsUnMatch and FUnMatchDate (or, as the tenant is set, deletes it), and says
1 payment, 2 red against blue, 3 cash discount, 4 bad debt; it also shows which receipt a refund gave back, with the
other sign; FEntryCust is where a price list has its customers; Allocate takes PkIds and TOrgIds.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.front import Caller, ControlError, Row
from sandbox.http import Request, Response
from sandbox.kingdee.body import LOGINS, QUERIES, Call, load, method_of, read_call
from sandbox.kingdee.contracts import BILL_TYPE
from sandbox.kingdee.envelope import (
    DATABASE,
    LOCKED,
    LOST,
    PARAMETER,
    GalaxyError,
    ServerError,
    json_response,
    lower_keys,
    refusal_for,
    response_error,
    text_response,
    truth,
)
from sandbox.kingdee.metadata import Metadata, load_metadata
from sandbox.kingdee.names import GalaxyNames
from sandbox.kingdee.operations import Operations
from sandbox.kingdee.query import MAX_LIMIT, Query
from sandbox.kingdee.sessions import LOST_TEXT, WRONG_ACCOUNT, Account, Sessions, cookies, hollow_cookies
from sandbox.kingdee.shapes_ar import RETENTION, ar_sources
from sandbox.kingdee.shapes_base import base_sources
from sandbox.kingdee.shapes_match import match_sources
from sandbox.kingdee.shapes_money import money_sources
from sandbox.kingdee.shapes_other import other_sources
from sandbox.kingdee.shapes_prices import price_sources
from sandbox.kingdee.shapes_refund import refund_sources, refunded
from sandbox.kingdee.shapes_sales import sales_sources
from sandbox.kingdee.shapes_stock import stock_sources
from sandbox.kingdee.shapes_tax import tax_sources
from sandbox.kingdee.tables import Tenant
from sandbox.kingdee.view import view
from sandbox.office.listing import renamed
from sandbox.office.trade import Office, open_office

APP_ID = "210001_Q1JPU1NUSUUtU0FOREJPWC1BUFAtMDE0"
"""The application registered for the user; the segment is 24 bytes in base64."""

SITE = {"contract_types": BILL_TYPE, "retention_field": "FPRESETENTRYTEXT_P1", "customer_po_field": "F_CRM_PO"}
LOOKUPS = {"plan_purpose": {RETENTION: "retention"}}
"""What a system file must say of this tenant."""

SECOND, SECOND_SEED = "second account set", 8
_LANGUAGES = {"2052": "ZH", "3076": "ZF", "1033": "EN"}


class GalaxyFront:
    def __init__(self, office: Office, info: Row, *, user: str, password: str) -> None:
        self.backend, self.user, self.password = office, user, password
        self.metadata = load_metadata()
        accounts = [Account(one["id"], one["number"], one["name"]) for one in info["data_centres"]]
        self.sessions = Sessions(accounts, user, password, info["options"]["app_id"])
        self._desks = {accounts[0].id: Desks(office, self.metadata)}
        self._manual_numbers, self._query_limit, self._resets_deleted = True, MAX_LIMIT, False
        self._tasks: dict[str, Any] = {}

    # -- the server's seam -------------------------------------------------------------------------------------------

    def admit(self, request: Request) -> Response | None:
        method = method_of(request)
        if not method or request.method != "POST":
            return text_response("404 Not Found", 404)
        if method in LOGINS:
            return None
        entry = self.sessions.judge(request)
        if entry.wrong_account:
            return text_response(WRONG_ACCOUNT, 500)
        return None if entry.session else self._lost(method)

    def serve(self, request: Request) -> Response:
        method = method_of(request)
        try:
            if method in LOGINS:
                return self._login(method, request)
            return self._call(request)
        except ServerError as error:
            return response_error(str(error))
        except GalaxyError as error:
            return json_response(refusal_for(method, error))

    def is_write(self, request: Request) -> bool:
        method = method_of(request)
        return bool(method) and method not in QUERIES and method not in LOGINS

    def is_lookup(self, request: Request) -> bool:
        return method_of(request) in ("executebillquery", "billquery", "view") and b"filter" in request.body.lower()

    def needs_token(self, request: Request) -> bool:
        return method_of(request) not in LOGINS

    def fault(self, name: str, parameters: Mapping[str, Any], request: Request) -> Response | None:
        method = method_of(request)
        match name:
            case "refused_200":
                return response_error("服务器忙，请求超时，请稍后重试。")
            case "internal_error":
                return response_error("未将对象引用设置到对象的实例。", 500)
            case "locked":
                text = f"单据正在被用户 {parameters.get('user', '')} 操作，请稍后再试（网络控制冲突）"
                return json_response(refusal_for(method, GalaxyError(text, LOCKED)))
            case "lookup_fails":
                return json_response(refusal_for(method, GalaxyError("执行数据库语句超时", DATABASE)))
        return None

    def expire(self, what: str) -> None:
        self.sessions.expire()

    def unlock(self) -> None:
        return

    def configure(self, options: Mapping[str, Any]) -> None:
        """manual_numbers false: the coding rules of all bill types give the number, whatever is sent. query_limit: the
        most rows that a query gives (WebAPIMaxQueryLimit; 2000 before patch 23.11). resets_deleted true: a write-off
        that is taken back goes from the log."""
        if unknown := options.keys() - {"manual_numbers", "query_limit", "resets_deleted"}:
            there = "manual_numbers (true or false), query_limit (rows), resets_deleted (true or false)"
            raise ControlError(f"unknown option {', '.join(sorted(unknown))}; there is {there}")
        self._manual_numbers = truth(options.get("manual_numbers"), default=self._manual_numbers)
        self._resets_deleted = truth(options.get("resets_deleted"), default=self._resets_deleted)
        limit = str(options.get("query_limit", self._query_limit))
        if not limit.isdigit() or int(limit) < 1:
            raise ControlError(f"query_limit is a number of rows, not {limit!r}")
        self._query_limit = int(limit)

    # -- logins ------------------------------------------------------------------------------------------------------

    def _lost(self, method: str) -> Response:
        return json_response(refusal_for(method, GalaxyError(LOST_TEXT, LOST)), hollow_cookies())

    def _login(self, method: str, request: Request) -> Response:
        if method == "getdatacenterlist":
            return json_response(self.sessions.data_centres())
        if method == "logout":
            self.sessions.logout(request)
            return json_response(True)
        answer, jar = self.sessions.login(method, read_call(request).arguments)
        return answer if isinstance(answer, Response) else json_response(answer, jar)

    # -- services ----------------------------------------------------------------------------------------------------

    def _call(self, request: Request) -> Response:
        entry = self.sessions.judge(request)
        if entry.session is None:
            return self._lost(method_of(request))
        session = entry.session
        if entry.is_new:
            session = self.sessions.open(session.acct_id, session.user, session.lcid)
        desks = self._desks_of(session.acct_id)
        desks.office.begin(Caller(request.request_id, session.user, _LANGUAGES.get(session.lcid, "ZH")))
        desks.operations.manual_numbers = self._manual_numbers
        desks.tenant.resets_are_deleted = self._resets_deleted
        answer = self._answer(read_call(request), request, desks)
        return json_response(answer, cookies(session.id) if entry.is_new else ())

    def _desks_of(self, acct_id: str) -> Desks:
        """The books of an account set; those of the second one are made up when it is first asked for."""
        if acct_id not in self._desks:
            office: Office | None = self.backend.extra.get(SECOND)
            if office is None:
                office = self.backend.extra[SECOND] = open_office(None, None, self.backend.today(), SECOND_SEED)
            self._desks[acct_id] = Desks(office, self.metadata)
        desks = self._desks[acct_id]
        if (behind := (self.backend.today() - desks.office.today()).days) > 0:
            desks.office.advance(behind)
        return desks

    def _answer(self, call: Call, request: Request, desks: Desks) -> Any:
        if call.method == "queryasyncresult":
            return self._poll(call)
        answer = self._result(call, request, desks)
        if not call.polled:
            return answer
        task = str(uuid.uuid4())
        self._tasks[task] = answer
        return {"Status": 0, "TaskId": task, "Result": None}

    def _poll(self, call: Call) -> Any:
        asked = call.arguments.get("queryinfo")
        task = str(lower_keys(load(asked) if isinstance(asked, str) else asked or {}).get("taskid", ""))
        if task not in self._tasks:
            raise GalaxyError(f"任务 {task} 不存在", PARAMETER)
        return {"Status": 2, "TaskId": task, "Result": self._tasks.pop(task)}

    def _result(self, call: Call, request: Request, desks: Desks) -> Any:
        tenant = desks.tenant
        reads: dict[str, Callable[[], Any]] = {
            "executebillquery": lambda: self._query(call, request, tenant).rows(),
            "billquery": lambda: self._query(call, request, tenant).objects(),
            "view": lambda: renamed(view(tenant, call.form, call.data), request.tweaks),
            "querybusinessinfo": lambda: self._business_info(call, dict(request.tweaks.rename)),
            "switchorg": lambda: {"Result": {"ResponseStatus": {"IsSuccess": True, "Errors": [], "MsgCode": 0}}},
        }
        if call.method in reads:
            return reads[call.method]()
        return desks.operations.run(call)

    def _query(self, call: Call, request: Request, tenant: Tenant) -> Query:
        return Query(tenant, {"formid": call.form, **call.data}, request.tweaks, self._query_limit)

    def _business_info(self, call: Call, names: Mapping[str, str]) -> Any:
        info = self.metadata.business_info(self.metadata.form(call.form))
        for entity in info["Entrys"]:
            for field in entity["Fields"]:
                field["Key"] = names.get(field["Key"], field["Key"])
        status = {"IsSuccess": True, "Errors": [], "SuccessEntitys": [], "SuccessMessages": [], "MsgCode": 0}
        return {"Result": {"ResponseStatus": status, "NeedReturnData": info}}


class Desks:
    """One account set: its books, and what reads and changes them."""

    def __init__(self, office: Office, metadata: Metadata) -> None:
        self.office = office
        self.tenant = build_tenant(office, metadata)
        self.operations = Operations(self.tenant)
        office.names = GalaxyNames(self.tenant)


def build_tenant(office: Office, metadata: Metadata) -> Tenant:
    tenant = Tenant(office, metadata)
    plain = (
        base_sources, price_sources, sales_sources, stock_sources, ar_sources, other_sources, refund_sources,
        match_sources, tax_sources,
    )  # fmt: skip
    for sources in plain:
        tenant.bind(sources(tenant))
    tenant.bind(money_sources(tenant, partial(refunded, tenant)))
    return tenant


# -- opening -----------------------------------------------------------------------------------------------------------


def open_front(
    *, data: Path | None, rows: int | None, date: date | None, seed: int, user: str, password: str
) -> tuple[GalaxyFront, Row]:
    """`info` adds to the companies: `client` (acctID), how to log on, the server's zone, and all account sets."""
    office = open_office(data, rows, date, seed)
    first, second = secrets.token_hex(7), secrets.token_hex(7)
    info = {
        **office.info(), "client": first, "options": {"app_id": APP_ID, **SITE}, "lookups": LOOKUPS,
        "auth": "signed", "time_zone": "Asia/Shanghai", "language": "ZH", "data_centres": [
            {"id": first, "number": "202601", "name": f"{office.replay.data.name} 演示账套"},
            {"id": second, "number": "202602", "name": "培训账套"},
        ],
    }  # fmt: skip
    return front_on(office, info, user=user, password=password), info


def front_on(backend: Any, info: Row, *, user: str, password: str) -> GalaxyFront:
    return GalaxyFront(backend, info, user=user, password=password)
