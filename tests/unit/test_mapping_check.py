"""What is found in a mapping file before it runs: each mistake once, at its place, with the nearest valid name."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mappings.document import Scalar, Table, place_within, read_document
from mappings.engine import check_mapping, load_mapping
from mappings.errors import Finding, Findings, MappingFileError
from mappings.examples import run_examples
from mappings.messages import MESSAGES
from mappings.schema import json_schema
from tests.unit.mapping_help import THING, mapping_of, thing

TABLES = "codes:\n  state: {A: open, B: open, C: done}\nlookups: {company: sales organization to company}\n"


def found(text: str, **more: Any) -> list[Finding]:
    return check_mapping("x/y", text, source="x/y.yaml", targets={"things": THING}, **more)


def only(text: str, **more: Any) -> Finding:
    (finding,) = [f for f in found(text, **more) if f.code != "unused-table"]
    return finding


def at(finding: Finding) -> tuple[str, int, int]:
    return finding.code, finding.line, finding.column


def mark(text: str) -> tuple[str, int, int]:
    """The text without its mark «, and the mark's line and column."""
    before, _, after = text.partition("«")
    return before + after, before.count("\n") + 1, len(before) - before.rfind("\n")


@pytest.mark.parametrize(
    ("text", "code", "nearest"),  # « marks where
    [
        ("«produkt: x/y\nobjects: {}\nproduct: x/y", "unknown-key", "product"),
        ("product: «x/z\nobjects: {}", "product-differs", None),
        ("product: x/y\ncodes: {s: {A: b}}\n«codes: x", "yaml-duplicate", None),
        ("product: x/y\nobjects:\n  «thing: {pull: {fields: {number: Id}}}", "unknown-object", "things"),
        ("product: x/y\nobjects:\n  things:\n    «pul: {}", "unknown-key", "pull"),
        (
            "product: x/y\nobjects:\n  things:\n    pull:\n      fields: {number: Id}\n      «defaultz: {}",
            "unknown-key",
            "defaults",
        ),
        (thing("number: Id\n«currncy: C"), "unknown-target", "currency"),
        (thing("number: Id\nlines:\n  from: I\n  fields: {line: P, «quantiti: Q}"), "unknown-target", "quantity"),
        (thing("number: Id\n«lines: I"), "target-is-list", None),
        (thing("number: Id\n«status: {from: I, fields: {a: b}}"), "target-not-list", None),
        (thing("status: S").replace("fields", "«fields"), "target-not-mapped", None),
        (thing("number: Id") + "      defaults: {currency: X, statu: «Y}", "unknown-target", "status"),
        (
            thing("number: Id\nstatus: $uppercse(«S)").replace("$uppercse(«S", "«$uppercse(S"),
            "unknown-function",
            "uppercase",
        ),
        (thing("number: Id\nstatus: «$nmae"), "unknown-variable", None),
        (thing("number: Id\nstatus: «$money()"), "wrong-arguments", None),
        (thing("number: Id\nstatus: $text(«$default(A))"), "wrong-arguments", None),
        (thing("number: Id\nstatus: «$now()"), "function-refused", None),
        (thing("number: Id\nstatus: «$eval('A')"), "function-refused", None),
        (thing("number: Id\nstatus: A.«*"), "wildcard-refused", None),
        (thing("number: Id\nstatus: («**.A)"), "wildcard-refused", None),
        (thing("number: Id\nstatus: '(A ~> «|B|{b: 1}|)'"), "transform-refused", None),
        (thing("number: Id\namount: $default(A, «0.5)"), "float-literal", None),
        (thing("number: Id\nstatus: $text(«1234567890123456789)"), "float-literal", None),
        (thing("number: Id\nstatus: «$code('stat', S)", TABLES), "unknown-table", "state"),
        (thing("number: Id\nstatus: «$code(T, S)", TABLES), "table-not-literal", None),
        (thing("number: Id\nstatus: «$lookup('compani', S)", TABLES), "unknown-table", "company"),
        (thing("number: Id\nstatus: «''"), "yaml-shape", None),
        (thing("number: Id\n«status: [A]").replace("«status: [A]", "status: «[A]"), "yaml-shape", None),
        (thing("number: Id\n«number: Nr"), "yaml-duplicate", None),
        (thing("number: &a Id\nstatus: «*a"), "yaml-alias", None),
        ("product: x/y\nobjects:\n  things:\n    pull: «push", "section-same", "-"),
    ],
)
def test_a_mistake_is_found_where_it_stands(text: str, code: str, nearest: str | None) -> None:
    clean, line, column = mark(text)
    findings = [f for f in found(clean) if f.code != "unused-table"]
    assert [at(f) for f in findings] == [(code, line, column)]
    assert nearest is None or findings[0].params["nearest"] == nearest
    assert str(findings[0]).startswith(f"x/y.yaml:{line}:{column}: error: ")


@pytest.mark.parametrize(
    "field",
    [
        "status: A ««B",
        "status: (A & ««)",
        "status: \"A & 'x' ««B\"",
        "status: 'A & ''x'' ««B'",
        'status: "\\"a\\" ««B"',
        "status: |\n  A &\n    'x' ««B\n",
        "status: >-\n  A &\n  'x'\n  ««B\n",
        "status: A &\n  'x'\n  ««B",
        "status: 客户 ««B",
    ],
)
def test_bad_jsonata_is_found_at_its_line_and_column(field: str) -> None:
    clean, line, column = mark(thing("number: Id\n" + field).replace("««", "«"))
    assert at(only(clean)) == ("expression-syntax", line, column)


@pytest.mark.parametrize(
    "text", ["A[", "'abc", "/* open", "A ? B :", "$f(", "{'a': 1", "A..B", "", "1, 2", "`x", "A := 1", "/[/"]
)
def test_no_text_breaks_the_check(text: str) -> None:
    document = yaml.safe_dump(
        {"product": "x/y", "objects": {"things": {"pull": {"fields": {"number": "Id", "status": text}}}}}
    )
    assert {f.code for f in found(document)} & {"expression-syntax", "yaml-shape"}


@given(st.text(alphabet="aB$.([{'\"/*-+?:=,&~|^@#%` \n1", max_size=12))
def test_any_text_is_either_an_expression_or_a_finding(text: str) -> None:
    document = yaml.safe_dump(
        {"product": "x/y", "objects": {"things": {"pull": {"fields": {"number": "Id", "status": text}}}}}
    )
    for finding in found(document):
        assert finding.line >= 1 and finding.column >= 1 and finding.message


@given(st.text(max_size=60))
def test_any_file_is_either_read_or_explained(text: str) -> None:
    assert all(f.message for f in found(text))
    with pytest.raises(MappingFileError):
        load_mapping("x/y", text, targets={"things": THING})


ARITHMETIC = [
    "A + B",
    "A - '1'",
    "-A",
    "A * B",
    "A / B",
    "A % B",
    "$sum(A)",
    "$round(A)",
    "$number(A)",
    "$max(A)",
    "$average(A)",
]


@pytest.mark.parametrize("expression", ARITHMETIC)
@pytest.mark.parametrize("field", ["amount", "rate", "number", "status"])
def test_arithmetic_for_amounts_and_ids_is_refused(expression: str, field: str) -> None:
    body = f'{field}: "{expression}"' + ("" if field == "number" else "\nnumber: Id")
    assert {f.code for f in found(thing(body))} == {"arithmetic"}
    counted = f'number: Id\ncount: "{expression}"'
    assert {f.code for f in found(thing(counted))} == set()


@pytest.mark.parametrize(
    "body",
    [
        "number: Id\namount: Net\ncount: «$number(Net)",
        "number: Id\nstatus: $money(Net)\ncount: «$sum(Net)",
        "number: Id\nlines:\n  from: I\n  fields: {line: P, net: Net, quantity: Q}\ncount: «$sum(I.Net)",
        "number: Id\namount: Net\nblocked: Net «> '0'",
        "number: Id\namount: Net\nblocked: ($n := Net; $n «<= '0')",
        "number: Id\namount: $sumMoney(I.Net)\nstatus: I[Net «> '5'][0].Name",
        "number: Id\namount: I«^(>Net)[0].Net",
        "number: Id\namount: $sumMoney(I.Net)\nstatus: I[X = '1']«^(Name, Net)[0].Name",
        "number: Id\namount: $sumMoney(I.Net)\nstatus: I«^($abs(Net))[0].Name",
        "number: Id\namount: «$sort(I.Net)[0]",
        "number: Id\namount: (I.Net ~> «$sort())[0]",
        "number: Id\namount: $sumMoney(I.Net)\nstatus: (I.Net ~> «$sort)[0]",
    ],
)
def test_nothing_computes_with_or_orders_amounts(body: str) -> None:
    code = "money-order" if re.search(r"«([<>^]|\$sort)", body) else "arithmetic"
    clean, line, column = mark(thing(body))
    assert [at(f) for f in found(clean)] == [(code, line, column)]


@pytest.mark.parametrize(
    "expression",
    [
        "I^(>Name)[0].Net",
        "$sort(I.Name)[0]",
        "$sort(I, function($a, $b) {$compare($a.Net, $b.Net) = 1})[0].Name",
        "$sort(I, function($a, $b) {$compare($a.Net, $b.Net) > 0})[0].Name",
    ],
)
def test_texts_are_ordered_as_they_are_and_amounts_by_compare(expression: str) -> None:
    assert found(thing(f"number: Id\namount: $sumMoney(I.Net)\nstatus: {expression}")) == []


def test_amounts_are_known_from_the_system_s_metadata_too() -> None:
    text = thing("number: Id\ncount: $number(Net)")
    assert found(text) == []
    assert [f.code for f in found(text, wires={"things": {"Id": "Edm.String", "Net": "Edm.Decimal"}})] == ["arithmetic"]


def test_source_paths_are_checked_against_the_system() -> None:
    wires = {"things": {"Id": "Edm.String", "Items.Pos": "Edm.String", "Items.Net": "Edm.Decimal"}}
    body = "number: Id\nlines:\n  from: Items\n  fields:\n    line: Pos\n    net: $money(Nett)"
    finding = only(thing(body), wires=wires)
    assert (finding.code, finding.line, finding.params["path"], finding.params["nearest"]) == (
        "unknown-source", 11, "Items.Nett", "Items.Net"
    )  # fmt: skip
    assert found(thing(body.replace("Nett", "Net")), wires=wires) == []
    assert found(thing(body), wires={"things": None}) == []


def test_a_push_is_checked_on_both_sides() -> None:
    wires = {"things": {"SoldTo": "Edm.String", "to_Item": "a list", "to_Item.Qty": "Edm.Decimal"}}
    document = {
        "fields": {"customer": {"type": "text"}},
        "children": {"lines": {"fields": {"qty": {"type": "quantity"}}}},
    }
    good = thing("SoldTo: customer\nto_Item:\n  from: lines\n  fields: {Qty: qty}", section="push")
    assert found(good, wires=wires, documents={"things": document}) == []
    bad = good.replace("SoldTo", "SoldToo").replace("Qty: qty", "Qty: qtty")
    codes = {f.code: f.params["nearest"] for f in found(bad, wires=wires, documents={"things": document})}
    assert codes == {"unknown-target": "SoldTo", "unknown-source": "lines.qty"}


def test_a_table_that_is_ambiguous_backwards_is_refused_for_writing_only() -> None:
    assert [f.code for f in found(thing("number: Id\nstatus: $code('state', S)", TABLES))] == ["unused-table"]
    finding = only(thing("State: $code('state', s)", TABLES, "push"))
    assert finding.code == "code-ambiguous" and finding.params["codes"] == "'A', 'B'"


def test_tables_that_nobody_uses_or_lists_are_warned_of() -> None:
    text = thing("number: Id\nstatus: $lookup('company', S)", TABLES)
    assert [(f.code, f.severity) for f in found(text, lookups={})] == [
        ("unused-table", "warning"),
        ("lookup-absent", "warning"),
    ]
    assert [f.code for f in found(text, lookups={"company": {}})] == ["unused-table"]
    assert load_mapping("x/y", text, targets={"things": THING}).product == "x/y"


def test_every_error_of_a_file_is_listed_at_once() -> None:
    with pytest.raises(MappingFileError) as caught:
        mapping_of(thing("numbr: Id\nstatus: $foo()\namount: A +"))
    assert len(caught.value.findings) == 4
    assert str(caught.value).count("x/y.yaml:") == 4 and "\n" in str(caught.value)
    assert caught.value.code == "mapping-file" and caught.value.params["count"] == "4"


def test_defaults_and_required_are_checked() -> None:
    text = thing("number: Id") + "      defaults: {amount: x, nope: y}\n      required: [statuss]\n"
    assert [(f.code, f.params.get("field")) for f in found(text)] == [
        ("default-invalid", None), ("unknown-target", "nope"), ("unknown-target", "statuss")
    ]  # fmt: skip


def test_custom_fields_are_checked() -> None:
    text = (
        thing("number: Id")
        + "      custom: {a: {type: txt, value: X}, b: {type: money, value: X + Y}, c: {value: X, kind: y}}\n"
    )
    assert sorted(f.code for f in found(text)) == ["arithmetic", "missing-key", "unknown-key", "unknown-type"]


@pytest.mark.parametrize("section", ["push", "change", "cancel"])
def test_only_what_is_read_has_custom_fields(section: str) -> None:
    custom = "      custom: {a: {type: text, value: X}}\n"
    clean, line, column = mark(thing("A: a", section=section) + custom.replace("custom", "«custom"))
    assert at(only(clean)) == ("custom-written", line, column)
    clean, line, column = mark(thing("number: Id") + custom + f"    {section}: «pull\n")
    assert at(only(clean)) == ("custom-written", line, column)
    assert found(thing("number: Id") + custom) == []


def test_texts_stay_what_was_written() -> None:
    node = read_document("a: NO\nb: 010\nc: 2025-01-01\nd: 1e3\ne: ~\nf: 'null'\ng:\n", "f", Findings())
    assert {k: n.text for k, n in node.entries.items() if isinstance(n, Scalar)} == {
        "a": "NO", "b": "010", "c": "2025-01-01", "d": "1e3", "e": None, "f": "null", "g": None
    }  # fmt: skip


@given(
    st.text(
        alphabet=st.characters(min_codepoint=32, max_codepoint=0x4E30, exclude_categories=["Cc", "Zl", "Zp"]),
        min_size=1,
        max_size=30,
    ),
    st.data(),
)
def test_a_place_within_a_quoted_text_is_exact(text: str, data: st.DataObject) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    node = read_document(f"x:\n  key: {quoted}\n", "f", Findings())
    inner = node.entries["x"]
    assert isinstance(inner, Table)
    scalar = inner.entries["key"]
    assert isinstance(scalar, Scalar) and scalar.text == text
    offset = data.draw(st.integers(0, len(text) - 1))
    column = len("  key: '") + offset + text[:offset].count("'") + 1
    assert (place_within(scalar, offset).line, place_within(scalar, offset).column) == (2, column)


def test_examples_run_and_say_what_differs() -> None:
    text = (
        thing("number: Id\namount: $money(A)")
        + """\
    examples:
      - {name: good, section: pull, given: {Id: "1", A: "5.0"}, expect: {number: "1", amount: "5", status: null}}
      - {name: wrong, section: pull, given: {Id: "1", A: "6"}, expect: {amount: "5"}}
      - {name: refused, section: pull, given: {Id: "1", A: x}, refused: not-a-number}
      - {name: fails, section: pull, given: {A: "1"}, expect: {amount: "1"}}
      - {section: pull, given: {Id: "1"}, refused: not-a-number}
"""
    )
    results = {r.name: r for r in run_examples(mapping_of(text))}
    assert {name: r.ok for name, r in results.items()} == {
        "good": True, "wrong": False, "refused": True, "fails": False, "line 13": False
    }  # fmt: skip
    assert "amount should be '5', is '6'" in results["wrong"].findings[0].message
    assert results["wrong"].findings[0].line == 10
    assert [r.findings[0].code for r in results.values() if not r.ok] == [
        "example-differs",
        "example-fails",
        "example-works",
    ]


def test_an_example_of_no_section_is_found() -> None:
    text = thing("number: Id") + "    examples: [{section: pusch, given: {}, expect: {}}, {section: pull}, 7]\n"
    assert [f.code for f in found(text)] == ["unknown-section", "missing-key", "missing-key", "yaml-shape"]


def test_the_schema_knows_what_the_check_knows() -> None:
    validator = Draft202012Validator(json_schema())
    Draft202012Validator.check_schema(json_schema())
    good = thing("number: Id\nlines:\n  from: I\n  fields: {line: P}", TABLES) + "    change: pull\n"
    assert list(validator.iter_errors(yaml.safe_load(good))) == []
    for bad in (
        "product: x/y\nobjekts: {}",
        "objects: {}",
        thing("number: {form: I}"),
        thing("A: a", section="push") + "      custom: {a: {type: text, value: X}}\n",
        "product: x/y\nobjects: {a: {pul: {}}}",
    ):
        assert list(validator.iter_errors(yaml.safe_load(bad)))
    overlay = "product: x/y\nbase_hash: {a.b: '1'}\nobjects: {things: {pull: {fields: {status: null}}}}"
    assert list(validator.iter_errors(yaml.safe_load(overlay))) == []


def test_every_message_names_its_parameters_in_words() -> None:
    for code, text in MESSAGES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code) and text[0] != " " and "{}" not in text
