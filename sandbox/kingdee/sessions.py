"""Who may come in: logins, cookies, signed headers, and the sessions they open.

A request that carries a live session is taken as it is: its signature is not looked at. Sessions live with the server.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.padding import PKCS7

from sandbox.http import Request, Response
from sandbox.kingdee import signing
from sandbox.kingdee.envelope import Answer, text_response

LANGUAGES = {"2052": "zh-CN", "3076": "zh-TW", "1033": "en-US"}
SESSION, ASP_SESSION = "kdservice-sessionid", "ASP.NET_SessionId"
LOST_TEXT = "会话信息已丢失，请重新登录"
WRONG_ACCOUNT = "Fail to verify thirty passport"
_DES = b"KingdeeK"


@dataclass(frozen=True)
class Session:
    id: str
    acct_id: str
    user: str
    lcid: str


@dataclass(frozen=True)
class Account:
    """An account set (数据中心): its id, number and name."""

    id: str
    number: str
    name: str


@dataclass(frozen=True)
class Pass:
    """How a request stands: its session, whether that is a new one, or the answer that refuses it."""

    session: Session | None = None
    is_new: bool = False
    wrong_account: bool = False


class Sessions:
    """One integration user with a password, who is also the user of one registered application."""

    def __init__(self, accounts: list[Account], user: str, password: str, app_id: str) -> None:
        self.accounts = {account.id: account for account in accounts}
        self.user, self.password, self.app_id = user, password, app_id
        self.live: dict[str, Session] = {}

    def expire(self) -> None:
        self.live.clear()

    # -- requests ------------------------------------------------------------------------------------------------

    def judge(self, request: Request) -> Pass:
        """Looks only: no session is opened."""
        for sid in _session_ids(request):
            if sid in self.live:
                return Pass(self.live[sid])
        claim = signing.claim_of(request.headers)
        if claim is None:
            return Pass()
        if claim.acct_id not in self.accounts:
            return Pass(wrong_account=True)
        if self._is_known(claim) and signing.is_genuine(request.headers, request.path, claim, self.password):
            return Pass(Session("", claim.acct_id, claim.user, claim.lcid), is_new=True)
        return Pass()

    def open(self, acct_id: str, user: str, lcid: str) -> Session:
        session = Session(secrets.token_hex(12) + "-" + secrets.token_hex(4), acct_id, user, lcid)
        self.live[session.id] = session
        return session

    def _is_known(self, claim: signing.Claim) -> bool:
        return claim.user == self.user and claim.app_id == self.app_id and claim.lcid in LANGUAGES

    # -- logins --------------------------------------------------------------------------------------------------

    def login(self, method: str, given: Mapping[str, Any]) -> tuple[Answer | Response, list[str]]:
        """The answer of a login method, and the cookies that go with it."""
        ask = {name: "" if value is None else str(value) for name, value in given.items()}
        acct_id, user = ask.get("acctid", ""), ask.get("username", "")
        if method == "validateuserendecode":
            user = _decoded(user)
        if acct_id not in self.accounts:
            return text_response(f"{WRONG_ACCOUNT}: {acct_id}", 500), []
        lcid = ask.get("lcid") or "2052"
        if user != self.user or lcid not in LANGUAGES or not self._proves(method, ask):
            return _refused_login(), []
        session = self.open(acct_id, user, lcid)
        return _welcome(session, self.accounts[acct_id]), cookies(session.id)

    def _proves(self, method: str, ask: Mapping[str, str]) -> bool:
        password = ask.get("password", "")
        if method == "validateuser":
            return password == self.password
        if method == "validateuserendecode":
            return _decoded(password) == self.password
        if ask.get("appid") != self.app_id:
            return False
        if method == "loginbyappsecret":
            return ask.get("appsecret") == self.password
        parts = ask["acctid"], ask["username"], self.app_id, self.password, ask.get("timestamp", "")
        return method == "loginbysign" and signing.is_login_sign(ask.get("sign", ""), *parts)

    def logout(self, request: Request) -> None:
        for sid in _session_ids(request):
            self.live.pop(sid, None)

    def data_centres(self) -> list[Answer]:
        return [{"Id": one.id, "Number": one.number, "Name": one.name} for one in self.accounts.values()]


def cookies(sid: str) -> list[str]:
    """Without an Expires attribute: the official SDK splits on its comma."""
    return [f"{SESSION}={sid}; path=/", f"{ASP_SESSION}={sid[:24]}; path=/; HttpOnly"]


def hollow_cookies() -> list[str]:
    """Cookies of a session that does not live: a refused request may get some."""
    return cookies(secrets.token_hex(12))


def _session_ids(request: Request) -> list[str]:
    found = [request.headers.get(SESSION, "")]
    try:
        jar = SimpleCookie(request.headers.get("cookie", ""))
    except CookieError:
        jar = SimpleCookie()
    found += [jar[name].value for name in (SESSION, "kdsessionid") if name in jar]
    return [sid for sid in found if sid]


def _decoded(text: str) -> str:
    """DES-CBC with the fixed key as key and initial vector; "" for what is not encoded so."""
    try:
        cipher = Cipher(TripleDES(_DES * 3), modes.CBC(_DES)).decryptor()
        padded = cipher.update(base64.b64decode(text, validate=True)) + cipher.finalize()
        unpadder = PKCS7(64).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except (binascii.Error, ValueError):
        return ""


def _login(message: str | None, result: int, context: Answer | None, sid: str | None) -> Answer:
    return {
        "Message": message, "MessageCode": "CheckPasswordPolicy", "LoginResultType": result, "Context": context,
        "KDSVCSessionId": sid, "FormId": None, "RedirectFormParam": None, "FormInputObject": None,
        "ErrorStackTrace": None, "Lcid": 0, "AccessToken": None, "KdAccessResult": None, "IsSuccessByAPI": result == 1,
    }  # fmt: skip


def _refused_login() -> Answer:
    return _login("用户名或密码错误", 0, None, None)


def _welcome(session: Session, account: Account) -> Answer:
    context = {
        "UserLocale": LANGUAGES[session.lcid], "LogLocale": LANGUAGES[session.lcid], "DBid": session.acct_id,
        "DatabaseType": 3, "SessionId": session.id, "UserId": 100001, "UserName": session.user, "CustomName": "",
        "DisplayVersion": "8.2.0", "DataCenterName": account.name, "DataCenterNumber": account.number,
        "UserToken": session.id,
        "CurrentOrganizationInfo": {"ID": 1, "AcctOrgType": "1", "Name": "", "FunctionIds": []}, "ClientType": 32,
        "UTimeZone": None, "STimeZone": None, "GDCID": "", "Gsid": "", "TRLevel": 0,
        "ProductEdition": 0, "TenantId": None,
    }  # fmt: skip
    return _login(None, 1, context, session.id)
