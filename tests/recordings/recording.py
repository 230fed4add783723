"""A recording as it stands in its file; what proves who one is (tokens, signatures, their times) never gets into it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.recordings import exact
from tests.recordings.cutting import cut_answer, words

HOME = Path(__file__).parent
METADATA, SHARED = "metadata", "shared"
TOKEN = "{token}"
EXPIRED, RATE_LIMITED, REFUSED = "token-expired", "rate-limited", "refused"
"""What a call meets."""
PROOF = frozenset({"access_token", "appKey", "signature", "timestamp"})
"""Query parameters that prove who one is."""
LOGON = re.compile(r"AuthService\.|/oauth2/|getAccessToken$")
"""Paths of requests whose body does."""
KEPT = ("content-type", "date", "retry-after", "sap-message", "sap-messages", "set-cookie", "x-csrf-token")
_TOKENS = re.compile(r'("(?:access_token|KDSVCSessionId|SessionId|UserToken)"\s*:\s*)"[^"]*"')
_COOKIE = re.compile(r"(?<==)[^;]*")
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Asked:
    """A request without what proves who one is. `sent`: its body."""

    method: str
    path: str
    query: Pairs = ()
    sent: str = ""

    @classmethod
    def of(cls, request: httpx.Request) -> Asked:
        query = tuple((name, value) for name, value in request.url.params.multi_items() if name not in PROOF)
        sent = "" if LOGON.search(request.url.path) else request.content.decode()
        return cls(request.method, request.url.path, query, sent)

    @property
    def words(self) -> set[str]:
        return words(f"{self.query} {self.sent}")

    @property
    def metadata(self) -> str:
        """The file that keeps the answer, if this asks what fields there are; else empty."""
        if self.path.endswith("/$metadata"):
            service = next(part for part in self.path.split("/") if part.lower().startswith("api_"))
            return f"{METADATA}/{service.partition(';')[0]}.xml"
        if ".QueryBusinessInfo." in self.path:
            return f"{METADATA}/{exact.loads(self.sent)['data']['FormId']}.json"
        return ""

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query)
        return f"{self.method} {self.path}{query and '?'}{query}"


@dataclass(frozen=True)
class Answered:
    """`headers`: the ones that matter; `{token}` in them and in the body is what an ERP makes anew each time."""

    status: int
    headers: Pairs
    body: str

    @classmethod
    def of(cls, response: httpx.Response, asked: Asked, read: frozenset[str] | None) -> Answered:
        """`read`: what anybody reads of it, beyond what is asked for; None: it stays whole."""
        kept = [(name, value) for name, value in response.headers.multi_items() if name in KEPT]
        body = _TOKENS.sub(rf'\1"{TOKEN}"', response.content.decode())
        if response.is_success and read is not None and not asked.metadata:
            body = cut_answer(body, words(str(asked.query)) | read)
        return cls(response.status_code, tuple((name, _without_token(name, value)) for name, value in kept), body)

    def response(self, token: str) -> httpx.Response:
        headers = [(name, value.replace(TOKEN, token)) for name, value in self.headers]
        return httpx.Response(self.status, headers=headers, content=self.body.replace(TOKEN, token).encode())

    @property
    def bears_token(self) -> bool:
        return TOKEN in self.body or any(TOKEN in value for _, value in self.headers)


def _without_token(name: str, value: str) -> str:
    if name == "set-cookie":
        return _COOKIE.sub(TOKEN, value, count=1)
    return TOKEN if name == "x-csrf-token" and value.lower() != "required" else value


@dataclass(frozen=True)
class Exchange:
    asked: Asked
    answered: Answered


@dataclass
class Recording:
    """`call`: what was called of the connector, with what, and what it `meets`; `gives`: keys of the records read."""

    file: Path
    call: dict[str, Any]
    exchanges: list[Exchange] = field(default_factory=list)
    gives: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.file.stem

    def save(self, shared: Mapping[Exchange, str]) -> None:
        """`shared`: the files of exchanges that several recordings have."""
        own = [each for each in self.exchanges if each not in shared]
        usual = [pair for pair in own[0].answered.headers if len(own) > 1] if own else []
        usual = [pair for pair in usual if all(pair in each.answered.headers for each in own)]
        shown: dict[str, Any] = {"call": self.call}
        shown |= {"gives": self.gives} if self.gives else {}
        shown |= {"headers": _grouped(usual)} if usual else {}
        exchanges = [shared.get(each) or _shown(each, usual) for each in self.exchanges]
        write(self.file, {**shown, "exchanges": exchanges})

    @classmethod
    def load(cls, file: Path) -> Recording:
        data = exact.loads(file.read_text(encoding="utf-8"))
        usual = _pairs(data.get("headers", {}))
        exchanges = [read_exchange(file.parent, each, usual) for each in data["exchanges"]]
        return cls(file, data["call"], exchanges, data.get("gives", []))


def write(file: Path, data: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(exact.pretty(data) + "\n", encoding="utf-8", newline="\n")


def folders(product: str) -> list[Path]:
    """Where recordings of the product are: those of our sandbox first, then those of real tenants."""
    found = sorted((HOME / product).rglob("system.yaml"), key=lambda file: (len(file.parts), file))
    return [file.parent for file in found]


def recordings(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.json") if not file.name.endswith((".records.json", ".document.json")))


def own_files(folder: Path) -> list[Path]:
    """All of a folder but what is in folders of real tenants below it."""
    inside = [folder, folder / METADATA, folder / SHARED]
    return [file for place in inside if place.is_dir() for file in place.iterdir() if file.is_file()]


def share(folder: Path, recordings: Iterable[Recording]) -> dict[Exchange, str]:
    """Write what several recordings have into files of its own; their names."""
    count = Counter(exchange for recording in recordings for exchange in dict.fromkeys(recording.exchanges))
    names: dict[Exchange, str] = {}
    for exchange in (each for each, times in count.items() if times > 1):
        stem = re.findall(r"[A-Za-z]\w+", exchange.asked.path.removesuffix(".common.kdsvc"))[-1]
        number = 1 + sum(name.startswith(f"{SHARED}/{stem}.") for name in names.values())
        names[exchange] = f"{SHARED}/{stem}.{number}.json"
        write(folder / names[exchange], _shown(exchange))
    return names


def _shown(exchange: Exchange, usual: Collection[tuple[str, str]] = ()) -> dict[str, Any]:
    asked, answered = exchange.asked, exchange.answered
    request: dict[str, Any] = {"method": asked.method, "path": asked.path}
    request |= {"query": _grouped(asked.query)} if asked.query else {}
    request |= {"sent": _nested(asked.sent)} if asked.sent else {}
    headers = _grouped(pair for pair in answered.headers if pair not in usual)
    said = {"body_file": asked.metadata} if asked.metadata else {"body": _nested(answered.body)}
    return {**request, "status": exact.Number(answered.status), **({"headers": headers} if headers else {}), **said}


def read_exchange(folder: Path, data: dict[str, Any] | str, usual: Pairs = ()) -> Exchange:
    """`data`: as it stands in a recording, where a text names a file beside it; `usual`: headers of its answers."""
    if isinstance(data, str):
        return read_exchange(folder, exact.loads((folder / data).read_text(encoding="utf-8")))
    asked = Asked(data["method"], data["path"], _pairs(data.get("query", {})), _text(data.get("sent", "")))
    file = data.get("body_file")
    body = (folder / file).read_text(encoding="utf-8") if file else _text(data["body"])
    return Exchange(asked, Answered(int(data["status"]), (*usual, *_pairs(data.get("headers", {}))), body))


def _nested(text: str) -> Any:
    """JSON as it is, where its text can be had back to the letter; else the text."""
    try:
        data = exact.loads(text)
    except ValueError:
        return text
    return data if isinstance(data, dict | list) and exact.dumps(data) == text else text


def _text(shown: Any) -> str:
    return shown if isinstance(shown, str) else exact.dumps(shown)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Values by name; a list where there are several."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: found if len(found) > 1 else found[0] for name, found in values.items()}


def _pairs(grouped: dict[str, str | list[str]]) -> Pairs:
    return tuple(
        (name, value) for name, values in grouped.items() for value in ([values] if isinstance(values, str) else values)
    )
