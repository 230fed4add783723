"""The OpenAPI gateway: what is checked in which order before a service hears of a call.

Path (310404, the one failure that is no HTTP 200), method (310405), token (310001 none, 310036 not valid, 310037 not
granted to the app), body (310002, 310008, 310023), quota (310046), idempotency key, and only then the service itself. A
key whose first call has been let in and is not answered yet gets 202.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import unquote

from sandbox.http import Request, Response
from sandbox.office.listing import renamed
from sandbox.yonyou import idempotency
from sandbox.yonyou.apis import Api, Call, read_body
from sandbox.yonyou.envelope import DONE, PlainTextError, RefusalError, reply
from sandbox.yonyou.quotas import Quotas
from sandbox.yonyou.tokens import GATEWAY, TokenService
from sandbox.yonyou.wire import Row, decode


class Books(Protocol):
    extra: dict[str, Any]

    def now(self) -> datetime: ...

    def savepoint(self) -> Any: ...

    def rollback(self, point: Any) -> None: ...


class Gateway:
    def __init__(self, apis: Iterable[Api], tokens: TokenService, quotas: Quotas, books: Books) -> None:
        self._apis = {api.path: api for api in apis}
        self._tokens, self._quotas, self._books = tokens, quotas, books
        self.not_granted: frozenset[str] = frozenset()
        """Paths that the app may not call."""
        self._under_way: dict[tuple[str, str], str] = {}
        self._repeats = idempotency.Repeats(books.extra.setdefault("repeats", {}))

    def api(self, request: Request) -> Api | None:
        return self._apis.get(unquote(request.path).removeprefix(GATEWAY))

    def admit(self, request: Request) -> Response | None:
        """The checks that need no body."""
        path = unquote(request.path)
        if self._tokens.covers(path):
            return None
        try:
            self._check(request, path.removeprefix(GATEWAY))
        except RefusalError as refusal:
            return refusal.response()
        if key := self._key(request):
            self._under_way.setdefault(key, request.request_id)
        return None

    def leave(self, request: Request) -> None:
        """A call that was let in is not to be served after all."""
        if (key := self._key(request)) and self._under_way.get(key) == request.request_id:
            del self._under_way[key]

    def _key(self, request: Request) -> tuple[str, str] | None:
        """API and resubmitCheckKey of a save that has one."""
        api = self.api(request)
        data = decoded(request).get("data") if api and api.idempotent else None
        key = idempotency.key_of(data) if isinstance(data, dict) else ""
        return (api.path, key) if api and key else None

    def serve(self, request: Request) -> Response:
        path = unquote(request.path)
        try:
            if self._tokens.covers(path):
                return self._tokens.serve(path, request.options, request.base)
            api = self._apis[path.removeprefix(GATEWAY)]
            if (key := self._key(request)) and self._under_way.get(key) not in (None, request.request_id):
                raise RefusalError("202", "请求正在处理中，请稍后重试", data=None)
            call = Call(read_body(api, request.body), request.options, request.tweaks)
            self._quotas.take(api.path, api.per_minute)
            return self._run(api, call)
        except RefusalError as refusal:
            return refusal.response()
        finally:
            self.leave(request)

    def _check(self, request: Request, path: str) -> None:
        api = self._apis.get(path)
        if api is None:
            raise RefusalError("310404", f"网关上没有注册此API[{path}]，请检查请求地址", status=404)
        if request.method != api.method:
            raise RefusalError("310405", f"请求方法[{request.method}]错误，应为[{api.method}]")
        token = request.options.get("access_token") or request.headers.get("access_token", "")
        if not token:
            raise RefusalError("310001", "access_token不能为空。")
        if not self._tokens.is_good(token):
            raise PlainTextError("310036", "非法token") if api.plain_refusal else RefusalError("310036", "非法token")
        if path in self.not_granted:
            raise RefusalError("310037", f"应用未被授权调用此API[{path}]")

    def _run(self, api: Api, call: Call) -> Response:
        """Run the service; a refusal leaves no trace in the books."""
        data = call.body.get("data")
        key = idempotency.key_of(data) if api.idempotent and isinstance(data, dict) else ""
        late = "10004" if "/sd/" in api.path else "100004"
        if key and (first := self._repeats.replay(api.path, key, self._books.now(), late)) is not None:
            return _wrapped(api, first)
        point = self._books.savepoint()
        try:
            result = api.run(call)
        except RefusalError:
            self._books.rollback(point)
            raise
        if key:
            result = self._keep(api, key, result)
        return _wrapped(api, renamed(result, call.tweaks))

    def _keep(self, api: Api, key: str, result: Any) -> Any:
        one = result[0] if isinstance(result, list) else result
        if isinstance(result, dict):
            result = {**result, "resubmitCheckKey": idempotency.echoed(api_id(api), self._tokens.tenant, key)}
        self._repeats.keep(api.path, key, self._books.now(), one.get("id"), result)
        return result


def decoded(request: Request) -> Row:
    """The body, as far as it is an object."""
    try:
        body = decode(request.body or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def api_id(api: Api) -> str:
    """32 hexadecimal digits, as the platform names its APIs."""
    return hashlib.md5(api.path.encode(), usedforsecurity=False).hexdigest()


def _wrapped(api: Api, data: Any) -> Response:
    body: Row = {"code": api.code, "message": DONE, **api.extra, "data": data}
    return reply(body)
