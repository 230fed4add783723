"""What `doctor` asks of a tenant, read-only: what a Save would find out too late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.errors import ConnectorError
from connectors.kdsvc_client import Client
from connectors.kdsvc_descriptor import Write
from connectors.kdsvc_query import both, compare, one_of

ORGANISATIONS, BILL_TYPES = "ORG_Organizations", "BOS_BillType"


@dataclass(frozen=True, slots=True)
class Check:
    """`state`: ok, note (somebody should know) or bad. `found` and `cure` are English texts."""

    what: str
    state: str
    found: str
    cure: str = ""


def checks(client: Client) -> list[Check]:
    found: list[Check] = []
    for obj, resource in client.resources.items():
        if resource.write is not None:
            found += _carrier(client, obj, resource.write)
    return [*found, *_organisations(client)]


def _carrier(client: Client, obj: str, write: Write) -> Iterator[Check]:
    form, carrier = client.resource(obj).forms[0], client.carrier(obj)
    what = f"Key carrier of {obj}: {carrier}"
    if client.metadata(form.form).header(carrier, form.lines) is None:
        yield Check(what, "bad", f"{form.form} has no field {carrier}", "Choose another key_carrier.")
        return
    yield Check(what, "ok", f"a field of {form.form}")
    if write.bill_type and carrier == write.key_carrier.default:
        yield from _bill_types(client, form.form, carrier, what)


def _bill_types(client: Client, form: str, carrier: str, what: str) -> Iterator[Check]:
    """Bill types whose coding rule gives the numbers itself: there our key needs another field."""
    where = compare("FBillFormID", "=", form)
    try:
        rows = client.rows(BILL_TYPES, ["FNumber", "FIsManualNumber"], where, ["FNumber"]).rows
    except ConnectorError as exc:
        yield Check(what, "note", str(exc), "Ask whether the bill type's coding rule takes numbers from outside.")
        return
    fixed = [str(number) for number, manual in rows if str(manual).lower() in ("false", "0", "")]
    if fixed:
        cure = f"Documents of these types need another key_carrier than {carrier}, a text field of your own."
        yield Check(what, "note", f"no manual numbers: {', '.join(fixed)}", cure)


def _organisations(client: Client) -> Iterator[Check]:
    wanted = sorted(client.system.companies)
    if not wanted:
        return
    rows = client.rows(ORGANISATIONS, ["FNumber"], both(one_of("FNumber", wanted)), ["FNumber"]).rows
    known = {str(row[0]) for row in rows}
    for code in wanted:
        state, found = ("ok", "there") if code in known else ("bad", "not there, or not ours to see")
        yield Check(
            f"Organisation {code}", state, found, "" if code in known else "Correct companies in the system file."
        )
