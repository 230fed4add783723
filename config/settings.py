"""Where this installation keeps its files: environment variables, each with a default beside the program.

CROSSTIE_CONFIG  folder of settings: systems/NAME.yaml, mappings/NAME.yaml (site overlays), ownership.yaml
CROSSTIE_HOME    folder of state: the database, logs/, secrets/, exports; nothing in it belongs in version control
CROSSTIE_DATABASE_URL  as SQLAlchemy takes it; default: SQLite in the home
CROSSTIE_ENVIRONMENT  which environment a new database belongs to (default: local); system files name theirs
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

INSTALLATION = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Settings:
    """Absolute folders and the database's address (it may hold a password: never print it)."""

    config: Path
    home: Path
    database_url: str
    environment: str = "local"

    @property
    def systems(self) -> Path:
        return self.config / "systems"

    @property
    def overlays(self) -> Path:
        return self.config / "mappings"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def log_file(self) -> Path:
        return self.home / "logs" / "crosstie.log"

    def system_names(self) -> list[str]:
        """Names of all system files; examples (example*.yaml) are none."""
        files = sorted(self.systems.glob("*.yaml")) if self.systems.is_dir() else []
        return [file.stem for file in files if not file.stem.startswith("example")]

    def variables(self) -> dict[str, str]:
        """What a child process needs to find the same installation."""
        return {
            "CROSSTIE_CONFIG": str(self.config),
            "CROSSTIE_HOME": str(self.home),
            "CROSSTIE_DATABASE_URL": self.database_url,
            "CROSSTIE_ENVIRONMENT": self.environment,
        }


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the variables; an empty one counts as not set. A relative folder is relative to where we are now."""
    env = os.environ if environ is None else environ
    config = Path(env.get("CROSSTIE_CONFIG") or INSTALLATION / "config").expanduser().absolute()
    home = Path(env.get("CROSSTIE_HOME") or INSTALLATION / "var").expanduser().absolute()
    url = env.get("CROSSTIE_DATABASE_URL") or default_database_url(home)
    return Settings(config, home, url, env.get("CROSSTIE_ENVIRONMENT") or "local")


def default_database_url(home: Path) -> str:
    """SQLite in the home."""
    return f"sqlite:///{(home / 'crosstie.sqlite').as_posix()}"


def shown(path: Path) -> str:
    """The path as short as it is still clear: relative to where we are, if it lies below."""
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)
