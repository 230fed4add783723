"""The two grammars of q over a handful of documents, without HTTP."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

import pytest

from sandbox.oracle.adf.errors import AdfError
from sandbox.oracle.adf.model import Resource, View
from sandbox.oracle.adf.query import Query

pytestmark = pytest.mark.contract
KINDS = {
    "Id": "integer", "Name": "string", "Amount": "number", "Day": "date", "Stamp": "timestamp", "Open": "boolean",
    "Hidden": "string",
}  # fmt: skip
DOCUMENTS: list[dict[str, Any]] = [
    {"Id": 300000000000000001, "Name": "Adams & Söhne; Ulm", "Amount": Decimal("9.99"), "Day": date(2026, 1, 1),
     "Stamp": datetime(2026, 1, 1, 12, tzinfo=UTC), "Open": True, "Hidden": "a"},
    {"Id": 300000000000000002, "Name": "O'Dell", "Amount": Decimal("10"), "Day": date(2026, 2, 1),
     "Stamp": datetime(2026, 2, 1, 12, 0, 0, 250000, tzinfo=UTC), "Open": False, "Hidden": "b"},
    {"Id": 300000000000000003, "Name": "A*star and more", "Amount": Decimal("30.00"), "Day": None,
     "Stamp": datetime(2026, 3, 1, tzinfo=UTC), "Open": True, "Hidden": "c"},
    {"Id": 300000000000000004, "Name": None, "Amount": Decimal("-5"), "Day": date(2026, 4, 1),
     "Stamp": datetime(2026, 4, 1, tzinfo=UTC), "Open": False, "Hidden": "d"},
]  # fmt: skip
RESOURCE = Resource(
    name="things", key="Id", attributes=KINDS, columns={name: itemgetter(name) for name in KINDS},
    rows=lambda view, parent: DOCUMENTS, queryable=frozenset(KINDS) - {"Hidden"},
)  # fmt: skip


def found(version: int, q: str) -> list[int]:
    query = Query(version, {"q": q})
    return [document["Id"] % 10 for document in query.found(RESOURCE, View(), None)]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("Id=300000000000000002", [2]),
        ("Amount>=10 and <= 30", [2, 3]),
        ("Amount<0 or >10;Open=true", [3]),
        ("Name != 'O''Dell'", [1, 3]),
        ("Name = O'Dell", [2]),
        ("Name='O\\'Dell'", [2]),
        ("Name LIKE '*d*'", [1, 3]),
        ("Name=A*", [1, 3]),
        ("Name=A\\*star*", [3]),
        ("Name = 'Adams & Söhne; Ulm';Amount < 10", [1]),
        ("Name=A*star and more", [3]),
        ("Day >= '2026-02-01'", [2, 4]),
        ("Stamp > '2026-02-01T12:00:00.249+00:00' and < 2026-03-01", [2]),
        ("Stamp >= 2026-02-01T20:00:00.250+08:00", [2, 3, 4]),
        ("Day is null", [3]),
        ("", [1, 2, 3, 4]),
    ],
)
def test_query_by_example(q: str, expected: list[int]) -> None:
    assert found(1, q) == expected


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("Id = 300000000000000002", [2]),
        ("Id = '300000000000000003'", [3]),
        ("Name = 'O''Dell'", [2]),
        ('Name = "O\'Dell"', [2]),
        ("Amount between 9.99 and 10", [1, 2]),
        ("Amount in (10, 30)", [2, 3]),
        ("Amount not in (10, 30)", [1, 4]),
        ("Open = 'true' and (Amount > 20 or Name like 'Adams*')", [1, 3]),
        ("Open = true AND Amount < 20", [1]),
        ("Name like 'A\\*star%'", [3]),
        ("Name not like 'A*'", [2]),
        ("upper(Name) = 'O''DELL'", [2]),
        ("Name is null or Day IS NULL", [3, 4]),
        ("Day is not null and not (Amount >= 10)", [1, 4]),
        ("Stamp >= '2026-02-01T12:00:00.250Z'", [2, 3, 4]),
        ("Day <> '2026-01-01'", [2, 4]),
        ("Name = 'Adams & Söhne; Ulm'", [1]),
    ],
)
@pytest.mark.parametrize("version", [2, 4, 9])
def test_row_match(version: int, q: str, expected: list[int]) -> None:
    assert found(version, q) == expected


@pytest.mark.parametrize(
    ("version", "q"),
    [
        (2, "Id = 1;Open = true"),
        (4, "Amount >= 10 and <= 30"),
        (4, "Name = O'Dell"),
        (4, "Open = true and"),
        (4, "(Open = true"),
        (4, "Amount > 'much'"),
        (4, "Hidden = 'a'"),
        (4, "Nobody = 'a'"),
        (1, "Hidden=a"),
        (1, "Open"),
        (1, "Amount=1 and Open=true"),
        (1, "Name='x' y"),
        (1, "Name='x"),
        (1, "Day=yesterday"),
        (1, "Id=="),
    ],
)
def test_what_the_grammar_does_not_have_is_a_400(version: int, q: str) -> None:
    with pytest.raises(AdfError) as refusal:
        found(version, q)
    assert refusal.value.status == 400


def test_empty_values_come_last_both_ways() -> None:
    def ordered(by: str) -> list[int]:
        return [row["Id"] % 10 for row in Query(4, {"orderBy": by}).found(RESOURCE, View(), None)]

    assert ordered("Day:asc") == [1, 2, 4, 3]
    assert ordered("Day:desc,Id") == [4, 2, 1, 3]
    assert ordered("Open:desc,Amount:desc") == [3, 1, 2, 4]
