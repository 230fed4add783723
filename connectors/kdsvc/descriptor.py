"""The product file of a WebAPI product: forms, their entries, and the steps of a document."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from connectors.descriptor import BaseProduct, BaseResource, BaseWrite, Match, Pattern, Strict

FORM = "FormId"
"""The form a record came from: a field of every record, for keys and mappings of resources that read several."""


class Beside(Strict):
    """Entries of another form that refer, by `by`, to what this document's field `of` refers to (ids on both sides)."""

    form: str
    id: str = "FID"
    entity: str
    entry: str
    by: str
    of: str
    filter: str = ""


class Form(Strict):
    """One form. `id` is its primary key; with `entity` its records are that entity's entries, told apart by `entry`.

    `heads`: its sub-heads, whose fields are asked for as the bill head's; no other entity's are, but for `lines`:
    entities that come as lists in a document, each with its entries' id, and `beside`: lists out of other forms.
    `names`: what this form calls the fields that the resource's other forms, the mapping and the key call otherwise.
    `values`: fields it does not have, with what they always are; `lacks`: those that are then empty.
    `site`: names whose field a site's option gives; they are empty where it names none. `only`, `but`: the documents
    whose field has (has not) one of the values of a site's option; without the option none (all) of them are.
    `page`: rows of one page, where that must be fewer than usual. `hook`: a function of the vendor's quirks.py that
    makes records of a document; `needs` are the fields that it reads.
    """

    form: str
    id: str = "FID"
    entity: str = ""
    entry: str = ""
    heads: list[str] = Field(default_factory=list)
    lines: dict[str, str] = Field(default_factory=dict)
    beside: dict[str, Beside] = Field(default_factory=dict)
    filter: str = ""
    only: dict[str, str] = Field(default_factory=dict)
    but: dict[str, str] = Field(default_factory=dict)
    names: dict[str, str] = Field(default_factory=dict)
    site: dict[str, str] = Field(default_factory=dict)
    values: dict[str, str] = Field(default_factory=dict)
    lacks: list[str] = Field(default_factory=list)
    page: int = 0
    hook: str = ""
    needs: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Form:
        if bool(self.entity) != bool(self.entry):
            raise ValueError("entity and entry go together")
        return self


class Group(Strict):
    """Rows with the same value of `by` are one record (base data has a row for each organisation that uses it).

    The row whose two `main` fields agree gives the record's own fields; every row is listed under `into`.
    """

    by: str
    into: str
    main: tuple[str, str]


class Step(Strict):
    """`operation` takes a document from one of the states `before` to `after`."""

    name: str
    operation: str
    before: list[str] = Field(min_length=1)
    after: str


class Cancel(Strict):
    """`operation` (of ExecuteOperation) cancels; a document is cancelled where `field` has one of `values`.

    `otherwise` is done to a document that cannot be cancelled any more: closed, it keeps what was delivered.
    """

    operation: str
    field: str
    values: list[str]
    otherwise: str = ""
    closed: Match | None = None


class Write(BaseWrite):
    """`order` is the order of keys in a Model: rules of the ERP fire as each is set. Keys not listed stand before
    sub-heads and entries. `numbers` go as JSON numbers, and are compared as numbers. So are `computed` ones, which are
    never sent: the ERP works them out, and what it has is compared with what we expect. `entries`: each entity's id in
    a Model. `drop`: entities whose entries are deleted when we no longer have them. `reopen`: by state, the operation
    that makes a document editable.
    `allocate`: the field of what we send that lists organisations which shall use it; `organisation`: the field that
    says which one does. `custom_carrier`: what the name of a tenant's own text field looks like; one of them may carry
    our key. `bill_type`: the field with the bill type, whose coding rule may forbid numbers of ours.
    """

    custom_carrier: Pattern = ""
    order: list[str] = Field(default_factory=list)
    numbers: list[str] = Field(default_factory=list)
    computed: list[str] = Field(default_factory=list)
    subheads: list[str] = Field(default_factory=list)
    entries: dict[str, str] = Field(default_factory=dict)
    drop: list[str] = Field(default_factory=list)
    state: str = "FDocumentStatus"
    steps: list[Step] = Field(default_factory=list)
    reopen: dict[str, str] = Field(default_factory=dict)
    cancel: Cancel | None = None
    allocate: str = ""
    organisation: str = ""
    bill_type: str = ""

    @property
    def compared_as_numbers(self) -> list[str]:
        return [*self.numbers, *self.computed]


class Resource(BaseResource):
    """`optional`: fields that not every tenant has; there they are neither read nor written."""

    protocol: Literal["kdsvc"] | None = None
    optional: list[str] = Field(default_factory=list)
    forms: list[Form] = Field(min_length=1)
    group: Group | None = None
    write: Write | None = None

    @model_validator(mode="after")
    def _forms(self) -> Resource:
        if len({form.form for form in self.forms}) < len(self.forms):
            raise ValueError("a form is listed twice")
        if len(self.forms) > 1 and self.key[0] != FORM:
            raise ValueError(f"with several forms the key begins with {FORM}")
        return self


class Texts(Strict):
    """Regular expressions over the ERP's messages; its codes alone do not tell these apart.

    `locked`: try later · `busy`: a read may be repeated · `duplicate`: the number exists · `workflow`: a step waits
    for people.
    """

    locked: list[Pattern] = Field(default_factory=list)
    busy: list[Pattern] = Field(default_factory=list)
    duplicate: list[Pattern] = Field(default_factory=list)
    workflow: list[Pattern] = Field(default_factory=list)


class Product(BaseProduct):
    """`moments` are fields that hold a point in time of the server's zone; all other dates are calendar dates.

    `lcid`: the logon language's number. `stop_at`: the step after which a document is left to the ERP's own people,
    unless the system file's option of that name says otherwise. `defaults`: values of options that a site need not
    name. `own_fields`: what names of a tenant's own fields look like; such a field may be in one form of several.
    """

    protocol: Literal["kdsvc"]
    auth: list[Literal["signed", "password", "app_secret", "login_sign"]] = Field(min_length=1)
    lcid: dict[str, str]
    moments: list[str] = Field(default_factory=list)
    query_limit: int = Field(2000, ge=1)
    stop_at: str = ""
    defaults: dict[str, str] = Field(default_factory=dict)
    own_fields: Pattern = ""
    texts: Texts = Texts()
    resources: dict[str, Resource]

    @model_validator(mode="after")
    def _options(self) -> Product:
        forms = [form for resource in self.resources.values() for form in resource.forms]
        named = {option for form in forms for said in (form.only, form.but, form.site) for option in said.values()}
        if stray := {*named, *self.defaults} - self.options.keys():
            raise ValueError(f"{sorted(stray)[0]} is not listed under options")
        return self
