"""What every answer is wrapped in, and how the product refuses: HTTP 200 nearly always, the code inside."""

from __future__ import annotations

from typing import Any

from sandbox.http import Response
from sandbox.yonyou.wire import Row, encode

JSON = {"content-type": "application/json;charset=UTF-8"}
TEXT = {"content-type": "text/plain;charset=UTF-8"}
DONE = "操作成功"
NOT_THERE = "数据不存在"
FAILED = "服务端逻辑异常"
_NOTHING = object()


class RefusalError(Exception):
    """A failure as the product words it; `data` stands beside the message where a code brings some."""

    def __init__(self, code: str | int, message: str, *, status: int = 200, data: Any = _NOTHING) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.data = data

    def response(self) -> Response:
        body: Row = {"code": self.code, "message": self.message}
        if self.data is not _NOTHING:
            body["data"] = self.data
        return reply(body, self.status)


class PlainTextError(RefusalError):
    """A refusal that is no JSON at all: one old service answers so."""

    def response(self) -> Response:
        return Response(self.status, dict(TEXT), self.message.encode())


def business(message: str, code: str | int = "999") -> RefusalError:
    return RefusalError(code, message)


def missing(what: str = NOT_THERE) -> RefusalError:
    return RefusalError("1002", what)


def reply(body: Row, status: int = 200) -> Response:
    return Response(status, dict(JSON), encode(body))


def success(data: Any, code: str | int = "200") -> Response:
    return reply({"code": code, "message": DONE, "data": data})
