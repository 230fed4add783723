"""What a command says: results on stdout, everything else on stderr; as a table, or with --json as one document."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from commands.texts import _

UNBOUND = 10_000
"""Columns of a table that goes to a file or a pipe: nothing is wrapped there."""


@dataclass
class Output:
    """How this run speaks; set by --json and --quiet."""

    json: bool = False
    quiet: bool = False

    def result(self, data: Any) -> bool:
        """Print `data` as JSON if that was asked for, and say whether it was."""
        if self.json:
            write(dump_json(data))
        return self.json

    def note(self, text: str) -> None:
        """A line for people: dropped with --quiet, kept out of the way of --json."""
        if not self.quiet:
            write(text, error=self.json)

    def warn(self, text: str) -> None:
        write(text, error=True)

    @property
    def watched(self) -> bool:
        """Whether a person looks at a terminal: only then are there progress bars."""
        return not (self.quiet or self.json) and sys.stderr.isatty()


output = Output()


def write(text: str, *, error: bool = False) -> None:
    """One text and a line end."""
    stream = sys.stderr if error else sys.stdout
    stream.write(text + "\n")
    stream.flush()


def dump_json(data: Any) -> str:
    """Decimals as text, dates in ISO form, times in UTC with zone."""
    return json.dumps(data, ensure_ascii=False, indent=2, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")  # pragma: no cover  # a bug of ours


def shown(value: object) -> str:
    """A cell: amounts with thousands separators and their own digits, times to the second in the local zone."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Decimal):
        return f"{value:,f}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(map(str, value))
    return str(value)


class Figure(str):
    """A number that is text already: it stands right in a table."""

    __slots__ = ()


def money(value: Decimal | str | None, currency: str) -> Figure:
    """An amount with thousands separators and at least the currency's own digits."""
    from crm_core.money import digits, is_currency

    if value is None or value == "":
        return Figure("")
    amount = Decimal(value)
    shown_digits = max(0, -int(amount.as_tuple().exponent))
    wanted = max(shown_digits, digits(currency) if is_currency(currency) else 0)
    return Figure(f"{amount:,.{wanted}f}")


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Print a table; numbers stand right. Rows may end in fewer cells."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    kept = [list(row) for row in rows]
    numeric = {i for i in range(len(headings)) if _numeric([row[i] for row in kept if i < len(row)])}
    view = Table(title=title or None, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        view.add_column(heading, justify="right" if number in numeric else "left", overflow="fold")
    for row in kept:
        view.add_row(*(Text(clean(shown(cell))) for cell in row))
    width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else UNBOUND
    write(_drawn(view, width).strip("\n") + "\n")


Column = tuple[str, str | Callable[[Any], object]]
"""Heading, and where the cell comes from: a key of the row, or a function of it."""


def listing(rows: Sequence[Any], *columns: Column, title: str = "", nothing: str = "") -> None:
    """Print rows by columns; `nothing` is said when there is none."""
    cells = [[row[take] if isinstance(take, str) else take(row) for _heading, take in columns] for row in rows]
    table([heading for heading, _take in columns], cells, title=title)
    if not rows and nothing:
        output.note(nothing)


def _drawn(view: Any, width: int) -> str:
    """What Rich makes of it, as text without blanks at the ends of lines."""
    from rich.console import Console

    text = io.StringIO()
    Console(file=text, width=width, color_system=None, force_terminal=False).print(view)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def clean(text: str) -> str:
    """Without control characters: what an ERP sends must not steer the terminal."""
    return "".join(ch if ch.isprintable() or ch in "\n\t" else "\N{REPLACEMENT CHARACTER}" for ch in text)


def _numeric(cells: Sequence[object]) -> bool:
    filled = [cell for cell in cells if cell not in (None, "")]
    return bool(filled) and all(
        isinstance(cell, (Decimal, int, Figure)) and not isinstance(cell, bool) for cell in filled
    )


def columns(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns for a help page; the second one is wrapped, Chinese too, within the terminal's width."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for left, right in rows:
        grid.add_row(Text("  " + left), Text(right))
    return _drawn(grid, min(120, shutil.get_terminal_size((100, 24)).columns)).rstrip()
