"""Every product file against what its ERP once said: tests/recordings replayed, with no sandbox and no network.

`python -m tests.recordings PRODUCT` takes a product's recordings anew; those of a real tenant may stand beside them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.errors import RecordRejectedError
from connectors.products import load_product, product_names
from tests.recordings import exact
from tests.recordings.recording import (
    EXPIRED,
    HOME,
    LOGON,
    PROOF,
    RATE_LIMITED,
    REFUSED,
    TOKEN,
    Answered,
    Asked,
    Exchange,
    Recording,
    folders,
    own_files,
    recordings,
)
from tests.recordings.replay import replayed
from tests.recordings.tenant import PASSWORD, Tenant, open_tenant

pytestmark = pytest.mark.contract

MOST_BYTES = 400 * 1024
SCENES = ("orders.find-none", "orders.push", "orders.find", "orders.push-refused", "open_items.lookup")
"""What each product has beside its reads."""

NEVER_FILLED = {
    "sap/s4": {
        "customers.accounts.posting_blocked": "the control plane does not set PostingIsBlocked",
        "customers.addresses.house_number": "the made-up customers have their street in one field",
        "customers.website": "the made-up customers have none",
    },
    "oracle/fusion": {
        "customers.archived": "the sandbox merges no parties (Status M)",
        "customers.website": "the sandbox keeps no URL of an organization",
    },
    "kingdee/galaxy": {
        "customers.accounts.posting_blocked": "only a customer that waits for its audit has it",
        "customers.website": "the sandbox keeps no FWEBSITE",
        "orders.lines.rejected": "the sandbox terminates no single line (FMrpTerminateStatus)",
        "contracts.our_key": "no mapping writes contracts yet",
        "contracts.cancelled_on": "the sandbox cancels no contract",
        "invoices.cancelled": "the sandbox cancels no receivable",
    },
}
"""By product, fields of the mapping that no recorded record fills, and why not."""

PRODUCTS = product_names()
FILES = {
    file.relative_to(HOME).with_suffix("").as_posix(): file
    for product in PRODUCTS
    for folder in folders(product)
    for file in recordings(folder)
}
CALLS = {name: Recording.load(file).call for name, file in FILES.items()}
READS = [name for name, call in CALLS.items() if call["do"] in ("pull", "lookup")]


def meeting(what: str) -> list[str]:
    return [name for name, call in CALLS.items() if call.get("meets") == what]


def doing(what: str) -> list[str]:
    return [name for name, call in CALLS.items() if call["do"] == what and call.get("meets") != REFUSED]


class Played:
    """One recording, and the connector that is to repeat it."""

    def __init__(self, name: str, tenant: Tenant) -> None:
        self.recording, self.tenant = Recording.load(HOME / f"{name}.json"), tenant
        self.call, self.object = self.recording.call, self.recording.call["object"]
        self.connector, self.waits = tenant.connect(self.call)

    def records(self) -> dict[str, Any]:
        """By key, what the CRM made of the object's records when this was recorded."""
        return {record["key"]: record for record in read(self.tenant.folder / f"{self.object}.records.json")}


Play = Callable[[str], Played]
Open = Callable[[Path], Tenant]


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Open:
    """Of a folder, opened once."""
    known: dict[Path, Tenant] = {}

    def opened(folder: Path) -> Tenant:
        if not (folder / "system.yaml").is_file():
            pytest.fail(to_record(folder.relative_to(HOME).as_posix()))
        if folder not in known:
            known[folder] = open_tenant(folder, tmp_path_factory.mktemp("tenant"))
        return known[folder]

    return opened


@pytest.fixture
def play(tenant: Open) -> Iterator[Play]:
    played: list[Played] = []

    def opened(name: str) -> Played:
        played.append(Played(name, tenant((HOME / name).parent)))
        return played[-1]

    yield opened
    for one in played:
        one.connector.close()


def to_record(product: str) -> str:
    return f"to record them: python -m tests.recordings {product}"


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_call_is_recorded(product: str) -> None:
    resources = load_product(product).resources
    wanted = {*SCENES, *(f"{obj}.{read.name}" for obj, one in resources.items() for read in one.reads)}
    have = {file.stem for file in recordings(HOME / product)}
    assert not wanted - have, to_record(product)
    met = {CALLS[f"{product}/{name}"].get("meets") for name in have}
    assert {EXPIRED, RATE_LIMITED, REFUSED} <= met, to_record(product)


@pytest.mark.parametrize("name", READS)
def test_what_the_erp_says_becomes_the_records_beside_it(play: Play, name: str) -> None:
    played = play(name)
    with replayed(played.recording):
        records = played.tenant.read(played.connector, played.call)
    stored = played.records()
    assert [record.key for record in records] == played.recording.gives
    assert len(set(played.recording.gives)) == len(records)
    assert played.tenant.canonical(played.object, records) == [stored[record.key] for record in records]


@pytest.mark.parametrize("name", doing("lookup"))
def test_a_look_up_shows_what_is_there_and_nothing_else(name: str) -> None:
    recording = Recording.load(FILES[name])
    assert 0 < len(recording.gives) < len(recording.call["keys"])
    assert set(recording.gives) < set(recording.call["keys"])


@pytest.mark.parametrize("product", PRODUCTS)
def test_some_read_needs_two_pages(play: Play, product: str) -> None:
    orders = (name for name in READS if name.startswith(f"{product}/orders."))
    played = play(next(orders, f"{product}/orders"))
    with replayed(played.recording):
        pages = [page for page in played.tenant.pages(played.connector, played.call) if page.records]
    assert len(pages) > 1
    assert [page.last for page in pages[:-1]] == [False] * (len(pages) - 1)


@pytest.mark.parametrize("name", doing("push"))
def test_an_accepted_push_gives_the_erps_number(play: Play, name: str) -> None:
    played = play(name)
    with replayed(played.recording):
        ack = played.tenant.push(played.connector, played.call)
    assert (ack.changed, ack.done) == (True, True)
    assert any(ack.external_id in said.answered.body for said in played.recording.exchanges)


@pytest.mark.parametrize("name", meeting(REFUSED))
def test_a_refused_push_keeps_the_erps_words(play: Play, name: str) -> None:
    played = play(name)
    with replayed(played.recording), pytest.raises(RecordRejectedError) as refused:
        played.tenant.push(played.connector, played.call)
    words = refused.value.params["text"]
    said = played.recording.exchanges[-1].answered
    assert words in str(refused.value)
    assert exact.dumps(words)[1:-1] in said.body


@pytest.mark.parametrize("name", doing("find"))
def test_what_bears_our_key_is_found_and_nothing_else(play: Play, name: str) -> None:
    found = play(name)
    with replayed(found.recording):
        hits = found.connector.find(found.object, found.call["key"])
    if name.endswith("-none"):
        assert hits == []
        return
    [hit] = hits
    pushed = play(name.replace(".find", ".push"))
    with replayed(pushed.recording):
        ack = pushed.tenant.push(pushed.connector, pushed.call)
    document = read(found.tenant.folder / f"{found.object}.document.json")
    assert hit.external_id == ack.external_id
    assert (hit.total, hit.currency) == (Decimal(document["total"]), document["currency"])
    assert (hit.customer, hit.cancelled) == (document["customer"]["erp_key"], False)


@pytest.mark.parametrize("name", meeting(RATE_LIMITED))
def test_a_rate_limit_is_obeyed(play: Play, name: str) -> None:
    """That all is read afterwards, the test of reads shows."""
    played = play(name)
    headers = [dict(exchange.answered.headers) for exchange in played.recording.exchanges]
    [asked] = [int(each["retry-after"]) for each in headers if "retry-after" in each]
    with replayed(played.recording):
        played.tenant.read(played.connector, played.call)
    [waited] = played.waits
    assert 0 < asked <= waited < asked + 1


@pytest.mark.parametrize("name", meeting(EXPIRED))
def test_an_expired_token_is_renewed_and_nothing_lost_or_doubled(play: Play, name: str) -> None:
    """Replaying refuses the old one. What was read with it was recorded as an undisturbed read shows it."""
    played = play(name)
    with replayed(played.recording) as replay:
        if played.call["do"] == "push":
            assert played.tenant.push(played.connector, played.call).changed
        else:
            pages = [*played.tenant.pages(played.connector, played.call)]
            assert [record.key for page in pages for record in page.records] == played.recording.gives
            assert sum(bool(page.records) for page in pages) > 1
    assert replay.tokens > 1


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_mapped_field_is_filled_in_some_record(tenant: Open, product: str) -> None:
    """A path with a typo in it is silent: it gives nothing."""
    mapping = tenant(HOME / product).mapping
    sections = {obj: part for (obj, section), part in mapping.plan.sections.items() if section == "pull"}
    mapped = {f"{obj}.{field}" for obj, part in sections.items() for field, _ in part.expressions()}
    filled = {f"{obj}.{field}" for obj in sections for field in fields_of(read(HOME / product / f"{obj}.records.json"))}
    assert sorted(mapped - filled) == sorted(NEVER_FILLED.get(product, {}))


def fields_of(value: Any, prefix: str = "") -> set[str]:
    """Dotted names of everything in it."""
    if isinstance(value, list):
        return {name for one in value for name in fields_of(one, prefix)}
    if not isinstance(value, dict):
        return set()
    inner = (fields_of(part, f"{prefix}{name}.") for name, part in value.items())
    return {f"{prefix}{name}" for name in value}.union(*inner)


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_no_proof_of_who_we_are_is_recorded(name: str) -> None:
    for exchange in Recording.load(FILES[name]).exchanges:
        asked, answered = exchange.asked, exchange.answered
        assert not PROOF & dict(asked.query).keys()
        assert not (asked.sent and LOGON.search(asked.path))
        assert all(value.partition("=")[2].startswith(TOKEN) for key, value in answered.headers if key == "set-cookie")
        assert dict(answered.headers).get("x-csrf-token", TOKEN).lower() in (TOKEN, "required")
        if LOGON.search(asked.path):
            assert TOKEN in answered.body


def test_recordings_are_small_and_hold_no_password() -> None:
    files = [file for product in PRODUCTS for file in own_files(HOME / product)]
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES
    assert [file for file in files if PASSWORD in file.read_text(encoding="utf-8")] == []


class TestReplay:
    """What these tests stand on can fail."""

    @pytest.fixture
    def recording(self) -> Recording:
        """Any."""
        return Recording.load(FILES[f"{PRODUCTS[0]}/orders.find-none"])

    def test_a_request_that_was_not_recorded_is_named(self, recording: Recording) -> None:
        with pytest.raises(AssertionError, match=r"does not know GET /other\?page=2"), replayed(recording):
            httpx.get("http://erp.example.com/other", params={"page": "2"})

    def test_what_was_recorded_and_not_asked_for_is_named(self, recording: Recording) -> None:
        with pytest.raises(AssertionError, match="never asked for"), replayed(recording):
            pass

    def test_an_old_token_is_refused(self, recording: Recording) -> None:
        token = Exchange(Asked("GET", "/token"), Answered(200, (), f'{{"access_token":"{TOKEN}"}}'))
        data = Exchange(Asked("GET", "/data"), Answered(200, (), "{}"))
        recording.exchanges = [token, data, token, data]

        def ask(path: str, **query: str) -> Any:
            return httpx.get(f"http://erp.example.com/{path}", params=query).json()

        with pytest.raises(AssertionError, match="bears token"), replayed(recording):
            first = ask("token")
            assert ask("data", **first) == {}
            assert ask("token") != first
            ask("data", **first)
