"""A mapping file as it was meant: sections of parts of expressions, read from the document, with what is wrong in it.

    product: sap/s4
    codes:                       # <table>: {<their code>: <our word>}; $code('<table>', value), both ways
      credit: {B: blocked}
    lookups:                     # <table>: what the system file lists there; $lookup('<table>', value)
      time_zone: time zone of each company code
    objects:
      orders:
        pull:                    # from the ERP to us; push, change and cancel go from us to the ERP
          fields:                # <target field>: <JSONata over the other side's record>
            number: SalesOrder
            lines:               # a list: one object for each item of `from`
              from: to_Item
              fields: {line: SalesOrderItem}
          custom: {project: {type: text, value: YY1_Project_SDH}}   # under pull alone
          defaults: {unit: PC}   # for what the expression leaves empty
          required: [number]     # beyond what the target requires
        change: push             # the same as another section
        examples:
          - {name: open order, section: pull, given: {SalesOrder: "1"}, expect: {number: "1"}}

A part without `from:` inside another is one nested object. Inside a list, `$$` is the whole record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from mappings.analysis import analyse
from mappings.document import Items, Node, Scalar, Table, place_within, plain, typed
from mappings.errors import Findings, Place, nearest
from mappings.facts import ROOT, Facts, Path, Paths

TOP_KEYS = {"product", "codes", "lookups", "objects", "base_hash"}
PART_KEYS = {"from", "fields", "defaults", "required"}
SECTION_KEYS = {"fields", "defaults", "required", "custom"}
SECTIONS = ("pull", "push", "change", "cancel")
OBJECT_KEYS = {*SECTIONS, "examples"}
EXAMPLE_KEYS = {"name", "section", "given", "expect", "refused", "lookups"}
CUSTOM_KEYS = {"type", "value"}
CUSTOM_TYPES = ("text", "money", "quantity", "date", "datetime", "bool", "int")


class ExpressionError(Exception):
    """`offset`: the character, from 0, at which the text stops being JSONata."""

    def __init__(self, offset: int, why: str) -> None:
        self.offset, self.why = offset, why
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Expression:
    scalar: Scalar
    facts: Facts

    @property
    def text(self) -> str:
        return self.scalar.text or ""

    def place(self, offset: int) -> Place:
        return place_within(self.scalar, offset)


@dataclass(slots=True)
class Part:
    """Fields of one target object, or of each object of a list when `source` (its `from:`) is given."""

    place: Place
    source: Expression | None = None
    fields: dict[str, Expression | Part] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)
    defaults: dict[str, Scalar] = field(default_factory=dict)
    required: dict[str, Place] = field(default_factory=dict)
    custom: dict[str, tuple[str, Expression]] = field(default_factory=dict)

    def expressions(self, where: str = "") -> Iterable[tuple[str, Expression]]:
        """Every expression with the target it is for, lists' `from:` before their fields."""
        if self.source is not None:
            yield where, self.source
        for name, value in self.fields.items():
            inner = f"{where}.{name}" if where else name
            if isinstance(value, Part):
                yield from value.expressions(inner)
            else:
                yield inner, value
        yield from ((f"custom.{name}", expression) for name, (_, expression) in self.custom.items())


@dataclass(frozen=True, slots=True)
class Example:
    """`expect`: what the result must have at least (null: must lack); or `refused`: the code of its refusal."""

    name: str
    object: str
    section: str
    given: dict[str, Any]
    expect: dict[str, Any]
    refused: str
    lookups: dict[str, dict[str, str]]
    place: Place


@dataclass(slots=True)
class Plan:
    product: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    lookups: dict[str, str] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)  # of tables and objects: codes.x, lookups.x, orders
    sections: dict[tuple[str, str], Part] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)


class Reader:
    """Turns a document into a plan. `parse` gives a JSONata text's tree or raises ExpressionError."""

    def __init__(self, parse: Callable[[str], Any], builtins: frozenset[str], findings: Findings) -> None:
        self.parse, self.builtins, self.findings = parse, builtins, findings

    def plan(self, document: Table) -> Plan:
        self.known(document, TOP_KEYS, "the file")
        plan = Plan()
        product = document.entries.get("product")
        if isinstance(product, Scalar) and product.text:
            plan.product = product.text
        else:
            self.findings.error(document.place, "missing-key", where="the file", key="product")
        for name, table in self.tables(document, "codes", plan):
            plan.codes[name] = self.texts(table, f"codes.{name}")
        for name, purpose in self.table(document.entries.get("lookups"), "lookups").entries.items():
            plan.lookups[name] = str(plain(purpose) or "")
            plan.places[f"lookups.{name}"] = purpose.place
        for name, sections in self.tables(document, "objects", plan):
            self.object(plan, name, sections)
        return plan

    def tables(self, document: Table, key: str, plan: Plan) -> Iterable[tuple[str, Table]]:
        outer = self.table(document.entries.get(key), key)
        for name, node in outer.entries.items():
            plan.places[f"{key}.{name}"] = outer.keys[name]
            yield name, self.table(node, f"{key}.{name}")

    # -- shapes ---------------------------------------------------------------------------------------------------

    def known(self, table: Table, keys: set[str], where: str) -> None:
        for key, place in table.keys.items():
            if key not in keys:
                self.findings.error(place, "unknown-key", key=key, where=where, nearest=nearest(key, keys))

    def shape(self, node: Node, where: str, expected: str) -> None:
        self.findings.error(node.place, "yaml-shape", where=where, expected=expected)

    def table(self, node: Node | None, where: str) -> Table:
        if isinstance(node, Table):
            return node
        if node is not None and not (isinstance(node, Scalar) and node.text is None):
            self.shape(node, where, "a table (key: value)")
        return Table({}, {}, node.place if node else Place("", 1, 1))

    def texts(self, table: Table, where: str) -> dict[str, str]:
        found = {}
        for key, node in table.entries.items():
            if isinstance(node, Scalar) and node.text is not None:
                found[key] = node.text
            else:
                self.shape(node, f"{where}.{key}", "one text")
        return found

    # -- objects and sections -------------------------------------------------------------------------------------

    def object(self, plan: Plan, name: str, table: Table) -> None:
        self.known(table, OBJECT_KEYS, f"objects.{name}")
        same = {}
        for section in SECTIONS:
            node = table.entries.get(section)
            if isinstance(node, Scalar) and node.text:
                same[section] = node
            elif node is not None:
                where = f"{name}.{section}"
                written = self.table(node, where)
                plan.sections[name, section] = self.part(written, where, ROOT, SECTION_KEYS)
                if section != "pull" and "custom" in written.keys:
                    self.findings.error(written.keys["custom"], "custom-written", where=where)
        for section, node in same.items():
            known = [s for o, s in plan.sections if o == name and s not in same]
            if node.text in known:
                plan.sections[name, section] = plan.sections[name, str(node.text)]
                if node.text == "pull" and plan.sections[name, section].custom:
                    self.findings.error(node.place, "custom-written", where=f"{name}.{section}")
            else:
                self.findings.error(
                    node.place, "section-same", where=f"{name}.{section}", section=str(node.text), object=name,
                    nearest=nearest(str(node.text), known),
                )  # fmt: skip
        examples = table.entries.get("examples", Items([], table.place))
        if not isinstance(examples, Items):
            return self.shape(examples, f"{name}.examples", "a list")
        plan.examples += [e for node in examples.nodes if (e := self.example(name, node)) is not None]
        return None

    def part(self, table: Table, where: str, here: Paths, keys: set[str]) -> Part:
        self.known(table, keys, where)
        part = Part(table.place)
        if "from" in table.entries:
            part.source = self.expression(table.entries["from"], f"{where}.from", here)
            here = part.source.facts.result if part.source else here
        fields = table.entries.get("fields")
        if fields is None:
            self.findings.error(table.place, "missing-key", where=where, key="fields")
        inner = self.table(fields, f"{where}.fields")
        part.keys = dict(inner.keys)
        for name, node in inner.entries.items():
            value = self.field(node, f"{where}.{name}", here)
            if value is not None:
                part.fields[name] = value
        self.extras(part, table, where, here)
        return part

    def field(self, node: Node, where: str, here: Paths) -> Expression | Part | None:
        if isinstance(node, Table):
            return self.part(node, where, here, PART_KEYS)
        return self.expression(node, where, here)

    def extras(self, part: Part, table: Table, where: str, here: Paths) -> None:
        """defaults, required and custom fields."""
        defaults = self.table(table.entries.get("defaults"), f"{where}.defaults")
        for name, node in defaults.entries.items():
            if isinstance(node, Scalar) and node.text is not None:
                part.defaults[name] = node
            else:
                self.shape(node, f"{where}.defaults.{name}", "one text")
        required = table.entries.get("required", Items([], table.place))
        if isinstance(required, Items):
            part.required = {str(plain(n)): n.place for n in required.nodes}
        else:
            self.shape(required, f"{where}.required", "a list")
        custom = self.table(table.entries.get("custom"), f"{where}.custom")
        for name, node in custom.entries.items():
            self.custom(part, name, self.table(node, f"{where}.custom.{name}"), where, here)

    def custom(self, part: Part, name: str, table: Table, where: str, here: Paths) -> None:
        where = f"{where}.custom.{name}"
        self.known(table, CUSTOM_KEYS, where)
        kind, value = (table.entries.get(key) for key in ("type", "value"))
        for key in sorted(CUSTOM_KEYS - table.entries.keys()):
            self.findings.error(table.place, "missing-key", where=where, key=key)
        if kind is None or value is None:
            return
        if plain(kind) not in CUSTOM_TYPES:
            near = nearest(str(plain(kind)), CUSTOM_TYPES)
            self.findings.error(kind.place, "unknown-type", where=where, type=str(plain(kind)), nearest=near)
            return
        expression = self.expression(value, where, here)
        if expression is not None:
            part.custom[name] = (str(plain(kind)), expression)

    def expression(self, node: Node, where: str, here: Paths) -> Expression | None:
        if not isinstance(node, Scalar) or not node.text:
            self.shape(node, where, "a JSONata expression (a constant in quotes inside quotes: \"'EUR'\")")
            return None
        try:
            facts = analyse(self.parse(node.text), here, self.builtins)
        except ExpressionError as exc:
            self.findings.error(place_within(node, exc.offset), "expression-syntax", where=where, why=exc.why)
            return None
        for code, offset, params in facts.problems:
            self.findings.error(place_within(node, offset), code, where=where, **params)
        return Expression(node, facts)

    def example(self, name: str, node: Node) -> Example | None:
        if not isinstance(node, Table):
            self.shape(node, f"{name}.examples", "a table (key: value)")
            return None
        where = f"{name}.examples"
        self.known(node, EXAMPLE_KEYS, where)
        for key in ("section", "given"):
            if key not in node.entries:
                self.findings.error(node.place, "missing-key", where=where, key=key)
        if not {"expect", "refused"} & node.entries.keys():
            self.findings.error(node.place, "missing-key", where=where, key="expect")
        values = {key: typed(value) for key, value in node.entries.items()}
        return Example(
            str(values.get("name") or f"line {node.place.line}"), name, str(values.get("section")),
            values.get("given") or {}, values.get("expect") or {}, str(values.get("refused") or ""),
            values.get("lookups") or {}, node.place,
        )  # fmt: skip


def used_paths(part: Part) -> set[Path]:
    return {path for _, expression in part.expressions() for path in expression.facts.used}
