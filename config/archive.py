"""One file that holds a backup: a ZIP archive with a manifest, and at its very end the SHA-256 of everything before.

The manifest names every member with size and SHA-256. A reader checks all of it before it uses any: a flipped byte, a
cut end, a member too few or too many, a name that leads elsewhere or a size out of all proportion is refused. It proves
that nothing was damaged, not who wrote it: keep the file where only admins can write.
"""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec
import psutil

from config.errors import ConfigError
from config.files import BINARY
from config.settings import shown

FORMAT = 1
MANIFEST = "manifest.json"
SEAL = 64
"""Length of the SHA-256 in hexadecimal that stands at the end, as the archive's comment."""
PIECE = 1 << 20
NAME = re.compile(r"database/[a-z_]{1,60}\.jsonl|(config|secrets|prefect)(/[A-Za-z0-9_][\w.@-]{0,99}){1,3}", re.ASCII)
LARGEST_MANIFEST = 16 << 20
PROPORTION, FREELY = 250, 64 << 20
"""Rows pack to a tenth, seldom to a hundredth; more than this many times, beyond so many bytes, is no backup."""
Watch = Callable[[str, int], None]
"""Called with a member's name and how many of its bytes are done."""


class Member(msgspec.Struct, frozen=True):
    """`rows` only of a table; `private` is a file that its owner alone may read."""

    name: str
    size: int
    sha256: str
    rows: int | None = None
    private: bool = False


class Note(msgspec.Struct, frozen=True):
    """Something to tell a person: a code of `config.messages`, and what fills its text."""

    code: str
    params: dict[str, str] = {}


class Manifest(msgspec.Struct, frozen=True):
    """What a backup is; `left_out` says what is not in it, and why."""

    format: int
    created_at: datetime
    program: str
    environment: str
    prefix: str
    database: str
    database_version: str
    members: list[Member]
    left_out: list[Note]

    def named(self, folder: str) -> list[Member]:
        """The members below a folder."""
        return [member for member in self.members if member.name.startswith(f"{folder}/")]


class Writer:
    """Adds members, each with its sum."""

    def __init__(self, file: zipfile.ZipFile, at: datetime, watch: Watch) -> None:
        self._zip, self._at, self._watch = file, at, watch
        self.members: list[Member] = []

    def add(self, name: str, chunks: Iterable[bytes], *, rows: bool = False, private: bool = False) -> None:
        """`rows`: each line is one, but for the first."""
        digest, size, lines = hashlib.sha256(), 0, 0
        with self._zip.open(self._info(name), "w", force_zip64=True) as out:
            for chunk in chunks:
                out.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                lines += chunk.count(b"\n") if rows else 0
                self._watch(name, size)
        self.members.append(Member(name, size, digest.hexdigest(), lines - 1 if rows else None, private))

    def finish(self, manifest: Manifest) -> None:
        self._zip.writestr(self._info(MANIFEST), msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        self._zip.comment = b"0" * SEAL

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name, self._at.timetuple()[:6])
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
        return info


@contextmanager
def written(path: Path, at: datetime, watch: Watch) -> Iterator[Writer]:
    """A new archive, for its owner alone, whole at the end or not there at all. Raises ConfigError."""
    if os.path.exists(path):  # unlike Path's it bears a folder that is closed, and a name too long
        raise ConfigError("backup-exists", place=shown(path))
    part = aside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | BINARY, 0o600)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    yield Writer(archive, at, watch)
                _seal(file)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as exc:
        raise ConfigError("file-unwritable", place=shown(path), why=exc.strerror or str(exc)) from exc


def aside(path: Path) -> Path:
    """Where a file lies until it is whole; the next backup into the folder removes what a killed one left there."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _sweep(folder: Path) -> None:
    """Remove files of processes that are no more. Nor is one of our own number: in a container all have the same."""
    for left in folder.glob(".*.part"):
        number = left.name.split(".")[-2]
        if number.isdecimal() and (int(number) == os.getpid() or not psutil.pid_exists(int(number))):
            left.unlink(missing_ok=True)


def _seal(file: IO[bytes]) -> None:
    seal = _sum(file, file.seek(0, os.SEEK_END) - SEAL)
    file.seek(-SEAL, os.SEEK_END)
    file.write(seal)
    file.flush()
    os.fsync(file.fileno())


def _sum(file: IO[bytes], size: int) -> bytes:
    """The SHA-256 of the first `size` bytes, in hexadecimal."""
    digest = hashlib.sha256()
    file.seek(0)
    while size > 0 and (piece := file.read(min(PIECE, size))):
        digest.update(piece)
        size -= len(piece)
    return digest.hexdigest().encode()


class Archive:
    """A backup that was checked from end to end."""

    def __init__(self, file: zipfile.ZipFile, manifest: Manifest) -> None:
        self._zip, self.manifest = file, manifest

    def lines(self, member: Member) -> Iterator[bytes]:
        """The lines of a member, without their ends."""
        with self._zip.open(member.name) as stream:
            for line in stream:
                yield line.rstrip(b"\n")

    def read(self, member: Member) -> bytes:
        return self._zip.read(member.name)

    def copy(self, member: Member, target: IO[bytes]) -> None:
        with self._zip.open(member.name) as stream:
            while piece := stream.read(PIECE):
                target.write(piece)


@contextmanager
def opened(path: Path, watch: Watch) -> Iterator[Archive]:
    """The backup in a file, checked. Raises ConfigError for one that is damaged, not ours, or from a newer program."""
    place = shown(path)
    try:
        file = path.open("rb")
    except FileNotFoundError as exc:
        raise ConfigError("file-missing", place=place) from exc
    except OSError as exc:
        raise ConfigError("file-unreadable", place=place, why=exc.strerror or str(exc)) from exc
    with file, _checked(file, place, watch) as archive:
        yield archive


@contextmanager
def _checked(file: IO[bytes], place: str, watch: Watch) -> Iterator[Archive]:
    with ExitStack() as stack:
        try:
            size = file.seek(0, os.SEEK_END)
            if size <= SEAL or not _is_sealed(file, size):
                raise ConfigError("backup-damaged", place=place, what="SHA-256")
            archive = stack.enter_context(zipfile.ZipFile(file))
            manifest = _manifest(archive, place)
            _check_members(archive, manifest, size, place)
            for member in manifest.members:
                _check_sum(archive, member, place, watch)
        except OSError as exc:
            raise ConfigError("file-unreadable", place=place, why=exc.strerror or str(exc)) from exc
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as exc:
            raise ConfigError("backup-damaged", place=place, what="ZIP") from exc
        yield Archive(archive, manifest)


def _is_sealed(file: IO[bytes], size: int) -> bool:
    seal = _sum(file, size - SEAL)
    return file.read(SEAL) == seal


def _manifest(archive: zipfile.ZipFile, place: str) -> Manifest:
    infos = {info.filename: info for info in archive.infolist()}
    if MANIFEST not in infos or infos[MANIFEST].file_size > LARGEST_MANIFEST:
        raise ConfigError("backup-damaged", place=place, what=MANIFEST)
    try:
        text = archive.read(MANIFEST)
        found = msgspec.json.decode(text, type=dict[str, Any]).get("format")
        if isinstance(found, int) and found > FORMAT:
            raise ConfigError("backup-newer", place=place, found=str(found), known=str(FORMAT))
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as exc:
        raise ConfigError("backup-damaged", place=place, what=MANIFEST) from exc


def _check_members(archive: zipfile.ZipFile, manifest: Manifest, size: int, place: str) -> None:
    """Exactly the members that the manifest names, under names of ours, of sizes that can be."""
    infos = archive.infolist()
    sizes = {member.name: member.size for member in manifest.members}
    held = {info.filename: info.file_size for info in infos if info.filename != MANIFEST}
    doubled = len(sizes) != len(manifest.members) or len(held) != len(infos) - 1
    if doubled or held != sizes:
        odd = sorted(set(held.items()) ^ set(sizes.items()))
        raise ConfigError("backup-damaged", place=place, what=odd[0][0] if odd else MANIFEST)
    for name in sizes:
        if not NAME.fullmatch(name) or ".." in name:
            raise ConfigError("backup-name", place=place, name=name[:80])
    if sum(sizes.values()) > PROPORTION * size + FREELY:
        raise ConfigError("backup-damaged", place=place, what=f"{sum(sizes.values())} > {PROPORTION} x {size}")


def _check_sum(archive: zipfile.ZipFile, member: Member, place: str, watch: Watch) -> None:
    digest, size = hashlib.sha256(), 0
    with archive.open(member.name) as stream:
        while piece := stream.read(PIECE):
            digest.update(piece)
            size += len(piece)
            watch(member.name, size)
    if size != member.size or digest.hexdigest() != member.sha256:
        raise ConfigError("backup-damaged", place=place, what=member.name)
