"""What an expression reads and calls, found in its syntax tree without evaluating it.

The walk follows *paths*: every part of an expression yields the set of source paths that its value may come from; a
name extends each of them. So `to_Item[0].Material`, `$x := to_Item; $x.Material` and
`$map(to_Item, function($i){$i.Material})` all read to_Item.Material. It may name a field too many, never one too few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mappings.facts import NONE, ROOT, Call, Facts, Operation, Paths

ARITHMETIC = {"+", "-", "*", "/", "%"}
ORDER = {"<", "<=", ">", ">="}
FLOAT_FUNCTIONS = set(
    "sum number round max min average power sqrt floor ceil formatNumber formatBase formatInteger parseInteger".split()
)
REFUSED = {
    "eval": "the fields it reads could not be known",
    "now": "the same record must give the same values at every read",
    "millis": "the same record must give the same values at every read",
    "random": "the same record must give the same values at every read",
    "shuffle": "the same record must give the same values at every read",
}
EXACT_DIGITS = 15
"""JSONata shows longer whole numbers rounded, as 1.23e+18."""
_OVER_ITEMS = {"map", "filter", "each", "sift", "single", "reduce", "sort"}


def analyse(tree: Any, here: Paths, builtins: frozenset[str]) -> Facts:
    """Facts of a parsed expression that is evaluated on the source paths `here`; `builtins`: all functions."""
    walk = _Walk(builtins)
    walk.facts.result = walk.value(tree, here, {})
    walk.facts.simple = tree.type != "bind"
    return walk.facts


class _Walk:
    def __init__(self, builtins: frozenset[str]) -> None:
        self.builtins, self.facts = builtins, Facts()
        self.lambdas: dict[str, Any] = {}  # functions that the expression itself defines
        self.entered: set[str] = set()

    def value(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        """Source paths that the value of `node` may come from."""
        if node is None:
            return NONE
        visit = getattr(self, f"_{node.type}", None)
        paths: Paths = visit(node, here, names) if visit else NONE
        for stage in node.predicate or ():
            self.value(stage.expr, paths, names)
        if node.group is not None and node.type != "path":
            paths = self.pairs(node.group, paths, names)
        return paths

    def problem(self, code: str, offset: int, **params: str) -> None:
        self.facts.problems.append((code, max(offset, 0), params))

    def use(self, paths: Paths) -> Paths:
        self.facts.used |= paths - ROOT
        return paths

    # -- paths ----------------------------------------------------------------------------------------------------

    def _path(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        paths = here
        for step in node.steps:
            before, paths = paths, self.step(step, paths, names)
            for stage in step.stages or ():
                if stage.type == "filter":
                    self.value(stage.expr, paths, names)
                else:
                    names[str(stage.value)] = NONE
            if step.index is not None and step.type != "parent":
                names[str(step.index)] = NONE
            if step.focus is not None:
                names[str(step.focus)], paths = paths, before
        self.use(paths)
        return self.pairs(node.group, paths, names) if node.group is not None else paths

    def step(self, step: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        if step.type == "name":
            paths = frozenset((*path, str(step.value)) for path in here)
            for stage in step.predicate or ():
                self.value(stage.expr, paths, names)
            return paths
        if step.type == "parent":
            return frozenset(path[:-1] for path in here)
        if step.type == "sort":
            by: Paths = frozenset().union(*(self.value(term.expression, here, names) for term in step.terms))
            self.facts.operations.append(Operation("^", max(step.position - 1, 0), by, ordering=True))
            return here
        return self.value(step, here, names)

    def _name(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        return self.use(self.step(node, here, names))

    def _variable(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        name = str(node.value)
        if name in ("", "$"):
            return self.use(here if name == "" else ROOT)
        if name in names:
            return self.use(names[name])
        if name in self.builtins:
            self.call(name, node.position - len(name) - 1, -1, [], [])
        else:
            self.problem("unknown-variable", node.position - len(name) - 1, name=name)
        return NONE

    def _wildcard(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        self.problem("wildcard-refused", node.position - len(str(node.value)))
        return NONE

    def _descendant(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        return self._wildcard(node, here, names)

    def _transform(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        self.problem("transform-refused", node.position - 1)
        return NONE

    # -- functions ------------------------------------------------------------------------------------------------

    def _function(self, node: Any, here: Paths, names: dict[str, Paths], piped: Paths | None = None) -> Paths:
        nodes = list(node.arguments or ())
        name = str(node.procedure.value) if node.procedure.type == "variable" else ""
        over, arguments = piped or NONE, [] if piped is None else [piped]
        for argument in nodes:
            body = self.body(argument)
            if body is not None and name in _OVER_ITEMS:
                paths = self._lambda(body, here, names, [over] * len(body.arguments))
            else:
                paths = self.value(argument, here, names)
            arguments.append(paths)
            over |= paths
        if not name or name in names:
            return self.own(name, node, here, names, arguments)
        offset = node.procedure.position - len(name) - 1
        self.call(name, offset, len(arguments), nodes if piped is None else [None, *nodes], arguments)
        if name == "compare":  # -1, 0 or 1, whatever it was given
            return NONE
        return arguments[-1] if name == "map" and arguments else frozenset().union(*arguments)

    def body(self, argument: Any) -> Any:
        """The lambda that an argument is or names, if any."""
        if argument.type == "variable":
            return self.lambdas.get(str(argument.value))
        return argument if argument.type == "lambda" and not argument.thunk else None

    def own(self, name: str, node: Any, here: Paths, names: dict[str, Paths], arguments: list[Paths]) -> Paths:
        """A call of a function that the expression defines: its body is walked with what is passed in."""
        everything: Paths = frozenset().union(self.value(node.procedure, here, names), *arguments)
        if name not in self.lambdas or name in self.entered:
            return everything
        self.entered.add(name)
        everything |= self._lambda(self.lambdas[name], here, names, arguments)
        self.entered.discard(name)
        return everything

    def call(self, name: str, offset: int, count: int, nodes: list[Any], arguments: list[Paths]) -> None:
        literal = nodes[0].value if nodes and nodes[0] is not None and nodes[0].type == "string" else None
        paths: Paths = frozenset().union(*arguments)
        self.facts.calls.append(Call(name, max(offset, 0), count, literal, paths))
        if name in REFUSED:
            self.problem("function-refused", offset, name=name, why=REFUSED[name])
        elif name in FLOAT_FUNCTIONS:
            self.facts.operations.append(Operation(f"${name}", max(offset, 0), paths))
        elif name == "sort" and count != 2:  # with two, its function compares
            self.facts.operations.append(Operation("$sort", max(offset, 0), paths, ordering=True))
        self.facts.alone |= name == "pad"

    def _partial(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        for argument in node.arguments or ():
            self.value(argument, here, names)
        return self.value(node.procedure, here, names)

    def _lambda(self, node: Any, here: Paths, names: dict[str, Paths], passed: Sequence[Paths] = ()) -> Paths:
        if node.thunk:
            return self.value(node.body, here, names)
        parameters = [str(argument.value) for argument in node.arguments]
        inner = {**names, **dict.fromkeys(parameters, NONE), **dict(zip(parameters, passed, strict=False))}
        return self.value(node.body, here, inner)

    def _apply(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        left = self.value(node.lhs, here, names)
        if node.rhs.type == "function":
            return self._function(node.rhs, here, names, left)
        if node.rhs.type == "variable" and str(node.rhs.value) in self.builtins - names.keys():
            name = str(node.rhs.value)
            self.call(name, node.rhs.position - len(name) - 1, -1, [], [left])
            return left
        return left | self.value(node.rhs, here, names)

    # -- operators and blocks -------------------------------------------------------------------------------------

    def _binary(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        paths = self.value(node.lhs, here, names) | self.value(node.rhs, here, names)
        operator = str(node.value)
        if operator in ARITHMETIC or operator in ORDER:
            offset = max(node.position - len(operator), 0)
            self.facts.operations.append(Operation(operator, offset, paths, operator in ORDER))
        self.facts.alone |= operator == ".."
        return NONE

    def _unary(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        if str(node.value) == "{":
            return self.pairs(node, here, names)
        if str(node.value) == "[":
            return frozenset().union(*(self.value(item, here, names) for item in node.expressions))
        paths = self.value(node.expression, here, names)
        self.facts.operations.append(Operation("-", max(node.position - 1, 0), paths))
        return NONE

    def pairs(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        for key, value in node.lhs_object or ():
            self.value(key, here, names)
            self.value(value, here, names)
        return NONE

    def _condition(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        self.value(node.condition, here, names)
        return self.value(node.then, here, names) | self.value(node._else, here, names)

    def _block(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        inner, paths = dict(names), NONE
        for expression in node.expressions:
            paths = self.value(expression, here, inner)
        return paths

    def _bind(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        name = str(node.lhs.value)
        if self.body(node.rhs) is None:
            names[name] = self.value(node.rhs, here, names)
        else:  # known before its body is walked: it may call itself
            names[name], self.lambdas[name] = NONE, self.body(node.rhs)
            self.value(node.rhs, here, names)
        return names[name]

    # -- literals -------------------------------------------------------------------------------------------------

    def _regex(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        self.facts.alone = True
        return NONE

    def _value(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        self.facts.null |= node.value is None
        return NONE

    def _number(self, node: Any, here: Paths, names: dict[str, Paths]) -> Paths:
        if isinstance(node.value, float) or abs(node.value) >= 10**EXACT_DIGITS:
            shown = str(node.value)
            self.problem("float-literal", node.position - len(shown), value=shown)
        return NONE
