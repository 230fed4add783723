"""What is wrong with a settings or system file, with the place and the cure."""

from __future__ import annotations

from collections.abc import Sequence

from config.messages import MESSAGES


class ConfigError(Exception):
    """`code` names the message in `config.messages`, `params` fill it; `others` are further findings in the file."""

    def __init__(self, code: str, *, others: Sequence[ConfigError] = (), **params: str) -> None:
        self.code, self.params, self.others = code, params, tuple(others)
        super().__init__(MESSAGES[code].format(**params))


def raise_all(findings: Sequence[ConfigError]) -> None:
    """Raise the first finding with the rest attached; nothing when there is none."""
    if findings:
        first = findings[0]
        raise ConfigError(first.code, others=findings[1:], **first.params)
