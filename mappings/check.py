"""Whether a plan fits both sides: the CRM's fields, the system's metadata, the tables, and exactness on amounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mappings.errors import Findings, Place, ValueProblem, nearest
from mappings.facts import Call, Operation, Path, known_fields, leaves
from mappings.functions import AMOUNTS, ARITY
from mappings.plan import Expression, Part, Plan, used_paths
from mappings.values import NUMBERS, TYPES

Target = Mapping[str, Any]
"""{"fields": {name: {"type": ..., "required": bool}}, "children": {name: Target}}"""

_TABLES = {"code": "codes", "lookup": "lookups"}


@dataclass(frozen=True)
class Surroundings:
    """What a mapping is checked against; whatever is not known stays empty and is not checked.

    `targets`: the CRM's objects. `wires`: the system's own paths and types of each object. `documents`: the CRM's
    decision documents that push sections read. `lookups`: the system file's tables, None without a system.
    """

    targets: Mapping[str, Target] = field(default_factory=dict)
    wires: Mapping[str, Mapping[str, str] | None] = field(default_factory=dict)
    documents: Mapping[str, Target] = field(default_factory=dict)
    lookups: Mapping[str, Mapping[str, str]] | None = None


def check_plan(plan: Plan, around: Surroundings, builtins: frozenset[str], findings: Findings) -> None:
    _Checker(plan, around, builtins, findings).run()


def target_of_paths(paths: Iterable[str]) -> Target:
    """A target without types or required fields, from dotted paths; one that leads to others is a list or an object."""
    root: dict[str, Any] = {"fields": {}, "children": {}}
    every = set(paths)
    leading = {path[:at] for path in every for at, char in enumerate(path) if char == "."}
    for path in every - leading:
        *parents, name = path.split(".")
        node = root
        for parent in parents:
            node = node["children"].setdefault(parent, {"fields": {}, "children": {}})
        node["fields"][name] = {}
    return root


def paths_of_target(target: Target, prefix: str = "") -> dict[str, str]:
    """Dotted paths of a target with their types."""
    paths = {prefix + name: str(spec.get("type", "")) for name, spec in target["fields"].items()}
    for name, child in target.get("children", {}).items():
        paths |= paths_of_target(child, f"{prefix}{name}.")
    return paths


class _Checker:
    def __init__(self, plan: Plan, around: Surroundings, builtins: frozenset[str], findings: Findings) -> None:
        self.plan, self.around, self.builtins, self.findings = plan, around, builtins, findings
        self.tables: dict[str, dict[str, bool]] = {"codes": {}, "lookups": {}}  # used tables; True: also for writing
        self.seen: set[int] = set()

    def run(self) -> None:
        for (obj, section), part in self.plan.sections.items():
            if self.around.targets and obj not in self.around.targets:
                place = self.plan.places[f"objects.{obj}"]
                near = nearest(obj, self.around.targets)
                self.findings.error(place, "unknown-object", object=obj, nearest=near)
            elif id(part) not in self.seen:
                self.seen.add(id(part))
                self.section(obj, section, part)
        self.examples()
        self.declared_tables()

    def section(self, obj: str, section: str, part: Part) -> None:
        pull, wire = section == "pull", self.around.wires.get(obj)
        if pull:
            target, source = self.around.targets.get(obj), wire
        else:
            document = self.around.documents.get(obj)
            target, source = target_of_paths(wire) if wire else None, paths_of_target(document) if document else None
        where = f"{obj}.{section}"
        if target is not None:
            self.part(part, target, where)
        if source is not None:
            self.sources(part, source, where)
        amounts = self.amounts(part, target if pull else None, source or {})
        for name, expression in part.expressions():
            kind = _type_at(part, target if pull else None, name)
            self.calls(expression, f"{where}.{name}", writing=not pull)
            for operation in expression.facts.operations:
                self.operation(expression, operation, f"{where}.{name}", kind, amounts)

    # -- targets --------------------------------------------------------------------------------------------------

    def part(self, part: Part, target: Target, where: str) -> None:
        fields, children = target["fields"], target.get("children", {})
        for name, value in part.fields.items():
            self.field(name, value, part.keys[name], fields, children, where)
        for name, scalar in part.defaults.items():
            if name not in fields:
                self.unknown_target(scalar.place, name, fields, where)
            elif (kind := fields[name].get("type")) in TYPES:
                self.default(name, scalar.text or "", kind, scalar.place, where)
        for name, place in part.required.items():
            if name not in fields and name not in children:
                self.unknown_target(place, name, [*fields, *children], where)
        for name in (n for n, spec in fields.items() if spec.get("required")):
            if name not in part.fields and name not in part.defaults:
                self.findings.error(part.place, "target-not-mapped", where=where, field=name)

    def field(
        self, name: str, value: Expression | Part, place: Place, fields: Mapping[str, Any], children: Mapping[str, Any],
        where: str,
    ) -> None:  # fmt: skip
        if name in fields:
            if isinstance(value, Part):
                self.findings.error(place, "target-not-list", where=where, field=name)
        elif name not in children:
            self.unknown_target(place, name, [*fields, *children], where)
        elif isinstance(value, Part):
            self.part(value, children[name], f"{where}.{name}")
        else:
            self.findings.error(place, "target-is-list", where=where, field=name)

    def unknown_target(self, place: Place, name: str, names: Iterable[str], where: str) -> None:
        self.findings.error(place, "unknown-target", where=where, field=name, nearest=nearest(name, names))

    def default(self, name: str, value: str, kind: str, place: Place, where: str) -> None:
        try:
            TYPES[kind](value)
        except ValueProblem:
            self.findings.error(place, "default-invalid", where=f"{where}.{name}", value=value, type=kind)

    # -- sources --------------------------------------------------------------------------------------------------

    def sources(self, part: Part, paths: Mapping[str, str], where: str) -> None:
        known, wanted = known_fields(paths), leaves(used_paths(part))
        for name, expression in part.expressions():
            for path in sorted(expression.facts.used & wanted):
                dotted = ".".join(path)
                if dotted not in known:
                    self.findings.error(
                        expression.place(max(expression.text.find(path[-1]), 0)), "unknown-source",
                        where=f"{where}.{name}", path=dotted, nearest=nearest(dotted, known),
                    )  # fmt: skip

    def amounts(self, part: Part, target: Target | None, source: Mapping[str, str]) -> set[Path]:
        """Source paths that hold amounts: by the metadata, by the target they go to, or by a function they go into."""
        found = {tuple(p.split(".")) for p, kind in source.items() if kind in NUMBERS or kind.endswith("Decimal")}
        for name, expression in part.expressions():
            if _type_at(part, target, name) in NUMBERS:
                found |= expression.facts.result
            for call in expression.facts.calls:
                found |= call.paths if call.name in AMOUNTS else set()
        return found - {()}

    # -- expressions ----------------------------------------------------------------------------------------------

    def operation(
        self, expression: Expression, operation: Operation, where: str, kind: str, amounts: set[Path]
    ) -> None:
        exact = operation.ordering or kind in ("int", "bool")
        if exact and not operation.paths & amounts:
            return
        code = "money-order" if operation.ordering else "arithmetic"
        self.findings.error(expression.place(operation.offset), code, where=where, operator=operation.operator)

    def calls(self, expression: Expression, where: str, *, writing: bool) -> None:
        for call in expression.facts.calls:
            place = expression.place(call.offset)
            if call.name not in self.builtins:
                near = nearest(call.name, self.builtins)
                self.findings.error(place, "unknown-function", where=where, name=call.name, nearest=near)
            elif call.name in ARITY and call.arguments >= 0:
                self.own_call(call, place, where, writing=writing)

    def own_call(self, call: Call, place: Place, where: str, *, writing: bool) -> None:
        fewest, most = ARITY[call.name]
        if not fewest <= call.arguments <= most:
            expected = str(fewest) if fewest == most else f"{fewest} to {most}"
            self.findings.error(
                place, "wrong-arguments", where=where, name=call.name, expected=expected, found=str(call.arguments)
            )
        if call.name not in _TABLES:
            return
        kind = _TABLES[call.name]
        declared: Mapping[str, Any] = self.plan.codes if kind == "codes" else self.plan.lookups
        if call.first is None:
            self.findings.error(place, "table-not-literal", where=where, name=call.name)
        elif call.first not in declared:
            near = nearest(call.first, declared)
            self.findings.error(place, "unknown-table", where=where, table=call.first, kind=kind, nearest=near)
        else:
            used = self.tables[kind]
            used[call.first] = used.get(call.first, False) or writing

    # -- tables and examples --------------------------------------------------------------------------------------

    def declared_tables(self) -> None:
        for kind, declared in (("codes", self.plan.codes), ("lookups", self.plan.lookups)):
            for table in (t for t in declared if t not in self.tables[kind]):
                self.findings.warning(self.plan.places[f"{kind}.{table}"], "unused-table", table=table)
        for table, writing in self.tables["codes"].items():
            if writing:
                self.ambiguous(table)
        for table in self.tables["lookups"]:
            if self.around.lookups is not None and table not in self.around.lookups:
                place, purpose = self.plan.places[f"lookups.{table}"], self.plan.lookups[table]
                self.findings.warning(place, "lookup-absent", table=table, purpose=purpose)

    def ambiguous(self, table: str) -> None:
        codes: dict[str, list[str]] = {}
        for erp, ours in self.plan.codes[table].items():
            codes.setdefault(ours, []).append(erp)
        for ours, several in codes.items():
            if len(several) > 1:
                place = self.plan.places[f"codes.{table}"]
                shown = ", ".join(repr(code) for code in several)
                self.findings.error(place, "code-ambiguous", table=table, value=ours, codes=shown)

    def examples(self) -> None:
        for example in self.plan.examples:
            if (example.object, example.section) not in self.plan.sections:
                near = nearest(example.section, [s for o, s in self.plan.sections if o == example.object])
                self.findings.error(
                    example.place, "unknown-section", object=example.object, section=example.section, nearest=near
                )


def _type_at(part: Part, target: Target | None, name: str) -> str:
    """The target's type of a dotted field; '' when it is not known (a list's `from:`, a push)."""
    if name.startswith("custom."):
        return part.custom[name.removeprefix("custom.")][0]
    node: Any = target
    *parents, last = name.split(".")
    for parent in parents:
        node = (node or {}).get("children", {}).get(parent)
    return str((node or {}).get("fields", {}).get(last, {}).get("type", ""))
