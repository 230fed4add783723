"""The product file of an Oracle Fusion product: resources, what may be asked of them, how documents bear our key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from connectors.descriptor import BaseProduct, BaseResource, BaseWrite, Change, Match, Pattern, Raw, ReadSpec, Strict

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
    """The sum of all values at `of`, of lists without the items that match one of `without`."""

    of: list[str] = Field(min_length=1)
    without: list[Match] = Field(default_factory=list)


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
        names = [name for rule in self.sums.values() for name in (*rule.of, *(match.field for match in rule.without))]
        return [name.rpartition(".")[2] for name in names]


class Source(Strict):
    """A resource that an object is read from. `id`: its own number, by which pages are read.

    `queryable`: the attributes that may stand in `q`; `finders`: what to use for others, with their variables.
    `project`: whether only the mapped attributes are asked for; else all of them. `skip`: rows that do not count.
    `signs`: of the raw amounts, as the ERP states them or all of one kind. `sums`: fields of ours that add up others.
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
    signs: Literal["stated", "positive", "negative"] = "stated"
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
        found = [self.id, *self.key, self.company, *(path for each in self.sums.values() for path in each.of)]
        for each in self.sums.values():
            above = [path.rpartition(".")[0] for path in each.of]
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
        for name in {self.id, *self.bound, *_names_in(self.raw.filter)}:
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


class Parts(Strict):
    """A line that the ERP ships in parts, all of which bear our name of it; together they have its `quantity`.

    A part has left when one of `filled` has a value, or a quantity of `reached` has come to the other one. It stays as
    it is, and must say what is wanted in `agree`. An open part is to have what is left. Of what is `carried` with it,
    fields in `quantities` become its quantity, and those in `amounts` the same share of theirs.
    """

    quantity: str
    filled: list[str] = Field(default_factory=list)
    reached: dict[str, str] = Field(default_factory=dict)
    agree: list[str] = Field(default_factory=list)
    quantities: list[str] = Field(default_factory=list)
    amounts: list[str] = Field(default_factory=list)


class LineRule(Strict):
    """How the lines below an accessor are brought to what they should be, in one PATCH of their document.

    `id`: the ERP's name of a line; `match`: ours. `shown` fields are compared and never sent; `carried` ones are sent
    with every line that is sent, and never compared. `remove`: what takes a line out; `out`: a line that is out.
    A line that was taken out does not come back: a new one takes its place, in `renamed` named 20-2 for 20.
    `skip`: lines that are no part of what we ordered. Without `parts` every line has one row there.
    """

    id: str
    match: str
    compare: list[str]
    shown: list[str] = Field(default_factory=list)
    carried: list[str] = Field(default_factory=list)
    remove: dict[str, str] = Field(default_factory=dict)
    out: Match | None = None
    skip: Match | None = None
    parts: Parts | None = None
    renamed: list[str] = Field(default_factory=list)


class Revise(Change):
    lines: dict[str, LineRule] = Field(default_factory=dict)


class Cancel(Strict):
    """Every line below `accessor` that is still in (its rule under `change` says which are) gets `values`."""

    accessor: str
    values: dict[str, str] = Field(min_length=1)


class Fill(Strict):
    """What the ERP wants beside our fields: `take` of the record of `path` whose `by` is our `of`, as field `into` of
    the first of `list`.
    """

    list: str
    into: str
    path: str = Path
    by: str
    kind: Kind
    of: str
    take: str


class Refusal(Strict):
    """A document that came back with `field` set and none of `accepted` was refused, for the reason in `text`."""

    field: str
    accepted: list[str]
    text: str


class Write(BaseWrite):
    """`us`: the field that names us as the source, `copies` bear our key too, `address`: fields whose values, joined
    by colons, are a document's path key. `search`: the queryable field that bears our key.
    """

    us: str = ""
    copies: list[str] = Field(default_factory=list)
    address: list[str] = Field(default_factory=list)
    search: str
    upsert: bool = False
    numbers: list[str] = Field(default_factory=list)
    flags: list[str] = Field(default_factory=list)
    fill: list[Fill] = Field(default_factory=list)
    refusal: Refusal | None = None
    change: Revise | None = None
    cancel: Cancel | None = None


class Resource(BaseResource):
    """`sources`: one or more resources; the first is the one that is written."""

    protocol: Literal["adf"] | None = None
    sources: list[Source] = Field(min_length=1)
    write: Write | None = None

    def source_of(self, read: str) -> Source:
        return next((source for source in self.sources if read in source.reads), self.sources[0])

    @model_validator(mode="after")
    def _readable(self) -> Resource:
        names = [name for source in self.sources for name in source.reads]
        if len(self.sources) > 1 and sorted(names) != sorted(read.name for read in self.reads):
            raise ValueError("with several sources each read is named by exactly one of them")
        for read in self.reads:
            for name in _asked(read):
                self.source_of(read.name).check_queryable(name)
        if self.partition and self.partition.date and self.first_read:
            self.source_of(self.first_read.name).check_queryable(self.partition.date)
        if self.write:
            self.sources[0].check_queryable(self.write.search)
            if self.write.cancel and not (self.write.change and self.write.cancel.accessor in self.write.change.lines):
                raise ValueError("cancel needs the rule of its lines under change")
        return self


class Texts(Strict):
    """Regular expressions over the ERP's error texts: `locked`, try later; `duplicate`, our key is there already."""

    locked: list[Pattern] = Field(default_factory=list)
    duplicate: list[Pattern] = Field(default_factory=list)


class Product(BaseProduct):
    """`framework`: the REST-Framework-Version that is always sent. `us`: how we are called there, unless the system
    file says so (option source_system). `page_cap`: the most records that the ERP gives at once.
    """

    protocol: Literal["adf"]
    version: str
    framework: str
    us: str
    auth: list[Literal["basic", "oauth2"]] = Field(["basic"], min_length=1)
    texts: Texts = Texts()
    resources: dict[str, Resource]


def _asked(read: ReadSpec) -> Iterator[str]:
    if read.cursor:
        yield read.cursor
    yield from _names_in(read.filter)


def _names_in(expression: str) -> set[str]:
    """The attributes that a `q` expression names."""
    return {name for name in _NAME.findall(_QUOTED.sub(" ", expression)) if name.lower() not in _WORDS}
