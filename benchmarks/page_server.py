"""An OData server that costs the client nothing: in a process of its own, it answers as fast as a page can be read.

    python -m benchmarks.page_server ROWS

It prints its address on the first line. It speaks what a pull of orders asks for: $metadata, Basic authentication,
$select and $expand, pages by $skiptoken, and the lower bound on LastChangeDateTime in $filter; nothing else.
`GET /requests` says how many requests came since it was last asked.
"""

from __future__ import annotations

import base64
import re
import sys
from datetime import datetime
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


class Asked(NamedTuple):
    """A page of orders: from which on, with which fields, and whether it names the next one."""

    start: int
    select: str
    expand: str
    linked: bool


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, rows: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.path = order_pages.service().path
        self.pages = order_pages.Pages(f"{self.url}{self.path}", rows)
        self.metadata = metadata_document(order_pages.service())
        self.requests = 0
        self._ready: dict[Asked, bytes] = {}

    def page(self, asked: Asked) -> bytes:
        return self._ready.get(asked) or self._made(asked)

    def prepare(self, asked: Asked) -> None:
        """Have the page after this one ready before it is asked for."""
        following = asked._replace(start=_next(asked.start))
        self._ready = {following: self._made(following)} if following.start < self.pages.rows else {}

    def _made(self, asked: Asked) -> bytes:
        query = {"$select": asked.select, "$expand": asked.expand, "$skiptoken": _next(asked.start)}
        link = f"{self.pages.root}/A_SalesOrder?{urlencode(query, safe=SAFE)}" if asked.linked else ""
        return self.pages.page(asked.start, asked.select, asked.expand, link)


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
            self._answer(200, "application/json;charset=utf-8", self.server.page(asked))
            return self.server.prepare(asked)
        return self._answer(404, "text/html", b"<html>Not found</html>")

    def _count(self) -> int:
        count, self.server.requests = self.server.requests, 0
        return count

    def _asked(self, query: str) -> Asked:
        """Like SAP's, an answer names the next page unless $top said how many records are wanted."""
        options = {name: values[0] for name, values in parse_qs(query).items()}
        start = int(options.get("$skiptoken") or self._first(options.get("$filter", "")))
        return Asked(start, options.get("$select", ""), options.get("$expand", ""), "$top" not in options)

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
    server = Server(int(sys.argv[1]))
    print(server.url, flush=True)
    server.serve_forever()
