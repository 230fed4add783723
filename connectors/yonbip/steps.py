"""Steps of a document, taken by its state: a save is no approval (submit, audit), and a change needs the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connectors.base import Record, Wire
from connectors.errors import ConfigurationError, RecordRejectedError
from connectors.pace import Deadline
from connectors.rows import matches, text
from connectors.yonbip.client import Client
from connectors.yonbip.descriptor import Product, Step, Write

STOP_AT = "stop_at"
SAVE = "save"

Look = Callable[[], Record]


def wanted(client: Client, write: Write) -> Sequence[Step]:
    """The steps up to where the system wants its documents; all of them where it does not say."""
    stop = client.system.options.get(STOP_AT) or ""
    names = [step.name for step in write.steps]
    if stop == SAVE or not names:
        return ()
    return write.steps[: names.index(stop) + 1] if stop in names else write.steps


def check_stop(product: Product, options: Any, system: str) -> None:
    """ConfigurationError for a `stop_at` that no document of this product has."""
    stop = options.get(STOP_AT) or SAVE
    known = [SAVE, *dict.fromkeys(s.name for r in product.resources.values() if r.write for s in r.write.steps)]
    if stop not in known:
        raise ConfigurationError("option-value", system=system, option=STOP_AT, value=stop, known=", ".join(known))


def left(client: Client, write: Write, row: Wire) -> bool:
    """Whether a step of ours is still to be taken."""
    return any(due(step, row) for step in wanted(client, write))


def due(step: Step, row: Wire) -> bool:
    return matches(row, step.due) and not left_to_erp(step, row)


def left_to_erp(step: Step, row: Wire) -> bool:
    return step.unless is not None and matches(row, step.unless)


def take(
    client: Client, obj: str, steps: Sequence[Step], look: Look, deadline: Deadline, known: Wire | None = None
) -> list[str]:
    """Take the steps that are due, in their order; the names of those taken.

    After one that was taken the next is tried without a look between them, and so is one that `known` (what a save
    answered, perhaps an old answer) shows as due. Where one is refused, the state decides whether it was due at all: an
    earlier attempt at it may be booked only now.
    """
    shown = known and all(text(known, step.due.field) for step in steps)
    record = Record("", known or {}) if shown else look()
    taken: list[str] = []
    for step in steps:
        if not (due(step, record.data) or (taken and not left_to_erp(step, record.data))):
            continue
        try:
            act(client, obj, step, record, deadline)
        except RecordRejectedError:
            record = look()
            if due(step, record.data):
                raise
        else:
            taken.append(step.name)
    return taken


def act(client: Client, obj: str, step: Step, record: Record, deadline: Deadline) -> None:
    """One step on one document. The gateway knows no check key here: who gets no answer looks at the state."""
    number = text(record.data, "code")
    one = {"id": record.key or text(record.data, "id"), **({"code": number} if number else {}), **step.body}
    client.send(step.path, {"data": [one]}, deadline, obj, str(one["id"]))
