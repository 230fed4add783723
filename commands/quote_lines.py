"""Lines and instalments of a quote as they are typed: PRODUCT:QUANTITY[:PRICE[:TAX]], PERCENT:DAYS[:BASIS]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from commands import session
from commands.app import UsageFault

if TYPE_CHECKING:
    from crm_core.quote_rows import DraftLine, DraftPart


def a_draft_line(text: str, *, with_tax: bool) -> DraftLine:
    """A line; tax in per cent. Raises UsageFault."""
    from crm_core.quote_rows import DraftLine

    product, *numbers = [part.strip() for part in text.split(":")]
    if not product or not 1 <= len(numbers) <= 3:
        raise UsageFault("bad-line", value=text)
    quantity, *rest = [session.a_number(number) for number in numbers]
    price = rest[0] if rest else None
    tax = rest[1] if len(rest) > 1 else Decimal(0)
    return DraftLine(product, quantity, price=price, tax_rate=tax, price_includes_tax=with_tax and price is not None)


def a_part(text: str) -> DraftPart:
    """An instalment; which bases there are is the quote's business. Raises UsageFault."""
    from crm_core.quote_rows import DraftPart

    parts = [part.strip() for part in text.split(":")]
    if not 2 <= len(parts) <= 3:
        raise UsageFault("bad-instalment", value=text)
    basis = parts[2] if len(parts) > 2 else "invoice"
    return DraftPart(session.a_number(parts[0]), days=session.a_whole_number(parts[1]), basis=basis)


def changed_lines(
    lines: Sequence[DraftLine],
    quantities: Sequence[str],
    prices: Sequence[str],
    taxes: Sequence[str],
    added: Sequence[str],
    removed: Sequence[str],
) -> list[DraftLine]:
    """The lines after these changes; raises UsageFault for a line that is not there."""
    by_name = {line.line: line for line in lines}
    for text in quantities:
        name, number = _change(text, "QUANTITY")
        by_name[name] = replace(_line(by_name, name), quantity=number)
    for text in prices:
        name, number = _change(text, "PRICE")
        by_name[name] = replace(_line(by_name, name), price=number)
    for text in taxes:
        name, number = _change(text, "PERCENT")
        by_name[name] = replace(_line(by_name, name), tax_rate=number)
    for name in removed:
        _line(by_name, name)
        del by_name[name]
    return [*by_name.values(), *(a_draft_line(text, with_tax=False) for text in added)]


def _change(text: str, wanted: str) -> tuple[str, Decimal]:
    name, _, number = text.partition(":")
    if not name or not number:
        raise UsageFault("bad-change", value=text, wanted=wanted)
    return name.strip(), session.a_number(number)


def _line(lines: dict[str, DraftLine], name: str) -> DraftLine:
    if name not in lines:
        raise UsageFault("no-such-line", line=name, lines=", ".join(lines) or "-")
    return lines[name]
