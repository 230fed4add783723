"""What a driver says, as an error a person can act on.

SQLite is known by its English texts, PostgreSQL by SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html).
A connection that never came about has no SQLSTATE: there the text decides, and where the server speaks another language
it is shown as it is.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from crm_core.engines import BUSY_SECONDS, STATEMENT_SECONDS
from crm_core.errors import StoreError


class ConflictError(StoreError):
    """Two transactions got in each other's way; this one was rolled back and may be done anew."""


_BY_STATE = {  # the whole SQLSTATE, or its class
    "25006": "database-read-only",
    "42501": "database-rights",
    "2BP01": "database-depended-on",
    "28": "database-login",
    "3D000": "database-absent",
    "3F000": "database-schema",
    "53100": "database-full",
    "53300": "database-crowded",
    "53": "database-full",
    "55P03": "database-busy",
    "57014": "database-slow",
    "40001": "database-conflict",
    "40P01": "database-conflict",
    "42P01": "database-old",
    "42703": "database-old",
    "08": "database-lost",
    "25P03": "database-lost",
    "57P03": "database-unreachable",
    "57P": "database-lost",
    "58": "database-broken",
    "XX001": "database-broken",
    "XX002": "database-broken",
}
_BY_TEXT = (  # the first that is in it
    ("readonly", "database-read-only"),
    ("locked", "database-busy"),
    ("not a database", "database-broken"),
    ("malformed", "database-broken"),
    ("database or disk is full", "database-full"),
    ("no such table", "database-old"),
    ("no such column", "database-old"),
    ("unable to open", "database-unreachable"),
    ("disk i/o error", "database-unreachable"),
    ("too many", "database-crowded"),
    ("connection slots", "database-crowded"),
    ("password", "database-login"),
    ("pg_hba.conf", "database-login"),
    ("role ", "database-login"),
    ('" does not exist', "database-absent"),
    ("invalid connection option", "database-url"),
    ("nul (0x00)", "database-text"),
    ("connection is closed", "database-lost"),
    ("connection is lost", "database-lost"),
    ("server closed the connection", "database-lost"),
)


_WITH_WHY = {"database-unreachable", "database-login", "database-rights", "database-schema", "database-depended-on"}


def told(exc: DBAPIError, place: str, needed: str) -> StoreError | None:
    """The error for a person; None for what only a programmer can cure. `needed`: the tables' version."""
    code = _code(exc)
    if not code:
        return None
    known = {
        "database-busy": {"seconds": str(BUSY_SECONDS)},
        "database-slow": {"seconds": str(STATEMENT_SECONDS)},
        "database-old": {"found": "-", "needed": needed},
    }
    why = {"why": _detail(exc) or _first_line(exc)} if code in _WITH_WHY else {}
    kind = ConflictError if code == "database-conflict" else StoreError
    return kind(code, place=place, **known.get(code, {}), **why)


def _code(exc: DBAPIError) -> str:
    state = getattr(exc.orig, "sqlstate", None) or ""
    if state:
        return _BY_STATE.get(state) or _BY_STATE.get(state[:3]) or _BY_STATE.get(state[:2], "")
    if exc.connection_invalidated:
        return "database-lost"
    text = str(exc.orig).lower()
    found = next((code for part, code in _BY_TEXT if part in text), "")
    nothing_came = type(exc.orig).__module__.startswith("psycopg") and type(exc.orig).__name__ == "OperationalError"
    return found or ("database-unreachable" if nothing_came else "")


def _detail(exc: DBAPIError) -> str:
    """What stands in the way, where only that says it: the first of several objects."""
    detail = getattr(getattr(exc.orig, "diag", None), "message_detail", None) or ""
    return detail.splitlines()[0] if getattr(exc.orig, "sqlstate", "") == "2BP01" and detail else ""


def _first_line(exc: DBAPIError) -> str:
    """The driver's own words, which hold no password."""
    return (str(exc.orig).strip().splitlines() or [""])[0]
