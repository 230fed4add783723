"""The HTTP client: what it repeats, what it never sends twice, where it goes, and what it keeps to itself."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import respx
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.errors import (
    AccessError,
    ConfigurationError,
    OutcomeUnknownError,
    PermanentError,
    RateLimitedError,
    RecordRejectedError,
    TransientError,
)
from connectors.odata.connector import ODataConnector
from connectors.pace import Deadline, Pace
from tests.unit.connector_help import METADATA, ROOT, URL, connector

ROW = {"Order": "0000000007", "Total": "1.00", "OurKey": "K-1", "Buyer": "12", "Currency": "CNY"}
BOOKED = {"d": {"Order": "0000000008"}}
REFUSED = {"error": {"code": "V1/302", "message": {"lang": "en", "value": "no such material"}}}


def page(*rows: dict[str, Any], **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"d": {"results": [dict(row) for row in rows], **more}})


@pytest.fixture
def routes() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        router.get(f"{ROOT}/$metadata").respond(content=METADATA, content_type="application/xml")
        router.get(f"{ROOT}/").mock(side_effect=token)
        yield router


def token(request: httpx.Request) -> httpx.Response:
    """A service root that hands out a new token and session each time it is asked."""
    count = getattr(token, "count", 0) + 1
    token.count = count  # type: ignore[attr-defined]
    headers = [("x-csrf-token", f"token-{count}"), ("set-cookie", f"SAP_SESSIONID_X_100=s{count}; path=/")]
    return httpx.Response(200, json={"d": {"EntitySets": []}}, headers=headers)


@pytest.fixture
def erp() -> Iterator[ODataConnector]:
    found = connector(limits={"retry_s": 20})
    waits: list[float] = []
    found._client.http._sleep = waits.append
    found.waits = waits  # type: ignore[attr-defined]
    yield found
    found.close()


def push(erp: ODataConnector, deadline_s: float = 20) -> Any:
    return erp.push("orders", {"Total": "1.5", "Due": "2025-06-30"}, "K-1", deadline_s=deadline_s)


@pytest.mark.parametrize("status", [408, 421, 425, 429, 499, 502, 503, 504])
def test_a_read_is_repeated_until_the_erp_answers(routes: respx.MockRouter, erp: ODataConnector, status: int) -> None:
    routes.get(f"{ROOT}/Orders").mock(side_effect=[httpx.Response(status), httpx.Response(status), page(ROW)])
    assert [hit.external_id for hit in erp.find("orders", "K-1")] == ["7"]
    assert len(erp.waits) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError])
def test_a_broken_connection_of_a_read_is_repeated(
    routes: respx.MockRouter, erp: ODataConnector, fault: type[httpx.TransportError]
) -> None:
    routes.get(f"{ROOT}/Orders").mock(side_effect=[fault("x"), page(ROW)])
    assert len(erp.find("orders", "K-1")) == 1


def test_half_an_answer_is_read_again(routes: respx.MockRouter, erp: ODataConnector) -> None:
    half = httpx.Response(200, content=b'{"d": {"results": [', headers={"content-type": "application/json"})
    routes.get(f"{ROOT}/Orders").mock(side_effect=[half, page(ROW)])
    assert len(erp.find("orders", "K-1")) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_other_refusals_of_a_read_are_not_repeated(routes: respx.MockRouter, erp: ODataConnector, status: int) -> None:
    route = routes.get(f"{ROOT}/Orders").respond(status, json=REFUSED)
    with pytest.raises((PermanentError, TransientError)):
        erp.find("orders", "K-1")
    assert route.call_count == 1


def test_retry_after_is_obeyed_in_both_forms(routes: respx.MockRouter, erp: ODataConnector) -> None:
    now = datetime(2025, 6, 30, 12, tzinfo=UTC)
    dated = {"date": format_datetime(now), "retry-after": format_datetime(now + timedelta(seconds=5))}
    first = httpx.Response(503, headers={"retry-after": "3"})
    routes.get(f"{ROOT}/Orders").mock(side_effect=[first, httpx.Response(429, headers=dated), page(ROW)])
    erp.find("orders", "K-1")
    assert [int(wait) for wait in erp.waits] == [3, 5]  # type: ignore[attr-defined]


def test_a_wait_longer_than_the_budget_is_left_to_the_caller(routes: respx.MockRouter, erp: ODataConnector) -> None:
    routes.get(f"{ROOT}/Orders").respond(429, headers={"retry-after": "600"})
    with pytest.raises(RateLimitedError) as caught:
        erp.find("orders", "K-1")
    assert caught.value.retry_after_s == 600
    assert erp.waits == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", [httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.RemoteProtocolError])
def test_a_write_without_an_answer_is_unknown_and_sent_once(
    routes: respx.MockRouter, erp: ODataConnector, fault: type[httpx.TransportError]
) -> None:
    route = routes.post(f"{ROOT}/Orders").mock(side_effect=fault("x"))
    with pytest.raises(OutcomeUnknownError):
        push(erp)
    assert route.call_count == 1


@pytest.mark.parametrize("status", [408, 421, 425, 499, 500, 502, 503, 504])
def test_a_write_that_a_gateway_gave_up_on_is_unknown_and_sent_once(
    routes: respx.MockRouter, erp: ODataConnector, status: int
) -> None:
    route = routes.post(f"{ROOT}/Orders").respond(status, html="<html>proxy</html>")
    with pytest.raises(OutcomeUnknownError):
        push(erp)
    assert route.call_count == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<html>Logon</html>"),
        httpx.Response(201, content=b'{"d": {"Ord', headers={"content-type": "application/json"}),
        httpx.Response(201, json={"d": {"Other": 1}}),
    ],
)
def test_a_yes_that_does_not_show_the_document_is_unknown(
    routes: respx.MockRouter, erp: ODataConnector, answer: httpx.Response
) -> None:
    routes.post(f"{ROOT}/Orders").mock(return_value=answer)
    with pytest.raises(OutcomeUnknownError):
        push(erp)


@pytest.mark.parametrize(
    "refusal",
    [httpx.ConnectError("refused"), httpx.Response(429), httpx.Response(403, headers={"x-csrf-token": "Required"})],
)
def test_a_write_that_did_not_arrive_is_sent_again(
    routes: respx.MockRouter, erp: ODataConnector, refusal: httpx.Response | httpx.ConnectError
) -> None:
    route = routes.post(f"{ROOT}/Orders").mock(side_effect=[refusal, httpx.Response(201, json=BOOKED)])
    assert push(erp).external_id == "8"
    assert route.call_count == 2


def test_a_token_is_fetched_with_its_cookies_once_and_anew_when_refused(
    routes: respx.MockRouter, erp: ODataConnector
) -> None:
    required = httpx.Response(403, headers={"x-csrf-token": "Required"}, text="CSRF token validation failed")
    booked = httpx.Response(201, json=BOOKED)
    route = routes.post(f"{ROOT}/Orders").mock(side_effect=[booked, booked, required, booked])
    for _ in range(3):
        push(erp)
    sent = [(call.request.headers["x-csrf-token"], call.request.headers["cookie"]) for call in route.calls]
    first, renewed = sent[0], sent[3]
    assert sent == [first, first, first, renewed]
    assert first != renewed
    assert all(pair[0].removeprefix("token-") == pair[1].removeprefix("SAP_SESSIONID_X_100=s") for pair in sent)


def test_a_token_refused_twice_is_a_matter_of_access(routes: respx.MockRouter, erp: ODataConnector) -> None:
    route = routes.post(f"{ROOT}/Orders").respond(403, headers={"x-csrf-token": "Required"})
    with pytest.raises(AccessError) as caught:
        push(erp)
    assert caught.value.code == "csrf-refused"
    assert route.call_count == 2


def test_a_failing_token_fetch_means_nothing_was_sent(routes: respx.MockRouter, erp: ODataConnector) -> None:
    routes.get(f"{ROOT}/").respond(500)
    route = routes.post(f"{ROOT}/Orders").respond(201, json=BOOKED)
    with pytest.raises(TransientError):
        push(erp)
    assert not route.called


def test_each_thread_has_its_own_session(routes: respx.MockRouter, erp: ODataConnector) -> None:
    route = routes.post(f"{ROOT}/Orders").respond(201, json=BOOKED)
    threads = [threading.Thread(target=push, args=(erp,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({call.request.headers["cookie"] for call in route.calls}) == 3


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (400, REFUSED, RecordRejectedError, "no such material"),
        (400, {"error": {"code": "V1/042", "message": "Order 7 is being processed by MEIER"}}, TransientError, "MEIER"),
        (401, {}, AccessError, "user or password"),
        (403, REFUSED, AccessError, "no such material"),
        (404, {}, AccessError, "404"),
        (405, {}, AccessError, "does not support"),
        (302, {}, AccessError, "redirects"),
    ],
)
def test_a_refused_write_is_named_by_what_to_do_next(
    routes: respx.MockRouter, erp: ODataConnector, status: int, body: Any, error: type[Exception], said: str
) -> None:
    routes.post(f"{ROOT}/Orders").respond(status, json=body)
    with pytest.raises(error, match=said):
        push(erp)


def test_a_logon_page_instead_of_data_is_a_matter_of_access(routes: respx.MockRouter, erp: ODataConnector) -> None:
    routes.get(f"{ROOT}/Orders").respond(200, html="<html>Logon</html>")
    with pytest.raises(AccessError, match="logon page"):
        erp.find("orders", "K-1")


def test_a_proxy_that_wants_credentials_is_a_matter_of_access(routes: respx.MockRouter, erp: ODataConnector) -> None:
    tunnel = httpx.ProxyError("407 Proxy Authentication Required")
    routes.get(f"{ROOT}/Orders").mock(side_effect=[httpx.Response(407), tunnel])
    routes.post(f"{ROOT}/Orders").mock(side_effect=[httpx.Response(407), tunnel])
    for call in (lambda: erp.find("orders", "K-1"), lambda: push(erp)) * 2:
        with pytest.raises(AccessError) as caught:
            call()
        assert caught.value.code == "proxy-refused"


def test_calls_stay_on_the_configured_host(routes: respx.MockRouter, erp: ODataConnector) -> None:
    elsewhere = routes.get(host="evil.example.com").respond(200, json={"d": []})
    for target in (
        "https://evil.example.com/x",
        "http://erp.example.com:44300/x",
        "//evil.example.com/",
        f"{URL[:-1]}1/",
    ):
        routes.get(f"{ROOT}/Orders").respond(302, headers={"location": target})
        with pytest.raises(AccessError) as caught:
            erp.find("orders", "K-1")
        assert caught.value.code == "redirected"
        routes.get(f"{ROOT}/Orders").mock(return_value=page(ROW, __next=target))
        with pytest.raises(AccessError) as caught:
            erp.find("orders", "K-1")
        assert caught.value.code == "foreign-link"
    assert not elsewhere.called


def test_a_redirect_on_the_same_host_is_followed_a_few_times(routes: respx.MockRouter, erp: ODataConnector) -> None:
    routes.get(f"{ROOT}/Orders").respond(307, headers={"location": "/moved"})
    routes.get(f"{URL}/moved").mock(return_value=page(ROW))
    assert len(erp.find("orders", "K-1")) == 1
    routes.get(f"{URL}/moved").respond(307, headers={"location": "/moved"})
    with pytest.raises(AccessError):
        erp.find("orders", "K-1")


def test_an_answer_is_bounded(routes: respx.MockRouter) -> None:
    erp = connector(limits={"response_mb": 0.001})
    routes.get(f"{ROOT}/$metadata").respond(content=METADATA[:900] + b" " * 200)
    with pytest.raises(PermanentError) as caught:
        erp.find("orders", "K-1")
    assert caught.value.code == "too-large"
    erp.close()


def test_nothing_secret_is_logged_and_every_call_can_be_found(
    routes: respx.MockRouter, erp: ODataConnector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    route = routes.post(f"{ROOT}/Orders").respond(201, json=BOOKED, headers={"set-cookie": "SAP_X=crumb"})
    routes.get(f"{ROOT}/Orders").mock(return_value=page(ROW))
    push(erp)
    erp.find("orders", "K-1")
    told = [
        {name: value for name, value in vars(record).items() if type(value) is not float} for record in caplog.records
    ]
    everything = "\n".join(map(str, told))  # without times, whose digits are anything
    for secret in ("pa55-word", "Q1JPU1NUSUU6", "Basic", "token-", "SAP_", "crumb", "K-1", "1.5"):
        assert secret not in everything, secret
    sent = route.calls.last.request.headers["x-request-id"]
    [record] = [r for r in caplog.records if getattr(r, "request_id", "") == sent]
    assert (record.method, record.status, record.system) == ("POST", 201, "mill")  # type: ignore[attr-defined]
    assert len({call.request.headers["x-request-id"] for call in routes.calls}) == len(routes.calls)


def test_tenant_and_language_go_with_every_call(routes: respx.MockRouter, erp: ODataConnector) -> None:
    routes.get(f"{ROOT}/Orders").mock(return_value=page(ROW))
    erp.find("orders", "K-1")
    for call in routes.calls:
        assert (call.request.headers["sap-client"], call.request.headers["sap-language"]) == ("100", "EN")


class TestOAuth:
    """Client credentials: one token for all, renewed before it ends or when it is refused."""

    TOKEN_URL = "https://id.example.com/oauth2/token"

    @pytest.fixture
    def erp(self) -> Iterator[ODataConnector]:
        found = connector(auth="oauth2", token_url=self.TOKEN_URL, limits={"retry_s": 0})
        yield found
        found.close()

    def test_the_token_is_asked_once(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        issued = routes.post(self.TOKEN_URL).respond(200, json={"access_token": "T1", "expires_in": 3600})
        route = routes.get(f"{ROOT}/Orders").mock(return_value=page(ROW))
        erp.find("orders", "K-1")
        erp.find("orders", "K-1")
        assert issued.call_count == 1
        assert issued.calls.last.request.content == b"grant_type=client_credentials"
        assert route.calls.last.request.headers["authorization"] == "Bearer T1"

    def test_a_short_token_is_not_kept_and_a_refused_one_renewed(
        self, routes: respx.MockRouter, erp: ODataConnector
    ) -> None:
        answers = [httpx.Response(200, json={"access_token": f"T{i}", "expires_in": 3600}) for i in range(2)]
        routes.post(self.TOKEN_URL).mock(side_effect=answers)
        routes.get(f"{ROOT}/Orders").mock(side_effect=[httpx.Response(401), page(ROW)])
        assert len(erp.find("orders", "K-1")) == 1

    def test_a_write_refused_for_its_token_was_not_booked(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        routes.post(self.TOKEN_URL).respond(200, json={"access_token": "T", "expires_in": 3600})
        route = routes.post(f"{ROOT}/Orders").respond(401)
        with pytest.raises(TransientError):
            push(erp)
        assert route.call_count == 1

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (httpx.Response(401, json={"error": "invalid_client"}), AccessError),
            (httpx.Response(200, html="<html>"), AccessError),
            (httpx.Response(200, json={"token": "x"}), AccessError),
            (httpx.Response(503), TransientError),
            (httpx.Response(408), TransientError),
            (httpx.Response(407), AccessError),
        ],
    )
    def test_no_token_is_named(
        self, routes: respx.MockRouter, erp: ODataConnector, answer: httpx.Response, error: type[Exception]
    ) -> None:
        routes.post(self.TOKEN_URL).mock(return_value=answer)
        with pytest.raises(error):
            erp.find("orders", "K-1")

    def test_a_token_that_took_all_the_time_is_followed_by_no_write(
        self, routes: respx.MockRouter, erp: ODataConnector
    ) -> None:
        pauses = iter([0.0, 0.0, 0.0, 0.4])  # $metadata, the session and a first write, then a second one

        def issue(request: httpx.Request) -> httpx.Response:
            time.sleep(next(pauses))
            return httpx.Response(200, json={"access_token": "T", "expires_in": 0})

        asked = routes.post(self.TOKEN_URL).mock(side_effect=issue)
        route = routes.post(f"{ROOT}/Orders").respond(201, json=BOOKED)
        push(erp)
        with pytest.raises(TransientError) as caught:
            push(erp, deadline_s=0.3)
        assert caught.value.code == "no-time-left"
        assert (asked.call_count, route.call_count) == (4, 1)

    def test_a_token_is_waited_for_no_longer_than_the_write_may_take(
        self, routes: respx.MockRouter, erp: ODataConnector
    ) -> None:
        issued = httpx.Response(200, json={"access_token": "T", "expires_in": 0})
        asked = routes.post(self.TOKEN_URL).mock(return_value=issued)
        routes.post(f"{ROOT}/Orders").respond(201, json=BOOKED)
        push(erp, deadline_s=2)
        limits = [call.request.extensions["timeout"].get("read") for call in asked.calls]
        assert limits[0] == 5 and all(limit <= 2 for limit in limits[1:])  # $metadata is no part of the write


def test_no_time_left_means_not_sent(routes: respx.MockRouter, erp: ODataConnector) -> None:
    route = routes.post(f"{ROOT}/Orders").respond(201, json=BOOKED)
    push(erp)
    with pytest.raises(TransientError) as caught:
        push(erp, deadline_s=0)
    assert caught.value.code == "no-time-left"
    assert route.call_count == 1


def test_pace_spaces_calls_and_bounds_how_many_run_at_once() -> None:
    waits: list[float] = []
    pace = Pace(per_second=10, concurrency=2, sleep=waits.append)
    for _ in range(4):
        with pace.turn():
            pass
    assert waits == sorted(waits)
    assert 0.25 < waits[-1] <= 0.3
    running, most = [0], [0]
    lock = threading.Lock()

    def work() -> None:
        with Pace.turn(pace):
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.01)
            with lock:
                running[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 2


def test_a_deadline_never_goes_below_zero() -> None:
    assert Deadline(0).left() == 0
    assert 0 < Deadline(5).left() <= 5


class Wire:
    """A real server on this machine that answers as the test says: for what a mock cannot show."""

    def __init__(self, talk: Callable[[Any], None]) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, args=(talk,), daemon=True)
        self._thread.start()

    def _serve(self, talk: Callable[[Any], None]) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer:
                talk(peer)

    def stop(self) -> None:
        self._socket.close()


def answer_to(peer: Any, body: bytes, kind: str = "application/json", more: str = "") -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
    peer.sendall(head.encode() + body)


def test_a_write_ends_by_its_deadline_even_when_the_answer_drips() -> None:
    def talk(peer: Any) -> None:
        request = peer.recv(65536)
        if b"$metadata" in request:
            answer_to(peer, METADATA, "application/xml")
        elif request.startswith(b"GET"):
            answer_to(peer, b'{"d":{}}', more="x-csrf-token: t\r\n")
        else:
            peer.sendall(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(100):
                time.sleep(0.1)
                try:
                    peer.sendall(b" ")
                except OSError:
                    return

    server = Wire(talk)
    erp = connector(url=server.url, allow_http=True)
    started = time.monotonic()
    with pytest.raises(OutcomeUnknownError):
        push(erp, deadline_s=0.6)
    assert time.monotonic() - started < 2.5
    erp.close()
    server.stop()


def test_nobody_listening_is_unreachable_and_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    erp = connector(url=f"http://127.0.0.1:{port}", allow_http=True)
    with pytest.raises(TransientError) as caught:
        push(erp)
    assert caught.value.code == "unreachable"
    erp.close()


def test_a_client_certificate_that_is_none_is_named(tmp_path: Any) -> None:
    file = tmp_path / "client.pem"
    file.write_text("no certificate")
    with pytest.raises(ConfigurationError) as caught:
        connector(client_cert=(str(file),))
    assert caught.value.code == "bad-certificate-file"
    assert json.dumps(caught.value.params).count("client.pem") >= 1


def test_an_encrypted_client_key_is_opened_with_its_password_and_nobody_is_asked_for_it(tmp_path: Any) -> None:
    files = encrypted_certificate(tmp_path, b"open-sesame")
    connector(client_cert=files, client_cert_password="open-sesame").close()
    for wrong in ("", "shut-sesame"):
        with pytest.raises(ConfigurationError) as caught:
            connector(client_cert=files, client_cert_password=wrong)
        assert caught.value.code == "bad-certificate-file"
        assert "sesame" not in str(caught.value)


def encrypted_certificate(folder: Any, password: bytes) -> tuple[str, str]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "crosstie")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    certificate, locked = folder / "crm.pem", folder / "crm.key"
    certificate.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    locked.write_bytes(key.private_bytes(*form, serialization.BestAvailableEncryption(password)))
    return str(certificate), str(locked)


def test_within_a_run_every_call_names_it(routes: respx.MockRouter, erp: ODataConnector) -> None:
    """Both spellings: one for gateways, one for SAP's own access log."""
    routes.get(f"{ROOT}/Orders").mock(return_value=page(ROW))
    with structlog.contextvars.bound_contextvars(run="20260331T101500-1a2b3c4d"):
        erp.find("orders", "K-1")
        erp.find("orders", "K-1")
    erp.find("orders", "K-1")
    asked = [call.request.headers for call in routes.calls if "Orders" in call.request.url.path]
    assert [headers.get("x-correlation-id") for headers in asked] == ["20260331T101500-1a2b3c4d"] * 2 + [None]
    assert [headers.get("x-correlationid") for headers in asked] == ["20260331T101500-1a2b3c4d"] * 2 + [None]
    numbers = [headers["x-request-id"] for headers in asked]
    assert [number.startswith("20260331T101500-1a2b3c4d.") for number in numbers] == [True, True, False]
    assert len(set(numbers)) == 3
