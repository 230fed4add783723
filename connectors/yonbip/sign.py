"""The signature that gets a token: HMAC-SHA256 over the parameters in order of their names."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping


def signature(parameters: Mapping[str, str], secret: str) -> str:
    """Bare base64: whoever puts it into a query encodes it, once.

    >>> signature({"timestamp": "1568098531823", "appKey": "41832a3d2df94989b500da6a22268747"},
    ...           "b1c7e0d2f3a4456789abcdef01234567")
    '8Kv//DO+wxducJ8kVEhommAB1Hdu0sn48vzLidt6juM='
    """
    text = "".join(name + parameters[name] for name in sorted(parameters))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode("ascii")
