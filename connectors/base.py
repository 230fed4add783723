"""What a flow asks of an ERP, whatever the vendor: read pages, look up, find by our key, write.

Records arrive plain: dates as ISO text, times as ISO text with zone, amounts and numbers as text, nested keys as dicts,
to-many parts as lists. The connector knows the ERP's words and nothing of the CRM's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

Wire = dict[str, Any]


class Record(NamedTuple):
    """One record of the ERP. `key` is the full ERP key as the ERP shows it: parts joined by '/', no leading zeros."""

    key: str
    data: Wire


@dataclass(frozen=True, slots=True)
class Position:
    """How far a read has come: `stamp` is the cursor's value as text, `key` the last key read within that stamp."""

    stamp: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """One way of reading an object: by change stamp, the full open set, ... in the order in which they must run.

    `complete`: it lists everything that exists (or is open), so what is missing from it is gone.
    `watermark`: whether a stored position lets the next run start later; else it always starts at the beginning.
    `covered_by`: the read that, from the beginning, shows all that this one would: the first run needs no second.
    """

    name: str
    complete: bool = False
    watermark: bool = True
    covered_by: str = ""


@dataclass(frozen=True, slots=True)
class Splits:
    """Into what a first `read` can be split: by a field whose known values are `companies`, or by days of a date.

    Neither field changes once the record is there, or its change stamp moves with it.
    """

    read: str
    companies: Sequence[str] | None
    dates: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A share of a read. `companies`: of these (`others`: of all but these); days: `first` or later, before `before`.

    Without `first` it is open to the past and holds the records without a date; without any bound it is everything.
    """

    companies: Sequence[str] = ()
    others: bool = False
    first: str = ""
    before: str = ""


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class Page:
    """Records in (stamp, key) order; `position` behind the last; `erp_time` is the ERP's own clock (HTTP Date)."""

    records: list[Record]
    position: Position
    erp_time: datetime
    last: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A document found at the ERP under our key: enough to see whether it is the one we meant."""

    external_id: str
    customer: str
    currency: str
    total: Decimal
    state: str = ""
    cancelled: bool = False
    done: bool = True  # False: it may wait for further steps of ours (submit, audit); see Connector.finish


class Keyed(NamedTuple):
    """A document at the ERP with the key of ours that it bears."""

    key: str
    hit: Hit


@dataclass(frozen=True, slots=True)
class Ack:
    """The ERP's yes to a write. `warnings` are its own words (credit block, incompletion ...), code first.

    `done` is False where the document is there but still waits for steps of ours: see `Connector.finish`.
    """

    external_id: str
    changed: bool = True
    warnings: Sequence[str] = ()
    done: bool = True


@dataclass(frozen=True, slots=True)
class RawAmount:
    """An amount as the ERP states it, read for reconciliation without a mapping; signed by the product file's rule."""

    key: str
    company: str
    customer: str
    currency: str
    amount: Decimal
    on: date | None = None
    open: bool = True
    in_balance: bool = True  # counts into what the customer owes (a noted item or a bill in hand does not)
    balance: Decimal | None = None  # what the ERP says is left of it today; None: it does not say


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer of `ping`: who we are there, how far the ERP's clock is from ours (in seconds), and until when the
    certificate it showed is valid (None: nothing is encrypted).
    """

    product: str
    url: str
    user: str
    clock_offset_s: float
    services: dict[str, str]
    certificate_until: datetime | None = None


class Check(NamedTuple):
    """What a look at a tenant found about `subject`: `code` and `params` as in connectors.messages.

    `state`: ok, note (somebody should know) or bad.
    """

    subject: str
    state: str
    code: str
    params: dict[str, str]


class Connector(Protocol):
    """One configured ERP instance. Methods raise `connectors.errors`.

    None of them repeats a write but after a refused connection, a refused CSRF token or a 429.
    """

    def ping(self) -> Pong: ...

    def reads(self, obj: str) -> list[Read]: ...

    def splits(self, obj: str) -> Splits | None:
        """How the first read of `obj` can be shared out; None: it cannot."""

    def pull(
        self, obj: str, read: str, *, since: str, after: Position, fields: Iterable[str], part: Part = WHOLE
    ) -> Iterator[Page]:
        """Pages of `obj`, changed at or after `since` (empty: all), from behind `after` on; `fields`: source paths."""

    def lookup(self, obj: str, keys: Sequence[str], *, fields: Iterable[str]) -> Iterator[Page]:
        """The records of these keys that still exist, in pages."""

    def find(self, obj: str, key: str) -> list[Hit]:
        """Documents that bear our key in the configured key carrier; raises when the ERP could not be asked."""

    def bearing(self, obj: str, prefix: str) -> Iterator[Keyed]:
        """Every document whose key in the key carrier begins with `prefix`, in pages; raises as `find` does."""

    def push(self, obj: str, wire: Wire, key: str, *, deadline_s: float) -> Ack:
        """Create one document; must have ended `deadline_s` seconds from now."""

    def finish(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        """Take the existing document the steps that are left (submit, audit ...) up to where the system wants it.

        `wire`: what was sent of it, for steps that follow from that; empty where nobody knows.

        Looks at its state first, so it is safe to repeat; where the product knows no such steps it does nothing.
        """

    def change(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        """Make the existing document say what `wire` says (header and lines); writes only what differs."""

    def cancel(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        """Cancel the existing document in the ERP's own way (reject its lines ...), safe to repeat."""

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        """Every amount of `obj` for reconciliation, by its own path, without mappings."""

    def checks(self) -> Iterator[Check]:
        """What only this product can have wrong (numbering rules, organisations ...), asked without writing."""

    def source_paths(self, obj: str) -> dict[str, str] | None:
        """Dotted paths the system's own metadata has for `obj`, with wire types; None when it has no metadata."""

    def close(self) -> None: ...


class Secret(Protocol):
    """A value that does not print itself (pydantic's SecretStr is one)."""

    def get_secret_value(self) -> str: ...


class Quota(Protocol):
    """A count of calls that all workers share, wherever they run."""

    def take(self, name: str, per_minute: int, longest_s: float) -> float:
        """Reserve one call; the seconds to wait before it may be sent (0: at once).

        More than `longest_s` of them: nothing is reserved.
        """


class System(Protocol):
    """What a connector needs to know of one configured ERP instance; `config.settings` has the class."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def auth(self) -> str:
        """One of the product's ways to log on: basic, oauth2 (client credentials) or certificate; empty: its first."""

    @property
    def username(self) -> str: ...
    @property
    def password(self) -> Secret | str: ...
    @property
    def token_url(self) -> str: ...
    @property
    def client(self) -> str:
        """The tenant inside the ERP (SAP: three digits); empty: the server's default."""

    @property
    def language(self) -> str:
        """Logon language, two letters: the ERP answers codes and units in it, so it must not change."""

    @property
    def proxy(self) -> str: ...
    @property
    def ca_bundle(self) -> str: ...
    @property
    def client_cert(self) -> Sequence[str]:
        """Certificate file, then key file if that is another one; empty: none."""

    @property
    def client_cert_password(self) -> Secret | str:
        """What the key is encrypted with; empty: it is not."""

    @property
    def allow_http(self) -> bool: ...
    @property
    def key_carrier(self) -> str | Mapping[str, str]:
        """The ERP field that holds our key, or one a object; empty: the product's default."""

    @property
    def companies(self) -> Collection[str]:
        """Company codes to read; empty: all the user may see."""

    @property
    def tables(self) -> Mapping[str, Mapping[str, str]]:
        """The system's own look-up tables, the ones mappings use as well (company by sales organisation ...)."""

    @property
    def options(self) -> Mapping[str, str]:
        """What a product's file lists under `options` (account set, app id, where an order shall stop ...)."""

    @property
    def limits(self) -> Mapping[str, float]:
        """Overrides of the product's limits (requests_per_s, concurrency, retry_s, response_mb)."""

    @property
    def timeout_s(self) -> float: ...
