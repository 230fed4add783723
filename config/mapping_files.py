"""Mappings between file and database: people edit files, runs use published versions.

A run pins the version that is current in the database. Where the files are on this machine (embedded), a file that was
changed since it was last seen is checked and published by itself; after a rollback the unchanged file stays unused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.errors import ConfigError
from config.files import write_text
from config.mapping_targets import documents, targets
from config.settings import INSTALLATION, Settings, shown
from config.systems import System
from config.wiring import lookups
from config.yaml_file import read_text

if TYPE_CHECKING:
    from crm_core.access import Actor
    from crm_core.database import Database
    from mappings.engine import MappingSet
    from mappings.errors import Finding as Finding
    from mappings.examples import ExampleResult

SHIPPED = INSTALLATION / "mappings"
ITSELF = "the file was changed"
"""Why a version was published that nobody published by hand."""


@dataclass(frozen=True, slots=True)
class MappingText:
    """What a mapping is made of: the shipped file, the site's overlay if there is one, and the system file's tables."""

    product: str
    base: str
    base_file: str
    overlay: str | None
    overlay_file: str
    lookups: Mapping[str, Mapping[str, str]]

    @property
    def content(self) -> dict[str, Any]:
        """As the database keeps it: three texts, so that a diff of versions is one of lines."""
        tables = json.dumps(self.lookups, ensure_ascii=False, indent=1, sort_keys=True)
        return {"base": self.base, "overlay": self.overlay or "", "lookups": tables, "files": self._files}

    @property
    def _files(self) -> str:
        return "\n".join([self.base_file, self.overlay_file])

    @property
    def mark(self) -> str:
        """Changes whenever any of it does."""
        text = json.dumps(self.content, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def load(self) -> MappingSet:
        """Ready for use; raises MappingFileError with every finding."""
        from mappings.engine import load_mapping

        return load_mapping(
            self.product,
            self.base,
            source=self.base_file,
            overlay=self.overlay,
            overlay_source=self.overlay_file,
            targets=targets(),
            lookups=self.lookups,
        )


def products() -> list[str]:
    """Products for which a mapping is shipped."""
    return sorted(path.relative_to(SHIPPED).with_suffix("").as_posix() for path in SHIPPED.glob("*/*.yaml"))


def product_text(product: str) -> MappingText:
    """The shipped file alone, without a system's overlay and tables."""
    path = _shipped(product)
    return MappingText(product, read_text(path), shown(path), None, "", {})


def system_text(settings: Settings, system: System) -> MappingText:
    """The files as they are now for one system."""
    path, overlay = _shipped(system.file.product), settings.overlays / f"{system.name}.yaml"
    return MappingText(
        product=system.file.product,
        base=read_text(path),
        base_file=shown(path),
        overlay=read_text(overlay) if overlay.is_file() else None,
        overlay_file=shown(overlay) if overlay.is_file() else "",
        lookups=lookups(system),
    )


def _shipped(product: str) -> Path:
    path = SHIPPED / f"{product}.yaml"
    if not path.is_file():
        raise ConfigError("no-mapping-file", product=product, place=shown(path))
    return path


def stored_text(product: str, content: Mapping[str, Any]) -> MappingText:
    """A version as it was published."""
    base_file, _, overlay_file = str(content["files"]).partition("\n")
    return MappingText(
        product, content["base"], base_file, content["overlay"] or None, overlay_file, json.loads(content["lookups"])
    )


def open_mapping(settings: Settings, system: System, database: Database) -> MappingSet:
    """The mapping that a run of this system uses, after publishing a changed file."""
    from crm_core import mapping_versions
    from crm_core.access import local_admin

    text = system_text(settings, system)
    row = mapping_versions.current(database, system.name)
    if row is None or _changed(settings, system, text, database):
        return publish(settings, system, database, local_admin("crosstie"), why=ITSELF)
    return stored_text(row["product"], row["content"]).load()


def publish(settings: Settings, system: System, database: Database, actor: Actor, *, why: str) -> MappingSet:
    """Check the files and make them the current version of the system; returns it."""
    from crm_core import mapping_versions
    from crm_core.database import utc_now

    text, state = system_text(settings, system), _state(database)
    mapping = text.load()
    mapping_versions.publish(
        database,
        actor,
        utc_now(),
        system=system.name,
        product=text.product,
        version=mapping.version,
        content=text.content,
        reason=why,
    )
    _remember(settings, system, text, state)
    return mapping


def _mark_file(settings: Settings, system: System) -> Path:
    return settings.home / "mappings" / f"{system.name}.seen"


def _changed(settings: Settings, system: System, text: MappingText, database: Database) -> bool:
    """Whether the files differ from those seen last here; if none were, whether they are a new version.

    What was seen says nothing of another database, nor of this one before it was restored.
    """
    from crm_core import mapping_versions
    from crm_core.access import local_admin

    state = _state(database)
    mark, _, seen_of = _seen(settings, system).partition(" ")
    if mark and seen_of in ("", state) and mark != text.mark:  # an earlier version did not note of which database
        return True
    if seen_of == state:
        return False
    version = text.load().version
    history = mapping_versions.history(database, local_admin("crosstie"), system.name)
    if version not in {row["version"] for row in history}:
        return True
    _remember(settings, system, text, state)
    return False


def _state(database: Database) -> str:
    """What tells this database from others, and from what it was before a restore and before it was trusted again."""
    from crm_core import installation
    from crm_core.access import local_admin

    here = installation.read(database, local_admin("crosstie"))
    return f"{here.uid}/{here.doubted_at.isoformat() if here.doubted_at else ''}"


def _seen(settings: Settings, system: System) -> str:
    try:
        return _mark_file(settings, system).read_text(encoding="utf-8")
    except OSError:
        return ""


def _remember(settings: Settings, system: System, text: MappingText, state: str) -> None:
    write_text(_mark_file(settings, system), f"{text.mark} {state}")


def check(text: MappingText, *, system: System | None, wires: Mapping[str, Any] | None = None) -> list[Finding]:
    """Everything wrong or doubtful; `wires` are the source paths that the system's own metadata has, by object."""
    from mappings.engine import check_mapping

    return check_mapping(
        text.product,
        text.base,
        source=text.base_file,
        overlay=text.overlay,
        overlay_source=text.overlay_file,
        targets=targets(),
        lookups=text.lookups if system else None,
        wires=wires or {},
        documents=documents(),
    )


def examples(text: MappingText) -> list[ExampleResult]:
    """Run the examples that stand in the files."""
    from mappings.examples import run_examples

    return run_examples(text.load())


def schema() -> dict[str, Any]:
    """The JSON Schema of mapping files, for editors."""
    from mappings.schema import json_schema

    return json_schema()
