"""What `doctor` asks of a tenant, read-only: what a Save would find out too late."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.base import Check
from connectors.errors import ConnectorError
from connectors.kdsvc.client import Client
from connectors.kdsvc.descriptor import Resource, Write
from connectors.kdsvc.query import both, compare, one_of

ORGANISATIONS, BILL_TYPES = "ORG_Organizations", "BOS_BillType"


def checks(client: Client) -> Iterator[Check]:
    for obj, resource in client.resources.items():
        if resource.write is not None:
            yield from _carrier(client, obj, resource.write)
        yield from _unnamed(client, obj, resource)
    yield from _organisations(client)


def _unnamed(client: Client, obj: str, resource: Resource) -> Iterator[Check]:
    """Options of the site without which documents or a field of this object are not read."""
    said = {**client.file.defaults, **client.system.options}
    for form in resource.forms:
        for code, options in (("documents-unread", form.only), ("field-unread", form.site)):
            for option in dict.fromkeys(options.values()):
                if not said.get(option):
                    facts = {"system": client.system.name, "form": form.form, "option": option}
                    yield Check(obj, "note", code, facts)


def _carrier(client: Client, obj: str, write: Write) -> Iterator[Check]:
    form, carrier = client.resource(obj).forms[0], client.carrier(obj)
    facts = {"form": form.form, "field": carrier}
    if client.metadata(form.form).header(carrier, form.heads) is None:
        yield Check(obj, "bad", "carrier-absent", facts)
        return
    yield Check(obj, "ok", "carrier-there", facts)
    if write.bill_type and carrier == write.key_carrier.default:
        yield from _bill_types(client, obj, form.form, carrier)


def _bill_types(client: Client, obj: str, form: str, carrier: str) -> Iterator[Check]:
    """Bill types whose coding rule gives the numbers itself: there our key needs another field."""
    where = compare("FBillFormID", "=", form)
    try:
        rows = client.rows(BILL_TYPES, ["FNumber", "FIsManualNumber"], where, ["FNumber"]).rows
    except ConnectorError as exc:
        yield Check(obj, "note", "numbers-unknown", {"why": str(exc)})
        return
    fixed = [str(number) for number, manual in rows if str(manual).lower() in ("false", "0", "")]
    if fixed:
        yield Check(obj, "note", "numbers-fixed", {"types": ", ".join(fixed), "field": carrier})


def _organisations(client: Client) -> Iterator[Check]:
    wanted = sorted(client.system.companies)
    if not wanted:
        return
    rows = client.rows(ORGANISATIONS, ["FNumber"], both(one_of("FNumber", wanted)), ["FNumber"]).rows
    known = {str(row[0]) for row in rows}
    for code in wanted:
        yield Check(code, "ok", "company-there", {}) if code in known else Check(code, "bad", "company-absent", {})
