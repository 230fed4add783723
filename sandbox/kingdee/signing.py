"""Signed requests and logins, as the official SDK makes them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

_MASK = b"0054f397c6234378b09ca7d3e5debce7"
_SEGMENT = 32


@dataclass(frozen=True)
class Claim:
    """Who a request says it is from: account set, user, language and organisation, before anything is checked."""

    acct_id: str
    user: str
    lcid: str
    org: str
    app_id: str


def api_key(app_id: str) -> tuple[str, str]:
    """Client id and key that an application id stands for; both empty unless it is `<client>_<32 characters>`."""
    parts = app_id.split("_")
    if len(parts) != 2:
        return "", ""
    client, segment = parts
    if len(segment) != _SEGMENT:
        return client, ""
    secret = base64.b64decode(segment)
    return client, base64.b64encode(bytes(a ^ b for a, b in zip(secret, _MASK, strict=False))).decode()


def seal(text: str, key: str) -> str:
    """base64 of the lower-case hex of the HMAC-SHA256: 88 characters."""
    digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
    return base64.b64encode(digest.encode()).decode()


def claim_of(headers: Mapping[str, str]) -> Claim | None:
    """What the signed headers claim (header names in lower case); None where there are none that can be read."""
    app_id, data = headers.get("x-kd-appkey"), headers.get("x-kd-appdata")
    if not app_id or not data:
        return None
    try:
        parts = base64.b64decode(data, validate=True).decode().split(",")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if len(parts) < 4:
        return None
    return Claim(parts[0], ",".join(parts[1:-2]), parts[-2], parts[-1], app_id)


def is_genuine(headers: Mapping[str, str], path: str, claim: Claim, secret: str) -> bool:
    """Whether both signatures are right. A path is also good without its folders: short host names are signed so."""
    data = base64.b64decode(headers["x-kd-appdata"]).decode()
    if not _same(headers.get("x-kd-signature", ""), seal(claim.app_id + data, secret)):
        return False
    client, key = api_key(claim.app_id)
    given = headers.get("x-api-signature", "")
    if headers.get("x-api-clientid", "") != client:
        return False
    whole = quote(unquote(path)).replace("/", "%2F")
    return any(_same(given, seal(_to_sign(headers, tried), key)) for tried in (whole, "%2F" + whole.rsplit("%2F")[-1]))


def _to_sign(headers: Mapping[str, str], path: str) -> str:
    nonce, stamp = headers.get("x-api-nonce", ""), headers.get("x-api-timestamp", "")
    return f"POST\n{path}\n\nx-api-nonce:{nonce}\nx-api-timestamp:{stamp}\n"


def login_signs(*parts: str) -> tuple[str, str]:
    """The signs LoginBySign takes, of account set, user, application, its secret and the time: SHA-256 and SHA-1."""
    text = "".join(sorted(parts)).encode()
    return hashlib.sha256(text).hexdigest(), hashlib.sha1(text, usedforsecurity=False).hexdigest()


def is_login_sign(sign: str, *parts: str) -> bool:
    return any(_same(sign.lower(), good) for good in login_signs(*parts))


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
