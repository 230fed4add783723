"""Texts in the user's language: English is the key, locale/LANGUAGE/LC_MESSAGES/crosstie.po holds the rest.

The .po file is read as it is, so a fresh clone needs no build step. `_` looks a text up, `N_` only marks one that is
looked up later (a table of headings, a help text).
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LANGUAGES = {"zh": "zh_CN", "en": "en"}
LOCALE = Path(__file__).resolve().parent.parent / "locale"

_current: dict[str, str] = {}
_language = "en"


def use_language(language: str) -> None:
    """Speak `zh` or `en` from now on."""
    global _current, _language  # one process speaks one language at a time
    _language, _current = language, {} if language == "en" else read_catalogue(language)


def language() -> str:
    """The language in use: zh or en."""
    return _language


def _(text: str) -> str:
    """The text in the language in use; itself where the catalogue has none."""
    return _current.get(text, text)


def N_(text: str) -> str:  # noqa: N802  # gettext's own name for a mark
    """Mark a text that is looked up where it is shown."""
    return text


def say(text: str, /, **params: object) -> str:
    """Look `text` up and fill it."""
    return _(text).format(**params)


def choose_language(arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> str:
    """`--lang`, else CROSSTIE_LANG, else the locale, else English. Anything Chinese is zh, all else en."""
    env = os.environ if environ is None else environ
    wanted = _option(arguments) or env.get("CROSSTIE_LANG") or _locale(env)
    return "zh" if wanted.lower().replace("-", "_").startswith(("zh", "chinese")) else "en"


def catalogue_path(language: str) -> Path:
    return LOCALE / LANGUAGES[language] / "LC_MESSAGES" / "crosstie.po"


def read_catalogue(language: str) -> dict[str, str]:
    """msgid → translation, without the empty and the fuzzy ones."""
    from babel.messages.pofile import read_po  # only where a catalogue is needed

    with catalogue_path(language).open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id and m.string and not m.fuzzy}


def _option(arguments: Sequence[str]) -> str:
    for position, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == "--lang":
            return next(iter(arguments[position + 1 : position + 2]), "")
        if argument.startswith("--lang="):
            return argument.partition("=")[2]
    return ""


def _locale(env: Mapping[str, str]) -> str:
    named = next((env[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if env.get(name)), "")
    if sys.platform == "win32" and not named:
        chinese = 0x04  # the primary language of every Chinese user interface
        return "zh" if ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF == chinese else "en"
    return named
