"""The product file: an ERP's own words (paths, keys, cursors, key carriers) as data, checked when loaded.

A product file says what the ERP is like and nothing of the CRM. It has no conditions, loops, templates or inheritance:
the strongest thing in it is a dotted path. Texts under `filter` are in the protocol's own filter language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as exc:
        raise ValueError(f"{text!r} is not a regular expression: {exc}") from None
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(Strict):
    """`requests_per_s` 0 is unlimited; `retry_s` bounds all repetitions of one read together, seconds."""

    requests_per_s: float = Field(0, ge=0)
    concurrency: int = Field(4, ge=1)
    retry_s: float = Field(30, ge=0)
    response_mb: float = Field(64, gt=0)


class Paging(Strict):
    size: int = Field(1000, ge=1)


class ReadSpec(Strict):
    """One way of reading. `when_null` is the creation date that stands in where the cursor is empty.

    `overlap_s` is re-read before the position asked for: stamps of long transactions appear late. `covered_by` names
    the read that, from the beginning, shows everything that this one would.
    """

    name: str
    cursor: str = ""
    when_null: str = ""
    grain: Literal["instant", "day"] = "instant"
    overlap_s: int = Field(0, ge=0)
    filter: str = ""
    complete: bool = False
    watermark: bool | None = None
    covered_by: str = ""

    @property
    def keeps_watermark(self) -> bool:
        return bool(self.cursor) if self.watermark is None else self.watermark

    @model_validator(mode="after")
    def _consistent(self) -> ReadSpec:
        if self.keeps_watermark and not self.cursor:
            raise ValueError("a watermark needs a cursor")
        if self.complete and self.cursor:
            raise ValueError("a complete read has no cursor")
        return self


class KeyCarrier(Strict):
    """The field that holds our key, and the others a site may choose instead.

    `unique`: the ERP itself refuses a second document with the same key.
    """

    default: str
    allowed: list[str] = []
    unique: bool = False


class Match(Strict):
    """True where `field` has one of `values`."""

    field: str
    values: list[str]


class Find(Strict):
    """Where a document found under our key says what it is."""

    customer: str = ""
    currency: str = ""
    total: str = ""
    state: str = ""
    cancelled: Match | None = None


class Children(Strict):
    """How the lines below a navigation are told apart and changed.

    `match`: fields whose values identify a line on both sides; none: the first stands for the first.
    `remove`: values that take a line out of the document; none: lines that we no longer have are left alone.
    """

    match: list[str] = []
    remove: dict[str, str] = {}
    children: dict[str, Children] = {}


class Change(Strict):
    """`fields` of the header may be changed; `fixed` ones may not, a difference there is refused.

    `changeset`: send all differences as one all-or-nothing write where the service takes several operations.
    """

    fields: list[str] = []
    fixed: list[str] = []
    children: dict[str, Children] = {}
    changeset: bool = False


class BaseWrite(Strict):
    key_carrier: KeyCarrier
    find: Find = Find()
    change: Change | None = None


class Sign(Strict):
    """By the value of `field`: 1 as stated, -1 turned, 0 does not count."""

    field: str
    values: dict[str, Literal[-1, 0, 1]]


class Raw(Strict):
    """Amounts for reconciliation, read without a mapping. No `amount`: documents are only counted.

    `company_table`: the system's table that leads from what `company` holds to the company code.
    `outside`: lines that do not count into what the customer owes. `balance`: what is left of the amount today.
    """

    amount: str = ""
    balance: str = ""
    currency: str = ""
    company: str = ""
    company_table: str = ""
    customer: str = ""
    date: str = ""
    open: Match | None = None
    outside: Match | None = None
    sign: Sign | None = None
    filter: str = ""


class Partition(Strict):
    """Fields that share out a first read; `company_table` leads from a company code to what `company` holds."""

    company: str = ""
    company_table: str = ""
    date: str = ""


class BaseResource(Strict):
    """`strip_zeros` names the key parts that the ERP stores zero-filled."""

    key: list[str] = Field(min_length=1)
    strip_zeros: list[str] = []
    company: str = ""
    paging: Paging = Paging()
    reads: list[ReadSpec] = Field(min_length=1)
    write: BaseWrite | None = None
    partition: Partition | None = None
    raw: Raw = Raw()

    @property
    def first_read(self) -> ReadSpec | None:
        """The read that from the beginning shows everything and then goes on by stamps; None where there is not one."""
        found = [read for read in self.reads if read.keeps_watermark and not read.covered_by]
        return found[0] if len(found) == 1 else None

    @model_validator(mode="after")
    def _consistent(self) -> BaseResource:
        if self.partition and not self.first_read:
            raise ValueError("a partition needs one read with a watermark that no other read covers")
        if stray := set(self.strip_zeros) - set(self.key):
            raise ValueError(f"strip_zeros names {sorted(stray)[0]}, which is no part of key")
        names = [read.name for read in self.reads]
        if len(set(names)) < len(names):
            raise ValueError("two reads have the same name")
        if stray := {read.covered_by for read in self.reads} - {"", *names}:
            raise ValueError(f"covered_by names {sorted(stray)[0]}, which is no read of this resource")
        return self


class BaseProduct(Strict):
    """`title`: the product's name. `rung`: 1 data alone, 2 with hooks in quirks.py, 3 with a protocol client for it.

    `commit_horizon_s`: after it a write that was never answered and is not found was not booked.

    `longest_transaction_s`: a change can become visible that long after its stamp. `options`: what a system file must
    (`true`) or may say of a system of this product beyond address and user. `unverified`: what nobody has seen on a
    real tenant yet, one sentence each; docs/products.md lists it.
    """

    name: str
    title: str = ""
    rung: Literal[1, 2, 3] = 1
    protocol: str
    limits: Limits = Limits()
    commit_horizon_s: int = Field(ge=0)
    longest_transaction_s: int = Field(ge=0)
    options: dict[str, bool] = {}
    unverified: list[str] = []
    resources: Mapping[str, BaseResource] = {}
