"""What the product file says of a resource that is read: what may be asked of it, and what its records become."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from connectors.descriptor import Match, Raw, Strict

Kind = Literal["integer", "number", "text", "date", "time"]
Path = Field(pattern=r"^\w+RestApi/\w+$")
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_NAME = re.compile(r"[A-Za-z_]\w*")
_WORDS = {"and", "or", "not", "in", "like", "between", "is", "null"}


class Undo(Strict):
    """A row with a negative `amount` takes back an earlier one that agrees in `same`: its `day` becomes that one's
    `into`, and it is no record itself.
    """

    amount: str
    same: list[str] = Field(min_length=1)
    day: str
    into: str


class Rows(Strict):
    """Children (of children: accessors joined by dots) that are records of their own, each with its parent around it
    and alone in its list.

    `key` tells them apart, `tag` stands before it where there are several kinds. A row without a value in one of
    `need`, or that does not match `only`, is left out.
    """

    accessor: str
    key: str
    tag: str = ""
    need: list[str] = Field(default_factory=list)
    only: Match | None = None
    undo: Undo | None = None


class Join(Strict):
    """Records of another resource whose `by` is one of our values at `of`; they stand as a list under `into`.

    `id`: that resource's own number.
    """

    into: str
    path: str = Path
    id: str
    of: list[str] = Field(min_length=1)
    by: str
    kind: Kind
    fields: list[str]


class Finder(Strict):
    """The rows of each record are asked for by themselves: `variable` gets the value of `attribute`, one request for
    each of `variants` (what it shows beyond the others is added).
    """

    name: str
    variable: str
    attribute: str
    variants: list[dict[str, str]] = Field(min_length=1)


class Sum(Strict):
    """The sum of all values at `of`, of lists without the items that match one of `without`.

    What is at `less` goes off it; at `unsigned`, whatever sign the ERP gives it, it is added.
    """

    of: list[str] = Field(min_length=1)
    less: list[str] = Field(default_factory=list)
    unsigned: list[str] = Field(default_factory=list)
    without: list[Match] = Field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [*self.of, *self.less, *self.unsigned]


class Group(Strict):
    """Items of the list `accessor` that agree in `by` become one, the first, with all of them as the list `into` and
    `sums` over them.
    """

    accessor: str
    by: list[str] = Field(min_length=1)
    into: str
    sums: dict[str, Sum] = Field(default_factory=dict)

    @property
    def summed(self) -> list[str]:
        """The items' own fields that the sums need."""
        names = [n for rule in self.sums.values() for n in (*rule.paths, *(match.field for match in rule.without))]
        return [name.rpartition(".")[2] for name in names]


class Source(Strict):
    """A resource that an object is read from. `id`: its own number, by which pages are read.

    `queryable`: the attributes that may stand in `q`; `finders`: what to use for others, with their variables.
    `project`: whether only the mapped attributes are asked for; else all of them. `skip`: rows that do not count.
    `signs`: of the raw amounts, as the ERP states them or all negative. `sums`: fields of ours that add up others.
    `bound`: attributes that must have the value of an option of the system file, where it has that option. `hook`: a
    function of the vendor's quirks.py that completes the records of a page, with all joins made.
    """

    path: str = Path
    id: str
    key: list[str] = Field(min_length=1)
    reads: list[str] = Field(default_factory=list)
    queryable: dict[str, Kind]
    finders: dict[str, list[str]] = Field(default_factory=dict)
    children: list[str] = Field(default_factory=list)
    project: bool = False
    company: str = ""
    skip: Match | None = None
    signs: Literal["stated", "negative"] = "stated"
    sums: dict[str, Sum] = Field(default_factory=dict)
    group: Group | None = None
    bound: dict[str, str] = Field(default_factory=dict)
    hook: str = ""
    rows: list[Rows] = Field(default_factory=list)
    finder: Finder | None = None
    joins: list[Join] = Field(default_factory=list)
    raw: Raw = Raw()

    @property
    def name(self) -> str:
        return self.path.partition("/")[2]

    @property
    def needed(self) -> list[str]:
        """The paths that are read whatever a mapping names."""
        found = [self.id, *self.key, self.company, *(path for each in self.sums.values() for path in each.paths)]
        for each in self.sums.values():
            above = [path.rpartition(".")[0] for path in each.paths]
            found += [f"{path}.{rule.field}" for path in above for rule in each.without]
        if self.group:
            found += [f"{self.group.accessor}.{name}" for name in [*self.group.by, *self.group.summed]]
        found += [self.skip.field] if self.skip else []
        found += [self.finder.attribute] if self.finder else []
        for rows in self.rows:
            names = [rows.key, *rows.need, rows.only.field if rows.only else ""]
            names += [rows.undo.amount, rows.undo.day, *rows.undo.same] if rows.undo else []
            found += [f"{rows.accessor}.{name}" for name in names if name]
        return [path for path in found if path]

    @model_validator(mode="after")
    def _askable(self) -> Source:
        for name in {self.id, *self.bound, *names_in(self.raw.filter)}:
            self.check_queryable(name)
        tags = [row.tag for row in self.rows]
        if len(set(tags)) < len(tags):
            raise ValueError("rows of several kinds need a tag each")
        if stray := {row.accessor for row in self.rows} - set(self.children):
            raise ValueError(f"rows name {min(stray)}, which is none of children")
        return self

    def check_queryable(self, name: str) -> None:
        """ValueError for an attribute that `q` refuses, with the finder that takes it."""
        if name in self.queryable:
            return
        takers = [finder for finder, variables in self.finders.items() if name in variables]
        instead = f"use finder {takers[0]}" if takers else f"it may be one of {', '.join(sorted(self.queryable))}"
        raise ValueError(f"{name} of {self.name} cannot be queried; {instead}")


def names_in(expression: str) -> set[str]:
    """The attributes that a `q` expression names."""
    return {name for name in _NAME.findall(_QUOTED.sub(" ", expression)) if name.lower() not in _WORDS}
