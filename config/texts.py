"""Catalogues of texts: English is the key, locale/LANGUAGE/LC_MESSAGES/crosstie.po holds the rest.

The .po file is read as it is, so a fresh clone needs no build step.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

LANGUAGES = {"zh": "zh_CN", "en": "en"}
LOCALE = Path(__file__).resolve().parent.parent / "locale"


def N_(text: str) -> str:  # noqa: N802  # gettext's own name for a mark
    """Mark a text that is looked up where it is shown."""
    return text


def catalogue_path(language: str) -> Path:
    return LOCALE / LANGUAGES[language] / "LC_MESSAGES" / "crosstie.po"


@cache
def read_catalogue(language: str) -> Mapping[str, str]:
    """msgid → translation, without the empty and the fuzzy ones; read once in a process."""
    from babel.messages.pofile import read_po  # only where a catalogue is needed

    with catalogue_path(language).open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id and m.string and not m.fuzzy}


def is_chinese(tag: str) -> bool:
    """Whether a locale or language tag names Chinese: zh, zh-TW, zh_CN.UTF-8, Chinese (Simplified)_China."""
    return tag.lower().replace("-", "_").startswith(("zh", "chinese"))
