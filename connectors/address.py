"""Where calls go and whom they trust: the checked base address, its origin, and TLS that is always verified."""

from __future__ import annotations

import functools
import ssl
from datetime import UTC, datetime
from typing import Any

import httpx

from connectors.auth import reveal
from connectors.base import System
from connectors.errors import ConfigurationError


def checked_url(system: System) -> httpx.URL:
    """The system's base address without a trailing slash; https unless plain http is allowed in so many words."""
    try:
        url = httpx.URL(system.url.strip().rstrip("/"))
    except (httpx.InvalidURL, TypeError):
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        shown = system.url if not url.userinfo else url.host
        raise ConfigurationError("bad-url", system=system.name, url=shown)
    if url.userinfo:
        raise ConfigurationError("url-with-credentials", system=system.name)
    for each in (url, httpx.URL(system.token_url or url)):
        if each.scheme != "https" and not system.allow_http:
            raise ConfigurationError("http-not-allowed", system=system.name, url=str(each))
    return url


def tls(system: System) -> ssl.SSLContext:
    """Verified TLS, always: against the given CA file, else the well-known ones and the machine's own store.

    Where nothing is encrypted it trusts nobody, which costs no time.
    """
    encrypted = any(url.lower().startswith("https") for url in (system.url, system.token_url, system.proxy))
    if not encrypted:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    files = [f for f in (system.ca_bundle, *system.client_cert) if f]
    if not files:
        return _usual_trust()
    try:
        context = ssl.create_default_context(cafile=system.ca_bundle) if system.ca_bundle else _trust()
        if system.client_cert:
            _show_certificate(context, system)
        return context
    except (OSError, ValueError) as exc:
        facts: dict[str, Any] = {"file": ", ".join(files), "reason": str(exc)}
        raise ConfigurationError("bad-certificate-file", system=system.name, **facts) from None


def _show_certificate(context: ssl.SSLContext, system: System) -> None:
    """An empty password is given too: without one, OpenSSL asks for it at the terminal."""
    certificate, *key = system.client_cert
    context.load_cert_chain(certificate, key[0] if key else None, password=reveal(system.client_cert_password))


def _trust() -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


_usual_trust = functools.cache(_trust)
"""Shared by all systems without files of their own: reading some hundred certificates takes a while."""


def untrusted(exc: BaseException) -> str:
    """Why the server's certificate was refused; empty when the connection failed for another reason."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        cause = cause.__cause__ or cause.__context__
    return "certificate verify failed" if "CERTIFICATE_VERIFY_FAILED" in str(exc) else ""


def valid_until(response: httpx.Response) -> datetime | None:
    """The end of the certificate that the server showed on this connection; None where nothing was encrypted."""
    stream = response.extensions.get("network_stream")
    secured = stream.get_extra_info("ssl_object") if stream else None
    shown = secured.getpeercert() if secured else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC) if shown else None


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)
