"""The language of one request: `?lang=`, else what the browser prefers, else English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from config.failures import Failure, filled
from config.texts import is_chinese, read_catalogue


@dataclass(frozen=True, slots=True)
class Language:
    """`code` is zh or en."""

    code: str
    catalogue: Mapping[str, str]

    def text(self, english: str) -> str:
        return self.catalogue.get(english, english)

    def say(self, english: str, /, **params: object) -> str:
        """Look the text up and fill it."""
        return self.text(english).format(**params)

    def failure(self, failure: Failure) -> str:
        """What is wrong, where, and what to do."""
        return filled(failure, self.text)


@cache
def language(code: str) -> Language:
    return Language(code, {} if code == "en" else read_catalogue(code))


def wanted(query: str, accepted: str) -> Language:
    """`query`: the value of ?lang=; `accepted`: the header Accept-Language."""
    if query:
        return language("zh" if is_chinese(query) else "en")
    for tag in _by_preference(accepted):
        if is_chinese(tag):
            return language("zh")
        if tag.lower().startswith("en"):
            return language("en")
    return language("en")


def _by_preference(accepted: str) -> list[str]:
    """Tags of an Accept-Language header, the liked best first; what is refused (q=0) or unreadable is left out."""
    tags = []
    for part in accepted.split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            liking = float(weight or 1)
        except ValueError:
            continue
        if tag and 0 < liking <= 1:
            tags.append((liking, tag))
    return [tag for _, tag in sorted(tags, key=lambda pair: -pair[0])]
