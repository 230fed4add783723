"""An OData server that costs the client nothing: in a process of its own, it answers as fast as a page can be read.

    python -m benchmarks.page_server ROWS [LATENCY_MS]

It prints its address on the first line. It speaks what a pull of orders asks for: $metadata, Basic authentication,
$select and $expand, pages by $skiptoken, and in $filter bounds on LastChangeDateTime and CreationDate; nothing else.
Every page comes LATENCY_MS late.
`GET /requests` says how many requests came since it was last asked.
"""

from __future__ import annotations

import base64
import re
import sys
import time
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from benchmarks import order_pages
from benchmarks.order_pages import PAGE
from sandbox.odata.edmx import metadata_document

SAFE = "$'(),/:"
USER, PASSWORD = "BENCH", "bench-pages"
_PROOF = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_BOUND = re.compile(r"LastChangeDateTime (ge|gt) datetimeoffset'([^']+)'")
_DAY = re.compile(r"CreationDate (ge|lt) datetime'([^']+)'")
_READY_AT_MOST = 8


class Asked(NamedTuple):
    """A page of orders: from which on, before which, with which fields, and whether it names the next one."""

    start: int
    stop: int
    select: str
    expand: str
    linked: bool


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, rows: int, latency_s: float = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.path = order_pages.service().path
        self.pages = order_pages.Pages(f"{self.url}{self.path}", rows)
        self.metadata = metadata_document(order_pages.service())
        self.requests, self.latency_s = 0, latency_s
        self._ready: dict[Asked, bytes] = {}

    def page(self, asked: Asked) -> bytes:
        return self._ready.pop(asked, b"") or self._made(asked)

    def prepare(self, asked: Asked) -> None:
        """Have the page after this one ready before it is asked for."""
        following = asked._replace(start=_next(asked.start))
        if len(self._ready) >= _READY_AT_MOST:
            self._ready.clear()
        if following.start < asked.stop:
            self._ready[following] = self._made(following)

    def _made(self, asked: Asked) -> bytes:
        query = {"$select": asked.select, "$expand": asked.expand, "$skiptoken": _next(asked.start)}
        named = asked.linked or asked.start % PAGE  # a page that is not full must name the next one
        link = f"{self.pages.root}/A_SalesOrder?{urlencode(query, safe=SAFE)}" if named else ""
        return self.pages.page(asked.start, asked.stop, asked.select, asked.expand, link)


def _next(start: int) -> int:
    return (start // PAGE + 1) * PAGE


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        if split.path == "/requests":
            return self._answer(200, "text/plain", str(self._count()).encode())
        self.server.requests += 1
        if self.headers.get("authorization") != _PROOF:
            return self._answer(401, "text/html", b"<html>Logon failed</html>")
        name = split.path.removeprefix(self.server.path + "/")
        if name == "$metadata":
            return self._answer(200, "application/xml", self.server.metadata)
        if name == "A_SalesOrder":
            asked = self._asked(split.query)
            time.sleep(self.server.latency_s)
            self._answer(200, "application/json;charset=utf-8", self.server.page(asked))
            return self.server.prepare(asked)
        return self._answer(404, "text/html", b"<html>Not found</html>")

    def _count(self) -> int:
        count, self.server.requests = self.server.requests, 0
        return count

    def _asked(self, query: str) -> Asked:
        """Like SAP's, an answer names the next page unless $top said how many records are wanted."""
        options = {name: values[0] for name, values in parse_qs(query).items()}
        condition = options.get("$filter", "")
        first, stop = self._days(condition)
        start = int(options.get("$skiptoken") or max(first, self._first(condition)))
        return Asked(start, stop, options.get("$select", ""), options.get("$expand", ""), "$top" not in options)

    def _days(self, condition: str) -> tuple[int, int]:
        """The orders of these days: from which on and before which."""
        pages = self.server.pages
        bounds = {name: pages.first_created(date.fromisoformat(day[:10])) for name, day in _DAY.findall(condition)}
        return bounds.get("ge", 0), bounds.get("lt", pages.rows)

    def _first(self, condition: str) -> int:
        """Where a read starts: at or behind a change stamp. No two orders share one, and none is without."""
        pages = self.server.pages
        if found := _BOUND.search(condition):
            moment = datetime.fromisoformat(found[2])
            return pages.first_changed(round(moment.timestamp() * 1000) + (found[1] == "gt"))
        return pages.rows if "LastChangeDateTime eq null" in condition else 0

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: a line a request would be measured too."""


if __name__ == "__main__":
    server = Server(int(sys.argv[1]), float((sys.argv[2:] or ["0"])[0]) / 1000)
    print(server.url, flush=True)
    server.serve_forever()
