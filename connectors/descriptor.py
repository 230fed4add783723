"""The product file: an ERP's own words (paths, keys, cursors, key carriers) as data, checked when loaded.

A product file says what the ERP is like and nothing of the CRM. It has no conditions, loops, templates or inheritance:
the strongest thing in it is a dotted path. Texts under `filter` are in the protocol's own filter language.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from connectors.errors import ConfigurationError
from connectors.product_yaml import Lines, nearest, read_yaml

HOME = Path(__file__).parent


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
    """The field that holds our key, and the others a site may choose instead."""

    default: str
    allowed: list[str] = []


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

    `changeset`: send all differences as one all-or-nothing $batch where the service takes several operations.
    """

    fields: list[str] = []
    fixed: list[str] = []
    children: dict[str, Children] = {}
    changeset: bool = False


class Cancel(Strict):
    """A document is cancelled by writing `values` to each line below `nav` where the first of them is still empty."""

    nav: str
    values: dict[str, str] = Field(min_length=1)


class Write(Strict):
    key_carrier: KeyCarrier
    find: Find = Find()
    change: Change | None = None
    cancel: Cancel | None = None


class Sign(Strict):
    """By the value of `field`: 1 as stated, -1 turned, 0 does not count."""

    field: str
    values: dict[str, Literal[-1, 0, 1]]


class Raw(Strict):
    """Amounts for reconciliation, read without a mapping. No `amount`: documents are only counted.

    `company_table`: the system's table that leads from what `company` holds to the company code.
    `outside`: lines that do not count into what the customer owes.
    """

    amount: str = ""
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


class Resource(Strict):
    """`path` is service/entity set. `strip_zeros` names the key parts that the ERP stores zero-filled."""

    protocol: Literal["odata"] | None = None
    path: str = Field(pattern=r"^[^/]+/[^/]+$")
    key: list[str] = Field(min_length=1)
    strip_zeros: list[str] = []
    company: str = ""
    paging: Paging = Paging()
    reads: list[ReadSpec] = Field(min_length=1)
    partition: Partition | None = None
    write: Write | None = None
    raw: Raw = Raw()

    @property
    def service(self) -> str:
        return self.path.split("/")[0]

    @property
    def set(self) -> str:
        return self.path.split("/")[1]

    @property
    def first_read(self) -> ReadSpec | None:
        """The read that from the beginning shows everything and then goes on by stamps; None where there is not one."""
        found = [read for read in self.reads if read.keeps_watermark and not read.covered_by]
        return found[0] if len(found) == 1 else None

    @model_validator(mode="after")
    def _consistent(self) -> Resource:
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


class LogonHeaders(Strict):
    """Names of the request headers that carry the tenant and the logon language; empty: not sent."""

    client: str = ""
    language: str = ""


class Texts(Strict):
    """Regular expressions over the ERP's error texts: `locked`, try later; `single_write`, no changeset of several."""

    locked: list[Pattern] = []
    single_write: list[Pattern] = []


class Product(Strict):
    """`commit_horizon_s`: after it a write that was never answered and is not found was not booked.

    `longest_transaction_s`: a change can become visible that long after its stamp.
    """

    name: str
    protocol: Literal["odata"]
    root: str
    auth: list[Literal["basic", "oauth2", "certificate"]] = Field(["basic"], min_length=1)
    logon: LogonHeaders = LogonHeaders()
    limits: Limits = Limits()
    commit_horizon_s: int = Field(ge=0)
    longest_transaction_s: int = Field(ge=0)
    texts: Texts = Texts()
    resources: dict[str, Resource]


def load_product(name: str, home: Path = HOME) -> Product:
    """The product file of `name` (vendor/product); ConfigurationError names file, line and the nearest valid key."""
    known = sorted(f"{p.parent.name}/{p.stem}" for p in home.glob("*/*.yaml"))
    if name not in known:
        raise ConfigurationError("unknown-product", product=name, known=", ".join(nearest(name, known) or known))
    return parse_product((home / f"{name}.yaml").read_text(encoding="utf-8"), source=f"connectors/{name}.yaml")


def parse_product(text: str, source: str) -> Product:
    data, lines = read_yaml(text, source)
    try:
        return Product.model_validate(data)
    except ValidationError as exc:
        first = min(
            exc.errors(), key=lambda error: error["type"] != "extra_forbidden"
        )  # a typo explains what is missing
        raise _explained(first, lines, source) from None


def _explained(error: Any, lines: Lines, source: str) -> ConfigurationError:
    loc = tuple(part for part in error["loc"])
    place: dict[str, Any] = {
        "file": source,
        "line": str(lines.at(loc)),
        "path": ".".join(map(str, loc[:-1])) or "the file",
    }
    if error["type"] != "extra_forbidden":
        place["path"] = ".".join(map(str, loc)) or "the file"
        return ConfigurationError("product-value", problem=str(error["msg"]).removeprefix("Value error, "), **place)
    known = sorted(_fields_at(loc[:-1]))
    near = (nearest(str(loc[-1]), known) or known)[0]
    return ConfigurationError("product-key", key=str(loc[-1]), nearest=near, known=", ".join(known), **place)


def _fields_at(loc: tuple[str | int, ...]) -> set[str]:
    """Names of the fields of the model at this place of a product file."""
    kind: Any = Product
    for part in loc:
        kind = (
            _model_in(kind.model_fields[part].annotation)
            if isinstance(part, str) and part in kind.model_fields
            else kind
        )
    return set(kind.model_fields)


def _model_in(annotation: Any) -> Any:
    """The model inside `list[Model]`, `dict[str, Model]`, `Model | None` or the model itself."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for arg in getattr(annotation, "__args__", ()) if (model := _model_in(arg))), None)
