"""Documents of a product that shows only what is left of them today, not what settled them and when.

What is gone is one application from the ERP's date on which it was first seen so (`known_from`): that day and later
ones can be told, earlier ones cannot. A document seen again with the same amount and balance keeps its date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, Table, case, delete, func, select

from crm_core import schema
from crm_core.receivables import Application, OpenItem, Payment

BALANCE = "balance:"
_APPLICATION = schema.application
_CHUNK = 400


class Left(NamedTuple):
    """A document, what is left of it (signed as its amount) and the ERP's date at this read."""

    document: OpenItem | Payment
    balance: Decimal
    seen_on: date


class Known(NamedTuple):
    """What was last known of a document, and since when."""

    amount: Decimal
    balance: Decimal
    since: date


def before(conn: Connection, system: str, table: Table, keys: Sequence[str]) -> dict[str, Known]:
    """What the rows of `keys` say now; their applications by balance are removed, for `settled` makes them anew."""
    known: dict[str, Known] = {}
    for start in range(0, len(keys), _CHUNK):
        some = keys[start : start + _CHUNK]
        mine = (table.c.system == system, table.c.key.in_(some), table.c.known_from.is_not(None))
        query = select(table.c.key, table.c.amount, table.c.known_from).where(*mine)
        found = {key: Known(amount, amount, since) for key, amount, since in conn.execute(query)}
        if not found:
            continue
        known |= found
        by_balance = (_APPLICATION.c.system == system, _APPLICATION.c.key.in_([BALANCE + key for key in some]))
        columns = _APPLICATION.c["source_key", "source_amount", "target_key", "amount"]
        for source, given, target, taken in conn.execute(select(*columns).where(*by_balance)):
            key = source or target
            if key in known:
                known[key] = known[key]._replace(balance=_rest(table, known[key].amount, given - taken))
        conn.execute(delete(_APPLICATION).where(*by_balance))
    return known


def settled(known: Mapping[str, Known], lefts: Iterable[Left]) -> tuple[dict[str, date], list[Application]]:
    """By key since when each is known, and the applications that leave what is left."""
    since: dict[str, date] = {}
    applications = []
    for document, balance, seen_on in lefts:
        was = known.get(document.key)
        same = was is not None and (was.amount, was.balance) == (document.amount, balance)
        since[document.key] = was.since if was and same else max(seen_on, was.since) if was else seen_on
        if balance != document.amount:
            applications.append(_application(document, balance, since[document.key]))
    return since, applications


def first_known(conn: Connection, system: str = "") -> dict[str, date]:
    """By system the first day that can be told; systems that can tell any day are not listed. Empty `system`: all.

    Not before every document that was posted earlier is known, nor before the system was first read at all. What was
    posted on the day it was seen puts no earlier day in doubt.
    """
    oldest: dict[str, date] = {}
    doubted: dict[str, date] = {}
    for table in (schema.open_item, schema.payment):
        since, in_doubt = table.c.known_from, case((table.c.posting_date < table.c.known_from, table.c.known_from))
        where = [since.is_not(None), *([table.c.system == system] if system else [])]
        query = select(table.c.system, func.min(since), func.max(in_doubt)).where(*where).group_by(table.c.system)
        for name, first, last in conn.execute(query):
            oldest[name] = min(first, oldest.get(name, first))
            doubted[name] = max(last or date.min, doubted.get(name, date.min))
    return {name: max(day, doubted[name]) for name, day in oldest.items()}


def _rest(table: Table, amount: Decimal, given: Decimal) -> Decimal:
    """What is left after it gave so much (negative: took): a payment falls by what it gives, an item rises."""
    return amount - given if table is schema.payment else amount + given


def _application(document: OpenItem | Payment, balance: Decimal, since: date) -> Application:
    """A payment gives what is gone, a receivable takes it; with signs the other way round, so are sides."""
    is_payment, gone = isinstance(document, Payment), document.amount - balance
    gives = is_payment == (gone > 0)
    return Application(
        system=document.system,
        key=BALANCE + document.key,
        kind="payment",
        applied_on=since,
        source_kind=("payment" if is_payment else "item") if gives else "",
        source_key=document.key if gives else "",
        source_amount=abs(gone) if gives else Decimal(0),
        target_key="" if gives else document.key,
        amount=Decimal(0) if gives else abs(gone),
        group_key=BALANCE + document.key,
    )
