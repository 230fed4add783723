"""Base data: organisations, currencies, units, terms of payment; customers and materials of the trade book.

A customer stands once for each organisation that uses it (分配型): one number, an FCUSTID each. Materials are shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.kingdee.metadata import HEAD
from sandbox.kingdee.tables import FIRST_ID, Base, Source, Tenant, constant, head, local
from sandbox.office.money import DIGITS
from sandbox.office.terms import TERMS, Terms
from sandbox.office.trade import Account, Customer

CURRENCIES = {
    "CNY": ("PRE001", "人民币"), "HKD": ("PRE002", "香港元"), "EUR": ("PRE003", "欧元"), "JPY": ("PRE004", "日本日圆"),
    "TWD": ("PRE005", "新台币元"), "GBP": ("PRE006", "英镑"), "USD": ("PRE007", "美元"),
}  # fmt: skip
"""The preset numbers; any other currency is the tenant's own and has its code as number."""

SETTLE_TYPES = {"JSFS01_SYS": "现金", "JSFS04_SYS": "电汇", "JSFS07_SYS": "银行承兑汇票"}
PURPOSES = {"SFKYT01_SYS": "销售收款", "SFKYT02_SYS": "预收款", "SFKYT03_SYS": "利息收入"}
SALE, ADVANCE, INTEREST = PURPOSES
WIRE, BILL = "JSFS04_SYS", "JSFS07_SYS"
COUNTRIES = {"CN": "China"}
"""Numbers of countries; any other country has its code as number."""
STOCK_UNIT, IN_STOCK_UNIT = "BOX", 10
"""Some goods are kept in boxes of ten and sold by the piece."""
_KNOWN_COUNTRIES = "AU BR CA CH CN DE ES FR GB HK IN IT JP KR MX MY NL NO SE SG TH TW US VN ZA"


@dataclass(frozen=True, slots=True)
class Client:
    """A customer as one organisation uses it."""

    customer: Customer
    account: Account
    at: int
    """The organisation's place among all, from 1."""

    @property
    def extra(self) -> dict[str, Any]:
        return self.customer.extra

    @property
    def id(self) -> int:
        return FIRST_ID + self.customer.id * 100 + self.at


def number_of(prefix: str, document: Any) -> str:
    """What was saved as its number, or the next by the coding rule."""
    saved = document.extra.get("FBillNo") or document.extra.get("FNumber")
    return str(saved) if saved else f"{prefix}{document.id:06}"


def base_sources(tenant: Tenant) -> dict[str, Source]:
    return {
        "ORG_Organizations": _fixed("FOrgID", _organisations(tenant)),
        "BD_Currency": _fixed("FCURRENCYID", _currencies(), FCODE="code", FAMOUNTDIGITS="digits", FPRICEDIGITS="price"),
        "BD_UNIT": _fixed("FUNITID", _units(tenant)),
        "BD_SETTLETYPE": _fixed("FSETTLETYPEID", _listed(SETTLE_TYPES)),
        "BD_RateType": _fixed("FRATETYPEID", _listed({"HLTX01_SYS": "固定汇率", "HLTX02_SYS": "即期汇率"})),
        "CN_RECPAYPURPOSE": _fixed("FID", _listed(PURPOSES)),
        "BOS_ASSISTANTDATA_SELECT": _fixed("FID", _assistant_data(tenant)),
        "SAL_MATERIALGROUP": _fixed("FID", _groups(tenant)),
        "BOS_BillType": _fixed("FBILLTYPEID", _bill_types(tenant), FBillFormID="form", FIsManualNumber="manual"),
        "BD_RecCondition": _conditions(tenant),
        "BD_Customer": customers(tenant),
        "BD_MATERIAL": _materials(tenant),
    }


# -- fixed -------------------------------------------------------------------------------------------------------------


def _fixed(key: str, records: list[Base], **values: str) -> Source:
    by_id = {record.id: record for record in records}
    by_number = {record.number.casefold(): [record] for record in records}
    fields: dict[str, Any] = {
        key: lambda row: row.id, "FNumber": lambda row: row.number, "FName": lambda row: row.name,
        "FDocumentStatus": constant("C"), "FForbidStatus": constant("A"),
    }  # fmt: skip
    fields |= {name: lambda row, value=value: row.values[value] for name, value in values.items()}
    return Source(lambda: records, head(fields), {}, by_id.get, lambda number: by_number.get(number, []))


def _listed(names: Mapping[str, str]) -> list[Base]:
    return [Base(FIRST_ID + at, number, name) for at, (number, name) in enumerate(names.items(), 1)]


def _organisations(tenant: Tenant) -> list[Base]:
    companies = tenant.office.companies.values()
    return [Base(at, company.code, company.name, {"company": company}) for at, company in enumerate(companies, 1)]


def _currencies() -> list[Base]:
    codes = [*CURRENCIES, *(code for code in sorted(DIGITS) if code not in CURRENCIES)]
    return [
        Base(at, *CURRENCIES.get(code, (code, code)), {"code": code, "digits": DIGITS[code], "price": 6})
        for at, code in enumerate(codes, 1)
    ]


def _units(tenant: Tenant) -> list[Base]:
    codes = {product.unit for product in tenant.office.products.values()}
    return _listed({code: code for code in sorted(codes | {"PCS", "EA", STOCK_UNIT})})


def _assistant_data(tenant: Tenant) -> list[Base]:
    """Countries and regions: lists of values that references lead to."""
    customers = tenant.office.customers.values()
    countries = {*_KNOWN_COUNTRIES.split(), *(customer.country for customer in customers)}
    numbers = {COUNTRIES.get(code, code) for code in countries} | {customer.region for customer in customers}
    return _listed({number: number for number in sorted(numbers) if number})


def _groups(tenant: Tenant) -> list[Base]:
    groups = {product.group for product in tenant.office.products.values()}
    return _listed({group: group for group in sorted(groups) if group})


def _bill_types(tenant: Tenant) -> list[Base]:
    found = [
        (form, number, name) for form in tenant.metadata.forms.values() for number, name in form.bill_types.items()
    ]
    return [
        Base(FIRST_ID + at, number, name, {"form": form.id, "manual": number not in form.fixed_numbers})
        for at, (form, number, name) in enumerate(found, 1)
    ]


def _conditions(tenant: Tenant) -> Source:
    codes = sorted({*TERMS, *tenant.office.terms})
    records = [
        Base(FIRST_ID + at, code, f"收款条件 {code}", {"terms": TERMS.get(code)}) for at, code in enumerate(codes, 1)
    ]
    source = _fixed("FID", records)
    entry: dict[str, Any] = {
        "FEntryID": lambda row: row.id, "FSeq": lambda row: row.values["seq"], "FRate": lambda row: row.values["rate"],
        "FODMonth": constant(0), "FODDay": lambda row: row.values["days"], "FISPREPAID": constant(False),
    }  # fmt: skip
    fields = {HEAD: {**source.fields[HEAD], "FRECMETHOD": constant("1")}, "FPayRecCondtionEntry": entry}
    return Source(source.docs, fields, {"FPayRecCondtionEntry": _condition_entries}, source.by_id, source.by_number)


def _condition_entries(record: Base) -> list[Base]:
    terms: Terms | None = record.values["terms"]
    return [
        Base(record.id * 10 + at, "", "", {"seq": at, "rate": round(part.percent, 10), "days": part.days})
        for at, part in enumerate(terms.parts if terms else (), 1)
    ]


# -- of the trade book -------------------------------------------------------------------------------------------------


def clients(tenant: Tenant) -> Iterable[Client]:
    places = {code: at for at, code in enumerate(tenant.office.companies, 1)}
    for customer in tenant.office.customers.values():
        for account in customer.accounts:
            yield Client(customer, account, places[account.company])


def client_of(tenant: Tenant, customer: Customer, company: str) -> Client | None:
    account = customer.account(company)
    return Client(customer, account, list(tenant.office.companies).index(company) + 1) if account else None


def customers(tenant: Tenant) -> Source:
    def by_id(wanted: int) -> Client | None:
        customer = tenant.office.customers.get((wanted - FIRST_ID) // 100)
        companies, at = list(tenant.office.companies), (wanted - FIRST_ID) % 100
        return client_of(tenant, customer, companies[at - 1]) if customer and 0 < at <= len(companies) else None

    def first(row: Client) -> int:
        return FIRST_ID + row.customer.id * 100 + list(tenant.office.companies).index(home(row.customer)) + 1

    fields: dict[str, Any] = {
        "FCUSTID": lambda row: row.id, "FNumber": lambda row: number_of("KH", row.customer),
        "FName": lambda row: row.customer.name,
        "FShortName": lambda row: row.extra.get("FShortName") or row.customer.name_2,
        "FCreateOrgId": lambda row: home(row.customer), "FUseOrgId": lambda row: row.account.company,
        "FMasterId": first,
        "FDocumentStatus": lambda row: row.extra.get("FDocumentStatus", "C"),
        "FForbidStatus": lambda row: "B" if row.customer.blocked or row.account.blocked else "A",
        "FCOUNTRY": lambda row: COUNTRIES.get(row.customer.country, row.customer.country),
        "FPROVINCIAL": lambda row: row.customer.region,
        "FADDRESS": lambda row: " ".join(part for part in (row.customer.city, row.customer.street) if part),
        "FZIP": lambda row: row.customer.postal_code, "FTEL": lambda row: row.customer.phone,
        "FTAXREGISTERCODE": lambda row: row.customer.tax_number,
        "FSOCIALCRECODE": lambda row: row.customer.tax_number if row.customer.country == "CN" else "",
        "FINVOICETITLE": lambda row: row.extra.get("FINVOICETITLE") or row.customer.name,
        "FTRADINGCURRID": lambda row: currency_number(row.account.currency),
        "FRECCONDITIONID": lambda row: row.account.terms,
        "FISCREDITCHECK": lambda row: row.customer.credit_limit is not None,
        "F_CRM_Text": lambda row: row.customer.our_number, "FCreateDate": lambda row: local(row.customer.created),
        "FModifyDate": lambda row: local(row.customer.changed), "FAPPROVEDATE": approved(lambda row: row.customer),
    }  # fmt: skip
    banks = {"FT_BD_CUSTBANK": saved_rows("FT_BD_CUSTBANK"), "FT_BD_CUSTCONTACT": saved_rows("FT_BD_CUSTCONTACT")}
    return Source(lambda: clients(tenant), head(fields), banks, by_id)


def home(customer: Customer) -> str:
    """The organisation that created it."""
    return str(customer.extra.get("FCreateOrgId") or customer.accounts[0].company)


def approved(document: Any) -> Any:
    """When it was audited: known for what was audited here, else its creation; nothing for what is not audited."""

    def moment(row: Any) -> Any:
        found = document(row)
        if found.extra.get("FDocumentStatus", "C") != "C":
            return None
        return found.extra.get("FApproveDate") or local(found.created)

    return moment


def saved_rows(entity: str) -> Any:
    """Entries that the trade book knows nothing of, as they were saved."""
    return lambda row: [SavedRow(values) for values in row.extra.get(entity, ())]


@dataclass(frozen=True)
class SavedRow:
    extra: dict[str, Any]


def currency_number(code: str) -> str:
    return CURRENCIES.get(code, (code, code))[0]


def _materials(tenant: Tenant) -> Source:
    office = tenant.office
    first = next(iter(office.companies))
    fields: dict[str, Any] = {
        "FMATERIALID": lambda row: FIRST_ID + row.id, "FNumber": lambda row: row.code,
        "FName": lambda row: row.name("ZH"),
        "FSpecification": lambda row: row.extra.get("FSpecification", ""), "FMaterialGroup": lambda row: row.group,
        "FCreateOrgId": constant(first), "FUseOrgId": constant(first), "FDocumentStatus": constant("C"),
        "FForbidStatus": lambda row: "B" if row.blocked else "A", "FCreateDate": lambda row: local(row.created),
        "FModifyDate": lambda row: local(row.changed), "FApproveDate": lambda row: local(row.created),
    }  # fmt: skip
    sub: dict[str, Any] = {"FBaseUnitId": lambda row: row.unit, "FTaxRateId": lambda row: row.tax_rate}
    return Source(
        office.products.values, {HEAD: fields, "SubHeadEntity": sub}, by_id=lambda n: office.products.get(n - FIRST_ID)
    )
