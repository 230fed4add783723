"""The log: one JSON object a line, with run, system and object, and nothing private in it (config.redaction).

CROSSTIE_LOG        file (the default: logs/crosstie.log in the home) or stderr, for containers
CROSSTIE_LOG_LEVEL  DEBUG, INFO (the default), WARNING or ERROR, for our own lines; of libraries only warnings are kept
CROSSTIE_LOG_MB     a file that has grown to so many megabytes is set aside (default 5)
CROSSTIE_LOG_FILES  how many such files are kept (default 5)

A value that makes no sense counts as not set, so that a slip there stops no order; `crosstie doctor` names it.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from config.redaction import hide, redacted_facts
from config.settings import Settings

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
PLACES = ("file", "stderr")
OURS = "crosstie"
"""The logger above all of ours."""
_SECRET = ("password", "sslpassword", "oauth_client_secret")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """`bad`: variables whose value makes no sense, with what they may be."""

    place: str = "file"
    level: str = "INFO"
    megabytes: float = 5
    files: int = 5
    bad: tuple[tuple[str, str], ...] = ()


def log_settings(environ: Mapping[str, str] | None = None) -> LogSettings:
    """What the variables say."""
    env = os.environ if environ is None else environ
    usual, bad = LogSettings(), []
    values: dict[str, Any] = {"place": usual.place, "level": usual.level, "megabytes": usual.megabytes}
    values["files"] = usual.files
    for variable, name, wanted, read in (
        ("CROSSTIE_LOG", "place", ", ".join(PLACES), _place),
        ("CROSSTIE_LOG_LEVEL", "level", ", ".join(LEVELS), _level),
        ("CROSSTIE_LOG_MB", "megabytes", "0.001 – 10000", _megabytes),
        ("CROSSTIE_LOG_FILES", "files", "1 – 1000", _files),
    ):
        text = env.get(variable, "").strip()
        try:
            values[name] = read(text) if text else values[name]
        except ValueError:
            bad.append((variable, wanted))
    return LogSettings(**values, bad=tuple(bad))


def _place(text: str) -> str:
    return _one_of(text.lower(), PLACES)


def _level(text: str) -> str:
    return _one_of(text.upper(), LEVELS)


def _one_of(text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise ValueError(text)
    return text


def _megabytes(text: str) -> float:
    return _between(float(text), 0.001, 10_000)


def _files(text: str) -> int:
    return int(_between(int(text), 1, 1000))


def _between(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError(value)
    return value


@contextmanager
def log_to(settings: Settings) -> Iterator[None]:
    """Log meanwhile; where the file cannot be written the work still goes on."""
    _hide_what_we_know(settings)
    wanted, root, ours = log_settings(), logging.getLogger(), logging.getLogger(OURS)
    before, handler = ours.level, new_handler(settings, wanted)
    root.addHandler(handler)
    ours.setLevel(wanted.level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        ours.setLevel(before)
        handler.close()


def _hide_what_we_know(settings: Settings) -> None:
    """Secrets of the installation itself; those of a system are hidden when they are looked up."""
    hide(os.environ.get("PREFECT_API_AUTH_STRING", ""))
    prefects = [value for name, value in os.environ.items() if name.endswith("_DATABASE_CONNECTION_URL")]
    for address in [settings.database_url, *prefects]:
        with suppress(ValueError):  # not an address: whoever opens the database says so
            for password in _passwords(address):
                hide(password)


def _passwords(address: str) -> list[str]:
    """What is secret in the address of a database: libpq takes it before the @ or as a setting behind the ?."""
    parts = urlsplit(address)
    settings = [value for name, value in parse_qsl(parts.query) if name in _SECRET]
    return [unquote(parts.password or ""), *settings]


def new_handler(settings: Settings, wanted: LogSettings) -> logging.Handler:
    handler: logging.Handler
    if wanted.place == "stderr":
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = SharedFile(settings.log_file, size=int(wanted.megabytes * 1_000_000), files=wanted.files)
    handler.setFormatter(JsonLines())
    return handler


class SharedFile(logging.Handler):
    """Appends to one file that any number of processes share, and sets it aside when it has grown to `size` bytes.

    The file is open for one line only and is set aside under a name of its own, so no two processes can take a file
    from each other, on no system. The newest `files` of those are kept.
    """

    def __init__(self, path: Path, *, size: int, files: int) -> None:
        super().__init__()
        self.path, self._size, self._files = path, size, files

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record).encode("utf-8", "backslashreplace") + b"\n"
        with suppress(OSError):  # a full disk or a home that cannot be written stops no work; `doctor` says so
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):  # none yet; another process was first; on Windows, another one writes just now
                self._set_aside()
            number = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o640)
            try:
                os.write(number, line)
            finally:
                os.close(number)

    def _set_aside(self) -> None:
        if self.path.stat().st_size < self._size:
            return
        self.path.rename(self.path.with_name(f"{self.path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}"))
        for old in sorted(self.path.parent.glob(f"{self.path.name}.*"))[: -self._files]:
            old.unlink(missing_ok=True)


class JsonLines(logging.Formatter):
    """structlog's formatter, made when there is something to say: importing it takes a quarter of a second."""

    _inner: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        if self._inner is None:
            self._inner = _structured()
        return self._inner.format(record)


def _structured() -> logging.Formatter:
    import structlog

    before: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]
    after: list[structlog.types.Processor] = [
        _facts,
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=after)


FIRST = ("ts", "level", "logger", "event", "run", "system", "obj", "prefect_run")


def _facts(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """In a fixed order, without anything private; a traceback says where, not with what."""
    record = event.pop("_record", None)
    for name in ("_from_structlog", "message", "asctime"):  # another handler's formatter leaves the last two
        event.pop(name, None)
    if exc := _raised(event.pop("exc_info", None)):
        event["exception"] = "".join(safe_traceback(exc))
    if prefect_run := os.environ.get("PREFECT__FLOW_RUN_ID"):
        event.setdefault("prefect_run", prefect_run)
    ordered = {name: event.pop(name) for name in FIRST if name in event}
    process = record.process if isinstance(record, logging.LogRecord) else os.getpid()
    return redacted_facts({**ordered, "pid": process, **event})


def _raised(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return exc_info if isinstance(exc_info, BaseException) else None


def safe_traceback(exc: BaseException, *seen: BaseException) -> Iterator[str]:
    """Where it happened, without what it happened to: later lines of a message hold statements and their values."""
    led = exc.__cause__ or exc.__context__
    if led is not None and led not in (exc, *seen):
        yield from safe_traceback(led, exc, *seen)
        yield "which led to:\n"
    yield from traceback.format_tb(exc.__traceback__)
    yield f"{type(exc).__name__}: {(str(exc).splitlines() or [''])[0][:200]}\n"
