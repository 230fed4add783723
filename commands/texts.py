"""Texts in the one language that a command speaks: `_` looks a text up, `N_` only marks one that is looked up later
(a table of headings, a help text).
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence

from config.texts import LANGUAGES, N_, catalogue_path, is_chinese, read_catalogue

__all__ = ["LANGUAGES", "N_", "_", "catalogue_path", "choose_language", "language", "read_catalogue", "say"]
__all__ += ["use_language"]

_current: Mapping[str, str] = {}
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


def say(text: str, /, **params: object) -> str:
    """Look `text` up and fill it."""
    return _(text).format(**params)


def choose_language(arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> str:
    """`--lang`, else CROSSTIE_LANG, else the locale, else English. Anything Chinese is zh, all else en."""
    env = os.environ if environ is None else environ
    wanted = _option(arguments) or env.get("CROSSTIE_LANG") or _locale(env)
    return "zh" if is_chinese(wanted) else "en"


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
