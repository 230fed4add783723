"""Writing ADF REST: create once, bring to a wanted state, cancel. Who calls decides whether to call again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from connectors.adf.client import Client, Rows, version_of
from connectors.adf.descriptor import Fill, Revise, Write
from connectors.adf.diff import ShippedError, TwoLinesError, cancellation, revision, same, shipped_names, told
from connectors.adf.rows import plain
from connectors.adf.source import Source
from connectors.adf.types import compare, encoded, fits, join_key, query, split_key
from connectors.base import Ack, Wire
from connectors.errors import ConflictError, OutcomeUnknownError, RecordRejectedError
from connectors.pace import Deadline
from connectors.rows import text

ITEM = {"Content-Type": "application/vnd.oracle.adf.resourceitem+json"}
ROUNDS = 3
"""Most writes of one change, each followed by a look at what it did."""

Plan = Callable[[Wire], Wire]


class Writer:
    def __init__(self, client: Client) -> None:
        self._client, self._system = client, client.system.name

    def push(self, obj: str, wire: Wire, key: str, deadline: Deadline) -> Ack:
        """One POST of header and lines, with our name and key in their fields."""
        write, source = self._client.write_spec(obj, "key_carrier"), self._source(obj)
        ours = {self._client.carrier(obj): key, **dict.fromkeys(write.copies, key)}
        body = {**_given(wire), **ours, **({write.us: self._client.us} if write.us else {})}
        for fill in write.fill:
            self._fill(obj, body, fill, deadline)
        body = _without(body, _shown(write))
        headers = {**ITEM, **({"Upsert-Mode": "true"} if write.upsert else {})}
        url = self._client.url(source.path)
        answer = self._client.http.write("POST", url, self._encoded(obj, write, body), headers, deadline)
        self._client.judge.write(answer, obj)
        created = self._client.judge.created(answer, write.refusal)
        parts = [text(created, name) for name in source.key]
        if not all(parts):
            where: dict[str, Any] = {"system": self._system, "method": answer.method, "path": answer.path}
            raise OutcomeUnknownError("outcome-unknown", reason="answer without key", **where)
        return Ack(join_key(parts))

    def _fill(self, obj: str, body: Wire, fill: Fill, deadline: Deadline) -> None:
        """Add what the ERP knows of a value of ours, unless it is given. RecordRejectedError where it knows nothing,
        or several things: the first of them may belong to another company.
        """
        first, *others = body.get(fill.list) or [{}]
        if fill.into in first:
            return
        value = text(body, fill.of)
        taken = self._taken(fill, value, deadline)
        if len(taken) != 1:
            code = "several-to-fill" if taken else "nothing-to-fill"
            facts: dict[str, Any] = {"obj": obj, "path": fill.path, "field": fill.by, "value": value}
            raise RecordRejectedError(code, system=self._system, list=fill.list, take=fill.take, **facts)
        body[fill.list] = [{fill.into: taken[0], **first}, *others]

    def _taken(self, fill: Fill, value: str, deadline: Deadline) -> list[str]:
        if not fits(fill.kind, value):
            return []
        asked = {"q": compare(fill.by, "=", fill.kind, value), "fields": f"{fill.by},{fill.take}", "orderBy": fill.take}
        found = self._client.rows(self._client.url(fill.path) + query(onlyData="true", limit=2, **asked), deadline)
        return list(dict.fromkeys(taken for row in found.rows if (taken := text(row, fill.take))))

    def change(self, obj: str, external_id: str, wire: Wire, deadline: Deadline) -> Ack:
        write = self._client.write_spec(obj, "change")
        rule = write.change or Revise()

        def plan(row: Wire) -> Wire:
            self._refuse_fixed(obj, external_id, rule, row, wire)
            return revision(rule, row, wire)

        return self._bring(obj, external_id, plan, deadline)

    def cancel(self, obj: str, external_id: str, wire: Wire, deadline: Deadline) -> Ack:
        """`wire` may give its own values for the fields that cancel a line (another reason).

        What has left stays ordered, and a warning says so.
        """
        write = self._client.write_spec(obj, "cancel")
        rule, lines = write.cancel, (write.change or Revise()).lines
        assert rule is not None
        values = {name: str(wire.get(name) or value) for name, value in rule.values.items()}
        line_rule = lines[rule.accessor]
        left: list[str] = []

        def plan(row: Wire) -> Wire:
            left[:] = shipped_names(line_rule, rule.accessor, row)
            return cancellation(line_rule, rule.accessor, row, values)

        ack = self._bring(obj, external_id, plan, deadline)
        return replace(ack, warnings=[*ack.warnings, f"not cancelled, has left: {', '.join(left)}"]) if left else ack

    def _refuse_fixed(self, obj: str, key: str, rule: Revise, row: Wire, wire: Wire) -> None:
        for name in rule.fixed:
            if name in wire and not same(row.get(name), wire[name]):
                have, want = text(row, name) or "empty", str(wire[name])
                facts: dict[str, Any] = {"obj": obj, "key": key, "field": name, "have": have, "want": want}
                raise RecordRejectedError("field-fixed", system=self._system, **facts)

    def _bring(self, obj: str, external_id: str, plan: Plan, deadline: Deadline) -> Ack:
        """Read, write what differs, read again, until nothing does. What the ERP does not take becomes a warning."""
        write, stale = self._client.write_spec(obj, "change"), False
        rule, sent = write.change or Revise(), list[Wire]()
        for _ in range(ROUNDS):
            row = self._document(obj, external_id, deadline)
            address, version = self._client.own(row), version_of(row)
            body = self._planned(obj, external_id, plan, plain(self._client.whole(self._source(obj), row)))
            if not body or told(rule, body) in sent:
                return Ack(external_id, bool(sent), [f"not taken over: {', '.join(body)}"] if body else ())
            try:
                self._patch(obj, external_id, write, address, version, body, deadline)
            except ConflictError:
                if stale:
                    raise
                stale = True
                continue
            sent.append(told(rule, body))
        return Ack(external_id, changed=True)

    def _planned(self, obj: str, key: str, plan: Plan, row: Wire) -> Wire:
        try:
            return plan(row)
        except TwoLinesError as exc:
            facts: dict[str, Any] = {"obj": obj, "key": key, "count": str(exc.count), "match": exc.match}
            raise RecordRejectedError("line-ambiguous", system=self._system, **facts) from None
        except ShippedError as exc:
            facts = {"obj": obj, "key": key, "match": exc.match, "field": exc.field, "have": exc.have, "want": exc.want}
            raise RecordRejectedError("line-shipped", system=self._system, **facts) from None

    def _document(self, obj: str, external_id: str, deadline: Deadline) -> Wire:
        """The document as it stands, with its links; a superseded version of it does not count."""
        source = self._source(obj)
        name, part = source.key[0], split_key(external_id, len(source.key))[0]
        if not fits(source.queryable[name], part):
            raise RecordRejectedError("document-gone", system=self._system, obj=obj, key=external_id)
        lines = (self._client.write_spec(obj, "change").change or Revise()).lines
        options = {"q": compare(name, "=", source.queryable[name], part), "expand": ",".join(lines), "links": "self"}
        found: Rows = self._client.rows(self._client.url(source.path) + query(**options), deadline)
        rows = [row for row in found.rows if not (source.skip and text(row, source.skip.field) in source.skip.values)]
        if not rows:
            raise RecordRejectedError("document-gone", system=self._system, obj=obj, key=external_id)
        if len(rows) > 1:
            facts: dict[str, Any] = {"obj": obj, "key": external_id, "count": str(len(rows)), "match": name}
            raise RecordRejectedError("line-ambiguous", system=self._system, **facts)
        return rows[0]

    def _patch(
        self, obj: str, key: str, write: Write, address: str, version: str, body: Wire, deadline: Deadline
    ) -> None:
        headers = {**ITEM, **({"If-Match": version} if version else {})}
        encoded_body = self._encoded(obj, write, body)
        answer = self._client.http.write("PATCH", address, encoded_body, headers, deadline)
        self._client.judge.write(answer, obj, key)
        if answer.body:
            self._client.judge.created(answer, write.refusal)

    def _encoded(self, obj: str, write: Write, body: Wire) -> bytes:
        try:
            return encoded(body, write.numbers, write.flags)
        except ValueError as exc:
            facts: dict[str, Any] = {"obj": obj, "field": str(exc), "type": "number or flag", "value": "its value"}
            raise RecordRejectedError("bad-value", system=self._system, **facts) from None

    def _source(self, obj: str) -> Source:
        return self._client.resource(obj).sources[0]


def _given(wire: Mapping[str, Any]) -> Wire:
    """The fields that have a value: a new document has nothing to clear."""
    return {
        name: [_given(line) for line in value] if isinstance(value, list) else value
        for name, value in wire.items()
        if value not in ("", None, [])
    }


def _shown(write: Write) -> dict[str, list[str]]:
    return {accessor: rule.shown for accessor, rule in write.change.lines.items()} if write.change else {}


def _without(body: Wire, shown: Mapping[str, list[str]]) -> Wire:
    """The body without the fields of lines that are only there to be compared."""
    return {
        name: [{k: v for k, v in line.items() if k not in shown[name]} for line in value] if name in shown else value
        for name, value in body.items()
    }
