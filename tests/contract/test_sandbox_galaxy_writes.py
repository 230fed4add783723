"""Save, Submit, Audit and the rest of the Galaxy sandbox; what really happened is read from the sandbox's own book."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.galaxy_help import Galaxy, problem

pytestmark = pytest.mark.contract
ORDER, ENTRY = "SAL_SaleOrder", "FSaleOrderEntry"


@pytest.fixture(scope="module")
def galaxy() -> Iterator[Galaxy]:
    running = Galaxy()
    yield running
    running.close()


def book(galaxy: Galaxy, number: str) -> dict[str, Any]:
    found = [one for one in galaxy.control("GET", "book?object=orders")["documents"] if one["number"] == number]
    assert len(found) == 1, found
    return dict(found[0])


def lines(galaxy: Galaxy, order: str) -> list[tuple[int, Decimal]]:
    rows = galaxy.query(ORDER, "FSaleOrderEntry_FEntryID,FQty", f"FID={order}", "FSeq")
    return [(row[0], row[1]) for row in rows]


# --- orders ----------------------------------------------------------------------------------------------------------


def test_an_order_is_saved_submitted_audited_and_then_lives(galaxy: Galaxy) -> None:
    result = galaxy.save(
        galaxy.order(number="CT7-LIFE", F_CRM_Text="Q-1"), NeedReturnFields=["FID", "FSaleOrderEntry.FEntryID"]
    )
    order = str(result["Id"])
    assert result["Number"] == "CT7-LIFE" and result["ResponseStatus"]["SuccessEntitys"][0]["DIndex"] == 0
    [needed] = result["NeedReturnData"]
    assert needed["FID"] == result["Id"] and [entry["FEntryID"] for entry in needed[ENTRY]] == [
        entry for entry, _ in lines(galaxy, order)
    ]
    assert galaxy.query(ORDER, "FBillAmount,FBillTaxAmount,FBillAllAmount,FPrice", f"FID={order}")[0] == [
        400,
        52,
        452,
        100,
    ]
    for verb, state in [("Submit", "B"), ("Audit", "C")]:
        galaxy.control("POST", "advance", days=3)
        assert book(galaxy, "CT7-LIFE")["status"] == "draft"
        answer = galaxy.call(verb, ORDER, Ids=order)
        assert answer["Result"]["ResponseStatus"]["SuccessEntitys"] == [
            {"Id": order, "Number": "CT7-LIFE", "DIndex": 0}
        ]
        assert galaxy.status(order) == state
    assert book(galaxy, "CT7-LIFE")["key"] == {"FBillNo": "CT7-LIFE", "F_CRM_Text": "Q-1", "FThirdPartyNo": ""}
    galaxy.control("POST", "advance", days=6)
    [bill] = {row[0] for row in galaxy.query("SAL_OUTSTOCK", "FBillNo", "FSoorDerno='CT7-LIFE'")}
    assert galaxy.query("AR_receivable", "FSourceBillNo,FPriceQty", "FORDERNUMBER='CT7-LIFE'") == [[bill, 2], [bill, 2]]
    assert galaxy.query(ORDER, "FStockOutQty,FRemainOutQty,FARQTY,FMrpCloseStatus", f"FID={order}")[0] == [2, 0, 2, "B"]
    assert problem(galaxy.call("UnAudit", ORDER, Numbers=["CT7-LIFE"]))[1] == 12


def test_states_are_left_by_their_own_verbs_only(galaxy: Galaxy) -> None:
    order = galaxy.saved(galaxy.order())
    change = {"FID": order, "FNote": "changed"}
    assert problem(galaxy.call("Audit", ORDER, Ids=order))[1] == 12
    galaxy.call("Submit", ORDER, Ids=order)
    assert problem(galaxy.call("Submit", ORDER, Ids=order))[1] == 12
    assert problem({"Result": galaxy.save(change)})[0] == "单据已提交，不允许修改"
    assert problem(galaxy.call("Delete", ORDER, Ids=order))[1] == 12
    galaxy.call("CancelAssign", ORDER, Ids=order)
    assert galaxy.status(order) == "D"
    galaxy.call("Submit", ORDER, Ids=order)
    galaxy.call("Audit", ORDER, Ids=order)
    assert problem({"Result": galaxy.save(change)}) == ("单据已审核，不允许修改", 12)
    galaxy.call("UnAudit", ORDER, Ids=order)
    assert galaxy.status(order) == "D"
    galaxy.saved(change)
    assert galaxy.query(ORDER, "FNote,FDocumentStatus", f"FID={order}")[0] == ["changed", "D"]
    assert galaxy.execute(ORDER, "Cancel", Ids=order)["Result"]["ResponseStatus"]["IsSuccess"] is True
    assert galaxy.query(ORDER, "FCancelStatus", f"FID={order}")[0] == ["B"]
    assert problem(galaxy.call("Submit", ORDER, Ids=order))[1] == 12
    galaxy.execute(ORDER, "uncancel", Ids=order)
    galaxy.call("Delete", ORDER, Ids=order)
    assert galaxy.query(ORDER, "FBillNo", f"FID={order}") == []


def test_a_draft_becomes_an_order_by_save_and_a_closed_order_can_be_opened(galaxy: Galaxy) -> None:
    order = str(galaxy.call("Draft", ORDER, Model=galaxy.order())["Result"]["Id"])
    assert galaxy.status(order) == "Z"
    galaxy.saved({"FID": order})
    assert galaxy.status(order) == "A"
    galaxy.call("Submit", ORDER, Ids=order)
    galaxy.call("Audit", ORDER, Ids=order)
    galaxy.execute(ORDER, "BillClose", Ids=order)
    assert galaxy.query(ORDER, "FCloseStatus,FManualClose", f"FID={order}")[0] == ["B", True]
    galaxy.execute(ORDER, "BillUnClose", Ids=order)
    assert galaxy.query(ORDER, "FCloseStatus", f"FID={order}")[0] == ["A"]
    assert problem(galaxy.execute(ORDER, "Nonsense", Ids=order))[1] == 3
    assert problem(galaxy.execute(ORDER, "", Ids=order))[1] == 3


def test_the_misspelt_operation_service_answers_too(galaxy: Galaxy) -> None:
    order = galaxy.saved(galaxy.order())
    body = {"formid": ORDER, "opNumber": "Submit", "data": {"Ids": order}}
    assert galaxy.post("ExcuteOperation", body).json()["Result"]["ResponseStatus"]["IsSuccess"] is True


# --- numbers and what is sent twice ----------------------------------------------------------------------------------


def test_a_number_is_used_once_whatever_its_case(galaxy: Galaxy) -> None:
    galaxy.saved(galaxy.order(number="CT7-ONCE"))
    result = galaxy.save(galaxy.order(number="ct7-once"))
    text, code = problem({"Result": result})
    assert "违反字段唯一性要求：编码唯一。[ct7-once]" in text and code == 11
    assert result["ResponseStatus"]["Errors"][0]["FieldName"] == "FBillNo" and result["Id"] == ""
    assert book(galaxy, "CT7-ONCE")["created_count"] == 1


def test_some_bill_types_give_the_number_themselves(galaxy: Galaxy) -> None:
    result = galaxy.save(galaxy.order(number="CT7-OWN", FBillTypeID={"FNUMBER": "XSDD02_SYS"}, F_CRM_Text="CT7-OWN"))
    assert result["ResponseStatus"]["IsSuccess"] is True and result["Number"].startswith("XSDD")
    assert galaxy.query(ORDER, "FBillNo", "F_CRM_Text='CT7-OWN'") == [[result["Number"]]]
    assert galaxy.query("BOS_BillType", "FNumber,FIsManualNumber", "FNumber like 'XSDD0[12]%'", "FNumber") == [
        ["XSDD01_SYS", True], ["XSDD02_SYS", False],
    ]  # fmt: skip


def test_the_same_data_is_refused_twice_only_when_asked(galaxy: Galaxy) -> None:
    model = galaxy.order(FNote="the very same")
    galaxy.saved(model, ValidateRepeatJson="true")
    assert problem({"Result": galaxy.save(model, ValidateRepeatJson="True")})[1] == 11
    galaxy.saved(model, ValidateRepeatJson="false")


# --- the model -------------------------------------------------------------------------------------------------------


def test_keys_the_form_does_not_have_are_lost_in_silence(galaxy: Galaxy) -> None:
    order = galaxy.saved(galaxy.order(FNoet="typo", FNote="kept", fLinkMan="any case"))
    assert galaxy.query(ORDER, "FNote,FLinkMan", f"FID={order}")[0] == ["kept", "any case"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"FCustId": {"FNumber": "NOBODY"}}, "字段[客户]是必录字段"),
        ({"FSaleOrgId": {}}, "字段[销售组织]是必录字段"),
        ({"FBillTypeID": {"FNumber": "XSD01_SYS"}}, "字段[单据类型]是必录字段"),
        ({"FSaleOrderFinance": {}}, "字段[结算币别]是必录字段"),
        ({"FSaleOrderEntry": []}, "单据分录不能为空"),
        ({"FSaleOrderEntry": [{"FQty": 1}]}, "字段[物料编码]是必录字段"),
        ({"FDate": "tomorrow"}, "字段[日期]的值“tomorrow”不正确"),
    ],
)
def test_what_must_be_there_is_asked_for(galaxy: Galaxy, change: dict[str, Any], text: str) -> None:
    before = len(galaxy.control("GET", "book?object=orders")["documents"])
    assert problem({"Result": galaxy.save(galaxy.order() | change)})[0] == text
    assert len(galaxy.control("GET", "book?object=orders")["documents"]) == before


def test_a_reference_that_leads_nowhere_is_told_only_when_asked(galaxy: Galaxy) -> None:
    model = galaxy.order()
    model["FSaleOrderFinance"] = {**model["FSaleOrderFinance"], "FRecConditionId": {"FNumber": "NO-SUCH"}}
    order = galaxy.saved(model)
    assert galaxy.query(ORDER, "FRecConditionId.FNumber", f"FID={order}")[0][0] != "NO-SUCH"
    assert "NO-SUCH" in problem({"Result": galaxy.save(model, IsVerifyBaseDataField=True)})[0]


def test_prices_without_tax_free_lines_discounts_and_the_price_list(galaxy: Galaxy) -> None:
    model = galaxy.order()
    model["FSaleOrderFinance"]["FIsIncludedTax"] = "false"
    first, second = model[ENTRY]
    first |= {"FPrice": Decimal(100).to_eng_string(), "FTaxPrice": 999, "FDiscountRate": 10}
    second |= {"FIsFree": "true"}
    listed = {key: value for key, value in second.items() if key not in ("FTaxPrice", "FIsFree")}
    model[ENTRY] = [first, second, listed]
    order = galaxy.saved(model)
    rows = galaxy.query(ORDER, "FAmount,FEntryTaxAmount,FAllAmount", f"FID={order}", "FSeq")
    assert rows[0] == [180, Decimal("23.4"), Decimal("203.4")] and rows[1] == [0, 0, 0] and rows[2][0] > 0


# --- changes ---------------------------------------------------------------------------------------------------------


def test_entries_not_sent_are_deleted_unless_told_otherwise(galaxy: Galaxy) -> None:
    order = galaxy.saved(galaxy.order())
    (first, _), (second, _) = lines(galaxy, order)
    galaxy.saved({"FID": order, ENTRY: [{"FEntryID": first, "FQty": 5}]}, IsDeleteEntry="false")
    assert lines(galaxy, order) == [(first, 5), (second, 2)]
    galaxy.saved({"FID": order, "FNote": "no entries sent: none deleted"})
    assert len(lines(galaxy, order)) == 2
    galaxy.saved({"FID": order, ENTRY: [{"FEntryID": second, "FQty": 7}]})
    assert lines(galaxy, order) == [(second, 7)]
    line = galaxy.order()[ENTRY][0]
    galaxy.saved({"FID": order, ENTRY: [{**line, "FQty": 9}]}, IsDeleteEntry=False)
    assert [quantity for _, quantity in lines(galaxy, order)] == [7, 9]
    assert "分录内码 1 不存在" in problem({"Result": galaxy.save({"FID": order, ENTRY: [{"FEntryID": 1}]})})[0]


def test_only_named_fields_change(galaxy: Galaxy) -> None:
    order = galaxy.saved(galaxy.order(FNote="old", FLinkMan="old"))
    (first, _), *_ = lines(galaxy, order)
    model = {"FID": order, "FNote": "new", "FLinkMan": "new", ENTRY: [{"FEntryID": first, "FQty": 8}]}
    galaxy.saved(model, NeedUpDateFields=["FNOTE"])
    assert galaxy.query(ORDER, "FNote,FLinkMan,FQty", f"FID={order}", "FSeq")[0] == ["new", "old", 2]
    galaxy.saved(model, NeedUpDateFields=["FSaleOrderEntry", "FQty"], IsDeleteEntry="false")
    assert galaxy.query(ORDER, "FNote,FLinkMan,FQty", f"FID={order}", "FSeq")[0] == ["new", "old", 8]


def test_a_refused_change_leaves_no_trace(galaxy: Galaxy) -> None:
    order = galaxy.saved(galaxy.order(FNote="old"))
    (first, _), (second, _) = lines(galaxy, order)
    bad = {"FID": order, "FNote": "new", ENTRY: [{"FEntryID": first, "FQty": 3}, {"FEntryID": second, "FQty": -1}]}
    assert problem({"Result": galaxy.save(bad)})[0] == "数量必须大于0"
    assert galaxy.query(ORDER, "FNote,FQty", f"FID={order}", "FSeq") == [["old", 2], ["old", 2]]


def test_a_batch_keeps_what_is_good(galaxy: Galaxy) -> None:
    models = [galaxy.order(number="CT7-B1"), galaxy.order(number="CT7-B1"), galaxy.order(number="CT7-B2")]
    status = galaxy.call("BatchSave", ORDER, Model=models)["Result"]["ResponseStatus"]
    assert status["IsSuccess"] is False and [error["DIndex"] for error in status["Errors"]] == [1]
    assert [(one["Number"], one["DIndex"]) for one in status["SuccessEntitys"]] == [("CT7-B1", 0), ("CT7-B2", 2)]
    answer = galaxy.call("Submit", ORDER, Numbers=["CT7-B1", "CT7-NONE", "CT7-B2"])["Result"]["ResponseStatus"]
    assert [error["DIndex"] for error in answer["Errors"]] == [1] and len(answer["SuccessEntitys"]) == 2


def test_save_submit_and_audit_in_one_or_not_at_all(galaxy: Galaxy) -> None:
    order = galaxy.saved(galaxy.order(), IsAutoSubmitAndAudit="true")
    assert galaxy.status(order) == "C"
    galaxy.control("POST", "mutate", what="credit_limit", customer=galaxy.customer("CN01"), amount="1", currency="CNY")
    try:
        model = galaxy.order(number="CT7-ATOM")
        assert "信用" in problem({"Result": galaxy.save(model, IsAutoSubmitAndAudit=True)})[0]
        assert galaxy.query(ORDER, "FID", "FBillNo='CT7-ATOM'") == []
        held = galaxy.saved(model)
        galaxy.call("Submit", ORDER, Ids=held)
        assert "信用" in problem(galaxy.call("Audit", ORDER, Ids=held))[0]
        assert galaxy.query(ORDER, "FDocumentStatus,FCreditCheckResult", f"FID={held}")[0] == ["B", "4"]
        galaxy.control("POST", "mutate", what="release_credit", order="CT7-ATOM")
        galaxy.call("Audit", ORDER, Ids=held)
        assert galaxy.status(held) == "C"
    finally:
        galaxy.control(
            "POST", "mutate", what="credit_limit", customer=galaxy.customer("CN01"), amount="9999999999", currency="CNY"
        )


# --- customers, organisations, other forms ---------------------------------------------------------------------------


def test_a_customer_is_of_use_once_audited_and_where_allocated(galaxy: Galaxy) -> None:
    model = {
        "FName": "榫卯家具有限公司", "FNumber": "CT7-C1", "FCreateOrgId": {"FNumber": "CN01"},
        "FTRADINGCURRID": {"FNumber": "PRE001"}, "FSOCIALCRECODE": "91320594MA1XXXXX0X", "F_CRM_Text": "C000123",
        "FT_BD_CUSTCONTACT": [{"FNAME1": "总部", "FADDRESS1": "星湖街 1 号"}],
    }  # fmt: skip
    customer = galaxy.saved(model, "BD_Customer")
    reference = {"FCustId": {"FNUMBER": "CT7-C1"}}
    for verb in ("Submit", "Audit"):
        assert problem({"Result": galaxy.save(galaxy.order(**reference))})[0] == "字段[客户]是必录字段"
        galaxy.call(verb, "BD_Customer", Ids=customer)
    galaxy.saved(galaxy.order(**reference))
    abroad = galaxy.order("US01", **reference)
    assert problem({"Result": galaxy.save(abroad)})[0] == "字段[客户]是必录字段"
    [[organisation]] = galaxy.query("ORG_Organizations", "FOrgID", "FNumber='US01'")
    galaxy.call("Allocate", "BD_Customer", PkIds=customer, TOrgIds=str(organisation))
    galaxy.saved(abroad)
    keys = "FNumber,FUseOrgId.FNumber,FCreateOrgId.FNumber,FMasterId,FNAME1,F_CRM_Text"
    rows = galaxy.query("BD_Customer", keys, "FNumber='CT7-C1'", "FCUSTID")
    assert [row[1] for row in rows] == ["CN01", "US01"] and {row[3] for row in rows} == {int(customer)}
    assert rows[0][4:] == ["总部", "C000123"]
    assert problem(galaxy.call("CancelAllocate", "BD_Customer", PkIds=customer, TOrgIds=str(organisation)))[1] == 12
    assert problem({"Result": galaxy.save({**model, "FName": "other"}, "BD_Customer")})[1] == 11
    galaxy.execute("BD_Customer", "Forbid", Ids=customer)
    assert problem({"Result": galaxy.save(galaxy.order(**reference))})[0] == "字段[客户]是必录字段"
    galaxy.execute("BD_Customer", "Enable", Ids=customer)
    galaxy.saved(galaxy.order(**reference))


def test_a_customer_lacks_nothing_that_must_be_there(galaxy: Galaxy) -> None:
    model = {"FName": "无币别", "FCreateOrgId": {"FNumber": "CN01"}}
    assert problem({"Result": galaxy.save(model, "BD_Customer")})[0] == "字段[结算币别]是必录字段"


def test_a_quotation_is_kept_as_saved(galaxy: Galaxy) -> None:
    source = galaxy.order()
    model = {
        "FSaleOrgId": source["FSaleOrgId"], "FCUSTID": source["FCustId"], "FExpiryDate": "2027-01-31",
        "FQUOTATIONFIN": {"FSettleCurrId": {"FNumber": "PRE001"}},
        "FQUOTATIONENTRY": [
            {"FMaterialId": line["FMaterialId"], "FUnitID": {"FNumber": "PCS"}, "FQty": 3, "FTaxPrice": 11.3}
            for line in source[ENTRY]
        ],
    }  # fmt: skip
    quotation = galaxy.saved(model, "SAL_Quotation")
    rows = galaxy.query(
        "SAL_QUOTATION", "FBillNo,FQUOTATIONENTRY_FEntryID,FTaxPrice,FExpiryDate", f"FID={quotation}", "FSeq"
    )
    assert len(rows) == 2 and rows[0][2:] == [Decimal("11.3"), "2027-01-31T00:00:00"]
    galaxy.saved({"FID": quotation, "FQUOTATIONENTRY": [{"FEntryID": rows[1][1], "FQty": 4}]}, "SAL_QUOTATION")
    assert galaxy.query("SAL_QUOTATION", "FQUOTATIONENTRY_FEntryID,FQty,FTaxPrice", f"FID={quotation}") == [
        [rows[1][1], 4, Decimal("11.3")]
    ]
    galaxy.call("Submit", "SAL_QUOTATION", Numbers=[rows[0][0]])
    galaxy.call("Audit", "SAL_QUOTATION", Numbers=[rows[0][0]])
    assert galaxy.call("View", "SAL_QUOTATION", Id=quotation)["Result"]["Result"]["DocumentStatus"] == "C"
    assert problem(galaxy.call("Delete", "SAL_QUOTATION", Ids=quotation))[1] == 12


def test_goods_leave_by_push(galaxy: Galaxy) -> None:
    order = galaxy.saved(galaxy.order(number="CT7-PUSH"), IsAutoSubmitAndAudit=True)
    answer = galaxy.call("Push", ORDER, Ids=order, RuleId="SaleOrder-OutStock", TargetFormId="SAL_OUTSTOCK")
    [made] = answer["Result"]["ResponseStatus"]["SuccessEntitys"]
    assert answer["Result"]["ConvertResponseStatus"]["IsSuccess"] is True
    assert galaxy.query("SAL_OUTSTOCK", "FBillNo,FSoorDerno,FRealQty", f"FID={made['Id']}")[0] == [
        made["Number"], "CT7-PUSH", 2,
    ]  # fmt: skip
    assert problem(galaxy.call("Push", ORDER, Ids=order, RuleId="SaleOrder-OutStock"))[1] == 11
    assert problem(galaxy.call("Push", ORDER, Ids=order, RuleId="Nonsense", TargetFormId="AR_receivable"))[1] == 11


def test_subscriptions_are_sale_orders_of_a_bill_type_of_their_own_and_read_only(galaxy: Galaxy) -> None:
    keys = "FID,FBillNo,F_CRM_Start,F_CRM_End,FBillAmount,FCloseStatus,F_CRM_Renews,F_CRM_From,FAmount"
    rows = galaxy.query(ORDER, keys, "FBillTypeID.FNumber='XSDD08_CRM'", "FID")
    kept = {one["number"]: one for one in galaxy.control("GET", "book?object=contracts")["documents"]}
    assert len(rows) == len(kept) > 5
    for _, number, start, end, net, closed, renews, _, amount in rows:
        one = kept[number]
        assert (start[:10], end[:10], net, renews) == (one["start"], one["end"], Decimal(one["total"]), one["renews"])
        assert (closed == "B") is (one["status"] == "cancelled") and amount == net
    assert problem(galaxy.call("UnAudit", ORDER, Ids=str(rows[0][0])))[1] == 2
    assert problem(galaxy.execute(ORDER, "BillClose", Ids=str(rows[0][0])))[1] == 2
    assert problem({"Result": galaxy.save({"FID": rows[0][0], "FNote": "x"})})[1] == 2
    assert problem({"Result": galaxy.save(galaxy.order(FBillTypeID={"FNumber": "XSDD08_CRM"}))})[1] == 2


def test_forms_of_other_departments_are_read_only(galaxy: Galaxy) -> None:
    assert problem(galaxy.call("Save", "AR_RECEIVEBILL", Model={})) == ("您没有该功能的操作权限", 2)
    assert problem(galaxy.call("Submit", ORDER))[1] == 8
