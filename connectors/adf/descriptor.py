"""The product file of an Oracle Fusion product: resources, what may be asked of them, how documents bear our key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from connectors.adf.source import Kind, Path, Source, names_in
from connectors.descriptor import BaseProduct, BaseResource, BaseWrite, Change, Match, Pattern, ReadSpec, Strict


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
    with every line that is sent, and never compared. `numbers`: those that are compared as numbers.
    `remove`: what takes a line out; `out`: a line that is out. A line that was taken out does not come back: a new one
    takes its place, in `renamed` named 20-2 for 20. So does one for a line that is to have another value in `lasting`,
    which no line there changes. `skip`: lines that are no part of what we ordered. Without `parts` every line has one
    row there.
    """

    id: str
    match: str
    compare: list[str]
    numbers: list[str] = Field(default_factory=list)
    lasting: list[str] = Field(default_factory=list)
    shown: list[str] = Field(default_factory=list)
    carried: list[str] = Field(default_factory=list)
    remove: dict[str, str] = Field(default_factory=dict)
    out: Match | None = None
    skip: Match | None = None
    parts: Parts | None = None
    renamed: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _replaceable(self) -> LineRule:
        if self.lasting and not self.renamed:
            raise ValueError("lasting needs renamed: two lines cannot have one name")
        return self


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
    yield from names_in(read.filter)
