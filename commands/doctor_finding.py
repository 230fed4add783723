"""What `crosstie doctor` says of one thing it looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from commands.output import clean
from commands.texts import _
from config.exit_codes import OK, USAGE


@dataclass(frozen=True, slots=True)
class Finding:
    """`cure` says what to do where it is not well. `state`: ok, note or bad; only bad ones have an exit code."""

    what: str
    state: str
    found: str
    cure: str = ""
    exit_code: int = OK


def well(what: str, found: str) -> Finding:
    return Finding(what, "ok", clean(found))


def note(what: str, found: str, cure: str) -> Finding:
    """Nothing is broken by it, but somebody should know."""
    return Finding(what, "note", clean(found), cure)


def bad(what: str, found: str, cure: str, exit_code: int = USAGE) -> Finding:
    return Finding(what, "bad", clean(found), cure, exit_code)


def failed(what: str, exc: Exception) -> Finding:
    """An error of an island says place and cure itself; any other is a bug and goes on."""
    from commands.failures import lines
    from config.failures import describe

    failure = describe(exc)
    if failure is None:
        raise exc
    return bad(what, _("does not work"), "\n".join(lines(failure)), failure.exit_code or USAGE)


def tried(what: str, attempt: Callable[[], str]) -> Finding:
    """Well with what `attempt` returns, or what it raised."""
    try:
        return well(what, attempt())
    except Exception as exc:
        return failed(what, exc)
