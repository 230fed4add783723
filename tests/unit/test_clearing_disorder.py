"""Lines that no accountant would post: whatever they refer to, no amount is lost or doubled on any day."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.clearing import Cleared, components, derive
from crm_core.model import AccountLine
from tests.ledger import START, ZERO
from tests.unit.test_clearing_histories import posted, rests

Lines = dict[str, AccountLine]
DAYS = st.integers(0, 12).map(lambda days: START + timedelta(days))
AMOUNTS = st.sampled_from([-30, -20, -10, 10, 20, 30]).map(Decimal)


def line(key: str, role: str, amount: Decimal, on: date, **more: object) -> AccountLine:
    company, year, number, item = key.split("/")
    plain = {
        "company_code": company, "fiscal_year": year, "document_number": number, "line": item, "customer_key": "K",
        "currency": "CNY", "local_currency": "CNY", "document_date": on, "posting_date": on,
        "role": role, "amount": amount, "local_amount": amount,
    }  # fmt: skip
    return AccountLine(**(plain | more))


@st.composite
def disorder(draw: st.DrawFn) -> tuple[Lines, list[Cleared]]:
    """Documents of any lines, references to any line, reversals, balanced clearings now and remembered."""
    lines: Lines = {}
    for number in range(1, draw(st.integers(2, 9))):
        on, kind = draw(DAYS), draw(st.sampled_from(["item", "payment", "transfer", "transfer"]))
        amounts = draw(st.lists(AMOUNTS, min_size=1, max_size=3))
        if kind == "transfer" and draw(st.booleans()):
            amounts.append(-sum(amounts))
        for item, amount in enumerate(amounts, 1):
            lines[f"C/1/{number}/{item}"] = line(f"C/1/{number}/{item}", kind, amount, on)
    keys = list(lines)
    for key in keys:
        if draw(st.integers(0, 2)) == 0:
            lines[key].settles = draw(st.sampled_from([*keys, "C/1/404/1"]))
    for number in draw(st.sets(st.sampled_from([key.split("/")[2] for key in keys]), max_size=2)):
        _reverse(lines, number, draw(DAYS))
    memory = [row for n in range(draw(st.integers(0, 3))) for row in _group(draw, lines, keys, f"C/1/9{n}", past=True)]
    for number in range(draw(st.integers(0, 3))):
        _group(draw, lines, keys, f"C/1/8{number}", past=False)
    return lines, memory


def _reverse(lines: Lines, number: str, on: date) -> None:
    mine = {key: row for key, row in lines.items() if key.split("/")[2] == number}
    on = max(on, *(row.posting_date for row in mine.values()), START)
    for item, row in enumerate(mine.values(), 1):
        mirror = f"C/1/{number}00/{item}"
        lines[mirror] = line(mirror, row.role, -row.amount, on, reverses=f"C/1/{number}")


def _group(draw: st.DrawFn, lines: Lines, keys: list[str], name: str, past: bool) -> list[Cleared]:
    """Clear some lines and one more item that balances them."""
    chosen = draw(st.sets(st.sampled_from(keys), max_size=4))
    free = [key for key in sorted(chosen) if past or not lines[key].cleared_on]
    on = max([draw(DAYS), *(lines[key].posting_date for key in free)])
    filler = f"{name}/1"
    lines[filler] = line(filler, "item", -sum((lines[key].amount for key in free), ZERO), on)
    free.append(filler)
    if past:
        return [Cleared(line=key, clearing=name, cleared_on=on) for key in free]
    for key in free:
        lines[key].clearing, lines[key].cleared_on = name, on
    return []


@given(disorder(), st.dates(START, START + timedelta(14)))
@settings(max_examples=100)
def test_open_items_less_payments_are_the_lines_posted(books: tuple[Lines, list[Cleared]], today: date) -> None:
    lines, memory = books
    derived = derive(lines, memory, today)
    for day in (START + timedelta(days) for days in range(16)):
        assert sum(rests(derived, day).values(), ZERO) == posted(lines, day), day
    assert all(row.source_amount >= 0 and row.amount >= 0 for row in derived.applications)


@given(disorder(), st.dates(START, START + timedelta(14)))
@settings(max_examples=50)
def test_disorder_too_is_derived_once_and_in_parts(books: tuple[Lines, list[Cleared]], today: date) -> None:
    lines, memory = books
    derived = derive(lines, memory, today)
    assert derive(lines, derived.cleared, today + timedelta(9)) == derived
    parts = [
        derive({key: lines[key] for key in part}, [row for row in memory if row.line in part], today)
        for part in components(lines, memory)
    ]
    for number, rows in enumerate(derived):
        assert sorted((row for part in parts for row in part[number]), key=repr) == sorted(rows, key=repr)
