"""The golden books as an ERP handed them over, in the shape of the answers, with the source's numbers."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import insert, select

from crm_core import order_books, receivables_books, schema
from crm_core.ageing import ageing
from crm_core.database import Database
from crm_core.order_progress import OrderProgress, order_progress
from crm_core.receivables_books import Scope
from tests import golden

SYSTEM = "s4"
IDENTITY = ("company_code", "reference", "kind", "posting_date", "due_date", "currency", "amount")
"""What tells an item apart whatever numbers an ERP gives it; `reference` is the source's own number."""
OWN = ("fiscal_year", "account_number", "instalment", "line_number")
"""Where an ERP has words of its own."""


def load_our_own(db: Database, books: golden.Golden) -> None:
    """What no ERP tells and the CRM keeps itself: rates and disputes."""
    with db.write() as conn:
        items = schema.open_item
        rows = conn.execute(select(items).where(items.c.system == SYSTEM)).mappings().all()
        held = {tuple(row[name] for name in IDENTITY): row["key"] for row in rows}
        sources = {item.key: tuple(getattr(item, name) for name in IDENTITY) for item in books.items}
        keys = {key: held[identity] for key, identity in sources.items() if identity in held}
        rates = [msgspec.structs.asdict(rate) for rate in books.rates]
        conn.execute(insert(schema.exchange_rate), rates)
        disputes = [
            {**msgspec.structs.asdict(dispute), "system": SYSTEM, "item_key": keys[dispute.item_key]}
            | {"id": f"D{number}", "reason": "", "opened_by": "test"}
            for number, dispute in enumerate(books.disputes)
            if dispute.item_key in keys
        ]
        if disputes:
            conn.execute(insert(schema.dispute), disputes)


def view(db: Database, as_of: date) -> dict[str, Any]:
    """What the CRM's tables say at `as_of`, with the source's numbers."""
    with db.read() as conn:
        items, payments, applications, disputes, rates = receivables_books.load(conn, Scope(system=SYSTEM))
        account = schema.customer_account
        accounts = {
            (row["company_code"], row["parent"]): row["account_number"]
            for row in conn.execute(select(account).where(account.c.system == SYSTEM)).mappings()
        }
        orders, deliveries, invoiced = order_books.load(conn, [SYSTEM])
        order = schema.erp_order
        numbers = dict(conn.execute(select(order.c.key, order.c.external_ref)).tuples().all())

    def renamed(row: Any) -> Any:
        own = accounts.get((row.company_code, row.customer_key), "")
        return msgspec.structs.replace(row, document_number=row.reference, customer_key=own)

    report = ageing(
        [renamed(row) for row in items], [renamed(row) for row in payments], applications, disputes, rates, as_of
    )
    progress = order_progress(orders, deliveries, invoiced, as_of)
    return golden.answer(report, [_with_number(row, numbers) for row in progress])


def expected(folder: Path, as_of: date) -> dict[str, Any]:
    """The answers as they are, in an order that does not depend on the documents' numbers."""
    text = (folder / "answers" / f"{as_of}.json").read_text(encoding="utf-8")
    answer: dict[str, Any] = json.loads(text)
    return answer


def in_common(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer without what each ERP numbers in its own way."""
    rows = {name: [_without_own(row) for row in part] for name, part in answer.items() if isinstance(part, list)}
    return sorted_lists({**answer, **rows})


def _without_own(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in OWN}
    if "lines" in kept:
        lines = [_without_own(line) for line in kept["lines"]]
        kept["lines"] = sorted(lines, key=lambda line: json.dumps(line, sort_keys=True))
    return kept


def sorted_lists(answer: dict[str, Any]) -> dict[str, Any]:
    """Lists sorted by their content: an ERP numbers documents in an order of its own."""
    return {
        name: sorted(part, key=lambda row: json.dumps(row, sort_keys=True)) if isinstance(part, list) else part
        for name, part in answer.items()
    }


def _with_number(progress: OrderProgress, numbers: dict[str, str]) -> OrderProgress:
    number = numbers[progress.order.key].rpartition("/")[2]
    return msgspec.structs.replace(progress, order=msgspec.structs.replace(progress.order, number=number))
