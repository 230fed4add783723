"""The Galaxy sandbox's door and envelope: signatures, logins, sessions, the shapes of requests and answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.padding import PKCS7

from sandbox.kingdee import signing
from tests.contract.galaxy_help import AUTH, DATA_CENTRES, FORMS, Galaxy, problem

pytestmark = pytest.mark.contract
SAVE = f"{FORMS}.Save.common.kdsvc"
QUERY = f"{FORMS}.ExecuteBillQuery.common.kdsvc"
CURRENCIES = {"FormId": "BD_Currency", "FieldKeys": "FNumber", "OrderString": "FNumber", "Limit": 2}


@pytest.fixture(scope="module")
def galaxy() -> Iterator[Galaxy]:
    running = Galaxy()
    yield running
    running.close()


@pytest.fixture(scope="module")
def vectors(shared_reference: Path) -> dict[str, Any]:
    file = shared_reference / "kingdee" / "signature_vectors.json"
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


# --- signatures ------------------------------------------------------------------------------------------------------


def test_every_published_vector_is_genuine_and_none_is_with_another_secret_or_path(vectors: dict[str, Any]) -> None:
    for case in vectors["cases"]:
        headers = {name.lower(): value for name, value in case["headers"].items()}
        claim, path, secret = signing.claim_of(headers), urlsplit(case["url"]).path, case["input"]["app_secret"]
        assert claim and (claim.acct_id, claim.user) == (case["input"]["acct_id"], case["input"]["user_name"])
        assert signing.is_genuine(headers, path, claim, secret), case["name"]
        assert not signing.is_genuine(headers, path, claim, secret + "0")
        assert not signing.is_genuine(headers, path.replace("Service.", "Service.Batch"), claim, secret)
        assert not signing.is_genuine(headers | {"x-api-nonce": "1"}, path, claim, secret)


def test_keys_and_login_signs_are_those_of_the_vectors(vectors: dict[str, Any]) -> None:
    for pair in vectors["key_derivation"]:
        assert signing.api_key(f"200001_{pair['segment']}")[1] == pair["derived"]
    for case in vectors["login_by_sign"]["vectors"]:
        parts = [case[name] for name in ("acct_id", "user_name", "app_id", "app_secret", "timestamp")]
        assert signing.login_signs(*parts) == (case["sha256"], case["sha1"])


def test_a_signed_request_needs_no_login_and_gets_a_session(galaxy: Galaxy) -> None:
    with galaxy.client() as stranger:
        answer = stranger.post(QUERY, json={"data": CURRENCIES}, headers=galaxy.signed(f"/k3cloud/{QUERY}"))
        assert answer.json() == [["AED"], ["AUD"]]
        assert "kdservice-sessionid" in stranger.cookies and "expires" not in answer.headers["set-cookie"].lower()
        assert stranger.post(QUERY, json={"data": CURRENCIES}).json() == [["AED"], ["AUD"]]


@pytest.mark.parametrize("wrong", [{"user": "nobody"}, {"secret": "x" * 32}, {"lcid": "9999"}])
def test_wrong_credentials_are_told_as_a_lost_session(galaxy: Galaxy, wrong: dict[str, str]) -> None:
    with galaxy.client() as stranger:
        answer = stranger.post(QUERY, json={"data": CURRENCIES}, headers=galaxy.signed(f"/k3cloud/{QUERY}", **wrong))
        assert answer.status_code == 200
        assert problem(answer.json()) == ("会话信息已丢失，请重新登录", 1)
        assert problem(stranger.post(QUERY, json={"data": CURRENCIES}).json())[1] == 1  # the cookie it got is hollow


def test_a_live_session_is_taken_whatever_the_signature_says(galaxy: Galaxy) -> None:
    answer = galaxy.http.post(QUERY, json={"data": CURRENCIES}, headers={"X-Kd-Signature": "nonsense"})
    assert answer.json() == [["AED"], ["AUD"]]
    sid = galaxy.http.cookies["kdservice-sessionid"]
    with galaxy.client() as other:  # the SDK sends the session as a header of its own, too
        assert other.post(QUERY, json={"data": CURRENCIES}, headers={"kdservice-sessionid": sid}).json()[0] == ["AED"]


def test_a_wrong_account_set_is_no_200(galaxy: Galaxy) -> None:
    headers = galaxy.signed(f"/k3cloud/{QUERY}")
    headers["X-Kd-Appdata"] = base64.b64encode(f"nope,{galaxy.sandbox.user},2052,0".encode()).decode()
    with galaxy.client() as stranger:
        answer = stranger.post(QUERY, json={"data": CURRENCIES}, headers=headers)
    assert answer.status_code != 200 and "Fail to verify thirty passport" in answer.text


# --- logins ----------------------------------------------------------------------------------------------------------


def login(galaxy: Galaxy, method: str, body: Any) -> tuple[httpx.Response, Any]:
    with galaxy.client() as stranger:
        answer = stranger.post(f"{AUTH}.{method}.common.kdsvc", json=body)
        after = stranger.post(QUERY, json={"data": CURRENCIES}).json()
    return answer, after


def des(text: str) -> str:
    padder = PKCS7(64).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    cipher = Cipher(TripleDES(b"KingdeeK" * 3), modes.CBC(b"KingdeeK")).encryptor()
    return base64.b64encode(cipher.update(padded) + cipher.finalize()).decode()


def test_every_login_opens_a_session(galaxy: Galaxy) -> None:
    acct, user, word = galaxy.acct_id, galaxy.sandbox.user, galaxy.sandbox.password
    sign = signing.login_signs(acct, user, galaxy.app_id, word, "1700000000")
    bodies: list[tuple[str, Any]] = [
        ("ValidateUser", {"parameters": [acct, user, word, 2052]}),
        ("ValidateUser", {"AcctID": acct, "UserName": user, "Password": word, "Lcid": 1033}),
        ("ValidateUser", {"format": 1, "rid": "7", "v": "1.0", "parameters": json.dumps([acct, user, word, "2052"])}),
        ("ValidateUserEnDeCode", {"parameters": [acct, des(user), des(word), 2052]}),
        ("LoginByAppSecret", {"parameters": [acct, user, galaxy.app_id, word, 2052]}),
        ("LoginBySign", {"parameters": [acct, user, galaxy.app_id, 1700000000, sign[0], 2052]}),
        ("LoginBySign", {"parameters": [acct, user, galaxy.app_id, 1700000000, sign[1], 2052]}),
    ]
    for method, body in bodies:
        answer, after = login(galaxy, method, body)
        told = answer.json()
        assert told["LoginResultType"] == 1 and told["KDSVCSessionId"] and told["Context"]["DBid"] == acct, method
        assert after == [["AED"], ["AUD"]], method


def test_a_failed_login_opens_none(galaxy: Galaxy) -> None:
    acct, user, word = galaxy.acct_id, galaxy.sandbox.user, galaxy.sandbox.password
    for method, parameters in [
        ("ValidateUser", [acct, user, "wrong", 2052]),
        ("LoginByAppSecret", [acct, user, "other_app", word, 2052]),
        ("LoginBySign", [acct, user, galaxy.app_id, 1700000000, "0" * 64, 2052]),
    ]:
        answer, after = login(galaxy, method, {"parameters": parameters})
        assert answer.status_code == 200
        assert (answer.json()["LoginResultType"], answer.json()["KDSVCSessionId"]) == (0, None)
        assert problem(after)[1] == 1


def test_logout_ends_the_session_and_data_centres_need_none(galaxy: Galaxy) -> None:
    with galaxy.client() as stranger:
        centres = stranger.post(f"{DATA_CENTRES}.common.kdsvc", json={}).json()
        assert centres[0]["Id"] == galaxy.acct_id and len(centres) == 2
        body = {"parameters": [galaxy.acct_id, galaxy.sandbox.user, galaxy.sandbox.password, 2052]}
        stranger.post(f"{AUTH}.ValidateUser.common.kdsvc", json=body)
        assert stranger.post(f"{AUTH}.Logout.common.kdsvc", json={}).json() is True
        assert problem(stranger.post(QUERY, json={"data": CURRENCIES}).json())[1] == 1


# --- shapes ----------------------------------------------------------------------------------------------------------


def test_all_five_shapes_of_a_request_ask_the_same(galaxy: Galaxy) -> None:
    text = json.dumps(CURRENCIES)
    envelope = {"format": 1, "useragent": "ApiClient", "rid": "1", "parameters": json.dumps([text]), "v": "1.0"}
    for body in ({"data": CURRENCIES}, {"Data": text}, {"parameters": [CURRENCIES]}, {"PARAMETERS": [text]}, envelope):
        assert galaxy.http.post(QUERY, json=body).json() == [["AED"], ["AUD"]], body
    assert galaxy.http.post(QUERY, data={"data": text}).json() == [["AED"], ["AUD"]]
    assert galaxy.http.post(QUERY.upper(), json={"data": {"FORMID": "bd_currency", "fieldkeys": "fnumber"}}).json()
    for body in ({"FormId": "BD_Customer", "data": '{"Number": "none"}'}, {"parameters": ["BD_Customer", {"Id": 1}]}):
        assert problem(galaxy.post("View", body).json())[1] == 10


def test_answers_are_compact_json_and_say_so_when_they_fail(galaxy: Galaxy) -> None:
    answer = galaxy.post("Save", {"formid": "SAL_SaleOrder", "data": {"Model": {}}})
    assert answer.status_code == 200
    assert '"issuccess":false' in answer.text.lower() and '": ' not in answer.text


def test_an_error_of_a_query_is_a_row_of_bill_query_an_object_and_of_view_beside_a_result(galaxy: Galaxy) -> None:
    bad = {"FormId": "BD_Currency", "FieldKeys": "FNumber,FNope"}
    row = galaxy.post("ExecuteBillQuery", {"data": bad}).json()
    assert list(row[0][0]) == ["Result"] and problem(row) == ("元数据中标识为FNope的字段不存在", 9)
    assert problem(galaxy.post("BillQuery", {"data": bad}).json())[1] == 9
    viewed = galaxy.call("View", "BD_Customer", Number="none")
    assert viewed["Result"]["Result"] is None and problem(viewed)[1] == 10
    assert problem(galaxy.query("NO_SUCH", "FID")) == ("标识为“NO_SUCH”的业务对象不存在，或者被删除", 4)
    assert problem(galaxy.query("BD_Currency", ""))[1] == 8


def test_what_nobody_caught_is_a_text(galaxy: Galaxy) -> None:
    for body in (b"{not json", b"[1]"):
        answer = galaxy.http.post(QUERY, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 200 and answer.text.startswith("response_error:")
    assert galaxy.post("NoSuchMethod", {"formid": "SAL_SaleOrder", "data": {}}).text.startswith("response_error:")


def test_a_polled_call_answers_by_its_task(galaxy: Galaxy) -> None:
    body = {
        "formid": "SAL_SaleOrder", "data": {"Model": []}, "beginmethod": "BeginQueryImpl",
        "querymethod": "QueryAsyncResult",
    }  # fmt: skip
    begun = galaxy.post("BatchSave", body).json()
    assert begun["Status"] == 0 and begun["Result"] is None
    asked = {"queryInfo": json.dumps({"TaskId": begun["TaskId"], "Cancelled": False})}
    done = galaxy.post("QueryAsyncResult", asked).json()
    assert done["Status"] == 2 and done["Result"]["Result"]["ResponseStatus"]["IsSuccess"] is True
    assert problem(galaxy.post("QueryAsyncResult", asked).json())[1] == 8


def test_two_account_sets_have_books_of_their_own(galaxy: Galaxy) -> None:
    second = galaxy.sandbox.info["data_centres"][1]["id"]
    order = galaxy.saved(galaxy.order(number="CT7-FIRST"))
    where = {"FormId": "SAL_SaleOrder", "FieldKeys": "FBillNo", "FilterString": "FBillNo='CT7-FIRST'"}
    with galaxy.client() as other:
        body = {"parameters": [second, galaxy.sandbox.user, galaxy.sandbox.password, 2052]}
        assert other.post(f"{AUTH}.ValidateUser.common.kdsvc", json=body).json()["Context"]["DBid"] == second
        assert other.post(QUERY, json={"data": where}).json() == []
        assert other.post(QUERY, json={"data": {**where, "FilterString": "FBillNo='XSDD000001'"}}).json()
        customers = {"data": {"FormId": "BD_Customer", "FieldKeys": "FNumber", "Limit": 1}}
        model = galaxy.order(number="CT7-SECOND") | {
            "FCustId": {"FNumber": other.post(QUERY, json=customers).json()[0][0]}
        }
        saved = other.post(SAVE, json={"formid": "SAL_SaleOrder", "data": {"Model": model}}).json()
        assert saved["Result"]["Number"] == "CT7-SECOND", saved
    assert galaxy.query("SAL_SaleOrder", "FID", "FBillNo='CT7-SECOND'") == []
    assert galaxy.status(order) == "A"


def test_other_addresses_are_not_there(galaxy: Galaxy) -> None:
    assert galaxy.http.get(QUERY).status_code == 404
    assert galaxy.http.post("anything").status_code == 404
