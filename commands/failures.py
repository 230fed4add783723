"""The one place where an error becomes words: text in the user's language, exit code, and a line in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from commands.app import UsageFault
from commands.messages import MESSAGES
from commands.output import output
from commands.texts import N_, _, say
from config.exit_codes import BUG, USAGE
from config.logs import safe_traceback
from config.settings import Settings, shown

if TYPE_CHECKING:
    from config.failures import Failure

BUG_TEXT = N_("This is an error of the program itself ({error}). The log {log} says where. Please report it.")


def report(exc: BaseException, settings: Settings) -> int:
    """Tell the user what went wrong, in one line a finding; return the exit code."""
    from config.failures import describe

    failure = _usage(exc) or describe(exc)
    if failure is None:
        return _report_bug(exc, settings)
    for line in lines(failure):
        output.warn(say("Error: {text}", text=line))
    _as_json(failure.code, "\n".join(lines(failure)), failure.params, failure.exit_code)
    logging.getLogger("crosstie").warning("exit %s: %s", failure.exit_code, failure.code)
    return failure.exit_code


def lines(failure: Failure) -> Iterator[str]:
    """One text for each finding."""
    text = filled(failure)
    yield f"{failure.place}: {text}" if failure.place else text
    for other in failure.others:
        yield from lines(other)


def filled(failure: Failure) -> str:
    """The failure's text in the user's language."""
    from config.failures import filled as filled_by

    return filled_by(failure, _)


def cause(code: str, params: Mapping[str, str] | None) -> str:
    """The text of a cause that was stored: a dead letter's, an entry's, a run's."""
    from config.failures import stored

    return filled(stored(code, params or {})) if code else ""


def _usage(exc: BaseException) -> Failure | None:
    from config.failures import Failure

    return Failure(exc.code, exc.params, MESSAGES[exc.code], USAGE) if isinstance(exc, UsageFault) else None


def _report_bug(exc: BaseException, settings: Settings) -> int:
    logging.getLogger("crosstie").error("bug\n%s", "".join(safe_traceback(exc)))
    name = type(exc).__name__
    text = say(BUG_TEXT, error=name, log=shown(settings.log_file))
    output.warn(say("Error: {text}", text=text))
    _as_json("bug", text, {"error": name}, BUG)
    return BUG


def _as_json(code: str, text: str, params: Mapping[str, str], exit_code: int) -> None:
    output.result({"error": {"code": code, "message": text, "params": dict(params), "exit_code": exit_code}})
