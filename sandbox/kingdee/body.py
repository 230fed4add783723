"""What a request asks for, out of the five shapes in which clients post it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.http import Request, parse_query
from sandbox.kingdee.envelope import PARAMETER, GalaxyError, ServerError, lower_keys

SUFFIX = ".common.kdsvc"
QUERIES = frozenset({
    "executebillquery", "billquery", "view", "querybusinessinfo", "querygroupinfo", "getsysreportdata",
    "attachmentdownload", "queryasyncresult", "switchorg",
})  # fmt: skip
LOGINS = frozenset({
    "validateuser", "validateuserendecode", "loginbyappsecret", "loginbysign", "loginbysimplepassport", "logout",
    "getdatacenterlist",
})  # fmt: skip
_USER = ("acctid", "username")
POSITIONS: dict[str, tuple[str, ...]] = {
    "validateuser": (*_USER, "password", "lcid"),
    "validateuserendecode": (*_USER, "password", "lcid"),
    "loginbyappsecret": (*_USER, "appid", "appsecret", "lcid"),
    "loginbysign": (*_USER, "appid", "timestamp", "sign", "lcid"),
    "executeoperation": ("formid", "opnumber", "data"),
    "queryasyncresult": ("queryinfo",),
    **dict.fromkeys(
        ("executebillquery", "billquery", "querybusinessinfo", "querygroupinfo", "workflowaudit", "groupdelete",
         "sendmsg", "switchorg", "attachmentupload", "attachmentdownload"),
        ("data",),
    ),
}  # fmt: skip
"""Names of positional parameters; those of all other methods are formid and data."""


@dataclass(frozen=True)
class Call:
    method: str
    """The last part of the service name, lower-case."""

    arguments: dict[str, Any]
    """By lower-case name."""

    data: dict[str, Any]
    """The argument `data` by lower-case name; what is below keeps its spelling."""

    @property
    def form(self) -> str:
        return str(self.arguments.get("formid") or self.data.get("formid") or "")

    @property
    def polled(self) -> bool:
        return str(self.arguments.get("beginmethod", "")).lower() == "beginqueryimpl"


def method_of(request: Request) -> str:
    """The method a URL names, in lower case; "" when it names none."""
    name = request.path.rsplit("/", 1)[-1].lower()
    return name.removesuffix(SUFFIX).rsplit(".", 1)[-1] if name.endswith(SUFFIX) else ""


def read_call(request: Request) -> Call:
    method = method_of(request)
    method = "executeoperation" if method == "excuteoperation" else method
    arguments = _arguments(method, request)
    return Call(method, arguments, _data(arguments.get("data")))


def load(text: str | bytes) -> Any:
    """JSON without floats. ServerError for what is none, as Galaxy fails on it."""
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError as problem:
        raise ServerError(f"反序列化请求参数失败：{problem}") from None


def _arguments(method: str, request: Request) -> dict[str, Any]:
    if "x-www-form-urlencoded" in request.headers.get("content-type", ""):
        return lower_keys(parse_query(request.body.decode("utf-8", "replace")))
    given = load(request.body) if request.body.strip() else {}
    if not isinstance(given, dict):
        raise ServerError("请求参数必须是 JSON 对象")
    named = lower_keys(given)
    if "parameters" not in named:
        return named
    return {**named, **_positional(method, named["parameters"], isinstance(named["parameters"], str))}


def _positional(method: str, parameters: Any, enveloped: bool) -> dict[str, Any]:
    """An array, or in the old envelope its JSON text, whose items may be JSON texts again."""
    items = load(parameters) if enveloped else parameters
    if not isinstance(items, list):
        raise GalaxyError("parameters 必须是数组", PARAMETER)
    return dict(zip(POSITIONS.get(method, ("formid", "data")), items, strict=False))


def _data(value: Any) -> dict[str, Any]:
    content = load(value) if isinstance(value, str) and value.strip() else value
    return lower_keys(content) if isinstance(content, Mapping) else {}
