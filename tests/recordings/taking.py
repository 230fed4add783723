"""Makes calls while what is said is taken down, and writes the recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.base import Connector, Record
from connectors.errors import RecordRejectedError
from tests.recordings.cutting import cut_metadata, vocabulary, words
from tests.recordings.recording import METADATA, REFUSED, Recording, share, write
from tests.recordings.studio import Studio
from tests.recordings.tenant import Tenant

Call = dict[str, Any]


@contextmanager
def raises_if(refused: bool) -> Iterator[None]:
    """What happens inside is refused by the ERP, or nothing is."""
    try:
        yield
    except RecordRejectedError:
        if not refused:
            raise
    else:
        assert not refused, "it should have been refused"


class Taking:
    """One product's recordings. `records` are by object and key."""

    def __init__(self, studio: Studio, tenant: Tenant, folder: Path) -> None:
        self.studio, self.tenant, self.folder = studio, tenant, folder
        self.product = tenant.product.name
        self.records: dict[str, dict[str, Call]] = {}
        self._taken: list[Recording] = []

    def known(self, obj: str, **wanted: str) -> list[Call]:
        """The records that the CRM makes of what the ERP has, those with these values."""
        made, _ = self._quietly({"do": "pull", "object": obj, "read": self.tenant.reads(obj)[0].name})
        return [one for one in made if wanted.items() <= one.items()]

    def listing(self, call: Call) -> str:
        """The path that a read asks."""
        _, path = self._quietly(call)
        return path

    def _quietly(self, call: Call) -> tuple[list[Call], str]:
        """What an undisturbed read gives, and where its last request went."""
        connector, _ = self.tenant.connect(call)
        with self.studio.recording() as exchanges:
            made = self.tenant.canonical(call["object"], self.tenant.read(connector, call))
        connector.close()
        return made, exchanges[-1].asked.path

    def decide(self, obj: str, document: Call) -> None:
        """The decision that is pushed from now on."""
        write(self.folder / f"{obj}.document.json", document)

    def take(self, scene: str, call: Call, *faults: Call) -> None:
        """Make the call while these faults are armed: each of them strikes, and none changes what is read."""
        calm = self._quietly(call)[0] if faults and call["do"] == "pull" else []
        connector, _ = self.tenant.connect(call)
        self.studio.arm(*faults)
        refused = call.get("meets") == REFUSED
        self.studio.read = None if refused else vocabulary(self.tenant.mapping, call["object"])
        recording = Recording(self.folder / f"{scene}.json", call)
        with self.studio.recording() as recording.exchanges, raises_if(refused):
            recording.gives = self._perform(connector, call)
        connector.close()
        missed = {fault["fault"] for fault in faults}.difference(self.studio.fired())
        assert not missed, f"{scene}: nothing met {missed}"
        assert not calm or sorted(recording.gives) == sorted(one["key"] for one in calm), f"{scene}: disturbed"
        self.studio.arm()
        self._taken.append(recording)

    def _perform(self, connector: Connector, call: Call) -> list[str]:
        """The keys of the records that a read gives."""
        match call["do"]:
            case "find":
                connector.find(call["object"], call["key"])
            case "push":
                self.tenant.push(connector, call)
            case _:
                return self._keep(call["object"], self.tenant.read(connector, call))
        return []

    def _keep(self, obj: str, records: Sequence[Record]) -> list[str]:
        known = self.records.setdefault(obj, {})
        for record in self.tenant.canonical(obj, records):
            assert known.setdefault(record["key"], record) == record, f"{obj} {record['key']} is told in two ways"
        return [record.key for record in records]

    def save(self) -> None:
        shared = share(self.folder, self._taken)
        for recording in self._taken:
            recording.save(shared)
        for obj, records in self.records.items():
            write(self.folder / f"{obj}.records.json", [*records.values()])
        self._save_metadata()

    def _save_metadata(self) -> None:
        """What the ERP says of its fields, cut down to what anybody asks for in a call that needs it."""
        told: dict[str, str] = {}
        named: dict[str, set[str]] = {}
        paths = {word for recording in self._taken for each in recording.exchanges for word in words(each.asked.path)}
        for recording in self._taken:
            asked = {word for each in recording.exchanges for word in each.asked.words}
            for each in recording.exchanges:
                if file := each.asked.metadata:
                    told.setdefault(file, each.answered.body)
                    named.setdefault(file, set()).update(asked)
        for file, text in told.items():
            (self.folder / METADATA).mkdir(exist_ok=True)
            (self.folder / file).write_text(cut_metadata(text, named[file], paths), encoding="utf-8", newline="\n")
