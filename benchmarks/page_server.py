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
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from benchmarks import order_pages
from sandbox.odata.edmx import metadata_document

USER, PASSWORD = "BENCH", "bench-pages"
_PROOF = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_SINCE = re.compile(r"LastChangeDateTime g[et] datetimeoffset'([^']+)'")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, rows: int, latency_s: float = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.path = order_pages.service().path
        self.pages = order_pages.Pages(f"{self.url}{self.path}", rows)
        self.metadata = metadata_document(order_pages.service())
        self.latency_s = latency_s
        self.requests = 0


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        if split.path == "/requests":
            return self._answer(200, "text/plain", str(self._count()).encode())
        self.server.requests += 1
        time.sleep(self.server.latency_s)
        if self.headers.get("authorization") != _PROOF:
            return self._answer(401, "text/html", b"<html>Logon failed</html>")
        name = split.path.removeprefix(self.server.path + "/")
        if name == "$metadata":
            return self._answer(200, "application/xml", self.server.metadata)
        if name == "A_SalesOrder":
            return self._answer(200, "application/json;charset=utf-8", self._page(split.query))
        return self._answer(404, "text/html", b"<html>Not found</html>")

    def _count(self) -> int:
        count, self.server.requests = self.server.requests, 0
        return count

    def _page(self, query: str) -> bytes:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        pages = self.server.pages
        start = int(asked.get("$skiptoken") or self._first(asked.get("$filter", "")))
        following = urlencode({**asked, "$skiptoken": (start // order_pages.PAGE + 1) * order_pages.PAGE}, safe="$'(),/:")
        link = f"{pages.root}/A_SalesOrder?{following}"
        return pages.page(start, asked.get("$select", ""), asked.get("$expand", ""), link)

    def _first(self, condition: str) -> int:
        """Where a read starts: at the bound on the change stamp; orders without a stamp there are none."""
        pages = self.server.pages
        if found := _SINCE.search(condition):
            return pages.first_changed(round(datetime.fromisoformat(found[1]).timestamp() * 1000))
        return pages.rows if "LastChangeDateTime eq null" in condition else 0

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: a line a request would be measured too."""


if __name__ == "__main__":
    server = Server(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print(server.url, flush=True)
    server.serve_forever()
