"""Writes system files: a fresh one to fill in, and a ready one for a sandbox."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from config.files import write_text
from config.settings import Settings, shown
from config.systems import load_system, require_name

COMPANY = re.compile(r"([^:\s]+):([A-Z]{3}):(\S+)")


def new_system_file(
    settings: Settings,
    name: str,
    product: str,
    url: str,
    companies: Sequence[str],
    client: str,
    language: str,
    *,
    time_zone: str = "",
) -> tuple[Path, list[str]]:
    """A file whose user and password come from two environment variables; returns it and their names.

    Without `time_zone` the system's is its companies'. Raises ConfigError where they have several.
    """
    _require_product(product)
    parts = dict(_company(text) for text in companies)
    stem = re.sub(r"[^A-Z0-9]", "_", name.upper())
    variables = [f"{stem}_USER", f"{stem}_PASSWORD"]
    data = {
        "product": product,
        "url": url,
        "username": f"${{env:{variables[0]}}}",
        "password": f"${{env:{variables[1]}}}",
        "client": client,
        "language": language,
        "time_zone": time_zone or _common_zone(parts),
        "companies": parts,
    }
    path = write_system(settings, name, {key: value for key, value in data.items() if value}, replace=False)
    return path, variables


def _require_product(name: str) -> None:
    from connectors.products import product_names

    known = product_names()
    if name not in known:
        raise ConfigError("no-such-product", name=name, known=", ".join(known))


def _common_zone(companies: Mapping[str, Mapping[str, str]]) -> str:
    zones = sorted({company["time_zone"] for company in companies.values()})
    if len(zones) > 1:
        raise ConfigError("time-zone-needed", companies=", ".join(companies), zones=", ".join(zones))
    return "".join(zones)


def _company(text: str) -> tuple[str, dict[str, str]]:
    match = COMPANY.fullmatch(text)
    if not match:
        raise ConfigError("bad-company", value=text)
    code, currency, zone = match.groups()
    return code, {"currency": currency, "time_zone": zone}


def write_system(settings: Settings, name: str, data: Mapping[str, Any], *, replace: bool) -> Path:
    """Write config/systems/NAME.yaml and read it back; a file that would not load is not left behind."""
    require_name(name)
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
    """Keep a system's secret in the home, readable by its owner alone; returns the reference to it."""
    for part in name.split("."):
        require_name(part)
    path = settings.secrets / name
    write_text(path, value, private=True)
    return f"${{file:{path.relative_to(settings.home).as_posix()}}}"


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
