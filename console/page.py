"""The status page: rows and words made ready, and the template that shows them. No customer stands on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from config.failures import stored
from config.redaction import redacted
from config.texts import N_
from config.words import AGES, COUNTS, DIRECTIONS, OBJECTS, STATES
from console.language import Language
from console.snapshot import Snapshot

TEMPLATES = Path(__file__).parent / "templates"
_TYPED = re.compile("`([^`]+)`")
TONES = {"done": "good", "running": "busy", "held": "warn", "interrupted": "warn", "failed": "bad"}
NOT_YET = {False: N_("never read"), True: N_("not complete")}
ERRORS = {
    404: N_("There is no such page."),
    405: N_("This page cannot be used that way."),
    500: N_("This is an error of the program itself. The log says where. Please report it."),
}


def status_page(snapshot: Snapshot, language: Language, *, prefect_ui: str = "") -> str:
    words = Words(language)
    trouble = [words.failure(failure) for failure in (snapshot.failure, snapshot.prefect) if failure]
    health = snapshot.health
    shown = {
        "at": words.moment(snapshot.at),
        "prefect_ui": prefect_ui if prefect_ui.startswith(("http://", "https://")) else "",
        "standing": health.standing if health else None,
        "trouble": trouble,
        "problems": [words.problem(problem) for problem in health.problems] if health else [],
        "systems": [words.system(row) for row in health.standing.systems] if health else [],
        "runs": [words.run(row, snapshot.at) for row in health.standing.runs] if health else [],
    }
    return _template("status.html.j2").render(_=language.text, say=language.say, language=language.code, **shown)


def error_page(status: int, language: Language) -> str:
    text = language.text(ERRORS.get(status, N_("The request was refused.")))
    return _template("error.html.j2").render(_=language.text, language=language.code, status=status, text=text)


@cache
def _template(name: str) -> Template:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["told"] = told
    return made.get_template(name)


def told(text: str) -> Markup:
    """A text of ours: what stands in backquotes is to be typed."""
    return Markup(_TYPED.sub(r"<code>\1</code>", str(escape(text))))


class Words:
    """Rows of the database in the words of one language."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def system(self, row: Mapping[str, Any]) -> dict[str, Any]:
        counts = ("backlog", "unknown", "review", "dead", "dead_letters", "differences")
        return {
            "name": row["system"],
            **{name: row[name] for name in counts},
            "freshness": self.age(row["freshness_s"]) or self._language.text(NOT_YET[bool(row["objects"])]),
            "waiting": self.age(row["oldest_waiting_s"]) if row["backlog"] else "",
            "reconciled": self.age(row["reconciled_s"]),
            "objects": [self._object(obj) for obj in row["objects"]],
        }

    def _object(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        return {"name": self._word(OBJECTS, obj["obj"]), "age": self.age(obj["age_s"]), **self._state(obj["state"])}

    def run(self, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        error = row["error"] or {}
        return {
            "id": row["id"],
            "system": row["system"],
            "what": f"{self._word(DIRECTIONS, row['direction'])} · {self._word(OBJECTS, row['obj'])}",
            **self._state(row["state"]),
            "started": self.moment(row["started_at"]),
            "took": self.age(((row["finished_at"] or now) - row["started_at"]).total_seconds()),
            "counts": self._counts(row["counts"]),
            "error": self._cause(error["code"], error.get("params") or {}) if error else "",
        }

    def _counts(self, counts: Mapping[str, int]) -> str:
        names = [*(name for name in COUNTS if name in counts), *(name for name in counts if name not in COUNTS)]
        return ", ".join(f"{self._word(COUNTS, name)} {counts[name]:,}" for name in names if counts[name])

    def problem(self, problem: Mapping[str, str]) -> str:
        words = {name: self._word(STATES, value) if name == "state" else value for name, value in problem.items()}
        return self._cause(problem["code"], words)

    def failure(self, failure: Any) -> str:
        return redacted(self._language.failure(failure))

    def _cause(self, code: str, params: Mapping[str, str]) -> str:
        return self.failure(stored(code, params))

    def _state(self, state: str) -> dict[str, str]:
        return {"state": self._word(STATES, state), "tone": TONES.get(state, "")}

    def _word(self, table: Mapping[str, str], name: str) -> str:
        return self._language.text(table.get(name, name))

    def age(self, seconds: float | None) -> str:
        """An age in its largest unit, such as 3 h; empty when it never happened."""
        if seconds is None:
            return ""
        size, text = next((unit for unit in AGES if seconds >= unit[0]), AGES[-1])
        return self._language.say(text, count=max(0, int(seconds // size)))

    def moment(self, at: datetime) -> dict[str, str]:
        """For a <time>: exact for machines, in this machine's zone for people."""
        here = at.astimezone()
        return {"iso": at.isoformat(timespec="seconds"), "text": f"{here:%Y-%m-%d %H:%M:%S} {here.tzname()}"}
