"""System files: config/systems/NAME.yaml, one configured ERP instance each.

Secrets stand there by reference only: `${env:NAME}` or `${file:path}` (relative to the home, CROSSTIE_HOME). They are
looked up when the system is used, never kept in the model, printed or logged.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from config.errors import ConfigError, raise_all
from config.redaction import HIDDEN, hide, redacted
from config.settings import Settings, shown
from config.system_file import SECRET, SystemFile, expected_at, model_at
from config.yaml_file import Document, KeyPath, read_yaml

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
SIGNED_IN = re.compile(r"(?<=://).*(?=@)|^(?!\w+://).*(?=@)", re.DOTALL)
LOOPBACK = re.compile(r"http://(localhost|127(\.\d+){3}|\[::1\])(:\d+)?(/|$)")


@dataclass(frozen=True, slots=True)
class System:
    """A system file that was read and found good, with the means to look its secrets up."""

    name: str
    file: SystemFile
    document: Document
    settings: Settings

    def secret(self, key: str, environ: Mapping[str, str] | None = None) -> SecretStr:
        """The value behind `key` (dotted). Raises ConfigError naming the variable or file it should come from."""
        value: Any = self.file
        for part in key.split("."):
            value = getattr(value, part, None)
        return SecretStr(self._resolve(key, str(value or ""), os.environ if environ is None else environ))

    def path(self, text: str) -> Path:
        """A file named in the system file."""
        return self.settings.config / Path(text).expanduser()

    def time_zone(self, company_code: str) -> str:
        """The company's zone, else the system's."""
        company = self.file.companies.get(company_code)
        return (company.time_zone if company else None) or self.file.time_zone

    def place(self, key: str) -> str:
        return self.document.place(tuple(key.split(".")))

    def _resolve(self, key: str, text: str, environ: Mapping[str, str]) -> str:
        found = SECRET.fullmatch(text)
        if not found:
            return text
        kind, source = found.groups()
        value = self._variable(key, source, environ) if kind == "env" else self._file(key, source)
        if not value:
            raise ConfigError("secret-empty", place=self.place(key), key=key, system=self.name, source=source)
        return value if key == "username" else hide(value)

    def _variable(self, key: str, name: str, environ: Mapping[str, str]) -> str:
        if name not in environ:
            raise ConfigError(
                "secret-variable-missing", place=self.place(key), key=key, system=self.name, variable=name
            )
        return environ[name]

    def _file(self, key: str, name: str) -> str:
        path = self.settings.home / Path(name).expanduser()
        try:
            return path.read_text(encoding="utf-8-sig").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            why = getattr(exc, "strerror", None) or str(exc)
            raise ConfigError(
                "secret-file-missing", place=self.place(key), key=key, system=self.name, file=shown(path), why=why
            ) from exc


def load_system(settings: Settings, name: str) -> System:
    """Raises ConfigError with every finding in the file."""
    require_name(name)
    path = settings.systems / f"{name}.yaml"
    try:
        document = read_yaml(path)
    except ConfigError as exc:
        raise no_such_system(settings, name) if exc.code == "file-missing" else exc from None
    document.file = shown(path)
    document.data.setdefault("name", name)
    try:
        file = SystemFile.model_validate(document.data)
    except ValidationError as exc:
        raise_all([_finding(error, document) for error in exc.errors()])
        raise
    system = System(name, file, document, settings)
    raise_all(list(_rules(system)))
    return system


def require_name(name: str) -> None:
    """Raises ConfigError for what cannot name a system: it names files too, so it leads nowhere else."""
    if not NAME.fullmatch(name):
        raise ConfigError("bad-system-name", name=name)


def no_such_system(settings: Settings, name: str) -> ConfigError:
    """The error that names the nearest system, else all."""
    names, place = settings.system_names(), shown(settings.systems / f"{name}.yaml")
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return ConfigError("no-such-system-near", name=name, place=place, nearest=near[0])
    return ConfigError("no-such-system", name=name, place=place, known=", ".join(names) or "-")


def _rules(system: System) -> Iterator[ConfigError]:
    file = system.file
    if file.name != system.name:
        yield ConfigError("name-differs", place=system.place("name"), name=file.name, file=f"{system.name}.yaml")
    if file.auth != "certificate":
        for key in ("username", "password"):
            if not getattr(file, key):
                yield ConfigError("missing-key", place=system.place(key), key=key, expected=expected_at((key,)))
    if file.url.startswith("http://") and not file.allow_http:
        yield ConfigError("plain-http", place=system.place("url"), url=file.url)
    yield from _schedule_rules(system)


def _schedule_rules(system: System) -> Iterator[ConfigError]:
    """What is pulled by a plan of its own must be an object."""
    from crm_core.model import PULLED

    known = [*PULLED, "default"]
    for key in system.file.schedule.pull:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            place = system.place(f"schedule.pull.{key}")
            yield (
                ConfigError("unknown-key-near", place=place, key=key, nearest=near[0])
                if near
                else ConfigError("unknown-key", place=place, key=key, valid=", ".join(known))
            )


def _finding(error: ErrorDetails, document: Document) -> ConfigError:
    """One pydantic finding in our words; a value is shown only where it cannot be a secret."""
    path: KeyPath = tuple(part for part in error["loc"] if not _is_tag(part, error["loc"], document))
    place, key = document.place(path), ".".join(map(str, path))
    if error["type"] == "extra_forbidden":
        return _unknown_key(place, path)
    expected = expected_at(path)
    if error["type"] == "missing":
        return ConfigError("missing-key", place=place, key=key, expected=expected)
    if ("password" in key and key != "password_expires") or "bad-secret" in error["msg"] or "proxy" in key:
        return ConfigError("bad-secret", place=place, key=key)
    return ConfigError("bad-value", place=place, key=key, value=_shown(error["input"]), expected=expected)


def _is_tag(part: str | int, loc: tuple[str | int, ...], document: Document) -> bool:
    """Pydantic adds the name of a union's member to the location; it is no key of the file."""
    return (isinstance(part, str) and part.startswith("function-after")) or part == "[key]"


def _unknown_key(place: str, path: KeyPath) -> ConfigError:
    key, valid = str(path[-1]), list(model_at(path[:-1]).model_fields)
    near = difflib.get_close_matches(key, valid, 1)
    if near:
        return ConfigError("unknown-key-near", place=place, key=key, nearest=near[0])
    return ConfigError("unknown-key", place=place, key=key, valid=", ".join(valid))


def _shown(value: object) -> str:
    """The value, cut short; who signs in by an address, and with what, is hidden before."""
    text = str(value) if isinstance(value, (str, int, float, Decimal)) else type(value).__name__
    return f"`{redacted(SIGNED_IN.sub(HIDDEN, text))[:40]}`"


def is_loopback(url: str) -> bool:
    """Whether the address never leaves this machine."""
    return bool(LOOPBACK.match(url))
