"""Backups: exact in every cell, whole or refused, from one kind of database into the other."""

from __future__ import annotations

import hashlib
import io
import os
import random
import sqlite3
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select, update

from config import archive, prefect_history
from config.archive import Manifest, Note
from config.backup import backup
from config.errors import ConfigError
from config.restore import Restored, restore, verify
from config.settings import Settings
from crm_core import customers, installation, quotes, restored, schema, snapshot
from crm_core.customers import CustomerDraft
from crm_core.database import Database, head_version, versions
from crm_core.errors import CrmError, StoreError
from crm_core.quote_rows import DraftLine, DraftPart
from tests.conftest import ROOT
from tests.crm import ADMIN, NOW, SALES, draft, small_crm
from tests.databases import Databases
from tests.flows.state import RUNS, Rows, broken_audit, differences, rows
from tests.unit.cli_help import GOOD

LATER = NOW + timedelta(days=1)
DOUBTED = {"audit", "installation", "outbox", "outbox_attempt", "sequence"}
"""Tables in which a restore leaves its marks."""


@dataclass
class Home:
    """An installation in a folder."""

    settings: Settings
    folder: Path

    def save(self, db: Database, name: str = "saved.zip", *, with_secrets: bool = False) -> Path:
        path, _ = backup(self.settings, db, ADMIN, LATER, self.folder / name, with_secrets=with_secrets, watch=nobody)
        return path

    def bring_back(self, db: Database, saved: Path, *, replace: bool = False, with_config: bool = False) -> Restored:
        return restore(self.settings, db, ADMIN, LATER, saved, replace=replace, with_config=with_config, watch=nobody)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Settings(tmp_path / "config", tmp_path / "home", ""), tmp_path)


@pytest.fixture
def crm(database_url: str) -> Iterator[Database]:
    db = small_crm(database_url)
    furnish(db)
    yield db
    db.dispose()


@pytest.fixture
def lite(sqlite_databases: Databases) -> Iterator[Database]:
    """A filled database on SQLite only, where the kind does not matter."""
    with sqlite_databases.one() as url:
        db = small_crm(url)
        furnish(db)
        yield db
        db.dispose()


@pytest.fixture
def empty(databases: Databases) -> Iterator[Database]:
    with databases.one(tables=False) as url:
        db = Database(url)
        yield db
        db.dispose()


def nobody(name: str, done: int) -> None:
    """Nobody watches."""


def furnish(db: Database) -> None:
    """Quotes in every state, entries sent and not, and cells that a careless copy would change."""
    customers.create(db, SALES, NOW, CustomerDraft(name='山田 "Ö"\n\t{}', country="JP", city="東京 🏯"))
    lines = (DraftLine("P1", Decimal("3.000"), Decimal("33.335")), DraftLine("P2", Decimal("1000000000000000000.01")))
    number = quotes.create(
        db, SALES, NOW, draft(*lines, parts=(DraftPart(Decimal("33.33")), DraftPart(Decimal("66.67"))))
    )
    quotes.accept(db, SALES, NOW, quotes.create(db, SALES, NOW, draft()))
    quotes.cancel(db, SALES, NOW, number, why="wrong")
    with db.write() as conn:
        for turn, rate in enumerate(("0.10", "-0.000000000000000001", "12345678901234567890.123456789", "1E+3", "0")):
            day = NOW.date() + timedelta(days=turn)
            row = {"rate_date": day, "from_currency": "USD", "to_currency": "CNY", "rate": Decimal(rate)}
            conn.execute(insert(schema.exchange_rate).values(**row))
        east = datetime(2026, 1, 1, 7, 59, 59, 999999, tzinfo=timezone(timedelta(hours=8)))
        run = {"system": "s4", "obj": "orders", "direction": "pull", "counts": {"read": 1, "名": ["嗯", None, True]}}
        conn.execute(insert(schema.run).values(id="r1", **run, started_at=east, state="running", error=None))
        conn.execute(insert(schema.run).values(id="r2", **run, started_at=NOW, state="done", error={"code": "x"}))


def unmarked(db: Database) -> Rows:
    """Every row of every table but those in which a restore leaves its marks."""
    found = rows(db, with_times=True)
    for name in RUNS:
        of_runs = rows_of(db, schema.metadata.tables[name])
        left_out = {"state", "finished_at"} if name == "run" else set()
        found[name] = sorted(tuple(str(row[part]) for part in row if part not in left_out) for row in of_runs)
    return {table: some for table, some in found.items() if table not in DOUBTED}


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises((ConfigError, CrmError)) as refused:
        call()
    return refused.value.code


# -- what comes back


def test_every_cell_comes_back_on_either_kind_of_database(home: Home, crm: Database, empty: Database) -> None:
    done = home.bring_back(empty, home.save(crm))
    assert differences(unmarked(crm), unmarked(empty)) == {}
    assert done.rows > 30 and done.unknown == 1
    assert {row["id"]: row["state"] for row in rows_of(empty, schema.run)} == {"r1": "interrupted", "r2": "done"}
    assert not broken_audit(empty)


def test_from_sqlite_to_postgresql_and_back_nothing_changes(
    home: Home, lite: Database, sqlite_databases: Databases, postgresql_databases: Databases
) -> None:
    with postgresql_databases.one(tables=False) as there, sqlite_databases.one(tables=False) as back:
        server, file = Database(there), Database(back)
        home.bring_back(server, home.save(lite, "one.zip"))
        home.bring_back(file, home.save(server, "two.zip"))
        found = [unmarked(db) for db in (lite, server, file)]
        assert differences(found[0], found[1]) == {} and differences(found[1], found[2]) == {}
        assert quotes.create(server, SALES, LATER, draft()) > "Q010000"  # ids and numbers go on behind what came
        server.dispose()
        file.dispose()


def test_what_was_not_sent_is_in_doubt_and_nothing_is_pushed(home: Home, crm: Database, empty: Database) -> None:
    home.bring_back(empty, home.save(crm))
    (entry,) = rows_of(empty, schema.outbox)
    assert (entry["state"], entry["attempts"], entry["last_sent_at"]) == ("unknown", 1, LATER)
    (attempt,) = rows_of(empty, schema.outbox_attempt)
    assert (attempt["outcome"], attempt["started_at"]) == ("restored", LATER)
    here = installation.ensure(empty, LATER, environment="test")
    assert (here.armed, here.doubt, here.doubted_at, here.prefix) == (False, "restored", LATER, "CT7")
    assert refusal(lambda: installation.arm(empty, ADMIN, LATER)) == "adoption-needed"
    assert installation.arm(empty, ADMIN, LATER, unchecked="drill").uid != here.uid


def test_numbers_go_on_far_behind_those_of_the_backup(home: Home, crm: Database, empty: Database) -> None:
    saved = home.save(crm)
    later = [quotes.create(crm, SALES, LATER, draft()) for _ in range(5)]
    home.bring_back(empty, saved)
    assert quotes.create(empty, SALES, LATER, draft()) not in later
    assert customers.create(empty, SALES, LATER, CustomerDraft(name="N")) > "C010000"


def test_a_backup_of_older_tables_is_brought_to_todays(home: Home, empty: Database) -> None:
    first = versions()[0]
    with empty.write() as conn:
        snapshot.migrate(conn, first)
        row = "1, 'test', 'CT7', %s, '2026-03-31 02:00:00+00:00'" % ("1" if empty.is_sqlite else "true")
        conn.exec_driver_sql(f"INSERT INTO installation (id, environment, prefix, armed, created_at) VALUES ({row})")
    saved = home.save(empty)
    assert verify(saved, nobody).database_version == first
    home.bring_back(empty, saved, replace=True)
    assert empty.version() == head_version()
    assert installation.read(empty, ADMIN).doubt == "restored"


def test_a_backup_of_newer_tables_is_refused(home: Home, lite: Database) -> None:
    saved = changed_manifest(home.save(lite), database_version="9999")
    assert refusal(lambda: home.bring_back(lite, saved, replace=True)) == "snapshot-newer"


def test_over_tables_of_a_newer_program_nothing_is_restored(home: Home, crm: Database) -> None:
    """Tables that only it knows would stay, and be in the way of the next upgrade."""
    saved = home.save(crm)
    with crm.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert refusal(lambda: home.bring_back(crm, saved, replace=True)) == "snapshot-over-newer"
    assert crm.version() == "9999"


def test_a_view_of_somebody_elses_is_named_and_nothing_is_changed(home: Home, postgresql_databases: Databases) -> None:
    with postgresql_databases.one() as url:
        db = small_crm(url)
        saved = home.save(db)
        with db.write() as conn:
            conn.exec_driver_sql("CREATE VIEW report_open AS SELECT * FROM open_item")
        before = rows(db, with_times=True)
        with pytest.raises(StoreError, match="report_open") as refused:
            home.bring_back(db, saved, replace=True)
        assert refused.value.code == "database-depended-on"
        assert rows(db, with_times=True) == before
        db.dispose()


def test_a_database_that_is_not_empty_is_kept(home: Home, crm: Database) -> None:
    saved = home.save(crm)
    before = rows(crm, with_times=True)
    assert refusal(lambda: home.bring_back(crm, saved)) == "database-not-empty"
    assert rows(crm, with_times=True) == before
    home.bring_back(crm, saved, replace=True)
    home.bring_back(crm, saved, replace=True)


def test_nobody_may_be_at_work_on_the_database(home: Home, crm: Database) -> None:
    saved = home.save(crm)
    with crm.write() as conn:
        alive = {"lease_until": LATER + timedelta(seconds=30), "owner": "host:1:x"}
        conn.execute(update(schema.run).where(schema.run.c.id == "r1").values(**alive))
    assert refusal(lambda: home.bring_back(crm, saved, replace=True)) == "database-at-work"


def test_a_table_whose_lines_are_not_of_it_leaves_everything_as_it_was(crm: Database) -> None:
    before = rows(crm, with_times=True)
    tables = {name: [b'["no_such_column"]'] for name in ("installation", "audit", "outbox")}
    with pytest.raises(StoreError, match="line 1"):
        restored.restore(crm, ADMIN, LATER, head_version(), tables, replace=True, name="x")
    tables["outbox"] = [b'["key","version"]', b'["CT7-Q1","one"]']
    tables["installation"] = tables["audit"] = [b'["id"]']
    with pytest.raises(StoreError, match="line 2"):
        restored.restore(crm, ADMIN, LATER, head_version(), tables, replace=True, name="x")
    assert rows(crm, with_times=True) == before


def test_a_killed_restore_leaves_the_database_as_it_was(home: Home, crm: Database) -> None:
    saved = home.save(crm)
    quotes.create(crm, SALES, LATER, draft())
    before = rows(crm, with_times=True)
    url = crm.url.render_as_string(hide_password=False)
    crm.dispose()
    code = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from config.restore import restore
from config.settings import Settings
from crm_core import doubt
from crm_core.access import local_admin
from crm_core.database import Database
def stand(*_):
    print("stands", flush=True)
    time.sleep(300)
doubt.begin = stand
folder, url, saved = sys.argv[1:]
settings = Settings(Path(folder) / "config", Path(folder) / "home", "")
restore(settings, Database(url), local_admin("ann"), datetime.now(UTC), Path(saved), replace=True, with_config=False,
        watch=lambda *_: None)
"""
    command = [sys.executable, "-c", code, str(home.folder), url, str(saved)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "stands\n"
        child.kill()
    assert rows(crm, with_times=True) == before
    home.bring_back(crm, saved, replace=True)
    assert len(rows_of(crm, schema.quote)) == len(before["quote"]) - 1


# -- files beside the database


def test_settings_come_back_and_what_stood_there_is_kept_aside(home: Home, lite: Database) -> None:
    system = put(home.settings.systems / "erp1.yaml", "product: sap/s4\n")
    ours = put(home.settings.config / "ownership.yaml", "customers: {}\n")
    secret = put(home.settings.secrets / "erp1.password", "hush")
    saved, open_one = home.save(lite, with_secrets=True), home.save(lite, "open.zip")
    assert b"hush" not in contents(open_one) and b"hush" in contents(saved)
    assert [note.code for note in verify(open_one, nobody).left_out] == ["left-out-secrets", "history-none"]
    system.write_text("product: other\n")
    ours.unlink()
    secret.unlink()
    done = home.bring_back(lite, saved, replace=True)
    assert not done.files and system.read_text() == "product: other\n"
    done = home.bring_back(lite, saved, replace=True, with_config=True)
    assert sorted(done.files) == ["config/ownership.yaml", "config/systems/erp1.yaml", "secrets/erp1.password"]
    assert (system.read_text(), ours.read_text(), secret.read_text()) == (
        "product: sap/s4\n",
        "customers: {}\n",
        "hush",
    )
    (aside,) = (home.settings.home / "backups").glob("replaced-*/config/systems/erp1.yaml")
    assert aside.read_text() == "product: other\n"
    if os.name == "posix":
        assert [stat.S_IMODE(file.stat().st_mode) for file in (saved, secret, aside)] == [0o600] * 3


def test_the_certificate_that_a_system_trusts_comes_back_with_it(home: Home, lite: Database) -> None:
    bundle = put(home.settings.config / "certificates" / "house.pem", "-----BEGIN CERTIFICATE-----\n")
    elsewhere = put(home.folder / "etc" / "ssl.pem", "-----BEGIN CERTIFICATE-----\n")
    for name, path in (("erp1", "certificates/house.pem"), ("erp2", str(elsewhere)), ("erp3", "nowhere.pem")):
        put(home.settings.systems / f"{name}.yaml", f"{GOOD}ca_bundle: {path}\n")
    put(home.settings.systems / "broken.yaml", "product: [")
    saved = home.save(lite)
    told = [(note.code, note.params) for note in verify(saved, nobody).left_out]
    assert ("left-out-elsewhere", {"name": str(elsewhere)}) in told
    bundle.unlink()
    home.bring_back(lite, saved, replace=True, with_config=True)
    assert bundle.read_text() == "-----BEGIN CERTIFICATE-----\n"


def test_prefects_history_goes_with_it_while_it_is_in_use(home: Home, lite: Database) -> None:
    file = home.settings.home / "prefect" / "prefect.db"
    file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(file)) as history:
        history.execute("PRAGMA journal_mode=WAL")
        history.execute("CREATE TABLE flow_run (name TEXT)")
        history.execute("INSERT INTO flow_run VALUES ('pull/s4-orders')")
        history.commit()
        saved = home.save(lite)  # what was committed last is in the write-ahead log only
    for left in file.parent.glob("prefect.db*"):
        left.write_bytes(b"")
    assert home.bring_back(lite, saved, replace=True).history is None
    with closing(sqlite3.connect(file)) as history:
        assert history.execute("SELECT name FROM flow_run").fetchall() == [("pull/s4-orders",)]


def test_a_backup_that_fails_leaves_no_file(home: Home, lite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(lambda: home.save(Database(f"sqlite:///{home.folder / 'new.db'}"))) == "snapshot-nothing"

    def torn(self: snapshot.Snapshot, name: str) -> Iterator[bytes]:
        yield b"["
        raise StoreError("database-busy", place="x", seconds="1")

    monkeypatch.setattr(snapshot.Snapshot, "rows", torn)
    assert refusal(lambda: home.save(lite)) == "database-busy"
    assert [one.name for one in home.folder.iterdir() if "zip" in one.name] == []


def test_a_backup_never_overwrites_one_and_clears_what_a_killed_one_left(home: Home, lite: Database) -> None:
    left = put(home.folder / ".old.zip.999999999.part", "half")
    home.save(lite)
    assert not left.exists()
    assert refusal(lambda: home.save(lite)) == "backup-exists"


def test_what_a_killed_one_of_our_own_number_left_is_cleared(home: Home, lite: Database) -> None:
    """In a container each command has the same number as the one before it."""
    left = put(archive.aside(home.folder / "saved.zip"), "half")
    assert home.save(lite).stat().st_size > 1000
    assert not left.exists()


def test_a_place_that_cannot_be_is_told_as_such(home: Home, lite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(lambda: home.save(lite, "x" * 300)) == "file-unwritable"

    def closed(*_args: Any, **_more: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as here:
        here.setattr(os, "stat", closed)  # as in a folder of somebody else's
        assert refusal(lambda: home.save(lite)) == "file-unwritable"


def test_settings_that_cannot_be_written_keep_the_database_as_it_is(
    home: Home, lite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home.settings.systems / "erp1.yaml", "product: sap/s4\n")
    saved = home.save(lite)
    before = rows(lite, with_times=True)
    monkeypatch.setattr(os, "access", lambda folder, _how: Path(folder) != home.settings.systems)
    assert refusal(lambda: home.bring_back(lite, saved, replace=True, with_config=True)) == "file-unwritable"
    assert rows(lite, with_times=True) == before


def test_no_transaction_stays_open_while_the_history_is_saved(
    home: Home, postgresql_databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That may take long, and a server ends a transaction that does nothing: the backup would be lost with it."""
    with postgresql_databases.one() as url:
        db, found = small_crm(url), []

        def save(_settings: Settings, _target: Path) -> Note:
            with db.read() as conn:
                query = (
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start < now()"
                )
                found.append(conn.exec_driver_sql(query).scalar_one())
            return Note("history-none")

        monkeypatch.setattr(prefect_history, "save", save)
        assert verify(home.save(db), nobody).prefix == "CT7" and found == [0]
        db.dispose()


# -- damage


def test_any_flipped_byte_and_any_cut_end_is_found(home: Home, lite: Database) -> None:
    saved = home.save(lite)
    whole = saved.read_bytes()
    dice = random.Random(7)
    places = [0, 5, len(whole) // 2, len(whole) - 1, len(whole) - 70, *(dice.randrange(len(whole)) for _ in range(60))]
    for place in places:
        bad = bytearray(whole)
        bad[place] ^= 1 << dice.randrange(8)
        saved.write_bytes(bad)
        assert refusal(lambda: verify(saved, nobody)) == "backup-damaged", place
    for length in (0, 1, 63, 64, 65, len(whole) // 3, len(whole) - 1):
        saved.write_bytes(whole[:length])
        assert refusal(lambda: verify(saved, nobody)) == "backup-damaged", length
    saved.write_bytes(whole)
    assert verify(saved, nobody).prefix == "CT7"


def test_a_damaged_backup_touches_nothing(home: Home, lite: Database) -> None:
    saved = home.save(lite)
    saved.write_bytes(saved.read_bytes()[:-1])
    before = rows(lite, with_times=True)
    assert refusal(lambda: home.bring_back(lite, saved, replace=True)) == "backup-damaged"
    assert rows(lite, with_times=True) == before


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        (lambda members: members.pop("database/audit.jsonl"), "backup-damaged"),
        (lambda members: members.update({"database/more.jsonl": b"[]\n"}), "backup-damaged"),
        (lambda members: members.update({"database/audit.jsonl": b'["id"]\n'}), "backup-damaged"),
        (lambda members: members.pop("manifest.json"), "backup-damaged"),
        (lambda members: members.update({"manifest.json": b"{}"}), "backup-damaged"),
        (lambda members: members.update({"manifest.json": b"[1"}), "backup-damaged"),
        (lambda members: members.update({"manifest.json": b'{"format": 2}'}), "backup-newer"),
    ],
    ids=["missing member", "extra member", "changed member", "no manifest", "empty", "no JSON", "newer format"],
)
def test_a_backup_that_somebody_packed_anew_is_refused(
    home: Home, lite: Database, tamper: Callable[[dict[str, bytes]], object], code: str
) -> None:
    saved = home.save(lite)
    members = unpacked(saved)
    tamper(members)
    saved.write_bytes(packed(members))
    assert refusal(lambda: verify(saved, nobody)) == code


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/passwd", "config/../../evil", "config/systems/..", "C:\\evil", "config/.ssh", "database/A.x"],
)
def test_a_member_whose_name_leads_elsewhere_is_refused(home: Home, lite: Database, name: str) -> None:
    saved = home.save(lite)
    members = {**unpacked(saved), name: b"x"}
    saved.write_bytes(packed(members, renew=True))
    assert refusal(lambda: home.bring_back(lite, saved, replace=True, with_config=True)) == "backup-name"


def test_a_backup_that_swells_out_of_all_proportion_is_refused(
    home: Home, lite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = home.save(lite)
    monkeypatch.setattr(archive, "FREELY", 1 << 20)
    saved.write_bytes(packed({**unpacked(saved), "prefect/prefect.db": b"\0" * (40 << 20)}, renew=True))
    assert saved.stat().st_size < 1 << 20
    assert refusal(lambda: verify(saved, nobody)) == "backup-damaged"


def test_a_file_that_is_no_backup_is_named(home: Home) -> None:
    assert refusal(lambda: verify(home.folder / "nowhere.zip", nobody)) == "file-missing"
    assert refusal(lambda: verify(put(home.folder / "a.zip", "text" * 50), nobody)) == "backup-damaged"


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def contents(saved: Path) -> bytes:
    return b"".join(unpacked(saved).values())


def unpacked(saved: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(saved) as found:
        return {name: found.read(name) for name in found.namelist()}


def packed(members: dict[str, bytes], *, renew: bool = False) -> bytes:
    """The members as a sealed archive; with `renew` the manifest names just these."""
    if renew:
        manifest = msgspec.json.decode(members["manifest.json"])
        named = {name: content for name, content in members.items() if name != "manifest.json"}
        manifest["members"] = [
            {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in named.items()
        ]
        members = {**named, "manifest.json": msgspec.json.encode(manifest)}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
        file.comment = b"0" * archive.SEAL
    body = out.getvalue()[: -archive.SEAL]
    return body + hashlib.sha256(body).hexdigest().encode()


def changed_manifest(saved: Path, **changes: Any) -> Path:
    members = unpacked(saved)
    members["manifest.json"] = msgspec.json.encode({**msgspec.json.decode(members["manifest.json"]), **changes})
    saved.write_bytes(packed(members))
    assert msgspec.json.decode(members["manifest.json"], type=Manifest)
    return saved


def rows_of(db: Database, table: Any) -> list[dict[str, Any]]:
    with db.read() as conn:
        return [dict(row) for row in conn.execute(select(table)).mappings()]
