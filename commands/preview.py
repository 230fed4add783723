"""crosstie preview: a record as the ERP sends it, and as we would store it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import typer

from commands import session
from commands.app import Command, examples
from commands.output import dump_json, output, write
from commands.sync import SYSTEM
from commands.texts import say
from commands.words import object_name
from config.exit_codes import OK, SOME_FAILED

if TYPE_CHECKING:
    from flows.context import Context


def preview(
    system: str = SYSTEM,
    obj: str = typer.Argument(..., metavar="OBJECT", help="customers, products, orders, ..."),
    record: str = typer.Option(None, "--record", metavar="ID", help="the record with this ERP key; else the first few"),
    limit: str = typer.Option("3", "--limit", metavar="NUMBER", help="how many records"),
) -> int:
    """Show records as they arrive from the ERP and as the mapping would store them. Nothing is written."""
    from config.wiring import open_context

    count = session.a_count(limit)
    with open_context(session.settings(), system) as ctx:
        rows = list(_mapped(ctx, obj, record, count))
    if not output.result({"system": system, "object": obj, "records": rows}):
        for row in rows:
            write(say("{object} {key} as the ERP sends it:", object=object_name(obj), key=row["key"]))
            write(dump_json(row["source"]))
            write(say("and as it is stored:") if not row["error"] else row["error"])
            write(dump_json(row["mapped"]) if not row["error"] else "")
    return SOME_FAILED if any(row["error"] for row in rows) else OK


def _mapped(ctx: Context, obj: str, key: str | None, count: int) -> Iterator[dict[str, Any]]:
    from commands.failures import lines
    from config.failures import describe
    from flows.errors import UsageError
    from flows.pull import objects_of

    objects_of(ctx, [obj])
    section = ctx.mapping.section(obj, "pull")
    records = list(islice(_records(ctx, obj, key, section.fields), count))
    if key and not records:
        raise UsageError("no-record", system=ctx.system, object=obj, key=key)
    for erp_key, source in records:
        row: dict[str, Any] = {"key": erp_key, "source": source, "mapped": None, "error": ""}
        try:
            row["mapped"] = section.apply(source, erp_key)
        except Exception as exc:
            failure = describe(exc)
            if failure is None:
                raise
            row["error"] = next(lines(failure))
        yield row


def _records(ctx: Context, obj: str, key: str | None, fields: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    from config.wiring import first_pages

    if key:
        pages = ctx.connector.lookup(obj, [key], fields=fields)
    else:
        pages = first_pages(ctx.connector, obj, fields)
    for page in pages:
        yield from page.records


def register(app: typer.Typer) -> None:
    app.command(cls=Command, epilog=examples(("preview erp1 orders --record 4500000001", "")))(preview)
