"""A company of the ERP: its currency, zone and fiscal year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Company:
    code: str
    name: str
    currency: str
    zone: str
    country: str
    fiscal_year_start: int
    """Month 1-12; a year that starts in October is named after the calendar year it ends in."""

    sales_org: str

    def fiscal_year(self, day: date) -> str:
        return str(day.year + (1 < self.fiscal_year_start <= day.month))

    def period(self, day: date) -> int:
        return (day.month - self.fiscal_year_start) % 12 + 1
