"""Which data set a sandbox starts with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from sandbox.office import classicmodels, golden
from sandbox.office import seed as made_up
from sandbox.office.dataset import DataError, DataSet


def choose(folder: Path | None, rows: int | None, day: date | None, seed: int) -> DataSet:
    """The data set in `folder`, or one made up from `seed`; with `rows` its master data only. Raises DataError."""
    if folder and rows:
        raise DataError("rows are made up: ask for them without a data set, or for the data set without rows")
    if folder is None:
        data = made_up.make(seed, day or datetime.now().astimezone().date())
        return without_history(data) if rows else data
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name the one that holds the CSV files of a data set")
    files = {file.stem for file in folder.glob("*.csv")}
    if files >= golden.MARKS:
        return golden.load(folder)
    if files >= classicmodels.MARKS:
        return classicmodels.load(folder)
    layouts = {"golden": golden.FILES, "classicmodels": classicmodels.FILES}
    nearest = min(layouts, key=lambda name: len(layouts[name] - files))
    lacking = ", ".join(f"{name}.csv" for name in sorted(layouts[nearest] - files))
    raise DataError(f"{folder} holds no data set we know; for the layout of {nearest} these are missing: {lacking}")


def without_history(data: DataSet) -> DataSet:
    """Master data only, without credit limits: nothing to check against so many orders."""
    partners = [replace(partner, credit_limit=None) for partner in data.partners]
    return replace(data, partners=partners, orders=[], deliveries=[], invoices=[], payments=[], applications=[])
