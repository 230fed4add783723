"""What must never stand in a log: secrets, sign-in headers, cookies, mail addresses, bank accounts.

Three nets: values that are known to be secrets, names that tell what a value is, and forms that give it away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "***"
SHORTEST = 4
"""A known secret below so many characters is not searched for: it would hide half of every line."""

_PRIVATE = re.compile(
    r"pass(word|wd|phrase)|secret|token|authori[sz]ation|cookie|api_?key|credential|mail|phone|iban|bank|account"
    r"|payload|document|wire|body",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(pass(?:word|wd|phrase)|secret|token|api[_-]?key)(['\"]?\s*[=:]\s*)(['\"]?)[^\s,;'\"&}]+", re.IGNORECASE
)
_HEADER = re.compile(r"\b((?:proxy-)?authorization|(?:set-)?cookie)(['\"]?\s*[=:])[^\r\n]*", re.IGNORECASE)
_SCHEME = re.compile(r"\b(basic|bearer|digest|negotiate)\s+[\w+/=.~-]{6,}", re.IGNORECASE)
_WORD = "[^\\s@`。，：]"
"""A letter of an address; Chinese is written on without a blank, so its stops end one."""
_ADDRESS = re.compile(rf"(\w+://)[^\s/]*@|\"[^\"\n]*\"@{_WORD}+|{_WORD}*@{_WORD}+")
_QUERY = re.compile(r"([?&][\w$.-]+=)[^&\s#'\"]+")
_ACCOUNT = re.compile(r"(?<![\w.])(?:\d{12,19}|\d{4}(?:[ -]\d{4}){2,3}(?:[ -]\d{1,4})?)(?![\w.]\w)(?!\w)")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?= ?[A-Z0-9])", re.IGNORECASE)
_IBAN_REST = re.compile(r"(?: ?[A-Z0-9]){11,30}(?!\w)", re.IGNORECASE)

_known: set[str] = set()


def hide(secret: str) -> str:
    """Never show this value from now on, in this process; returns it."""
    if len(secret) >= SHORTEST:
        _known.add(secret)
    return secret


def redacted(text: str) -> str:
    """The text with everything private replaced by three stars."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    if "=" in text or ":" in text:
        text = _HEADER.sub(rf"\1\2 {HIDDEN}", text)
        text = _NAMED.sub(rf"\1\2\3{HIDDEN}", text)
        text = _QUERY.sub(rf"\1{HIDDEN}", text)
    if "@" in text:  # without one the pattern would look long for nothing
        text = _ADDRESS.sub(lambda found: f"{found[1]}{HIDDEN}@" if found[1] else HIDDEN, text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    return _ACCOUNT.sub(HIDDEN, _without_ibans(text))


def _without_ibans(text: str) -> str:
    """The check digits decide where one begins and ends: other codes of letters and digits stay."""
    parts, done = [], 0
    for start in _IBAN.finditer(text):
        if start.start() >= done and (end := _iban_end(text, start.start(), start.end())):
            parts += [text[done : start.start()], HIDDEN]
            done = end
    return "".join([*parts, text[done:]])


def _iban_end(text: str, start: int, rest: int) -> int:
    """Where the longest IBAN that starts there ends; 0 when there is none."""
    limit = len(text)
    while found := _IBAN_REST.match(text, rest, limit):
        bare = text[start : found.end()].replace(" ", "").upper()
        if bare.isascii() and int("".join(str(int(letter, 36)) for letter in bare[4:] + bare[:4])) % 97 == 1:
            return found.end()
        limit = found.end() - 1
    return 0


def redacted_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts beside a log line, hidden by name or by form, at any depth."""
    return {str(name): _redacted(str(name), value) for name, value in facts.items()}


@lru_cache(maxsize=1000)
def _is_private(name: str) -> bool:
    return bool(_PRIVATE.search(name))


def _redacted(name: str, value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if _is_private(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return redacted_facts(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted(name, item) for item in value]
    return redacted(str(value))
