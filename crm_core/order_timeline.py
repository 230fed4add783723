"""The way of one order, line by line: each step with its document, day, source and how old the knowledge is.

quoted -> accepted -> sent -> ordered -> credit -> picked -> part-shipped -> shipped -> invoiced -> paid. A line stands
where documents prove it does; what an ERP takes back (a reversal, a return) takes the step back too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, or_, select

from crm_core import companies, order_books, schema
from crm_core.order_progress import OrderProgress, Quantities, order_progress
from crm_core.receivables import counts, in_force

STAGES = (
    "quoted",
    "accepted",
    "sent",
    "ordered",
    "credit",
    "picked",
    "part-shipped",
    "shipped",
    "invoiced",
    "paid",
)
Step = dict[str, Any]


def of_order(conn: Connection, order: RowMapping, now: datetime) -> dict[str, Any]:
    """The way of an ERP order; `order` is its row with customer, customer_name and quote."""
    system, key = order["system"], order["key"]
    today = companies.today(conn, system, order["company_code"], now)
    today = max(today, _newest_day(conn, order) or today)
    books = order_books.load(conn, [system], [(system, key)])
    progress = order_progress(*books, as_of=max(today, order["order_date"]))[0]
    steps = _by_line(conn, order)
    paid = _paid(conn, order, steps, today)
    return {
        **_head(order),
        "status": progress.status if progress.status != "open" else order["status"],
        "steps": [*_decision(conn, order["quote"] or ""), *_ordered(conn, order)],
        "lines": [_line(order, row, steps, paid, progress) for row in _line_rows(conn, system, key)],
    }


def of_quote(conn: Connection, quote: RowMapping, now: datetime) -> dict[str, Any]:
    """The way of a quote that no ERP order is known of yet."""
    steps = _decision(conn, quote["number"])
    stage = steps[-1]["stage"]
    customer = schema.customer
    name = conn.execute(select(customer.c.name).where(customer.c.number == quote["customer_number"])).scalar()
    lines = schema.quote_line
    rows = conn.execute(select(lines).where(lines.c.quote_number == quote["number"])).mappings().all()
    rows = sorted(rows, key=lambda row: (len(row["line"]), row["line"]))
    return {
        "system": quote["system"],
        "company": quote["company_code"],
        "number": "",
        "key": "",
        "quote": quote["number"],
        "customer": quote["customer_number"],
        "customer_name": name or "",
        "customer_po": quote["customer_po"],
        "currency": quote["currency"],
        "net_amount": quote["net_total"],
        "requested_on": quote["requested_on"],
        "status": quote["state"],
        "seen_at": None,
        "steps": steps,
        "lines": [_offered(row, stage) for row in rows],
    }


def _head(order: RowMapping) -> dict[str, Any]:
    return {
        "system": order["system"],
        "company": order["company_code"],
        "number": order["number"],
        "key": order["our_key"],
        "quote": order["quote"] or "",
        "customer": order["customer"] or order["customer_key"],
        "customer_name": order["customer_name"] or "",
        "customer_po": order["customer_po"],
        "currency": order["currency"],
        "net_amount": order["net_amount"],
        "requested_on": order["requested_on"],
        "seen_at": order["seen_at"],
    }


def _step(stage: str, on: Any, document: str, source: str, seen_at: datetime | None = None, **more: Any) -> Step:
    return {"stage": stage, "on": on, "document": document, "source": source, "seen_at": seen_at, **more}


def _decision(conn: Connection, number: str) -> list[Step]:
    """Our own part of the way: offered, accepted, and what the outbox knows."""
    quote = conn.execute(select(schema.quote).where(schema.quote.c.number == number)).mappings().first()
    if quote is None:
        return []
    steps = [_step("quoted", quote["quoted_on"], number, "crm")]
    if quote["accepted_at"]:
        steps.append(_step("accepted", quote["accepted_at"], number, "crm", by=quote["accepted_by"]))
    box = schema.outbox
    entries = conn.execute(select(box).where(box.c.obj == "orders", box.c.crm_id == number).order_by(box.c.version))
    for entry in entries.mappings():
        what = {"action": entry["action"], "state": entry["state"], "reason": entry["reason"]}
        if entry["state"] == "sent":
            steps.append(_step("sent", entry["settled_at"], entry["external_id"] or entry["key"], "crm", **what))
        else:
            steps.append(_step("accepted", entry["created_at"], entry["key"], "crm", **what))
    return steps


def _ordered(conn: Connection, order: RowMapping) -> list[Step]:
    """The ERP's part that is about the whole order: booked, held for credit, changed, cancelled."""
    system, seen = order["system"], order["seen_at"]
    same = {"document": order["number"], "source": system, "seen_at": seen}
    steps = [_step("ordered", order["order_date"], **same)]
    hold, event = schema.order_hold, schema.order_event
    mine = (hold.c.system == system, hold.c.key == order["key"])
    for row in conn.execute(select(hold).where(*mine).order_by(hold.c.from_on)).mappings():
        steps.append(_step("credit", row["from_on"], **same, state="held", until=row["until_on"]))
    if not any(step["stage"] == "credit" for step in steps) and order["credit_status"]:
        steps.append(_step("credit", order["order_date"], **same, state=order["credit_status"]))
    changed = (event.c.system == system, event.c.key == order["key"])
    for row in conn.execute(select(event).where(*changed).order_by(event.c.id)).mappings():
        steps.append(_step("changed", row["at"], **same, field=row["event"], **row["detail"]))
    if order["cancelled_on"]:
        steps.append(_step("cancelled", order["cancelled_on"], **same))
    return steps


def _by_line(conn: Connection, order: RowMapping) -> dict[str, list[Step]]:
    """Deliveries and invoices of the order, by order line, in the order of their days."""
    found: dict[str, list[Step]] = defaultdict(list)
    for table, lines, describe in (
        (schema.erp_delivery, schema.erp_delivery_line, _delivered),
        (schema.erp_invoice, schema.erp_invoice_line, _invoiced),
    ):
        rows = order_books.rows_of(conn, lines, order["system"], "order_key", [order["key"]])
        heads = order_books.heads_of(conn, table, order["system"], rows, [order["key"]])
        for row in rows:
            if row["parent"] in heads:
                found[row["order_line"]].append(describe(heads[row["parent"]], row))
    for steps in found.values():
        steps.sort(key=lambda step: (str(step["on"] or "9"), STAGES.index(step["stage"])))
    return found


def _delivered(head: RowMapping, line: RowMapping) -> Step:
    """Picked until the goods have left."""
    issued = head["goods_issued_on"]
    stage, on = ("shipped", issued) if issued else ("picked", head["planned_on"])
    what = {"kind": head["kind"], "quantity": line["quantity"], "unit": line["unit"]}
    return _step(stage, on, head["number"], head["system"], head["seen_at"], **what)


def _invoiced(head: RowMapping, line: RowMapping) -> Step:
    what = {"kind": head["kind"], "quantity": line["quantity"], "unit": line["unit"], "amount": line["net_amount"]}
    place = {"key": head["key"], "document_key": head["document_key"], "cancelled": head["cancelled"]}
    return _step("invoiced", head["posting_date"], head["number"], head["system"], head["seen_at"], **what, **place)


def _paid(
    conn: Connection, order: RowMapping, steps: Mapping[str, Sequence[Step]], as_of: date
) -> dict[str, tuple[bool, date | None]]:
    """By invoice key: whether nothing of it is open, and since when; invoices without a receivable are left out."""
    standing = [step for line in steps.values() for step in line if _owed(step)]
    items = _items(
        conn, order["system"], {step["key"] for step in standing}, {step["document_key"] for step in standing}
    )
    rests, last = _rests(conn, order["system"], items, as_of)
    found: dict[str, tuple[bool, date | None]] = {}
    for step in standing:
        mine = [
            row["key"] for row in items if step["key"] == row["invoice_key"] or step["document_key"] == _document(row)
        ]
        if mine:
            done = not any(rests[key] for key in mine)
            days = [last[key] for key in mine if key in last]
            found[step["key"]] = (done, max(days) if done and days else None)
    return found


def _owed(step: Step) -> bool:
    return step["stage"] == "invoiced" and step["kind"] not in ("reversal", "credit_memo") and counts(step["kind"])


def _document(item: RowMapping) -> str:
    return f"{item['company_code']}/{item['fiscal_year']}/{item['document_number']}"


def _items(conn: Connection, system: str, invoices: set[str], documents: set[str]) -> list[RowMapping]:
    """The receivables of these invoices: linked by the invoice's key, or by the accounting document."""
    table = schema.open_item
    numbers = {key.rpartition("/")[2] for key in documents - {""}}
    named = or_(table.c.invoice_key.in_(sorted(invoices - {""})), table.c.document_number.in_(sorted(numbers)))
    rows = conn.execute(select(table).where(table.c.system == system, named)).mappings()
    return [row for row in rows if row["invoice_key"] in invoices or _document(row) in documents]


def _rests(
    conn: Connection, system: str, items: Sequence[RowMapping], as_of: date
) -> tuple[dict[str, Decimal], dict[str, date]]:
    """What is open of each item, and the day it was last settled in part or whole."""
    rests = {row["key"]: Decimal(0) if row["reversed_on"] else row["amount"] for row in items}
    last: dict[str, date] = {}
    table = schema.application
    for row in order_books.rows_of(conn, table, system, "target_key", list(rests)):
        if in_force(row["applied_on"], row["reversed_on"], as_of) and rests[row["target_key"]]:
            rests[row["target_key"]] -= row["amount"]
            last[row["target_key"]] = max(row["applied_on"], last.get(row["target_key"], row["applied_on"]))
    return rests, last


def _line_rows(conn: Connection, system: str, key: str) -> list[RowMapping]:
    return order_books.rows_of(conn, schema.erp_order_line, system, "parent", [key])


def _line(
    order: RowMapping,
    row: RowMapping,
    steps: Mapping[str, Sequence[Step]],
    paid: Mapping[str, tuple[bool, date | None]],
    progress: OrderProgress,
) -> dict[str, Any]:
    own = [dict(step) for step in steps.get(row["line"], ())]
    shipped = Decimal(0)
    for step in own:
        if step["stage"] == "shipped":
            shipped += step["quantity"]
            step["stage"] = "shipped" if shipped >= row["quantity"] else "part-shipped"
    invoices = [paid[step["key"]] for step in own if step.get("key") in paid]
    days = [day for done, day in invoices if done and day]
    is_paid = bool(invoices) and all(done for done, _ in invoices)
    own += [_step("paid", max(days), "", order["system"], order["seen_at"])] if is_paid and days else []
    quantities = next(line.quantities for line in progress.lines if line.line == row["line"])
    return {
        "line": row["line"],
        "our_line": row["our_line"],
        "product": row["product_key"],
        "text": row["text"],
        "unit": row["unit"],
        **{name: getattr(quantities, name) for name in Quantities.__struct_fields__},
        "requested_on": row["requested_on"],
        "confirmed_on": row["confirmed_on"],
        "stage": _stage(row, own, quantities, progress, is_paid),
        "steps": own,
    }


def _stage(row: RowMapping, own: Sequence[Step], done: Quantities, progress: OrderProgress, is_paid: bool) -> str:
    """The furthest that the documents prove of the whole line."""
    if row["rejected"] or progress.status == "cancelled":
        return "cancelled"
    if done.ordered > 0 and done.invoiced >= done.ordered:
        return "paid" if is_paid else "invoiced"
    if done.delivered > 0:
        return "shipped" if not done.remaining else "part-shipped"
    if any(step["stage"] == "picked" for step in own):
        return "picked"
    return "credit" if progress.status == "credit_hold" else "ordered"


def _offered(row: RowMapping, stage: str) -> dict[str, Any]:
    return {
        "line": "",
        "our_line": row["line"],
        "product": row["product_key"],
        "text": row["text"],
        "unit": row["unit"],
        "ordered": row["quantity"],
        "delivered": Decimal(0),
        "invoiced": Decimal(0),
        "remaining": row["quantity"],
        "requested_on": row["requested_on"],
        "confirmed_on": None,
        "stage": stage,
        "steps": [],
    }


def _newest_day(conn: Connection, order: RowMapping) -> date | None:
    """The ERP's own calendar may be ahead of ours: its newest document tells."""
    table = schema.run
    query = select(table.c.erp_time).where(table.c.system == order["system"], table.c.erp_time.is_not(None))
    newest = conn.execute(query.order_by(table.c.started_at.desc()).limit(1)).scalar()
    zone = companies.zones(conn, order["system"]).get(order["company_code"], UTC)
    return newest.astimezone(zone).date() if newest else None
