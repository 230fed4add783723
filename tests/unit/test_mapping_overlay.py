"""A site's overlay: only what differs, each line pinned to the shipped text it was written against."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mappings.engine import check_mapping, moved_lines
from mappings.errors import MappingFileError
from tests.unit.mapping_help import THING, mapping_of, thing

BASE = (
    thing("number: Id\nstatus: $code('state', S)\ncurrency: C", "codes:\n  state: {A: open, C: done}\n")
    + "      required: [status]\n"
)


def applied(overlay: str, data: dict[str, Any], base: str = BASE) -> dict[str, Any]:
    return (
        mapping_of(base, overlay=f"product: x/y\n{overlay}", overlay_source="s.yaml")
        .section("things", "pull")
        .apply(data)
    )


def test_tables_merge_values_replace_and_null_removes() -> None:
    data = {"Id": "1", "S": "Z", "C": "CNY", "Cur": "USD"}
    overlay = """
codes: {state: {Z: parked}}
objects:
  things:
    pull:
      fields: {currency: Cur, amount: A}
      required: []
"""
    assert applied(overlay, data) == {"number": "1", "status": "parked", "currency": "USD"}
    assert applied("codes: {state: {Z: x}}\nobjects: {things: {pull: {fields: {currency: null}}}}", data) == {
        "number": "1", "status": "x"
    }  # fmt: skip


def test_an_error_in_an_overlay_names_the_overlay() -> None:
    with pytest.raises(MappingFileError, match=r"^s.yaml:3:6: error: things.pull: the other side has no field statuss"):
        mapping_of(
            BASE,
            overlay="product: x/y\nobjects: {things: {pull: {fields:\n    {statuss: S}}}}",
            overlay_source="s.yaml",
        )
    with pytest.raises(MappingFileError, match=r"^s.yaml:1:1: error: unknown key prodct"):
        mapping_of(BASE, overlay="prodct: x/y", overlay_source="s.yaml")
    with pytest.raises(MappingFileError, match=r"^s.yaml:1:10: error: this file is for product a/b"):
        mapping_of(BASE, overlay="product: a/b", overlay_source="s.yaml")


LINE = "objects: {things: {pull: {fields: {currency: Cur}}}}\n"
PATH = "objects.things.pull.fields.currency"


def moved(overlay: str, base: str = BASE) -> list[tuple[str, int, str]]:
    findings = moved_lines(base, f"product: x/y\n{overlay}", source="b.yaml", overlay_source="s.yaml")
    return [(f.code, f.line, f.params.get("hash", "")) for f in findings]


def test_a_line_says_what_it_was_written_against() -> None:
    ((code, line, pin),) = moved(LINE)
    assert (code, line) == ("overlay-unpinned", 2) and re.fullmatch("[0-9a-f]{12}", pin)
    pinned = LINE + f"base_hash: {{{PATH}: '{pin}'}}\n"
    assert moved(pinned) == []
    assert moved(pinned, BASE.replace("currency: C", "currency:   'C'  # same")) == []
    ((code, line, now),) = moved(pinned, BASE.replace("currency: C", "currency: Curr"))
    assert (code, line) == ("overlay-base-moved", 3) and now != pin
    assert mapping_of(BASE, overlay=f"product: x/y\n{pinned}").product == "x/y"


def test_a_pin_on_a_section_covers_its_lines_and_a_new_line_needs_none() -> None:
    section = "objects.things.pull"
    ((_, _, pin),) = moved(LINE + f"base_hash: {{{section}: wrong}}\n")
    assert moved(LINE + f"base_hash: {{{section}: '{pin}'}}\n") == []
    assert moved("objects: {things: {pull: {fields: {amount: A}}}}") == []
    assert [code for code, *_ in moved(f"base_hash: {{{PATH}: x}}")] == ["overlay-pin-unused"]


def test_the_check_lists_moved_lines_and_needless_removals() -> None:
    overlay = "product: x/y\nobjects: {things: {pull: {fields: {currency: Cur, rate: null}}}}"
    found = check_mapping("x/y", BASE, overlay=overlay, overlay_source="s.yaml", targets={"things": THING})
    assert [(f.file, f.code, f.severity) for f in found] == [
        ("s.yaml", "overlay-unpinned", "warning"), ("s.yaml", "overlay-removes-nothing", "warning")
    ]  # fmt: skip


def test_an_overlay_changes_the_version() -> None:
    plain, changed = mapping_of(BASE), mapping_of(BASE, overlay=f"product: x/y\n{LINE}")
    assert plain.version != changed.version
    assert plain.version == mapping_of(BASE, overlay="product: x/y").version
