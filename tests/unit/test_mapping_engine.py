"""One record through one section: what comes out, what is refused and where, also from many threads."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.engine import Evaluator, _Compiled, _Watch, load_mapping
from mappings.errors import MappingError, RecordMappingError, ValueProblem
from mappings.script import Script
from tests.unit.mapping_help import THING, apply, mapping_of, thing

CODES = "codes:\n  state: {A: open, C: done, '': none}\nlookups: {company: sales organization to company}\n"
LINES = "number: Id\nlines:\n  from: Items\n  fields: {line: Pos, quantity: Qty, net: $money(Net)}"


def refusal(body: str, data: dict[str, Any], codes: str = "", **more: Any) -> RecordMappingError:
    with pytest.raises(RecordMappingError) as caught:
        apply(body, data, codes, **more)
    return caught.value


# -- values -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 10**9), max_size=5))
def test_any_number_of_lines_is_a_list(quantities: list[int]) -> None:
    items = [{"Pos": str(n), "Qty": str(q), "Net": f"{q}.50"} for n, q in enumerate(quantities)]
    found = SECTION.apply({"Id": "1", "Items": items})
    assert [(line["line"], line["quantity"], line["net"]) for line in found["lines"]] == [
        (str(n), str(q), f"{q}.5") for n, q in enumerate(quantities)
    ]


SECTION = mapping_of(thing(LINES)).section("things", "pull")


def test_a_record_without_the_list_has_an_empty_list() -> None:
    assert SECTION.apply({"Id": "1"}) == {"number": "1", "lines": []}


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_an_amount_passes_unchanged(amount: Decimal) -> None:
    text = format(amount, "f")
    assert AMOUNT.apply({"Id": "1", "Amount": text})["amount"] == text


AMOUNT = mapping_of(thing("number: Id\namount: Amount")).section("things", "pull")


def test_missing_null_and_empty_are_left_out() -> None:
    body = "number: Id\nstatus: S\namount: A\n'on': D\nat: T\nblocked: B\ncount: C"
    for nothing in ({}, dict.fromkeys("SADTBC"), dict.fromkeys("SADTBC", "")):
        assert apply(body, {"Id": "1", **nothing}) == {"number": "1"}


def test_types_are_what_the_target_says() -> None:
    body = "number: Id\n'on': D\nat: T\nblocked: S = 'x'\ncount: $count(L)\nrate: R\nstatus: $text(B)"
    data = {
        "Id": "1",
        "D": "2025-02-28",
        "T": "2025-02-28T10:00:00.5Z",
        "S": "x",
        "L": ["a", "b"],
        "R": "0.05",
        "B": True,
    }
    assert apply(body, data) == {
        "number": "1", "on": "2025-02-28", "at": "2025-02-28T10:00:00.5Z", "blocked": True, "count": 2, "rate": "0.05",
        "status": "true",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("status", ["a", "b"], "not-one"),
        ("status", {"a": "b"}, "not-text"),
        ("status", True, "not-text"),
        ("amount", "12,50", "not-a-number"),
        ("amount", "1e5", "not-a-number"),
        ("amount", True, "not-a-number"),
        ("on", "2025-02-30", "not-a-date"),
        ("on", "2025-W01-1", "not-a-date"),
        ("on", "2025-02-28T00:00:00", "not-a-date"),
        ("at", "2025-02-28T10:00:00", "not-a-time"),
        ("at", "soon", "not-a-time"),
        ("blocked", "X", "not-a-bool"),
        ("count", "1.5", "not-a-number"),
        ("rate", ["1", "2"], "not-one"),
    ],
)
def test_a_wrong_value_is_refused_by_name(field: str, value: Any, code: str) -> None:
    error = refusal(f"number: Id\n'{field}': V", {"Id": "1", "V": value})
    assert (error.code, error.params["field"], error.params["key"]) == (code, field, "K1")
    assert "things K1" in str(error) and "x/y.yaml" in str(error)


def test_floats_and_foreign_types_never_come_in() -> None:
    assert refusal("number: Id", {"Id": "1", "X": 0.5}).code == "float-refused"
    assert refusal("number: Id", {"Id": "1", "X": {"Y": [{"Z": 0.5}]}}).params["field"] == "Z"
    assert refusal("number: Id", {"Id": "1", "X": Decimal(1)}).code == "value-type"


@pytest.mark.parametrize("number", [10**15 - 1, 10**15, 1234567890123456789, -(10**18), 10**30])
def test_a_whole_number_of_any_length_keeps_its_digits(number: int) -> None:
    """JSONata shows numbers with 15 digits; an id may have 19."""
    data = {"Id": "1", "Big": number, "Items": [number, {"Big": number}]}
    body = "number: $string(Big)\nstatus: Big & ''\ncurrency: $string(Items[0])\namount: Items[1].Big"
    assert set(apply(body, data).values()) == {str(number)}


def test_required_defaults_and_custom_fields() -> None:
    text = thing("number: Id\ncurrency: C\nstatus: S") + (
        "      defaults: {currency: CNY}\n      required: [status]\n"
        "      custom: {project: {type: text, value: P}, urgent: {type: bool, value: U}, due: {type: date, value: D}}\n"
    )
    section = mapping_of(text).section("things", "pull")
    found = section.apply({"Id": "1", "S": "s", "P": "X-7", "U": True})
    assert found == {"number": "1", "currency": "CNY", "status": "s", "custom": {"project": "X-7", "urgent": "true"}}
    for data in ({"Id": "1", "S": ""}, {"Id": "1"}, {"Id": "", "S": "s"}):
        with pytest.raises(RecordMappingError, match="is required"):
            section.apply(data)
    with pytest.raises(RecordMappingError) as caught:
        section.apply({"Id": "1", "S": "s", "D": "31.12."})
    assert caught.value.params["field"] == "custom.due"


def test_a_line_s_error_names_the_line() -> None:
    error = refusal(LINES, {"Id": "1", "Items": [{"Pos": "1"}, {"Pos": "2", "Qty": "x"}]})
    assert (error.code, error.params["field"]) == ("not-a-number", "lines[1].quantity")
    assert refusal(LINES, {"Id": "1", "Items": [{"Qty": "1"}]}).params["field"] == "lines[0].line"


def test_writing_keeps_empty_texts_and_nests_single_objects() -> None:
    body = "A: a\nB: $date(b)\nOne:\n  fields: {C: c}\nMany:\n  from: m\n  fields: {D: $, E: $$.e}"
    assert apply(body, {"a": "", "b": "", "c": "x", "m": ["p"], "e": 5}, section="push") == {
        "A": "", "One": {"C": "x"}, "Many": [{"D": "p", "E": "5"}]
    }  # fmt: skip
    assert apply(body, {"m": []}, section="push") == {}


# -- errors of expressions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "number: Id\nstatus: $code('state', S)",
        "number: Id\nstatus: \"$code('state', S) = 'open' ? 'o' : 'x'\"\namount: A\ncurrency: C",
        "amount: A\nnumber: Id\nstatus: \"Id = '1' and $code('state', S) = 'open' ? 'o' : 'x'\"",
        "number: Id\nstatus: |\n  ($x := S;\n   $code('state', $x))",
        "number: Id\nstatus: $map([S], function($v){ $code('state', $v) })",
    ],
)
def test_an_unknown_code_names_field_table_and_value(body: str) -> None:
    error = refusal(body, {"Id": "1", "S": "Q"}, CODES)
    assert error.code == "unknown-code"
    assert {k: error.params[k] for k in ("field", "table", "value")} == {
        "field": "status",
        "table": "state",
        "value": "Q",
    }


def test_an_error_inside_a_list_names_the_list_s_field() -> None:
    body = "number: Id\nlines:\n  from: Items\n  fields: {line: Pos, net: $money(Net)}"
    assert refusal(body, {"Id": "1", "Items": [{"Pos": "1", "Net": "x"}]}).params["field"] == "lines.net"


def test_a_failing_expression_is_refused_with_jsonata_s_reason() -> None:
    error = refusal("number: Id\nstatus: $uppercase(L)", {"Id": "1", "L": True})
    assert error.code == "expression-failed" and error.params["field"] == "status"
    assert refusal("number: Id\nstatus: $error('stop here')", {"Id": "1"}).params["why"] == "stop here"


def test_an_endless_expression_is_stopped() -> None:
    body = "number: Id\ncount: |\n  ($f := function($n){ $f($n) }; $f(1))"
    assert refusal(body, {"Id": "1"}).code == "expression-timeout"
    deep = "number: Id\nblocked: |\n  ($f := function($n){ [$f($n)] }; $f('x') = 'x')"
    assert refusal(deep, {"Id": "1"}).code == "expression-too-deep"


def test_a_null_literal_is_missing() -> None:
    assert apply("number: Id\nstatus: \"Id = '1' ? null : 'x'\"", {"Id": "1"}) == {"number": "1"}


# -- threads and sections ----------------------------------------------------------------------------------------


def test_threads_never_mix_records() -> None:
    section = mapping_of(
        thing("number: Id\nstatus: ($x := Id; $y := Items[0].Pos; $x & '-' & $y)\n" + LINES.partition("\n")[2])
    )
    pull = section.section("things", "pull")
    start = threading.Barrier(8)

    def work(worker: int) -> None:
        start.wait()
        for n in range(150):
            name = f"{worker}-{n}"
            found = pull.apply({"Id": name, "Items": [{"Pos": f"{name}/{i}", "Net": str(n)} for i in range(n % 3 + 1)]})
            assert found["number"] == name and found["status"] == f"{name}-{name}/0"
            assert [line["line"] for line in found["lines"]] == [f"{name}/{i}" for i in range(n % 3 + 1)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_sections_are_listed_and_a_missing_one_is_named() -> None:
    mapping = mapping_of(thing("number: Id") + "    push: {fields: {Id: number}}\n    change: push\n")
    assert mapping.objects() == ["things"] and mapping.sections("things") == ["pull", "push", "change"]
    assert mapping.section("things", "change").apply({"number": "7"}) == {"Id": "7"}
    with pytest.raises(MappingError, match=r"no section things.cancel; it has: things.pull"):
        mapping.section("things", "cancel")


def test_the_version_follows_what_is_said_not_how() -> None:
    text = thing("number: Id")
    same = "# a comment\n" + text.replace("number: Id", "number: 'Id'")
    assert mapping_of(text).version == mapping_of(same).version
    others = [mapping_of(thing("number: Nr")), mapping_of(text, lookups={"company": {"1": "2"}})]
    assert mapping_of(text).version not in {m.version for m in others}


def test_fields_are_what_the_expressions_read() -> None:
    body = (
        "number: $default(Id, $$.Other.Id)\n"
        "status: ($i := Items[Kind = 'x'][0]; $i.Pos & $join(Items.Tags.Name))\n"
        "currency: $map(Items, function($v){ $v.Cur })[0]\n"
        "blocked: $exists(Items) and $f(Deep)\n"
        "lines:\n  from: Items^(Sort)\n  fields: {line: Pos, quantity: $$.Head.Qty, net: Sub.Net ~> $money()}"
    ).replace("$f(Deep)", "($f := function($o){ $o.Flag = 'x' }; $f(Deep))")
    assert mapping_of(thing(body)).section("things", "pull").fields == {
        "Id", "Other.Id", "Items.Kind", "Items.Pos", "Items.Tags.Name", "Items.Cur", "Items.Sort", "Head.Qty",
        "Items.Sub.Net", "Deep.Flag",
    }  # fmt: skip


def test_filled_paths_are_those_with_a_value_anywhere() -> None:
    section = mapping_of(thing(LINES + "\nstatus: One.Name\nblocked: Deep.Items.Flag = 'x'")).section("things", "pull")
    assert section.filled_paths({"Id": "", "Items": [{"Pos": "1", "Qty": None}, {"Qty": "2", "Net": ""}]}) == {
        "Items.Pos", "Items.Qty"
    }  # fmt: skip
    data = {"Id": "1", "Items": [], "One": {"Name": False}, "Deep": {"Items": [{"Flag": ""}, {"Flag": "y"}]}}
    assert section.filled_paths(data) == {"Id", "One.Name", "Deep.Items.Flag"}


# -- the library underneath --------------------------------------------------------------------------------------


def suite(folder: Path) -> list[dict[str, Any]]:
    cases = []
    for file in sorted((folder / "jsonata-suite" / "groups").glob("*/*.json")):
        if file.parent.name == "performance":
            continue
        found = json.loads(file.read_text(encoding="utf-8"))
        cases += found if isinstance(found, list) else [found]
    return [c for c in cases if "expr" in c and "result" in c and not c.get("bindings") and "timelimit" not in c]


def test_our_way_of_evaluating_agrees_with_the_library_on_the_official_suite(shared_reference: Path) -> None:
    from jsonata.jsonata import Jsonata  # the tests may: they compare with it

    datasets = {
        p.stem: json.loads(p.read_text(encoding="utf-8"))
        for p in (shared_reference / "jsonata-suite" / "datasets").glob("*.json")
    }
    agreed = 0
    for case in suite(shared_reference):
        if any(word in case["expr"] for word in ("$eval", "$now", "$millis", "$random", "$shuffle")):
            continue
        data = datasets[case["dataset"]] if case.get("dataset") else case.get("data")
        if not isinstance(data, dict):
            continue
        try:
            theirs = Jsonata(case["expr"]).evaluate(data, {})
        except Exception:  # what the library cannot do is not compared
            continue
        compiled = _Compiled(case["expr"], {})
        ours = [compiled.run(data, _Watch(10)) for _ in range(2)]  # twice: nothing may be left over from the first time
        assert repr(ours[0]) == repr(ours[1]), case["expr"]
        assert repr(ours[0]).replace("null", "None") == repr(theirs).replace("null", "None"), case["expr"]
        agreed += 1
    assert agreed > 500


def test_the_engine_leaves_the_process_s_recursion_limit_alone() -> None:
    import sys

    assert sys.getrecursionlimit() < 10_000


def test_the_clock_is_per_record_not_per_load() -> None:
    evaluate = Evaluator(Script("{'a': b}", ((0, "a"),), {}, {}, False, False, False), seconds=0.05)
    assert evaluate({"b": "1"}) == {"a": "1"}
    threading.Event().wait(0.1)
    assert evaluate({"b": "2"}) == {"a": "2"}


def test_load_mapping_names_its_file_by_product() -> None:
    with pytest.raises(MappingError, match=r"mappings/x/y\.yaml:"):
        load_mapping("x/y", "product: x/y\nobjekts: {}", targets={"things": THING})
    assert isinstance(ValueProblem("not-text").params, dict)
