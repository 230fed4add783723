"""What an API is at the gateway: its path, what its body must hold, how often it may be called, what runs behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox.http import Tweaks
from sandbox.yonyou.envelope import RefusalError
from sandbox.yonyou.wire import Row, decode

ORDERS_PER_MINUTE = 60
FINANCE_PER_MINUTE = 40
PAGING = ("pageIndex", "pageSize")


@dataclass(frozen=True)
class Call:
    """One call, past the gateway: the body of a POST or nothing, and the query without the token."""

    body: Row = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    tweaks: Tweaks = field(default_factory=Tweaks)


@dataclass(frozen=True)
class Api:
    """`run` gives the data of the answer; `code` is how this API says that all went well."""

    path: str
    run: Callable[[Call], Any]
    method: str = "POST"
    writes: bool = False
    per_minute: int | None = None
    needs: tuple[str, ...] = ()
    idempotent: bool = False
    code: str | int = "200"
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Stands in the envelope beside code, message and data."""

    plain_refusal: bool = False
    """A bad token is answered with bare text."""

    any_body: bool = False
    """The body may be a list."""


def paged(path: str, run: Callable[[Call], Any], **more: Any) -> Api:
    return Api(path, run, needs=PAGING, **more)


def read_body(api: Api, raw: bytes) -> Row:
    """The body as the gateway lets it through: 310002 no JSON, 310008 something required is missing, 310023 a type."""
    if api.method == "GET":
        return {}
    try:
        body = decode(raw or b"{}")
    except ValueError:
        raise RefusalError("310002", "请求体不是合法的JSON") from None
    if api.any_body and isinstance(body, list):
        body = {"data": body}
    if not isinstance(body, dict):
        raise RefusalError("310002", "请求体不是合法的JSON对象")
    for name in api.needs:
        _check(name, body)
    return body


def whole(name: str, value: Any) -> int:
    """A number or a text of digits; the gateway refuses anything else."""
    text = str(value)
    if isinstance(value, bool) or not text.isdigit() or int(text) < 1:
        raise RefusalError("310023", f"参数[{name}]类型错误")
    return int(text)


def records(body: Row) -> list[Row]:
    """What a batch is about: `data` is a list of objects."""
    data = body.get("data")
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise RefusalError("310023", "参数[data]类型错误")
    return data


def record(body: Row) -> Row:
    data = body.get("data")
    if not isinstance(data, dict):
        raise RefusalError("310023", "参数[data]类型错误")
    return data


def amount(row: Row, name: str) -> Decimal:
    """A number of a row, sent as a number or as text; what is no number is refused by the service, not the gateway."""
    value = row.get(name)
    try:
        found = Decimal(str(value)) if value is not None and not isinstance(value, bool) else Decimal("NaN")
    except ArithmeticError:
        found = Decimal("NaN")
    if not found.is_finite():
        raise RefusalError("999", f"字段[{name}]不是有效数字")
    return found


def _check(name: str, body: Row) -> None:
    value = body.get(name)
    if value is None or value == "":
        raise RefusalError("310008", f"必填参数[{name}]缺失")
    if name in PAGING:
        whole(name, value)
