"""The product file of a YonBIP tenant: APIs below its gateway, lists of lines, steps of a document, calls a minute."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from connectors.descriptor import BaseProduct, BaseResource, BaseWrite, Match, Pattern, Strict

Path = Field(pattern=r"^/\S+$")


class Query(Strict):
    """How a list is asked. `body` goes with every question.

    `window`: how it takes change stamps from-to: `between` (a condition), `range` (open_STAMP_begin and _end under
    `simple`), `after` (the stamp's name, on top: at or after it). `equal`: how a field is asked for one value.
    """

    body: dict[str, str | bool] = Field(default_factory=dict)
    window: Literal["between", "range", "after"] = "between"
    equal: Literal["condition", "simple", "top"] = "condition"


class Total(Strict):
    """The document's own sum and the line amounts that add up to it: where they do not, lines are missing."""

    header: str
    line: str


class Rows(Strict):
    """A list that repeats the header on every line: rows with one key become one record with its lines under `lines`.

    `key` is the line's own id in a row. A row may hold a part of its line under `lines` too.
    """

    lines: str
    key: str
    total: Total | None = None


class Detail(Strict):
    """The API that shows one document whole. It is asked for every record, or where one of `needs` is wanted and empty.

    `batch`: it is asked by POST, for so many ids at once, and what it shows is added to what the list does.
    """

    path: str = Path
    always: bool = False
    needs: list[str] = Field(default_factory=list)
    batch: int = Field(0, ge=0)


class Step(Strict):
    """A step of a document: taken where its state is `due`, left to the ERP where `unless` says so.

    `body` goes beside id and code of the document.
    """

    name: str
    path: str = Path
    due: Match
    unless: Match | None = None
    body: dict[str, str | bool] = Field(default_factory=dict)


class Lines(Strict):
    """How lines are told apart, what of them is compared, and which may be taken out.

    `match`: fields that must agree, one set after the other for those that the set before did not find; `number`: the
    field with a line's number, which no two lines may share. `shown`: by the fields that take a code and show the
    ERP's id, where that code is shown; what the ERP does not show cannot be compared.
    """

    match: list[list[str]] = Field(min_length=1)
    number: str = ""
    fields: list[str]
    shown: dict[str, str] = Field(default_factory=dict)
    removable: Match | None = None


class Change(Strict):
    """`path` where it is another API than the one that saves. `reopen`: steps back, before it can be changed.

    `fields` of the header are compared; `fixed` ones may not change; `kept` ones are sent as the ERP has them,
    `created` ones only when a document is made. `added`: lists of codes, by the field with the code; what else the ERP
    has in them stays. `bare`: the document goes without `data` around it.
    """

    path: str = ""
    bare: bool = False
    reopen: list[Step] = Field(default_factory=list)
    fields: list[str] = Field(default_factory=list)
    fixed: list[str] = Field(default_factory=list)
    kept: list[str] = Field(default_factory=list)
    created: list[str] = Field(default_factory=list)
    added: dict[str, str] = Field(default_factory=dict)
    lines: dict[str, Lines] = Field(default_factory=dict)


class Write(BaseWrite):
    """`check_key`: the field for the key under which the gateway sends the same save through only once; `version`: the
    field with the decision's version, a part of that key. `numbers`: what goes as a number. `steps` follow a save.
    `ended`: where there is nothing left to cancel; else where `find` says that it is cancelled.
    """

    path: str = Path
    check_key: str = ""
    version: str = ""
    numbers: list[str] = Field(default_factory=list)
    steps: list[Step] = Field(default_factory=list)
    change: Change | None = None  # type: ignore[assignment]  # lines have states here, not navigations
    cancel: list[Step] | None = None
    ended: Match | None = None


class Code(Strict):
    """Where the code of a reference is found, whose id means nothing outside the tenant.

    `beside`: fields that stand next to the id and hold the code; `table`: the system file's table of ids by code.
    """

    beside: list[str] = Field(default_factory=list)
    table: str = ""


class Resource(BaseResource):
    """`path` lists the object. `only`: other records (drafts) are as good as not there.

    Fields added to every record: `sums`, the exact sum of a line field; `either`, the first that is filled.
    """

    path: str = Path
    query: Query = Query()
    rows: Rows | None = None
    detail: Detail | None = None
    only: Match | None = None
    sums: dict[str, str] = Field(default_factory=dict)
    either: dict[str, list[str]] = Field(default_factory=dict)
    write: Write | None = None

    @model_validator(mode="after")
    def _askable(self) -> Resource:
        if self.detail and len(self.key) > 1:
            raise ValueError("a document shown whole is asked for by one id")
        if self.partition:
            raise ValueError("a list of the gateway cannot be read in parts")
        return self


class Gateway(Strict):
    """Where calls go. `domains`: which the discovery may lead to besides the configured host."""

    discovery: str = Path
    token: str = Path
    api: str = Path
    auth: str = Path
    domains: list[str] = Field(default_factory=list)


class Texts(Strict):
    """Regular expressions over refusals: `locked`, the document is in somebody's hands, try later; `unclear`, no reason
    is given, so nobody knows what became of it.
    """

    locked: list[Pattern] = Field(default_factory=list)
    unclear: list[Pattern] = Field(default_factory=list)


class Product(BaseProduct):
    """`moments` are the fields that hold a time in `time_zone`; every other time of day is that of a calendar date.

    `codes`: fields whose ids are turned into codes, wherever they stand. `quotas`: calls a minute of an API.
    `resend_after_s`: how long to wait before the same save is sent again under its check key.
    """

    protocol: Literal["yonbip"]
    time_zone: str
    gateway: Gateway
    moments: list[str]
    codes: dict[str, Code] = Field(default_factory=dict)
    quotas: dict[str, int] = Field(default_factory=dict)
    resend_after_s: float = Field(5, ge=0)
    texts: Texts = Texts()
    resources: dict[str, Resource]
