"""crosstie systems products: what each ERP product can do, from its own files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from commands.app import Command, examples
from commands.output import output, table
from commands.texts import N_, _, say
from config.exit_codes import OK, SOME_FAILED
from config.files import write_text
from config.settings import INSTALLATION, shown

if TYPE_CHECKING:
    from config.erp_products import Facts

FILE = INSTALLATION / "docs" / "products.md"
ARROWS = {"pull": "←", "push": "→ create", "change": "→ change", "cancel": "→ cancel"}
HEAD = """# ERP products

Made by `crosstie systems products --write` from the product files (connectors/VENDOR/PRODUCT.yaml) and the mappings
beside them; edit those. ← is read from the ERP, → is written there. Lines count neither blanks nor comments.

*Rung*: 1 data alone, 2 with named hooks in quirks.py, 3 with a protocol client of its own.
*Exactly once*: `refused` means that the ERP itself refuses a second document with our key; `looked up` that we ask for
the key before we send again, and wait until nothing of the first attempt can still be booked (docs/reliability.md).
"""


def products(
    write: bool = typer.Option(False, "--write", help="write docs/products.md"),
    check: bool = typer.Option(False, "--check", help="write nothing; say whether docs/products.md is up to date"),
) -> int:
    """What each ERP product can do: objects and directions, effort, limits, key carriers, what is unverified."""
    from config.erp_products import all_facts

    found = all_facts()
    if write or check:
        return _file(as_markdown(found), write=write)
    if not output.result({"products": [_plain(one) for one in found]}):
        heads = [_("Product"), _("Name"), _("Rung"), _("Objects"), _("YAML lines"), _("Python lines")]
        table(heads, [_row(one) for one in found])
    return OK


def _file(text: str, *, write: bool) -> int:
    same = FILE.is_file() and FILE.read_text(encoding="utf-8") == text
    if write and not same:
        write_text(FILE, text)
    if not output.result({"file": shown(FILE), "same": same}):
        differs = N_("{file} written.") if write else N_("{file} differs from the products.")
        output.note(say(N_("{file} is up to date.") if same else differs, file=shown(FILE)))
    return OK if same or write else SOME_FAILED


def _row(one: Facts) -> list[Any]:
    lines = one.product_lines + one.mapping_lines
    return [one.name, one.product.title, one.product.rung, ", ".join(one.objects), lines, one.python]


def _plain(one: Facts) -> dict[str, Any]:
    product = one.product
    return {
        "name": one.name,
        "title": product.title,
        "rung": product.rung,
        "protocol": product.protocol,
        "objects": one.objects,
        "lines": {"product": one.product_lines, "mapping": one.mapping_lines, "python": one.python},
        "limits": product.limits.model_dump(),
        "commit_horizon_s": product.commit_horizon_s,
        "key_carriers": {obj: carrier.model_dump() for obj, carrier in one.carriers.items()},
        "past_receivables": one.past,
        "unverified": product.unverified,
    }


def as_markdown(found: Sequence[Facts]) -> str:
    return "\n".join([HEAD, *_overview(found), *(line for one in found for line in _chapter(one))]) + "\n"


def _overview(found: Sequence[Facts]) -> Iterator[str]:
    from config.erp_products import OBJECTS

    yield "| object | " + " | ".join(one.name for one in found) + " |"
    yield "|---|" + "---|" * len(found)
    for obj in OBJECTS:
        yield f"| {obj} | " + " | ".join(_ways(one, obj) for one in found) + " |"
    yield f"| rung | {' | '.join(str(one.product.rung) for one in found)} |"
    yield f"| YAML, product + mapping | {' | '.join(f'{one.product_lines} + {one.mapping_lines}' for one in found)} |"
    yield f"| Python outside the client | {' | '.join(str(one.python) for one in found)} |"
    yield f"| receivables at a past date | {' | '.join('yes' if one.past else 'no, today only' for one in found)} |"


def _ways(one: Facts, obj: str) -> str:
    return " ".join(ARROWS[way] for way in one.objects.get(obj, ())) or "–"


def _chapter(one: Facts) -> Iterator[str]:
    product = one.product
    limits = product.limits
    yield from ("", f"## {product.title or one.name}", "", f"`{one.name}`, protocol {product.protocol}.", "")
    rate = f"{limits.requests_per_s:g} requests a second" if limits.requests_per_s else "no limit on requests a second"
    booked = f"a write without an answer can still be booked for {product.commit_horizon_s} s"
    yield f"- Limits: {rate}, {limits.concurrency} at once; {booked}."
    for obj, carrier in one.carriers.items():
        others = f" (or {', '.join(carrier.allowed)})" if carrier.allowed else ""
        way = "refused" if carrier.unique else "looked up"
        yield f"- Our key in {obj}: {carrier.default}{others}; exactly once: {way}."
    for name, needed in product.options.items():
        yield f"- Option {name}{', needed' if needed else ''}."
    if product.unverified:
        yield from ("", "Not seen on a real tenant yet; `crosstie doctor SYSTEM` looks:", "")
        yield from (f"- {line}" for line in product.unverified)


def register(app: typer.Typer) -> None:
    app.command(
        cls=Command,
        epilog=examples(
            ("systems products", "what this program connects"),
            ("systems products --check", "whether docs/products.md says so: exit code 3 if not"),
        ),
    )(products)
