"""The only door to mappings, and the only place that knows jsonata: load a mapping, apply its sections to records.

A section is one JSONata object, evaluated once a record: compiled once a thread, with names of its own at every
evaluation (a compiled expression that threads share without them mixes records up), stopped after `SECONDS`. Sections
with patterns run in a process that can be killed (`mappings.worker`), for nothing interrupts a hostile pattern.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from mappings.check import Surroundings, Target, check_plan
from mappings.document import Table, plain
from mappings.errors import Finding, Findings, MappingError, MappingFileError, RecordMappingError, ValueProblem
from mappings.facts import leaves
from mappings.functions import ARITY, Tables, functions
from mappings.overlay import content_hash, moved_lines, read_merged
from mappings.plan import ExpressionError, Part, Plan, Reader, used_paths
from mappings.script import Script, script_of
from mappings.shaping import Branch, shape_of
from mappings.values import Shape, plain_record
from mappings.worker import Apart

_recursion = sys.getrecursionlimit()
from jsonata.jexception import JException  # noqa: E402 - importing jsonata lifts the process's recursion limit
from jsonata.jsonata import Jsonata  # noqa: E402
from jsonata.utils import Utils  # noqa: E402

sys.setrecursionlimit(_recursion)  # it is also what bounds the depth of an expression

SECONDS = 1.0
"""How long one record may take."""

_LOOK_EVERY = 500  # evaluated parts between two looks at the clock
BUILTINS = frozenset({*Jsonata.static_frame.bindings, *ARITY})
"""Every function there is: JSONata's own and ours, which go before."""


def parse(text: str) -> Any:
    """The syntax tree of one expression; raises ExpressionError."""
    try:
        return Jsonata(text).ast
    except JException as exc:
        token = exc.expected if exc.error == "S0202" else exc.current
        width = len(token) if exc.error in ("S0201", "S0202") and isinstance(token, str) else 1
        raise ExpressionError(min(max(exc.location - width, 0), max(len(text) - 1, 0)), str(exc)) from None
    except RecursionError:
        raise ExpressionError(0, "nested too deeply") from None
    except Exception:  # the parser breaks in many ways on text that is no expression, such as an open comment
        raise ExpressionError(max(len(text) - 1, 0), "the text ends too early") from None


class _Overtime(Exception):  # noqa: N818 - never leaves this module
    pass


class _Watch:
    """Called at each part of an expression: ends it when its time is over, and knows which part was the last."""

    __slots__ = ("last", "left", "until")

    def __init__(self, seconds: float) -> None:
        self.until, self.left, self.last = time.monotonic() + seconds, _LOOK_EVERY, 0

    def __call__(self, part: Any, value: Any, frame: Any) -> None:
        self.last = part.position or self.last
        self.left -= 1
        if self.left < 0:
            self.left = _LOOK_EVERY
            if time.monotonic() > self.until:
                raise _Overtime


class _Compiled(Jsonata):  # type: ignore[misc]  # jsonata ships no types
    """One compiled expression of one thread, without the library's search for this thread's instance at every step."""

    eval = Jsonata._eval

    def __init__(self, text: str, ours: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(text)
        self.names = Jsonata.Frame(None)
        self.names.bindings = {**Jsonata.static_frame.bindings, **{n: Jsonata.JLambda(f) for n, f in ours.items()}}

    def run(self, data: Any, watch: _Watch) -> Any:
        frame = Jsonata.Frame(self.names)
        frame.bindings = {"$": data, "__evaluate_entry": watch, "__evaluate_exit": None}
        return self._eval(self.ast, data, frame)


class Evaluator:
    """A script, ready to evaluate in any number of threads."""

    def __init__(self, script: Script, seconds: float = SECONDS) -> None:
        self.script, self.seconds = script, seconds
        self._ours = functions(script.codes, script.lookups, backwards=script.backwards)
        self._thread = threading.local()

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """The object that the script builds from a record without nulls; raises ValueProblem with the field in it."""
        compiled: _Compiled | None = getattr(self._thread, "compiled", None)
        if compiled is None:
            compiled = self._thread.compiled = _Compiled(self.script.text, self._ours)
        watch = _Watch(self.seconds)
        try:
            result: dict[str, Any] = compiled.run(data, watch)
        except Exception as exc:  # jsonata lets everything through that its own code or the record's values raise
            raise self._problem(exc, watch) from exc
        return _without_nulls(result) if self.script.null else result

    def _problem(self, exc: BaseException, watch: _Watch) -> ValueProblem:
        own: BaseException | None = exc
        while own is not None and not isinstance(own, (ValueProblem, _Overtime, RecursionError)):
            own = own.__context__  # `and` and `or` wrap whatever their right side raises
        if isinstance(own, ValueProblem):
            problem = own
        elif isinstance(own, _Overtime):
            problem = ValueProblem("expression-timeout", seconds=f"{self.seconds:g}")
        elif isinstance(own, RecursionError):
            problem = ValueProblem("expression-too-deep")
        else:
            why = str(exc) if isinstance(exc, JException) else f"{type(exc).__name__}: {exc}"
            problem = ValueProblem("expression-failed", why=why)
        problem.params.setdefault("field", self.script.field_at(max(watch.last - 1, 0)))
        return problem


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not Utils.NULL_VALUE}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value if inner is not Utils.NULL_VALUE]
    return value


# -- loading --------------------------------------------------------------------------------------------------------


class Section:
    """One object in one direction, ready to be applied to records by any number of threads."""

    def __init__(self, obj: str, name: str, source: str, part: Part, script: Script, shape: Shape) -> None:
        self.obj, self.name, self.source = obj, name, source
        self._shape = shape
        self._evaluate = Apart(script, SECONDS) if script.alone else Evaluator(script)
        paths = leaves(used_paths(part))
        self._root = Branch("", (), paths)
        self.fields = frozenset(".".join(path) for path in paths)
        """Dotted source paths that the expressions read, such as to_Item.Material."""

    def apply(self, data: Mapping[str, Any], key: str = "") -> dict[str, Any]:
        """The record in the other side's words: texts, true/false, nested lists; what is missing is left out.

        Raises RecordMappingError, which names the record by `key`, and the field.
        """
        try:
            return self._shape.apply(self._evaluate(plain_record(data)))
        except ValueProblem as problem:
            params = {"field": "", **problem.params, "object": self.obj, "key": key, "source": self.source}
            raise RecordMappingError(problem.code, **params) from problem

    def filled_paths(self, data: Mapping[str, Any]) -> set[str]:
        """Which of `fields` have a value in this record."""
        found: set[str] = set()
        self._root.fill(data, found)
        return found


class MappingSet:
    """All sections of one mapping for one system. `version`: hash of all that it says, overlay and lookups included."""

    def __init__(self, plan: Plan, source: str, targets: Mapping[str, Target], lookups: Tables, version: str) -> None:
        self.product, self.source, self.version = plan.product, source, version
        self.plan, self.targets, self.lookups = plan, targets, lookups
        self._sections: dict[tuple[str, str], Section] = {}

    def objects(self) -> list[str]:
        return list(dict.fromkeys(obj for obj, _ in self.plan.sections))

    def sections(self, obj: str) -> list[str]:
        return [name for found, name in self.plan.sections if found == obj]

    def section(self, obj: str, name: str) -> Section:
        """`name`: pull, push, change or cancel. Raises MappingError if the mapping has no such section."""
        made = self._sections.get((obj, name))
        if made is None:
            made = self._sections[obj, name] = self._made(obj, name)
        return made

    def _made(self, obj: str, name: str) -> Section:
        part = self.plan.sections.get((obj, name))
        if part is None:
            known = ", ".join(f"{o}.{s}" for o, s in self.plan.sections)
            raise MappingError("no-section", source=self.source, object=obj, section=name, known=known)
        pull = name == "pull"
        script = script_of(part, self.plan.codes, self.lookups, backwards=not pull)
        return Section(obj, name, self.source, part, script, shape_of(part, self.targets.get(obj) if pull else None))

    def with_lookups(self, lookups: Tables) -> MappingSet:
        """The same mapping on other lookup tables: for examples."""
        return MappingSet(self.plan, self.source, self.targets, {**self.lookups, **lookups}, self.version)


def load_mapping(
    product: str,
    text: str,
    *,
    source: str = "",
    overlay: str | None = None,
    overlay_source: str = "",
    targets: Mapping[str, Target],
    lookups: Tables = MappingProxyType({}),
) -> MappingSet:
    """A mapping ready for use. `source` names the file in errors; `lookups` are the system file's tables.

    Raises MappingFileError with every error in either file, each with file, line and column.
    """
    source = source or f"mappings/{product}.yaml"
    findings = Findings()
    document = read_merged(text, source, overlay, overlay_source, findings)
    plan = _read_plan(document, product, findings)
    check_plan(plan, Surroundings(targets=targets), BUILTINS, findings)
    if errors := findings.errors():
        raise MappingFileError(source, errors)
    version = content_hash([plain(document), {name: dict(table) for name, table in lookups.items()}])
    return MappingSet(plan, source, targets, lookups, version)


def check_mapping(
    product: str,
    text: str,
    *,
    source: str = "",
    overlay: str | None = None,
    overlay_source: str = "",
    targets: Mapping[str, Target],
    lookups: Tables | None = None,
    wires: Mapping[str, Mapping[str, str] | None] = MappingProxyType({}),
    documents: Mapping[str, Target] = MappingProxyType({}),
) -> list[Finding]:
    """Everything wrong or doubtful, errors and warnings, by place.

    `wires`: `connector.source_paths(obj)` of each object, None where the system has no metadata; `documents`: the
    decision documents that push sections read; `lookups`: None when there is no system to check against.
    """
    source = source or f"mappings/{product}.yaml"
    findings = Findings()
    document = read_merged(text, source, overlay, overlay_source, findings)
    plan = _read_plan(document, product, findings)
    check_plan(plan, Surroundings(targets, wires, documents, lookups), BUILTINS, findings)
    if overlay is not None:
        findings += moved_lines(text, overlay, source=source, overlay_source=overlay_source)
    return findings.sorted()


def _read_plan(document: Table, product: str, findings: Findings) -> Plan:
    if findings and not document.entries:  # no YAML at all: nothing more can be said
        return Plan()
    plan = Reader(parse, BUILTINS, findings).plan(document)
    if plan.product and plan.product != product:
        place = document.entries["product"].place
        findings.error(place, "product-differs", found=plan.product, expected=product)
    return plan
