"""Answers requests from a recording, each exchange once, and says what was asked that it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import respx

from tests.recordings.recording import Asked, Exchange, Recording

ANEW = re.compile(r"made-anew-(\d+)")


@dataclass
class Replay:
    """`left`: the exchanges nobody asked for yet. `tokens`: how often one was handed out; the newest alone is good."""

    left: list[Exchange]
    unknown: list[str] = field(default_factory=list)
    tokens: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = Asked.of(request)
        found = next((exchange for exchange in self.left if exchange.asked == asked), None)
        if found is None:
            self._fail(f"the recording does not know {asked} {asked.sent[:500]}".strip())
        if stale := {number for number in self._tokens_in(request) if number != self.tokens}:
            self._fail(f"{asked} bears token {stale}, and {self.tokens} were handed out")
        self.left.remove(found)
        self.tokens += found.answered.bears_token
        return found.answered.response(f"made-anew-{self.tokens}")

    def _tokens_in(self, request: httpx.Request) -> set[int]:
        return {int(number) for number in ANEW.findall(f"{request.url} {list(request.headers.values())}")}

    def _fail(self, problem: str) -> None:
        self.unknown.append(problem)
        raise AssertionError(problem)


@contextmanager
def replayed(recording: Recording) -> Iterator[Replay]:
    """Within it the ERP says what was recorded; at its end all of it must have been asked for."""
    replay = Replay(list(recording.exchanges))
    with respx.mock(assert_all_called=False) as router:
        router.route().mock(side_effect=replay)
        yield replay
    assert replay.unknown == []
    assert [str(exchange.asked) for exchange in replay.left] == [], "recorded, and never asked for"
