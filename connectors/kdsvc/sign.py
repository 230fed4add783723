"""Signatures of the WebAPI: request headers, and the sign of LoginBySign."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote

MASK = b"0054f397c6234378b09ca7d3e5debce7"
SEGMENT = 32
SIGNED = "x-api-timestamp,x-api-nonce"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, in which account set; `app_secret` never leaves this machine, only what it signs does."""

    account: str
    user: str
    app_id: str
    app_secret: str
    lcid: str
    organisation: str = "0"


def headers(identity: Identity, path: str, timestamp: str, nonce: str) -> dict[str, str]:
    """The headers that prove one POST to `path` (as it stands in the address, from the first slash on)."""
    client, key = _application(identity.app_id)
    text = f"POST\n{quote(path, safe='')}\n\nx-api-nonce:{nonce}\nx-api-timestamp:{timestamp}\n"
    who = ",".join([identity.account, identity.user, identity.lcid, identity.organisation])
    return {
        "X-Api-ClientID": client,
        "X-Api-Auth-Version": "2.0",
        "x-api-timestamp": timestamp,
        "x-api-nonce": nonce,
        "x-api-signheaders": SIGNED,
        "X-Api-Signature": _signature(text, key),
        "X-Kd-Appkey": identity.app_id,
        "X-Kd-Appdata": base64.b64encode(who.encode()).decode("ascii"),
        "X-Kd-Signature": _signature(identity.app_id + who, identity.app_secret),
    }


def login_sign(identity: Identity, timestamp: str) -> str:
    """The `sign` of LoginBySign: SHA-256 over the parts in ordinal order, in lower-case hexadecimal."""
    parts = [identity.account, identity.user, identity.app_id, identity.app_secret, timestamp]
    return hashlib.sha256("".join(sorted(parts)).encode()).hexdigest()


def derived_key(segment: str) -> str:
    """The key behind the second half of an app id; empty for one of another length, as the vendor's SDK has it."""
    if len(segment) != SEGMENT:
        return ""
    try:
        raw = base64.b64decode(segment)
    except (binascii.Error, ValueError):
        return ""
    return base64.b64encode(bytes(a ^ b for a, b in zip(raw, MASK, strict=False))).decode("ascii")


def _application(app_id: str) -> tuple[str, str]:
    """(client id, key) of `client_segment`; both empty unless it has exactly these two parts."""
    parts = app_id.split("_")
    return (parts[0], derived_key(parts[1])) if len(parts) == 2 else ("", "")


def _signature(text: str, key: str) -> str:
    """Base64 of the hexadecimal digest, not of the digest itself."""
    digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
    return base64.b64encode(digest.encode("ascii")).decode("ascii")
