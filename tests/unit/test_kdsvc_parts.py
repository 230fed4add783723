"""Parts of the WebAPI client: signatures, answers, filters, Models, differences and pairs of write-offs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from connectors.answer import Answer
from connectors.descriptor import Change, Children, KeyCarrier
from connectors.errors import (
    AccessError,
    OutcomeUnknownError,
    PermanentError,
    RateLimitedError,
    RecordRejectedError,
    TransientError,
)
from connectors.kdsvc.auth import SessionAuth
from connectors.kdsvc.descriptor import Form, Write
from connectors.kdsvc.diff import difference
from connectors.kdsvc.errors import DuplicateError, Judge, SessionLostError, decode, status_of
from connectors.kdsvc.metadata import parse_metadata
from connectors.kdsvc.model import Modeller, UnknownKeyError, same, without_empty
from connectors.kdsvc.query import begins, behind, bill_query, both, literal, number, one_of
from connectors.kdsvc.shape import Shaper, UnknownFieldError, to_local, to_utc
from connectors.kdsvc.sign import Identity, derived_key, headers, login_sign
from connectors.kdsvc.site import own_names, resources_of
from connectors.kingdee.quirks import pairs, refunds
from connectors.products import load_product
from tests.unit.connector_help import URL

GALAXY = load_product("kingdee/galaxy")
CHINA = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="session")
def vectors(shared_reference: Path) -> Any:
    return json.loads((shared_reference / "kingdee" / "signature_vectors.json").read_text(encoding="utf-8"))


class TestSignatures:
    def test_headers_are_the_vendors_byte_for_byte(self, vectors: Any) -> None:
        signed = 0
        for case in vectors["cases"]:
            data = case["input"]
            names = ("acct_id", "user_name", "app_id", "app_secret", "lcid", "org_num")
            identity = Identity(*(str(data[name]) for name in names))
            path = httpx.URL(case["url"]).path
            if case["name"] == "short_hostname_quirk":  # the vendor's SDK looks for the path behind the host's name
                path = path.removeprefix("/k3cloud")
            assert headers(identity, path, str(data["epoch"]), str(data["epoch"])) == case["headers"], case["name"]
            signed += 1
        assert signed == 6

    def test_keys_and_logins_are_derived_as_the_vendor_does(self, vectors: Any) -> None:
        for case in vectors["key_derivation"]:
            assert derived_key(case["segment"]) == case["derived"]
        for case in vectors["login_by_sign"]["vectors"]:
            names = ("acct_id", "user_name", "app_id", "app_secret")
            assert login_sign(Identity(*(case[name] for name in names), "2052"), case["timestamp"]) == case["sha256"]


class TestLogins:
    def test_a_login_is_waited_for_no_longer_than_the_call_it_is_for(self) -> None:
        auth = SessionAuth(Identity("acct", "user", "app", "secret", "2052"), "ValidateUser", URL, "mill")
        request = httpx.Request("POST", f"{URL}/x", extensions={"timeout": {"read": 0.25}})
        opened = httpx.Response(200, json={"LoginResultType": 1, "KDSVCSessionId": "s"})
        with respx.mock() as router, httpx.Client() as client:
            login = router.post(url__regex="ValidateUser").mock(return_value=opened)
            auth.prove(request, client)
        assert login.calls.last.request.extensions["timeout"] == {"read": 0.25}
        assert request.headers["Cookie"] == "kdservice-sessionid=s"

    @pytest.mark.parametrize(("status", "error"), [(407, AccessError), (408, TransientError), (503, TransientError)])
    def test_a_login_that_nobody_judged_is_no_wrong_password(self, status: int, error: type[Exception]) -> None:
        auth = SessionAuth(Identity("acct", "user", "app", "secret", "2052"), "ValidateUser", URL, "mill")
        request = httpx.Request("POST", f"{URL}/x", extensions={"timeout": {}})
        with respx.mock() as router, httpx.Client() as client:
            router.post(url__regex="ValidateUser").respond(status)
            with pytest.raises(error) as caught:
                auth.prove(request, client)
        assert getattr(caught.value, "code", "") in ("proxy-refused", "unavailable")


def answer(body: Any, status: int = 200, **more: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return Answer("POST", "/k3cloud/X.common.kdsvc", status, httpx.Headers(more), content, "r1")


def refused(code: int, text: str = "出错", ok: Any = False) -> dict[str, Any]:
    return {"Result": {"ResponseStatus": {"IsSuccess": ok, "MsgCode": code, "Errors": [{"Message": text}]}}}


JUDGE = Judge("mill", "CROSSTIE", GALAXY.texts)


class TestAnswers:
    def test_numbers_keep_every_digit_and_no_needless_one(self) -> None:
        body = b'[9999999999999.99, 12.3400000000, 0E-10, 1.5e3, 100.0, 7, "0.10", -0.0000000001]'
        assert decode(body) == ["9999999999999.99", "12.34", "0", "1500", "100", 7, "0.10", "-0.0000000001"]

    @pytest.mark.parametrize("wrap", [lambda s: s, lambda s: [s], lambda s: [[s]]])
    @pytest.mark.parametrize("ok", [False, "false", "False", None])
    def test_an_error_in_the_place_of_rows_is_an_error(self, wrap: Any, ok: Any) -> None:
        with pytest.raises(PermanentError, match="没有这个字段"):
            JUDGE.read(answer(wrap(refused(9, "没有这个字段", ok))))

    def test_rows_are_no_errors(self) -> None:
        assert JUDGE.read(answer([["session lost", 1]])) == [["session lost", 1]]
        assert JUDGE.read(answer([])) == []
        assert JUDGE.read(answer({"Result": {"ResponseStatus": {"IsSuccess": "true"}}}))["Result"]

    @pytest.mark.parametrize(
        ("code", "reading", "writing"),
        [
            (1, SessionLostError, SessionLostError),
            (2, AccessError, AccessError),
            (4, PermanentError, RecordRejectedError),
            (6, TransientError, OutcomeUnknownError),
            (7, AccessError, AccessError),
            (8, PermanentError, RecordRejectedError),
            (10, PermanentError, RecordRejectedError),
            (11, PermanentError, RecordRejectedError),
            (13, TransientError, TransientError),
            (14, RateLimitedError, RateLimitedError),
            (15, AccessError, AccessError),
        ],
    )
    def test_codes_by_what_must_be_done(self, code: int, reading: type[Exception], writing: type[Exception]) -> None:
        with pytest.raises(reading):
            JUDGE.read(answer(refused(code)))
        with pytest.raises(writing):
            JUDGE.write(answer(refused(code)), "orders", "")

    def test_messages_tell_what_codes_do_not(self) -> None:
        with pytest.raises(DuplicateError):
            JUDGE.write(answer(refused(11, "违反字段唯一性要求：编码唯一。[X]在当前系统中已经被使用。")), "orders", "")
        with pytest.raises(TransientError):
            JUDGE.write(answer(refused(4, "单据已被其他用户修改")), "orders", "")
        with pytest.raises(TransientError):
            JUDGE.read(answer(refused(4, "服务器忙，请稍后再试")))

    @pytest.mark.parametrize(
        ("given", "reading", "writing"),
        [
            (answer(b"response_error: Object reference"), TransientError, OutcomeUnknownError),
            (answer(b"response_error: x", 500), TransientError, OutcomeUnknownError),
            (answer(b'{"Result": {"Resp'), TransientError, OutcomeUnknownError),
            (answer({"Result": {"Id": 1}}, 503), TransientError, OutcomeUnknownError),
            (answer(b"Fail to verify thirty passport", 400), AccessError, AccessError),
            (answer(b"", 404), AccessError, AccessError),
            (answer(b"", 407), AccessError, AccessError),
            (answer(b"", 408), TransientError, OutcomeUnknownError),
            (answer(b"<html>too early</html>", 425), TransientError, OutcomeUnknownError),
            (answer({"Result": {"Id": 1}}, 499), TransientError, OutcomeUnknownError),
            (answer(b"", 418), PermanentError, RecordRejectedError),
            (answer(b"", 429, **{"Retry-After": "3"}), RateLimitedError, RateLimitedError),
        ],
    )
    def test_what_is_no_answer(self, given: Answer, reading: type[Exception], writing: type[Exception]) -> None:
        with pytest.raises(reading):
            JUDGE.read(given)
        with pytest.raises(writing):
            JUDGE.write(given, "orders", "")

    def test_a_write_without_a_status_is_unknown(self) -> None:
        with pytest.raises(OutcomeUnknownError):
            JUDGE.write(answer({"Result": {"Id": 1}}), "orders", "")
        assert status_of([[1, 2]]) is None


class TestQueries:
    @given(st.text())
    def test_no_value_leaves_its_quotes(self, value: str) -> None:
        inner = literal(value)[1:-1]
        assert inner.replace("''", "").count("'") == 0
        assert inner.replace("''", "'") == value

    def test_an_id_is_digits(self) -> None:
        assert number("100001") == "100001"
        for value in ("", "1 or 1=1", "-1", "１", "1.0"):
            with pytest.raises(ValueError):
                number(value)

    def test_filters(self) -> None:
        assert begins("FBillNo", "C_T7%[") == "FBillNo like 'C[_]T7[%][[]%'"
        assert one_of("FNumber", ["a", "b'"]) == "FNumber in ('a','b''')"
        assert both("", "a = 1 or b = 2", "c = 3") == "(a = 1 or b = 2) and (c = 3)"
        assert behind(["S", "FID", "E"], ["'t'", "5", "7"]) == (
            "(S > 't') or (S = 't' and FID > 5) or (S = 't' and FID = 5 and E > 7)"
        )

    def test_an_order_always_ends_in_a_key(self) -> None:
        data = bill_query("F", ["A", "B"], "", ["FModifyDate", "FID"], 2000)
        assert (data["OrderString"], data["FieldKeys"], data["Limit"]) == ("FModifyDate ASC,FID ASC", "A,B", 2000)

    def test_the_servers_times_have_no_zone_of_their_own(self) -> None:
        stamp = to_utc("2026-03-02T00:00:00.123", CHINA)
        assert stamp == "2026-03-01T16:00:00.123000Z"
        assert to_local(stamp, CHINA) == "2026-03-02T00:00:00.123"
        assert to_local(stamp, CHINA, 600) == "2026-03-01T23:50:00.123"
        assert to_utc("0001-01-01T00:00:00", CHINA) == ""


METADATA = parse_metadata(
    "F",
    {
        "Entrys": [
            {"Key": "FBillHead", "Fields": [{"Key": name} for name in ("FBillNo", "FCustId", "FNote", "FDate")]},
            {"Key": "FFin", "Fields": [{"Key": "FCurr"}, {"Key": "FTotal"}]},
            {"Key": "FEntry", "Fields": [{"Key": name} for name in ("FQty", "FPrice", "FSeqNo", "FMat")]},
        ]
    },
)
FORM = Form(form="F", heads=["FFin"], lines={"FEntry": "FEntry_FEntryID"})
WRITE = Write(
    key_carrier=KeyCarrier(default="FBillNo"),
    order=["FBillNo", "FDate", "FCustId", "FMat", "FQty", "FPrice"],
    numbers=["FQty", "FPrice"],
    computed=["FTotal"],
    subheads=["FFin"],
    entries={"FEntry": "FEntryID"},
    drop=["FEntry"],
    change=Change(fields=["FNote", "FCurr"], children={"FEntry": Children(match=["FSeqNo"])}),
)


class TestModels:
    def test_keys_come_in_the_product_files_order(self) -> None:
        line = {"FPrice": "0.10", "FQty": "2", "FMat": {"FNumber": "P"}}
        wire = {"FEntry": [line], "FFin": {"FCurr": {"FNumber": "PRE001"}, "FTotal": "0.2"}, "FNote": "n"}
        model = Modeller(WRITE, FORM, METADATA).model({**wire, "FCustId": {"FNumber": "K"}, "FBillNo": "1"})
        assert list(model) == ["FBillNo", "FCustId", "FNote", "FFin", "FEntry"]
        assert list(model["FEntry"][0]) == ["FMat", "FQty", "FPrice"]
        assert str(model["FEntry"][0]["FPrice"]) == "0.10"
        assert model["FFin"] == {"FCurr": {"FNumber": "PRE001"}}

    @pytest.mark.parametrize("wire", [{"FTypo": 1}, {"FEntry": [{"FTypo": 1}]}, {"FFin": {"FQty": 1}}, {"FMore": []}])
    def test_a_key_that_would_be_ignored_is_an_error(self, wire: dict[str, Any]) -> None:
        with pytest.raises(UnknownKeyError):
            Modeller(WRITE, FORM, METADATA).model(wire)

    def test_optional_keys_go_where_the_tenant_has_none(self) -> None:
        model = Modeller(WRITE, FORM, METADATA, optional=["FTypo"]).model({"FTypo": "x", "FNote": "n"})
        assert model == {"FNote": "n"}

    def test_nothing_empty_is_sent_for_a_new_document(self) -> None:
        wire = {"A": "", "B": {"FNumber": ""}, "C": [{"D": None, "E": "0"}], "F": "x"}
        assert without_empty(wire) == {"C": [{"E": "0"}], "F": "x"}

    def test_values_are_compared_as_what_they_are(self) -> None:
        def equal(have: Any, want: Any, path: str = "FText") -> bool:
            return same(path, have, want, ["FQty"])

        assert equal("5", "5.00", "FQty") and equal("1E2", "100", "FQty")
        assert not equal("5", "6", "FQty") and not equal("", "0", "FQty")
        assert equal("2026-01-01T00:00:00", "2026-01-01")
        assert equal(None, "") and equal(True, "true")
        assert not equal("2026-01-01T10:00:00", "2026-01-01") and not equal("20260101", "2026-01-01")
        for path in ("FText", "FMat.FNumber"):
            assert not equal("0100", "100", path) and not equal("1E2", "100", path) and not equal("5.0", "5", path)
        assert equal("pre001", "PRE001", "FCurr.FNumber") and not equal("pre001", "PRE001")


class TestSites:
    def test_a_site_says_which_documents_are_contracts(self) -> None:
        said = resources_of(GALAXY, {"contract_types": "HT01, HT'2"})
        assert said["contracts"].forms[0].filter == "FBillTypeID.FNumber in ('HT01','HT''2')"
        assert said["orders"].forms[0].filter == (
            "(FBillTypeID.FNumber <> 'HT01') and (FBillTypeID.FNumber <> 'HT''2')"
        )
        assert resources_of(GALAXY, {})["contracts"].forms[0].filter == "FID = 0"
        assert resources_of(GALAXY, {})["orders"].forms[0].filter == ""

    def test_the_vendors_purposes_count_unless_the_site_names_others(self) -> None:
        usual = resources_of(GALAXY, {})["payments"].forms
        assert all("in ('SFKYT01_SYS','SFKYT02_SYS')" in form.filter for form in usual)
        assert "FPURPOSEID.FNumber = 'X'" in resources_of(GALAXY, {"receipt_purposes": "X"})["payments"].forms[0].filter

    def test_a_field_of_the_sites_own_is_written_under_its_own_name(self) -> None:
        [form] = (orders := resources_of(GALAXY, {"customer_po_field": "F_AB_PO"})["orders"]).forms
        assert own_names(form, {"CustomerPO": "x", "FNote": "n"}) == {"F_AB_PO": "x", "FNote": "n"}
        assert orders.write and orders.write.change
        assert "F_AB_PO" in orders.write.change.fields
        [form] = resources_of(GALAXY, {})["orders"].forms
        assert own_names(form, {"CustomerPO": "x", "FNote": "n"}) == {"FNote": "n"}


class TestColumns:
    def shaper(self, **form: Any) -> Shaper:
        return Shaper(Form(form="F", heads=["FFin"], **form), None, METADATA, CHINA, [])

    def test_a_record_has_the_fields_of_its_own_list_and_of_the_bills_head(self) -> None:
        rows = self.shaper(entity="FEntry", entry="FEntry_FEntryID")
        assert [rows.column(name).key for name in ("FQty", "FNote", "FCurr", "FFin.FTotal")] == [
            "FQty", "FNote", "FCurr", "FTotal",
        ]  # fmt: skip

    def test_a_field_of_another_list_is_none_of_its_own(self) -> None:
        for whole in (self.shaper(), self.shaper(entity="FEntry2", entry="FEntry2_FEntryID")):
            with pytest.raises(UnknownFieldError):
                whole.column("FQty")
        assert self.shaper(lines={"FEntry": "FEntry_FEntryID"}).has("FEntry.FQty")


def document(*lines: tuple[str, str, str]) -> dict[str, Any]:
    """Lines are (id, our line, quantity)."""
    rows = [{"FEntry_FEntryID": at, "FSeqNo": ours, "FQty": quantity} for at, ours, quantity in lines]
    return {"FNote": "old", "FCurr": {"FNumber": "PRE001"}, "FEntry": rows}


class TestDifferences:
    def test_nothing_differs(self) -> None:
        wanted = {"FNote": "old", "FFin": {"FCurr": {"FNumber": "pre001"}}, "FEntry": [{"FSeqNo": "10", "FQty": "5.0"}]}
        assert difference(WRITE, FORM, document(("7", "10", "5")), wanted).model == {}

    def test_a_changed_and_a_new_line_leave_the_others_alone(self) -> None:
        have = document(("7", "10", "5"), ("8", "0", "1"))
        found = difference(
            WRITE, FORM, have, {"FEntry": [{"FSeqNo": "10", "FQty": "6"}, {"FSeqNo": "20", "FQty": "1"}]}
        )
        assert found.model == {"FEntry": [{"FEntryID": "7", "FQty": "6"}, {"FSeqNo": "20", "FQty": "1"}]}
        assert found.deletes is False

    @pytest.mark.parametrize(("have", "want"), [("0100", "100"), ("1E2", "100"), ("100", "100.0")])
    def test_another_product_is_another_number_however_alike_they_are(self, have: str, want: str) -> None:
        document = {"FEntry": [{"FEntry_FEntryID": "7", "FSeqNo": "10", "FMat": {"FNumber": have}, "FQty": "5"}]}
        found = difference(
            WRITE, FORM, document, {"FEntry": [{"FSeqNo": "10", "FMat": {"FNumber": want}, "FQty": "5.0"}]}
        )
        assert found.model == {"FEntry": [{"FEntryID": "7", "FMat": {"FNumber": want}}]}

    def test_a_line_of_ours_that_went_is_deleted_and_theirs_are_kept(self) -> None:
        have = document(("7", "10", "5"), ("8", "", "1"), ("9", "20", "3"))
        found = difference(WRITE, FORM, have, {"FEntry": [{"FSeqNo": "10", "FQty": "5"}]})
        assert found.model == {"FEntry": [{"FEntryID": "7"}, {"FEntryID": "8"}]}
        assert found.deletes is True


def side(form: str, row: str, amount: str, currency: str = "CNY") -> dict[str, Any]:
    return {"FSRCFORMID": form, "FSRCROWID": row, "FMatchAMOUNTFOR": amount, "FCURRENCYID": {"FCODE": currency}}


def write_off(kind: str, *rows: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    found = pairs({"FMatchType": kind, "FBillNo": "HX1", "FEntity": list(rows)})
    return [(each["Pair"], [(row["FSRCROWID"], row["FMatchAMOUNTFOR"]) for row in each["FEntity"]]) for each in found]


class TestWriteOffs:
    def test_one_to_one_stays_as_it_is_in_two_currencies_too(self) -> None:
        sides = side("AR_receivable", "1", "100", "USD"), side("AR_RECEIVEBILL", "9", "712.35")
        assert write_off("1", *sides) == [("1", [("1", "100"), ("9", "712.35")])]

    def test_money_is_shared_out_to_the_cent(self) -> None:
        targets = [side("AR_receivable", "1", "0.10"), side("AR_OTHERRECABLE", "2", "0.20")]
        found = write_off("1", *targets, side("AR_RECEIVEBILL", "8", "0.25"), side("AR_RECEIVEBILL", "9", "0.05"))
        assert found == [
            ("1", [("1", "0.10"), ("8", "0.10")]),
            ("2", [("2", "0.15"), ("8", "0.15")]),
            ("3", [("2", "0.05"), ("9", "0.05")]),
        ]

    def test_a_red_receivable_is_a_source(self) -> None:
        found = write_off("2", side("AR_receivable", "1", "100"), side("AR_receivable", "2", "-100"))
        assert found == [("1", [("1", "100"), ("2", "-100")])]

    @pytest.mark.parametrize("amount", ["30", "-30"])
    def test_money_that_went_back_is_settled_by_what_it_was_taken_from(self, amount: str) -> None:
        back = side("AR_REFUNDBILL", "3", amount)
        assert write_off("1", side("AR_RECEIVEBILL", "9", "30"), back) == [("1", [("3", "30"), ("9", "30")])]
        assert write_off("1", side("AR_receivable", "2", "-30"), back) == [("1", [("3", "30"), ("2", "-30")])]

    def test_a_refund_says_whether_it_takes_bills_back(self) -> None:
        assert [each["TakesBills"] for each in refunds({"FREFUNDBILLRECEIVENTRY": [{"FBPBILLNUMBER": "1"}]})] == ["1"]
        assert [each["TakesBills"] for each in refunds({"FREFUNDBILLRECEIVENTRY": []})] == ["0"]

    def test_a_discount_takes_from_nothing(self) -> None:
        found = write_off("3", side("AR_receivable", "1", "2"), side("AR_receivable", "2", "3"))
        assert found == [("1", [("1", "2")]), ("2", [("2", "3")])]

    @pytest.mark.parametrize(
        "rows",
        [
            [side("AR_receivable", "1", "1"), side("AR_receivable", "2", "1"), side("AR_RECEIVEBILL", "9", "3")],
            [side("AR_receivable", "1", "1", "USD"), side("AR_receivable", "2", "6"), side("AR_RECEIVEBILL", "9", "7")],
            [side("AR_RECEIVEBILL", "9", "7")],
        ],
    )
    def test_what_nobody_can_say_is_left_whole(self, rows: list[dict[str, Any]]) -> None:
        assert write_off("1", *rows) == [("0", [])]
