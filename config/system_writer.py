"""Writes system files: a fresh one to fill in, and a ready one for a sandbox."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from config.settings import Settings, shown
from config.systems import NAME, load_system

BINARY = getattr(os, "O_BINARY", 0)  # Windows only
COMPANY = re.compile(r"([^:\s]+):([A-Z]{3}):(\S+)")


def new_system_file(
    settings: Settings, name: str, product: str, url: str, companies: Sequence[str], client: str, language: str
) -> tuple[Path, list[str]]:
    """A file whose user and password come from two environment variables; returns it and their names."""
    stem = re.sub(r"[^A-Z0-9]", "_", name.upper())
    variables = [f"{stem}_USER", f"{stem}_PASSWORD"]
    data = {
        "product": product,
        "url": url,
        "username": f"${{env:{variables[0]}}}",
        "password": f"${{env:{variables[1]}}}",
        "client": client,
        "language": language,
        "companies": dict(_company(text) for text in companies),
    }
    path = write_system(settings, name, {key: value for key, value in data.items() if value}, replace=False)
    return path, variables


def _company(text: str) -> tuple[str, dict[str, str]]:
    match = COMPANY.fullmatch(text)
    if not match:
        raise ConfigError("bad-company", value=text)
    code, currency, zone = match.groups()
    return code, {"currency": currency, "time_zone": zone}


def write_system(settings: Settings, name: str, data: Mapping[str, Any], *, replace: bool) -> Path:
    """Write config/systems/NAME.yaml and read it back; a file that would not load is not left behind."""
    if not NAME.fullmatch(name):
        raise ConfigError("bad-system-name", name=name)
    path = settings.systems / f"{name}.yaml"
    if path.exists() and not replace:
        raise ConfigError("system-exists", place=shown(path))
    before = path.read_text(encoding="utf-8") if path.exists() else None
    write_text(path, "\n".join(_lines(data)) + "\n")
    try:
        load_system(settings, name)
    except ConfigError:
        path.unlink() if before is None else write_text(path, before)
        raise
    return path


def write_secret(settings: Settings, name: str, value: str) -> str:
    """Keep a secret in the home, readable by its owner alone; returns the reference to it."""
    path = settings.secrets / name
    write_text(path, value, private=True)
    return f"${{file:{path.relative_to(settings.home).as_posix()}}}"


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """In UTF-8, whole or not at all."""
    write_bytes(path, text.encode(), private=private)


def write_bytes(path: Path, content: bytes, *, private: bool = False) -> None:
    """Whole or not at all: a reader never sees half a file."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o600 if private else 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        part.replace(path)
    except OSError as exc:
        raise ConfigError("file-unwritable", place=shown(path), why=exc.strerror or str(exc)) from exc


def _lines(data: Mapping[str, Any], indent: str = "") -> list[str]:
    """YAML in block form; every text is quoted, as JSON writes it, which YAML reads the same."""
    lines: list[str] = []
    for key, value in data.items():
        name = key if re.fullmatch(r"[A-Za-z_][\w-]*", key) else json.dumps(key)
        if isinstance(value, Mapping):
            lines += [f"{indent}{name}:", *_lines(value, indent + "  ")] if value else [f"{indent}{name}: {{}}"]
        else:
            lines.append(f"{indent}{name}: {json.dumps(value, ensure_ascii=False)}")
    return lines
