"""The parts of the ADF client: values, what differs between two documents, applications that were taken back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.adf import types as adf_types
from connectors.adf.descriptor import LineRule, Revise
from connectors.adf.diff import ShippedError, TwoLinesError, cancellation, revision, same
from connectors.adf.rows import add_groups, add_sums, paired, plain, records, view_of
from connectors.adf.source import Group, Rows, Source, Sum, Undo
from connectors.errors import ConfigurationError
from connectors.oracle.quirks import UNKNOWN, allocated
from tests.unit.adf_help import PRODUCT, product


def test_what_is_no_number_names_nothing() -> None:
    texts = ("100000023456789012345", "-1", "1.5", "abc", "", "--5", "5.", "٣", "1 or 1=1")
    assert [adf_types.fits("integer", text) for text in texts] == [True, True, *[False] * 7]
    assert [adf_types.fits("number", text) for text in texts] == [True, True, True, *[False] * 6]
    assert adf_types.fits("text", "abc")


def test_numbers_and_ids_are_text_from_the_start() -> None:
    wire = b'{"Id": 100000023456789012345, "Amount": 9999999999999.99, "Small": 1E-3, "Zero": 0.10, "Yes": true}'
    found = adf_types.decode(wire)
    assert found == {
        "Id": "100000023456789012345",
        "Amount": "9999999999999.99",
        "Small": "1E-3",
        "Zero": "0.10",
        "Yes": True,
    }
    with pytest.raises(ValueError, match="NaN"):
        adf_types.decode(b'{"Amount": NaN}')


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**14), max_value=10**14))
def test_an_amount_goes_out_digit_by_digit(amount: Any) -> None:
    text = format(amount, "f")
    body = adf_types.encoded({"lines": [{"Amount": text}]}, ["Amount"], [])
    assert adf_types.decode(body)["lines"][0]["Amount"] == text


def test_what_is_no_number_or_flag_does_not_go_out() -> None:
    assert adf_types.encoded({"F": "true", "Q": "007.50", "T": "8"}, ["Q"], ["F"]) == b'{"F":true,"Q":7.50,"T":"8"}'
    for bad in ({"Q": "1e5"}, {"Q": "five"}, {"Q": "1,5"}, {"F": "yes"}, {"Q": ""}):
        with pytest.raises(ValueError, match=r"^[QF]$"):
            adf_types.encoded(bad, ["Q"], ["F"])


def test_values_in_a_question_cannot_break_out_of_it() -> None:
    assert adf_types.literal("text", "O'Neil \\ *") == r"'O''Neil \\ *'"
    assert adf_types.literal("time", "2026-05-02T15:23:11.123456Z") == "'2026-05-02T15:23:11.123Z'"
    assert adf_types.literal("integer", "100000023456789012345") == "100000023456789012345"
    for text in ("1 or 1=1", "1.2.3", "", "--"):
        with pytest.raises(ValueError, match="integer"):
            adf_types.literal("integer", text)
    with pytest.raises(ValueError, match="finder"):
        adf_types.finder("F", {"AccountNumber": "1,TransactionStatus=Open"})


def test_stamps_sort_whatever_zone_they_come_in() -> None:
    assert adf_types.stamp_text("2026-05-02T23:23:11.5+08:00") == "2026-05-02T15:23:11.500000Z"
    assert adf_types.following("2026-05-02T15:23:11.999700Z", "time") == "2026-05-02T15:23:12.000000Z"
    assert adf_types.following("2024-02-28", "date") == "2024-02-29"
    assert adf_types.shifted("2026-03-01T00:00:30.000000Z", "time", 60) == "2026-02-28T23:59:30.000000Z"
    assert adf_types.shifted("2026-03-01T00:00:30.000000Z", "date", 100) == "2026-02-28"


@pytest.mark.parametrize(
    ("at", "zone", "day"),
    [
        ("2025-07-14T18:30:00.000+00:00", "Asia/Shanghai", "2025-07-15"),
        ("2025-07-15T00:00:00.000+00:00", "America/Chicago", "2025-07-15"),
        ("2025-07-15T03:00:00Z", "America/Chicago", "2025-07-14"),
        ("2025-07-15", "America/Chicago", "2025-07-15"),
    ],
)
def test_the_day_of_a_point_in_time_is_the_company_s(at: str, zone: str, day: str) -> None:
    assert adf_types.local_day(at, zone).isoformat() == day


@pytest.mark.parametrize("key", ["1/2", "a%2Fb", "100%", "甲/乙/丙"])
def test_a_key_s_parts_come_back(key: str) -> None:
    assert adf_types.split_key(adf_types.join_key([key, "x", key]), 3) == [key, "x", key]
    assert adf_types.split_key(adf_types.join_key([key]), 1) == [key]


@pytest.mark.parametrize(
    ("have", "want", "equal"),
    [
        ("5.0", "5", False), ("0100", "100", False), ("1E2", "100", False),
        ("", None, True), (None, "0", False), (True, "true", True), ("X ", "X", True), ("7",
        "70", False),
        ("2026-01-05T00:00:00.000+00:00", "2026-01-05", True), ("2026-01-05T08:00:00.000+00:00", "2026-01-05", False),
        ("2026-01-05", "2026-01-06", False), ("2026-01-05T08:00:00+08:00", "2026-01-05T00:00:00Z", True),
    ],
)  # fmt: skip
def test_equal_as_values(have: Any, want: Any, equal: bool) -> None:
    assert same(have, want) is equal


@pytest.mark.parametrize(
    ("have", "want", "equal"), [("5.0", "5", True), ("1E2", "100", True), ("7", "70", False), ("", "0", False)]
)
def test_equal_as_numbers(have: str, want: str, equal: bool) -> None:
    assert same(have, want, number=True) is equal


RULE = Revise.model_validate(
    {
        "fields": ["Note", "Terms"],
        "lines": {
            "lines": {
                "id": "LineId", "match": "OurLine", "compare": ["Quantity", "Price"], "shown": ["Price"],
                "numbers": ["Quantity", "Price"],
                "carried": ["charges"],
                "remove": {"Quantity": "0", "Reason": "X"},
            }
        },
    }
)  # fmt: skip
HAVE = {
    "Note": "old", "Terms": "N30",
    "lines": [
        {"LineId": "1", "OurLine": "10", "Quantity": "5", "Price": "2.0"},
        {"LineId": "2", "OurLine": "20", "Quantity": "1", "Price": "3"},
        {"LineId": "3", "OurLine": None, "Quantity": "9"}, {"LineId": "4", "OurLine": "40", "Quantity": "0"},
    ],
}  # fmt: skip


def test_nothing_to_say_where_nothing_differs() -> None:
    lines = [{"OurLine": "10", "Quantity": "5.000", "Price": "2"}, {"OurLine": "20", "Quantity": "1", "Price": "3.00"}]
    assert revision(RULE, HAVE, {"Note": "old", "Other": "never compared", "lines": lines}) == {}


def test_one_body_says_all_that_differs() -> None:
    new = {"OurLine": "30", "Quantity": "2", "Price": "8", "charges": ["c30"]}
    want = {"Note": "new", "lines": [{"OurLine": "10", "Quantity": "6", "Price": "2.5", "charges": ["c10"]}, new]}
    assert revision(RULE, HAVE, want) == {
        "Note": "new",
        "lines": [
            {"LineId": "1", "Quantity": "6", "charges": ["c10"]},
            {"OurLine": "30", "Quantity": "2", "charges": ["c30"]},
            {"LineId": "2", "Quantity": "0", "Reason": "X"},
        ],
    }


def test_only_a_price_differs() -> None:
    want = {
        "lines": [
            {"OurLine": "10", "Quantity": "5", "Price": "2.01", "charges": ["c"]},
            {"OurLine": "20", "Quantity": "1", "Price": "3"},
        ]
    }
    assert revision(RULE, HAVE, want) == {"lines": [{"LineId": "1", "charges": ["c"]}]}


def test_a_line_that_was_split_is_for_a_person() -> None:
    split = {
        "lines": [{"LineId": "1", "OurLine": "10", "Quantity": "2"}, {"LineId": "2", "OurLine": "10", "Quantity": "3"}]
    }
    with pytest.raises(TwoLinesError):
        revision(RULE, split, {"lines": [{"OurLine": "10", "Quantity": "5"}]})


AGAIN = Revise.model_validate(
    {
        "lines": {
            "lines": {
                "id": "LineId",
                "match": "OurLine",
                "compare": ["Quantity"],
                "numbers": ["Quantity"],
                "lasting": ["Item", "Unit"],
                "renamed": ["OurLine", "Schedule"],
                "remove": {"Quantity": "0"},
                "out": {"field": "Status", "values": ["CANCELED"]},
            }
        }
    }
)


def test_a_line_that_was_called_off_comes_back_under_another_name() -> None:
    gone = {"LineId": "1", "OurLine": "20", "Quantity": "2", "Status": "CANCELED"}
    want = {"lines": [{"OurLine": "20", "Schedule": "20", "Quantity": "2"}]}
    back = {"OurLine": "20-2", "Schedule": "20-2", "Quantity": "2"}
    assert revision(AGAIN, {"lines": [gone]}, want) == {"lines": [back]}
    stands = {"lines": [gone, {**back, "LineId": "2"}]}
    assert revision(AGAIN, stands, want) == {}
    assert revision(AGAIN, stands, {"lines": []}) == {"lines": [{"LineId": "2", "Quantity": "0"}]}
    twice = {"lines": [gone, {**back, "LineId": "2", "Status": "CANCELED"}]}
    assert revision(AGAIN, twice, want)["lines"][0]["OurLine"] == "20-3"


def test_a_line_of_another_product_or_unit_takes_the_place_of_the_old_one() -> None:
    stands = {"LineId": "1", "OurLine": "20", "Quantity": "2", "Item": "0100", "Unit": "Ea"}
    for other in ({"Item": "100"}, {"Unit": "KG"}, {"Item": "100", "Unit": "KG"}):
        want = {"OurLine": "20", "Schedule": "20", "Quantity": "2", "Item": "0100", "Unit": "Ea", **other}
        new = {**want, "OurLine": "20-2", "Schedule": "20-2"}
        gone = {"LineId": "1", "Quantity": "0"}
        assert revision(AGAIN, {"lines": [stands]}, {"lines": [want]}) == {"lines": [gone, new]}
        left = {"lines": [{**stands, "Status": "CANCELED"}, {**new, "LineId": "2"}]}
        assert revision(AGAIN, left, {"lines": [want]}) == {}
    same_line = {"OurLine": "20", "Quantity": "2.0", "Item": "0100"}
    assert revision(AGAIN, {"lines": [stands]}, {"lines": [same_line]}) == {}
    assert revision(AGAIN, {"lines": [{**stands, "Unit": None}]}, {"lines": [{**same_line, "Unit": "Ea"}]}) == {}


def test_a_line_without_a_second_name_cannot_be_replaced() -> None:
    with pytest.raises(ValueError, match="lasting needs renamed"):
        LineRule.model_validate({"id": "Id", "match": "Ours", "compare": [], "lasting": ["Item"]})


PARTS = Revise.model_validate(
    {
        "lines": {
            "lines": {
                "id": "LineId", "match": "OurLine", "compare": ["Quantity", "Price", "On"], "shown": ["Price"],
                "carried": ["charges"], "remove": {"Quantity": "0", "Reason": "X"},
                "out": {"field": "Status", "values": ["CANCELED"]},
                "skip": {"field": "Category", "values": ["RETURN"]},
                "numbers": ["Quantity", "Price"], "lasting": ["Item"], "renamed": ["OurLine"],
                "parts": {
                    "quantity": "Quantity", "filled": ["ShippedOn"], "reached": {"Shipped": "Quantity"},
                    "agree": ["Price"], "quantities": ["Priced"], "amounts": ["Amount"],
                },
            }
        }
    }
)  # fmt: skip
LINES = PARTS.lines["lines"]
GONE = {"LineId": "1", "OurLine": "10", "Item": "P-1", "Quantity": "4", "Price": "9.00", "On": "2027-01-15"}
GONE |= {"ShippedOn": "2027-01-04"}
OPEN = {**GONE, "LineId": "2", "Quantity": "6", "Price": "9", "ShippedOn": None}
OTHER = {"LineId": "3", "OurLine": "20", "Quantity": "1", "Price": "5", "Shipped": "0"}
BACK = {"LineId": "4", "OurLine": "8", "Quantity": "1", "Category": "RETURN"}
SPLIT = {"lines": [GONE, OPEN, OTHER, BACK]}


def ten(quantity: str = "10", **more: Any) -> dict[str, Any]:
    charges = [{"Priced": quantity, "Unit": "9", "net": [{"Amount": "90.00"}]}]
    return {"OurLine": "10", "Quantity": quantity, "Price": "9.00", "charges": charges, **more}


def brought(*want: dict[str, Any], have: Any = SPLIT) -> Any:
    return revision(PARTS, have, {"lines": list(want)}).get("lines", [])


def test_the_parts_of_a_line_add_up_to_what_is_wanted() -> None:
    stands = {"OurLine": "20", "Quantity": "1"}
    assert brought(ten(), stands) == []
    assert brought(ten(), {"OurLine": "20", "Quantity": "3"}) == [{"LineId": "3", "Quantity": "3"}]
    eight = [{"Priced": "4", "Unit": "9", "net": [{"Amount": "45.00"}]}]
    assert brought(ten("8"), stands) == [{"LineId": "2", "Quantity": "4", "charges": eight}]
    assert brought(ten("4"), stands) == [{"LineId": "2", "Quantity": "0", "Reason": "X"}]
    later = brought(ten(On="2027-02-01"), stands)
    assert [(line["LineId"], line["On"], line["charges"][0]["Priced"]) for line in later] == [("2", "2027-02-01", "6")]


@pytest.mark.parametrize(
    ("want", "field", "have", "wanted"),
    [
        ([ten("3")], "Quantity", "4", "3"),
        ([ten(Price="8")], "Price", "9.00", "8"),
        ([], "Quantity", "4", "0"),
        ([ten(Item="P-2")], "Item", "P-1", "P-2"),
    ],
)
def test_what_has_left_is_not_changed(want: list[dict[str, Any]], field: str, have: str, wanted: str) -> None:
    with pytest.raises(ShippedError) as caught:
        brought(*want)
    assert (caught.value.match, caught.value.field, caught.value.have, caught.value.want) == ("10", field, have, wanted)


def test_a_line_of_which_all_has_left_gets_no_more() -> None:
    shipped = {**OTHER, "Shipped": "1.0"}
    assert brought({"OurLine": "20", "Quantity": "1", "On": "2027-03-01"}, have={"lines": [shipped]}) == []
    with pytest.raises(ShippedError):
        brought({"OurLine": "20", "Quantity": "2"}, have={"lines": [shipped]})


def test_two_open_parts_share_a_change_of_all_but_their_quantity() -> None:
    two = {"lines": [{**GONE, "ShippedOn": None}, OPEN]}
    assert brought(ten(), have=two) == []
    dearer = brought(ten(Price="9.50"), have=two)
    assert [(line["LineId"], line["charges"][0]["net"][0]["Amount"]) for line in dearer] == [
        ("1", "36.00"),
        ("2", "54.00"),
    ]
    with pytest.raises(TwoLinesError):
        brought(ten("11"), have=two)
    assert [line["LineId"] for line in brought(have=two)] == ["1", "2"]


def test_what_has_left_is_not_cancelled_with_the_rest() -> None:
    values = {"Quantity": "0", "Reason": "MINE"}
    asked = cancellation(LINES, "lines", SPLIT, values)
    assert asked == {"lines": [{"LineId": "2", **values}, {"LineId": "3", **values}]}
    assert cancellation(LINES, "lines", {"lines": [GONE, {**OPEN, "Status": "CANCELED"}]}, values) == {}
    assert cancellation(LINES, "lines", {"lines": []}, values) == {}
    with pytest.raises(ShippedError):
        cancellation(LINES, "lines", {"lines": [GONE, BACK]}, values)


UNDO = Undo(amount="Amount", same=["Receipt", "Item"], day="Day", into="UndoneOn")


def application(amount: str, on: str, receipt: str = "1") -> dict[str, Any]:
    return {"Amount": amount, "Day": on, "Receipt": receipt, "Item": "7"}


def test_a_negative_row_takes_back_the_one_before_it() -> None:
    rows = [
        application("100.00", "2026-01-03"), application("-100", "2026-02-01"), application("100.00", "2026-02-05"),
        application("50", "2026-01-01"), application("-50", "2026-01-02", receipt="2"),
    ]  # fmt: skip
    found = [(row["Amount"], row["Day"], row.get("UndoneOn")) for row in paired(UNDO, rows)]
    assert found == [
        ("100.00", "2026-01-03", "2026-02-01"), ("100.00", "2026-02-05", None), ("50", "2026-01-01", None), ("-50",
        "2026-01-02", None),
    ]  # fmt: skip


def test_rows_of_a_list_become_records_with_their_parent_around_them() -> None:
    source = product().resources["rests"].sources[0]
    row = {
        "AccountId": "5",
        "AccountNumber": "A",
        "applications": {
            "items": [
                {"ApplicationId": "8", "DocumentId": "1", "Amount": "2"},
                {"ApplicationId": "9", "DocumentId": None},
            ],
            "hasMore": False,
        },
        "adjustments": [{"AdjustmentId": "3", "links": []}],
        "links": [{"rel": "self"}],
    }
    found = {record.key: record.data for record in records(source, plain(row))}
    assert found == {
        "5/receipt/8": {
            "AccountId": "5",
            "AccountNumber": "A",
            "applications": [{"ApplicationId": "8", "DocumentId": "1", "Amount": "2"}],
        },
        "5/adjustment/3": {"AccountId": "5", "AccountNumber": "A", "adjustments": [{"AdjustmentId": "3"}]},
    }


def test_a_projection_names_what_the_mapping_reads_and_what_we_need() -> None:
    source = product().resources["orders"].sources[0].model_copy(update={"project": True})
    fields = ["Note", "lines.Quantity", "lines.Amount", "companies", "our_system", "Total"]
    view = view_of(source, fields, ["LastUpdateDate"])
    assert view.options == {
        "onlyData": "true",
        "fields": "Note,LastUpdateDate,HeaderId,OrderNumber,BusinessUnit,StatusCode;lines:Quantity,Amount",
    }
    assert view_of(product().resources["orders"].sources[0], ["lines.Quantity"]).options == {
        "onlyData": "true",
        "expand": "lines",
    }
    assert view.own == {"companies", "our_system"}
    assert not view_of(source, ["Note"]).own


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "cursor: LastUpdateDate",
            "cursor: BusinessUnit",
            "BusinessUnit of orders cannot be queried; use finder search",
        ),
        ("StatusCode != 'O''NEIL'", "Colour = 'red'", "Colour of orders cannot be queried; it may be one of"),
        ("search: OurNumber", "search: OurId", "OurId of orders cannot be queried"),
        ("id: HeaderId", "id: Nothing", "Nothing of orders cannot be queried"),
        ("reads: [changed, all]", "reads: [changed]", ""),
        ("children: [applications, adjustments]", "children: [applications]", "rows name adjustments"),
        ("tag: adjustment", "tag: receipt", "need a tag each"),
        ("us: CRM", "us: CRM\nhost: x", "host is not known"),
    ],
)
def test_a_product_file_that_cannot_work_is_refused_when_it_is_read(old: str, new: str, said: str) -> None:
    assert old in PRODUCT
    if not said:  # with one source its reads need not be named
        assert product(PRODUCT.replace(old, new))
        return
    with pytest.raises(ConfigurationError, match=said):
        product(PRODUCT.replace(old, new))


def test_a_source_says_what_may_be_asked_instead() -> None:
    source = Source.model_validate({"path": "fscmRestApi/x", "id": "Id", "key": ["Id"], "queryable": {"Id": "integer"}})
    with pytest.raises(ValueError, match="DueDate of x cannot be queried; it may be one of Id"):
        source.check_queryable("DueDate")


def test_parts_of_one_line_are_shown_as_one() -> None:
    group = Group(accessor="lines", by=["Id", "Kind"], into="parts", sums={"All": Sum(of=["parts.Quantity"])})
    row = {"lines": [{"Id": "1", "Quantity": "40"}, {"Id": "2", "Quantity": "7"}, {"Id": "1", "Quantity": "60.5"}]}
    row["lines"] += [{"Id": "1", "Kind": "RETURN", "Quantity": "3"}, {"Quantity": "1"}, {"Quantity": "2"}]
    add_groups(group, row)
    assert [(line.get("Id"), line["All"], len(line["parts"])) for line in row["lines"]] == [
        ("1", "100.5", 2),
        ("2", "7", 1),
        ("1", "3", 1),
        (None, "1", 1),
        (None, "2", 1),
    ]


def test_sums_are_exact_and_leave_out_what_does_not_count() -> None:
    gone = [{"field": "Status", "values": ["GONE"]}]
    rule = {"Total": Sum.model_validate({"of": ["lines.Amount", "fees.Amount"], "without": gone})}
    lines = [{"Amount": "0.10"}, {"Amount": "0.2"}, {"Amount": "5", "Status": "GONE"}, {"Amount": None}]
    row: dict[str, Any] = {"lines": lines, "fees": [{"Amount": "9999999999999.99"}]}
    add_sums(rule, row)
    assert row["Total"] == "10000000000000.29"
    row = {"lines": [{"Amount": "0.00"}]}
    add_sums(rule, row)
    assert row["Total"] == "0"


def test_a_sum_can_turn_signs_and_leave_them_out_of_account() -> None:
    rule = {"Total": Sum.model_validate({"of": ["a.X"], "less": ["b.X"], "unsigned": ["c.X"]})}
    for row, total in (
        ({"a": [{"X": "-50"}]}, "-50"),
        ({"b": [{"X": "5.00"}]}, "-5.00"),
        ({"b": [{"X": "-0.01"}]}, "0.01"),
        ({"c": [{"X": "-445"}, {"X": "5"}]}, "450"),
    ):
        add_sums(rule, row)
        assert row["Total"] == total
    path = {"path": "fscmRestApi/x", "id": "Id", "key": ["Id"], "queryable": {"Id": "integer"}, "sums": rule}
    assert {"a.X", "b.X", "c.X"} <= set(Source.model_validate(path).needed)


def test_children_of_children_are_records_too() -> None:
    source = Source.model_validate(
        {
            "path": "fscmRestApi/lists",
            "id": "ListId",
            "key": ["ListId", "items.ItemId"],
            "queryable": {"ListId": "integer"},
            "children": ["items", "items.charges"],
            "rows": [{"accessor": "items.charges", "key": "Id", "only": {"field": "Code", "values": ["SALE"]}}],
        }
    )
    charges = {"items": [{"Id": "1", "Code": "SALE"}, {"Id": "2", "Code": "COST"}], "hasMore": False}
    row = plain({"ListId": "5", "items": {"items": [{"ItemId": "8", "charges": charges}], "hasMore": False}})
    ((key, data),) = records(source, row)
    assert key == "5/8/1"
    assert data == {"ListId": "5", "items": [{"ItemId": "8", "charges": [{"Id": "1", "Code": "SALE"}]}]}
    assert view_of(source, ["items.charges.Price"]).options["expand"] == "items,items.charges"


def test_rows_that_do_not_count_are_none() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        Rows.model_validate({"accessor": "a", "key": "b", "colour": "red"})


def receipt(currency: str, amount: str, left: str) -> list[dict[str, str]]:
    return [{"Currency": currency, "Amount": amount, "UnappliedAmount": left}]


def taken(
    amount: str, currency: str, of: list[dict[str, str]], undone: str = "", receipt_id: str = "1"
) -> dict[str, Any]:
    line = {"StandardReceiptId": receipt_id, "ApplicationAmount": amount, "EnteredCurrency": currency}
    return {"standardReceiptApplications": [{**line, **({"UnappliedOn": undone} if undone else {})}], "receipt": of}


def discount(amount: str, currency: str, of: list[dict[str, str]]) -> dict[str, Any]:
    row = taken(amount, currency, of)
    row["standardReceiptApplications"][0]["ActivityName"] = "Earned Discount"
    return row


def shares(*rows: dict[str, Any]) -> list[str]:
    allocated(rows)
    return [row["standardReceiptApplications"][0]["ReceiptAmount"] for row in rows]


def test_what_an_application_in_another_currency_took_is_what_the_others_left() -> None:
    dollars = receipt("USD", "2250", "27.78")
    assert shares(taken("333333", "JPY", dollars)) == ["2222.22"]
    assert shares(taken("333333", "JPY", dollars), taken("1000.00", "USD", dollars)) == ["1222.22", "1000.00"]
    mixed = [taken("500", "USD", dollars, undone="2026-01-01"), taken("7", "JPY", dollars)]
    assert shares(*mixed) == ["500", "2222.22"]
    other = taken("9", "EUR", receipt("USD", "10", "0"), receipt_id="2")
    assert shares(taken("333333", "JPY", dollars), other) == ["2222.22", "10"]


def test_a_discount_takes_nothing_from_the_receipt() -> None:
    yuan = receipt("CNY", "1000", "0")
    rows = [taken("100", "USD", yuan), taken("300", "CNY", yuan), discount("20", "CNY", yuan)]
    assert shares(*rows) == ["700", "300", "0"]
    assert shares(taken("100", "USD", yuan), discount("5", "USD", yuan)) == ["1000", "0"]


def test_what_nobody_can_say_is_not_guessed() -> None:
    dollars = receipt("USD", "2250", "27.78")
    assert shares(taken("1", "JPY", dollars), taken("2", "JPY", dollars)) == [UNKNOWN, UNKNOWN]
    assert shares(taken("1", "JPY", dollars, undone="2026-01-01")) == [UNKNOWN]
    assert shares(taken("5.00", "USD", [])) == ["5.00"]
