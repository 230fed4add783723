"""Every error of every island in one form: its code, what fills its text, and the exit code it stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from string import Formatter
from typing import Any

from config import messages as config_messages
from config.errors import ConfigError
from config.exit_codes import HELD, REMOTE_DOWN, SOME_FAILED, USAGE
from config.redaction import redacted
from connectors import errors as erp
from connectors import messages as connector_messages
from crm_core import errors as crm
from crm_core import messages as crm_messages
from flows import errors as flow
from flows import messages as flow_messages
from mappings import messages as mapping_messages
from mappings.errors import MappingError

EXIT_OF_CODE = {
    "disarmed": HELD,
    "disarmed-copied": HELD,
    "disarmed-put-back": HELD,
    "disarmed-restored": HELD,
    "adoption-needed": HELD,
    "not-armed": HELD,
    "database-busy": REMOTE_DOWN,
    "database-conflict": REMOTE_DOWN,
    "database-crowded": REMOTE_DOWN,
    "database-lost": REMOTE_DOWN,
    "database-slow": REMOTE_DOWN,
}
EXIT_OF_CLASS: tuple[tuple[type[Exception], int], ...] = (  # the first that fits
    (ConfigError, USAGE),
    (erp.ConfigurationError, USAGE),
    (erp.AccessError, USAGE),
    (erp.TransientError, REMOTE_DOWN),
    (erp.OutcomeUnknownError, REMOTE_DOWN),
    (erp.ConnectorError, SOME_FAILED),
    (crm.LeaseLostError, SOME_FAILED),
    (crm.CrmError, USAGE),
    (flow.HeldError, HELD),
    (flow.AlreadyRunningError, SOME_FAILED),
    (flow.FlowError, USAGE),
)


ISLANDS = {
    "config": config_messages.MESSAGES,
    "connectors": connector_messages.MESSAGES,
    "crm_core": crm_messages.MESSAGES,
    "flows": flow_messages.MESSAGES,
    "mappings": mapping_messages.MESSAGES,
}


TRANSLATED = ("expected", "why")
"""Parameters that may be texts we know themselves (config/words.py)."""


@dataclass(frozen=True, slots=True)
class Failure:
    """`template` is the English text to translate and fill; `place` stands before it; `others` are further findings."""

    code: str
    params: Mapping[str, str]
    template: str
    exit_code: int = SOME_FAILED
    place: str = ""
    others: Sequence[Failure] = ()


def describe(exc: BaseException) -> Failure | None:
    """The failure that `exc` stands for; None for what no island raises: a bug."""
    findings = [finding(found) for found in getattr(exc, "findings", ()) if found.severity == "error"]
    if isinstance(exc, MappingError) and findings:  # a file: each finding has its own place
        return replace(findings[0], others=findings[1:])
    code, params = getattr(exc, "code", None), getattr(exc, "params", None)
    island = type(exc).__module__.partition(".")[0]
    if island not in ISLANDS or not isinstance(params, Mapping) or code not in ISLANDS[island]:
        return None
    others = findings or [found for other in getattr(exc, "others", ()) if (found := describe(other))]
    if findings and "problems" in params:  # a quote's check: its findings are told one by one
        params = {**params, "problems": ""}
    return Failure(code, params, ISLANDS[island][code], _exit_code(exc, code, params), others=others)


def filled(failure: Failure, translate: Callable[[str], str]) -> str:
    """The failure's text in the language that `translate` looks texts up in."""
    params = {
        name: translate(str(value)) if name in TRANSLATED and value else value for name, value in failure.params.items()
    }
    return translate(failure.template).format(**params).strip()


def told(exc: BaseException, translate: Callable[[str], str] = str) -> str:
    """What went wrong, each finding with its place; in English, for places that know no reader's language."""
    failure = describe(exc)
    return "; ".join(_sentences(failure, translate)) if failure else type(exc).__name__


def _sentences(failure: Failure, translate: Callable[[str], str]) -> Iterator[str]:
    text = redacted(filled(failure, translate))
    yield f"{failure.place}: {text}" if failure.place else text
    for other in failure.others:
        yield from _sentences(other, translate)


def finding(found: Any) -> Failure:
    """A finding of a mapping file (with its place) or of a quote's check as a failure."""
    island = type(found).__module__.partition(".")[0]
    place = f"{found.file}:{found.line}:{found.column}" if hasattr(found, "file") else ""
    return Failure(found.code, found.params, ISLANDS[island][found.code], USAGE, place)


def stored(code: str, params: Mapping[str, str]) -> Failure:
    """A cause as a table keeps it. Islands may share a code, so what there is to fill the text with decides."""
    texts = [messages[code] for messages in ISLANDS.values() if code in messages]
    fitting = [text for text in texts if placeholders(text) <= set(params)]
    fallback = " ".join([code, *(f"{name}={{{name}}}" for name in params)])
    return Failure(code, params, max(fitting, key=lambda text: len(placeholders(text)), default=fallback))


def placeholders(template: str) -> set[str]:
    """Names that a format string wants."""
    return {name.partition(".")[0].partition("[")[0] for _, name, _, _ in Formatter().parse(template) if name}


def _exit_code(exc: BaseException, code: str, params: Mapping[str, str]) -> int:
    if code in EXIT_OF_CODE:
        return EXIT_OF_CODE[code]
    if code == "database-unreachable" and "://" in params.get("place", ""):
        return REMOTE_DOWN  # a database server; a file that cannot be opened is configuration
    return next((exit_code for kind, exit_code in EXIT_OF_CLASS if isinstance(exc, kind)), SOME_FAILED)
