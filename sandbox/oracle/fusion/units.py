"""Units of measure: Fusion's code and name for each unit of the books."""

from __future__ import annotations

CODES = {"PCS": "Ea", "HUR": "HR", "H": "HR"}
"""Other units have the same code there."""

NAMES = {
    "Ea": "Each", "HR": "Hour", "EA": "Unit", "KG": "Kilogram", "G": "Gram", "M": "Meter", "SET": "Set", "BOX": "Box",
    "L": "Liter", "T": "Tonne", "DAY": "Day", "MON": "Month",
}  # fmt: skip


def code(unit: str) -> str:
    return CODES.get(unit, unit)


def name(unit: str) -> str:
    return NAMES.get(code(unit), unit)


def unit_of(sent_code: str | None, sent_name: str | None, own: str) -> str | None:
    """The unit that a payload means by code, or else by name; None for one that is not known. `own` is the item's."""
    known = {own: own, **{unit: unit for unit in NAMES}, **{shown: unit for unit, shown in reversed(CODES.items())}}
    if sent_code is not None:
        return own if sent_code == code(own) else known.get(sent_code)
    if sent_name is None or sent_name == name(own):
        return own
    return next((unit for shown, unit in known.items() if NAMES.get(shown) == sent_name), None)
