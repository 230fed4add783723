"""ExecuteBillQuery, BillQuery, View and QueryBusinessInfo of the Galaxy sandbox."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kingdee.envelope import GalaxyError
from sandbox.kingdee.filters import Value, compile_filter
from tests.contract.galaxy_help import Galaxy, problem

pytestmark = pytest.mark.contract
ORDER = "SAL_SaleOrder"


@pytest.fixture(scope="module")
def galaxy() -> Iterator[Galaxy]:
    running = Galaxy()
    yield running
    running.close()


# --- conditions ------------------------------------------------------------------------------------------------------

ROW = {"name": "O'Dell & 100%_[x]", "qty": Decimal("12.5"), "out": Decimal(2), "on": datetime(2026, 3, 2), "no": None}  # noqa: DTZ001
KINDS = {"name": "text", "qty": "number", "out": "number", "on": "time", "no": "text"}


def lookup(name: str) -> Value:
    return Value(lambda row: row[0][name.lower()], KINDS[name.lower()], frozenset({0}))


def holds(condition: Any) -> bool:
    compiled = compile_filter(condition, lookup)
    return compiled is None or compiled.test((ROW,))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("", True),
        ("name = 'o''dell & 100%_[X]  '", True),  # case and trailing blanks do not count
        ("name <> 'x' and qty > 12 or qty < 0", True),
        ("qty < 0 and (name = 'x' or 1 = 1)", False),
        ("(qty - out) * 2 >= 21 and ((qty = 12.5))", True),
        ("qty - out > '10' and qty / out > 6", True),
        ("-qty < -12", True),
        ("name like 'o%'", True),
        ("name like '%100[%][_][[]x]'", True),
        ("name not like 'O_Dell%'", False),
        ("qty in (1, 12.5) and name not in ('a', 'b')", True),
        ("no = '' or no <> '' or no in ('') or no not in ('x')", False),  # nothing compares with nothing
        ("no is null and name is not null", True),
        ("on >= '2026-03-02' and on < '2026-03-02 00:00:01' and on <= {ts'2026-03-02'}", True),
        ("on > '2026-03-02'", False),
        ("NOT (qty = 1) AND on='2026/03/02'", True),
        ([{"Left": "(", "FieldName": "qty", "Compare": ">", "Value": "12", "Logic": "1"},
          {"FieldName": "name", "Compare": "=", "Value": "x'y", "Right": ")", "Logic": "0"},
          {"FieldName": "name", "Compare": "StatusEqualto", "Value": "o'dell & 100%_[x]"}], True),
    ],
)  # fmt: skip
def test_a_condition_is_read_as_the_database_would(condition: Any, expected: bool) -> None:
    assert holds(condition) is expected


@pytest.mark.parametrize("text", ["qty", "qty =", "qty = = 1", "(qty = 1", "qty = 1 name", "name = 'x", "qty = 'abc'",
                                  "on = 'soon'", "qty not = 1", ";", "((((((((((((((((((((((((((((((qty"])  # fmt: skip
def test_a_condition_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(GalaxyError, match="GetRealExpress"):
        holds(text)


@given(st.text(alphabet="abc'%_[] \n中", max_size=12))
def test_a_quoted_text_finds_itself_and_nothing_else(text: str) -> None:
    quoted = text.replace("'", "''")
    compiled = compile_filter(f"name = '{quoted}' and not name <> '{quoted}'", lookup)
    assert compiled and compiled.test(({"name": text},)) and not compiled.test(({"name": text + "z"},))


# --- rows ------------------------------------------------------------------------------------------------------------


def test_an_entry_key_multiplies_the_rows_and_two_entities_give_their_product(galaxy: Galaxy) -> None:
    orders = galaxy.query(ORDER, "FID", "", "FID")
    lines = galaxy.query(ORDER, "FID,FSaleOrderEntry_FEntryID", "", "FID")
    plan = galaxy.query(ORDER, "FID,FSaleOrderPlan_FEntryID,FSaleOrderEntry.FEntryID", "", "FID")
    per = {row[0]: sum(line[0] == row[0] for line in lines) for row in orders}
    plans = galaxy.query(ORDER, "FID,FSaleOrderPlan_FEntryID", "", "FID")
    assert len(lines) > len(orders)
    assert len(plan) == sum(per[row[0]] for row in plans)


def test_references_captions_and_numbers_are_shown_as_the_key_asks(galaxy: Galaxy) -> None:
    keys = "FCustId,FCustId.FNumber,FCustId.FName,FCustId.FUseOrgId.FNumber,FDocumentStatus.FCAPTION,FQty,FDate,fbillno"
    row = galaxy.query(ORDER, keys, "FDocumentStatus='C'", "FID", Limit=1)[0]
    assert isinstance(row[0], int) and row[1].startswith("KH") and row[2] and row[3] in ("CN01", "US01")
    assert row[4] == "已审核" and re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00", row[6])
    assert galaxy.query("BD_Customer", "FNumber", f"FCUSTID={row[0]}") == [[row[1]]]
    body = {"data": {"FormId": ORDER, "FieldKeys": "FBillNo,FQty", "Limit": 1, "OrderString": "FID"}}
    text = galaxy.post("ExecuteBillQuery", body).text
    assert re.fullmatch(r'\[\["XSDD000001",\d+\.\d{10}\]\]', text)
    [named] = galaxy.post("BillQuery", {"data": {**body["data"], "FieldKeys": "FCustId.FNumber,fqty"}}).json()
    assert list(named) == ["FCustId.FNumber", "fqty"]


def test_pages_follow_the_order_and_the_top_row_is_absolute(galaxy: Galaxy) -> None:
    order = "FCustId.FNumber DESC, FBillNo ASC"
    whole = galaxy.query(ORDER, "FCustId.FNumber,FBillNo", "", order)
    assert whole == sorted(sorted(whole, key=lambda row: row[1]), key=lambda row: row[0], reverse=True)
    pages = [galaxy.query(ORDER, "FCustId.FNumber,FBillNo", "", order, StartRow=at, Limit=7) for at in range(0, 60, 7)]
    assert [row for page in pages for row in page] == whole
    assert galaxy.query(ORDER, "FCustId.FNumber,FBillNo", "", order, StartRow=5, Limit=7, TopRowCount=8) == whole[5:8]
    assert galaxy.query(ORDER, "FBillNo", "", order, Limit=0) == [row[1:] for row in whole]
    assert galaxy.query(ORDER, "FBillNo", "FBillNo='none'") == []


def test_order_by_entries_runs_across_documents_of_one_head(galaxy: Galaxy) -> None:
    rows = galaxy.query(ORDER, "FSaleOrgId.FNumber,FQty", "", "FSaleOrgId.FNumber asc, FQty desc")
    assert rows == sorted(rows, key=lambda row: (row[0], -row[1]))


def test_a_form_without_fid_says_so_even_of_the_order(galaxy: Galaxy) -> None:
    assert "列名 'FID' 无效" in problem(galaxy.query("BD_Currency", "FNumber", "", "FID DESC"))[0]
    assert "列名 'FID' 无效" in problem(galaxy.query("BD_Customer", "FID"))[0]
    assert problem(galaxy.query(ORDER, "FID", "", "FID sideways"))[1] == 4


def test_changes_are_read_by_server_local_time(galaxy: Galaxy) -> None:
    galaxy.control("POST", "mutate", what="rename", customer=galaxy.customer("CN01"), name="改名有限公司")
    [[shown]] = galaxy.query("BD_Customer", "FModifyDate", "FName='改名有限公司'")
    clock = datetime.fromisoformat(galaxy.control("GET", "health")["clock"]).replace(tzinfo=None)
    assert 7.9 < (datetime.fromisoformat(shown) - clock).total_seconds() / 3600 <= 8
    assert galaxy.query("BD_Customer", "FName", f"FModifyDate>='{shown}'") == [["改名有限公司"]]


# --- whole documents and metadata ------------------------------------------------------------------------------------


def test_view_shows_a_document_in_words_of_its_own(galaxy: Galaxy) -> None:
    number = galaxy.query(ORDER, "FBillNo", "FDocumentStatus='C'", "FID", Limit=1)[0][0]
    answer = galaxy.call("View", ORDER, Number=number)
    assert answer["Result"]["ResponseStatus"] is None
    shown = answer["Result"]["Result"]
    assert (shown["BillNo"], shown["DocumentStatus"]) == (number, "C")
    customer, line = shown["CustId"], shown["SaleOrderEntry"][0]
    assert customer["Number"].startswith("KH") and customer["MultiLanguageText"][0]["LocaleId"] == 2052
    assert line["MaterialId"]["Number"] and isinstance(line["Id"], int)
    assert shown["SaleOrderFinance"][0]["BillAllAmount"] > 0
    assert galaxy.call("View", ORDER, Id=str(shown["Id"]))["Result"]["Result"]["BillNo"] == number


def test_metadata_tells_every_key_that_can_be_asked_for(galaxy: Galaxy) -> None:
    answer = galaxy.post("QueryBusinessInfo", {"data": {"FormId": "ar_RECEIVABLE"}}).json()
    info = answer["Result"]["NeedReturnData"]
    assert info["Id"] == "AR_receivable" and answer["Result"]["ResponseStatus"]["IsSuccess"] is True
    by_key = {entity["Key"]: entity for entity in info["Entrys"]}
    assert by_key["FBillHead"]["ParentKey"] is None and by_key["FEntityPlan"]["ParentKey"] is None
    for entity in info["Entrys"]:
        keys = ",".join(f"{entity['Key']}.{field['Key']}" for field in entity["Fields"])
        rows = galaxy.query("AR_receivable", keys, "", "FID", Limit=3)
        assert len(rows) == 3 and all(len(row) == len(entity["Fields"]) for row in rows)
    customer = next(field for field in by_key["FBillHead"]["Fields"] if field["Key"] == "FCUSTOMERID")
    assert (customer["LookUpObjectFormId"], customer["MustInput"]) == ("BD_Customer", 1)
    assert {one["OperationNumber"] for one in galaxy.post(
        "QueryBusinessInfo", {"data": {"FormId": ORDER}}).json()["Result"]["NeedReturnData"]["Operations"]
    } >= {"Save", "Submit", "Audit", "UnAudit", "Delete", "Cancel", "BillClose"}  # fmt: skip


def test_every_field_of_every_form_can_be_read(galaxy: Galaxy) -> None:
    from sandbox.kingdee.metadata import load_metadata

    for form in load_metadata().forms.values():
        for entity in form.entities.values():
            rows = galaxy.query(form.id, ",".join(f"{entity.key}.{field.key}" for field in entity.fields.values()))
            assert not rows or len(rows[0]) == len(entity.fields), (form.id, entity.key, rows[:1])
        for [number] in galaxy.query(form.id, form.key, "", form.key, Limit=1):
            assert galaxy.call("View", form.id, Id=number)["Result"]["ResponseStatus"] is None, form.id
