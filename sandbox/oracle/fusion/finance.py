"""What finance has set up: ledgers, one for each company, and daily conversion rates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sandbox.office.company import Company
from sandbox.oracle.adf.conditions import moment
from sandbox.oracle.adf.errors import invalid
from sandbox.oracle.adf.model import Column, Finder, Resource, View
from sandbox.oracle.fusion.catalogue import finder_variables, resource
from sandbox.oracle.fusion.ids import big
from sandbox.oracle.fusion.tenant import Tenant

_FINDER = "CurrencyRatesFinder"


@dataclass(frozen=True)
class DailyRate:
    currency: str
    to: str
    day: date
    rate: Decimal


class Finance:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.office = tenant.office

    def ledgers(self) -> Resource:
        codes = list(self.office.companies)
        columns: dict[str, Column] = {
            "LedgerId": lambda c: big("ledger", codes.index(c.code) + 1),
            "LedgerName": lambda c: f"{c.code} Primary Ledger",
            "LedgerShortName": lambda c: c.code,
            "LedgerType": lambda c: "Primary",
            "CurrencyCode": lambda c: c.currency,
            "ChartOfAccountsStructureId": lambda c: big("ledger", 100),
            "AccountingCalendar": lambda c: f"Monthly from {c.fiscal_year_start}",
            "BudgetaryControlEnabledFlag": lambda c: False,
        }
        return resource("ledgersLOV", "LedgerId", columns, self._ledgers)

    def _ledgers(self, view: View, parent: object) -> Iterator[Company]:
        return (company for company in self.office.companies.values() if view.sees(company.code))

    def rates(self) -> Resource:
        columns: dict[str, Column] = {
            "FromCurrency": lambda r: r.currency,
            "ToCurrency": lambda r: r.to,
            "ConversionDate": lambda r: r.day,
            "ConversionRate": lambda r: r.rate,
            "ConversionType": lambda r: "Corporate",
            "UserConversionType": lambda r: "Corporate",
        }
        variables = finder_variables("currencyRates", _FINDER)
        named = {"fromCurrency": "FromCurrency", "toCurrency": "ToCurrency", "userConversionType": "UserConversionType"}
        finder = Finder(variables, named, frozenset({"startDate", "endDate", "maxRollDays"}))
        return resource(
            "currencyRates", "ConversionDate", columns, self._rates, finders={_FINDER: finder}, versioned=False,
            path_key=lambda r: f"{r.currency}-{r.to}-{r.day}",
        )  # fmt: skip

    def _rates(self, view: View, parent: object) -> Iterator[DailyRate]:
        start, end = _day(view, "startDate", date.min), _day(view, "endDate", self.office.today())
        for (currency, to), rates in self.office.rates.items():
            yield from (DailyRate(currency, to, day, rate) for day, rate in rates if start <= day <= end)


def _day(view: View, name: str, default: date) -> date:
    text = view.variables.get(name)
    try:
        return moment(text).date() if text else default
    except ValueError:
        raise invalid(name, f"{text} is no date.") from None
