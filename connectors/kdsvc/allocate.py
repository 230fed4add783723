"""Letting further organisations use a customer. Each then has a row of its own, with the same number."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.errors import ConnectorError, RecordRejectedError
from connectors.kdsvc.client import Client
from connectors.kdsvc.query import both, compare, number, one_of
from connectors.kdsvc.steps import Steps, waits
from connectors.pace import Deadline
from connectors.rows import text

ORGANISATIONS = ("ORG_Organizations", "FOrgID", "FNumber")


def allocate(client: Client, steps: Steps, obj: str, key: str, wanted: Sequence[str], deadline: Deadline) -> list[str]:
    """Let the organisations of these numbers use the record; returns what the ERP says of those that do not.

    Looks first who uses it, so it is safe to repeat. TransientError or OutcomeUnknownError: it has to be.
    """
    form = client.resource(obj).forms[0]

    def missing() -> list[str]:
        return [code for code in wanted if code not in _users(client, obj, key, deadline)]

    lacking = missing()
    if not lacking:
        return []
    record, internal = steps.look(obj, key, (), deadline), _internal(client, lacking, deadline)
    data = {"PkIds": text(record.data, form.id), "TOrgIds": ",".join(internal), "IsAutoSubmitAndAudit": "true"}
    try:
        body = {"formid": form.form, "data": data}
        steps.send("Allocate", body, obj, key, deadline, lambda: missing() == lacking)
    except RecordRejectedError as exc:
        return [f"allocate: {exc.params.get('text', exc)}"]
    return _unfinished(client, steps, obj, key, missing(), deadline)


def _unfinished(client: Client, steps: Steps, obj: str, key: str, missing: list[str], deadline: Deadline) -> list[str]:
    """Take the new rows their own steps, and name what is still missing."""
    said = [f"allocate: {code} does not use {key}" for code in missing]
    try:
        return said + steps.advance(obj, key, deadline).said
    except ConnectorError as exc:
        if waits(exc):
            raise
        return [*said, str(exc)]


def _users(client: Client, obj: str, key: str, deadline: Deadline) -> set[str]:
    """Numbers of the organisations that use it."""
    resource = client.resource(obj)
    form, write = resource.forms[0], client.write_spec(obj, "find")
    by = client.shaper(resource, form).column(resource.key[0]).key
    keys = [form.id, client.shaper(resource, form).column(write.organisation).key]
    answer = client.rows(form.form, keys, compare(by, "=", key), [form.id], deadline=deadline)
    return {str(row[1]) for row in answer.rows}


def _internal(client: Client, numbers: Sequence[str], deadline: Deadline) -> list[str]:
    """The ids of organisations; RecordRejectedError for a number that there is not."""
    form, internal, name = ORGANISATIONS
    answer = client.rows(form, [internal, name], both(one_of(name, numbers)), [internal], deadline=deadline)
    found = {str(row[1]): number(str(row[0])) for row in answer.rows}
    for code in numbers:
        if code not in found:
            raise RecordRejectedError("document-gone", system=client.system.name, obj=form, key=code)
    return [found[code] for code in numbers]
