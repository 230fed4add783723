"""What the connectors of all protocols share: what is asked is handed to the protocol's client, reader and writer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from connectors.base import (
    WHOLE,
    Ack,
    Check,
    Hit,
    Keyed,
    Page,
    Part,
    Pong,
    Position,
    RawAmount,
    Read,
    Splits,
    System,
    Wire,
)
from connectors.descriptor import BaseProduct
from connectors.errors import AccessError
from connectors.http import Http
from connectors.pace import Deadline


class Client(Protocol):
    """What knows the product's words and the way to the ERP: `connectors.words.Words` with a connection."""

    @property
    def http(self) -> Http: ...
    def reads(self, obj: str) -> list[Read]: ...
    def splits(self, obj: str) -> Splits | None: ...
    def check_carriers(self) -> None: ...
    def close(self) -> None: ...


class Reader(Protocol):
    """The reading half of `connectors.base.Connector`."""

    def pull(
        self, obj: str, read: str, since: str, after: Position, fields: Iterable[str], part: Part
    ) -> Iterator[Page]: ...
    def lookup(self, obj: str, keys: Sequence[str], fields: Iterable[str]) -> Iterator[Page]: ...
    def find(self, obj: str, key: str) -> list[Hit]: ...
    def bearing(self, obj: str, prefix: str) -> Iterator[Keyed]: ...
    def raw_amounts(self, obj: str) -> Iterator[RawAmount]: ...


class Writer(Protocol):
    """The writing half of `connectors.base.Connector`."""

    def push(self, obj: str, wire: Wire, key: str, deadline: Deadline) -> Ack: ...
    def change(self, obj: str, external_id: str, wire: Wire, deadline: Deadline) -> Ack: ...
    def cancel(self, obj: str, external_id: str, wire: Wire, deadline: Deadline) -> Ack: ...


class ProtocolConnector(ABC):
    """See `connectors.base.Connector`. May be used by several threads."""

    def __init__(self, product: BaseProduct, system: System, client: Client, reader: Reader, writer: Writer) -> None:
        self.product, self.system = product, system
        self._http, self._words = client.http, client
        self._reader, self._writer = reader, writer

    @abstractmethod
    def _services(self) -> Mapping[str, Callable[[], datetime]]:
        """What `ping` asks: by its name at the ERP, a call that reads next to nothing and returns the ERP's time."""

    def ping(self) -> Pong:
        """Ask every service; one that refuses is reported, wrong credentials or an unreachable host are raised."""
        offset: float | None = None
        said: dict[str, str] = {}
        for name, ask in self._services().items():
            try:
                erp_time = ask()
                offset = (erp_time - datetime.now(UTC)).total_seconds() if offset is None else offset
                said[name] = "ok"
            except AccessError as exc:
                if exc.code not in ("forbidden", "service-missing"):
                    raise
                said[name] = str(exc)
        user, until = self.system.username, self._http.certificate_until
        return Pong(self.product.name, str(self._http.base), user, offset or 0.0, said, until)

    def reads(self, obj: str) -> list[Read]:
        return self._words.reads(obj)

    def splits(self, obj: str) -> Splits | None:
        return self._words.splits(obj)

    def pull(
        self, obj: str, read: str, *, since: str, after: Position, fields: Iterable[str], part: Part = WHOLE
    ) -> Iterator[Page]:
        """Starts earlier than `since` by the read's overlap: stamps of long transactions become visible late."""
        return self._reader.pull(obj, read, since, after, fields, part)

    def lookup(self, obj: str, keys: Sequence[str], *, fields: Iterable[str]) -> Iterator[Page]:
        return self._reader.lookup(obj, keys, fields)

    def find(self, obj: str, key: str) -> list[Hit]:
        return self._reader.find(obj, key)

    def bearing(self, obj: str, prefix: str) -> Iterator[Keyed]:
        return self._reader.bearing(obj, prefix)

    def push(self, obj: str, wire: Wire, key: str, *, deadline_s: float) -> Ack:
        return self._writer.push(obj, wire, key, Deadline(deadline_s))

    def finish(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        """Nothing is left to do where documents are whole as soon as they are created."""
        return Ack(external_id, changed=False)

    def change(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._writer.change(obj, external_id, wire, Deadline(deadline_s))

    def cancel(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._writer.cancel(obj, external_id, wire, Deadline(deadline_s))

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        return self._reader.raw_amounts(obj)

    def checks(self) -> Iterator[Check]:
        return iter(())

    def source_paths(self, obj: str) -> dict[str, str] | None:
        """None: the ERP publishes no description of its fields that a mapping could be checked against."""
        return None

    def check_carriers(self) -> None:
        """ConfigurationError when what the system file chooses is not among what the product allows."""
        self._words.check_carriers()

    def close(self) -> None:
        self._words.close()
