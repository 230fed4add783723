"""The framework version of a request, and the list of a context's releases."""

from __future__ import annotations

from sandbox.http import Request
from sandbox.oracle.adf.errors import AdfError
from sandbox.oracle.adf.model import Row

DEFAULT = 1
ALLOWED = tuple(range(1, 10))


def asked(request: Request) -> int:
    text = request.headers.get("rest-framework-version", "").strip()
    if not text:
        return DEFAULT
    if not text.isdigit() or int(text) not in ALLOWED:
        raise AdfError(400, f"The REST framework version {text} is not supported.", "27500")
    return int(text)


def listing(request: Request, releases: tuple[str, ...]) -> Row:
    """The newest release is the last one."""
    here = f"{request.base}{request.path.rstrip('/')}"
    items = [
        {
            "version": release, "isLatest": release == releases[-1], "lifecycle": "production",
            "adf:extension": {
                "defaultFrameworkVersion": str(DEFAULT),
                "allowedFrameworkVersions": [str(version) for version in ALLOWED],
            },
            "links": [{"rel": "canonical", "href": f"{here}/{release}", "name": "self", "kind": "item"}],
        }
        for release in releases
    ]  # fmt: skip
    return {"items": items, "links": [{"rel": "self", "href": here, "name": "self", "kind": "collection"}]}
