"""Partners, products and prices of a data set, entered before its first document."""

from __future__ import annotations

from datetime import date

from sandbox.odata.backend import Row
from sandbox.office.dataset import DataSet, PartnerData, ProductData
from sandbox.sap.books import CHANNEL, DIVISION, Books
from sandbox.sap.catalogue import Product
from sandbox.sap.texts import internal_unit

LOADER = "DATALOAD"


def load_master_data(books: Books, data: DataSet) -> dict[str, str]:
    """Enter everything; returns the ERP's partner number by the data set's partner key."""
    books.rates = data.rates
    books.terms = set(data.terms)
    numbers = {}
    for partner in data.partners:
        row = books.partners.create(_partner_values(partner, books), LOADER)
        numbers[partner.key] = number = str(row["BusinessPartner"])
        if partner.credit_limit:
            books.partners.limits[number] = (partner.credit_limit, partner.accounts[0][2])
    for product in data.products:
        _add_product(books, product)
    return numbers


def _partner_values(partner: PartnerData, books: Books) -> Row:
    address: Row = {
        "StreetName": partner.street[:60], "CityName": partner.city, "PostalCode": partner.postal_code,
        "Region": partner.region, "Country": partner.country, "Language": partner.language,
    }  # fmt: skip
    if partner.phone:
        address["to_PhoneNumber"] = [
            {"PhoneNumber": partner.phone, "PhoneNumberType": "1", "IsDefaultPhoneNumber": True}
        ]
    if partner.email:
        address["to_EmailAddress"] = [{"EmailAddress": partner.email, "IsDefaultEmailAddress": True}]
    values: Row = {
        "BusinessPartnerCategory": "2", "Language": partner.language, "CorrespondenceLanguage": partner.language,
        "BusinessPartnerIDByExtSystem": partner.external_id, "SearchTerm1": partner.name.upper()[:20],
        **_split_name(partner.name, partner.name_2),
        "to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLCU00"}, {"BusinessPartnerRole": "FLCU01"}],
        "to_BusinessPartnerAddress": [address],
        "to_Customer": _customer(partner, books),
    }  # fmt: skip
    if partner.tax_number:
        values["to_BusinessPartnerTax"] = [{"BPTaxType": partner.tax_type, "BPTaxNumber": partner.tax_number}]
    return values


def _split_name(name: str, second: str) -> Row:
    """A name field holds 40 characters; a longer name goes on in the next one."""
    parts = [name[at : at + 40] for at in range(0, len(name), 40)] + ([second[:40]] if second else [])
    return {f"OrganizationBPName{n}": part for n, part in enumerate(parts[:4], 1)}


def _customer(partner: PartnerData, books: Books) -> Row:
    companies = [
        {"CompanyCode": code, "AccountByCustomer": account, "PaymentTerms": terms, "ReconciliationAccount": "12100000"}
        for code, account, _, terms in partner.accounts
    ]
    areas = [
        {
            "SalesOrganization": books.companies[code].sales_org, "DistributionChannel": CHANNEL, "Division": DIVISION,
            "Currency": currency, "CustomerPaymentTerms": terms, "CreditControlArea": code,
            "IncotermsClassification": "EXW",
        }
        for code, _, currency, terms in partner.accounts
    ]  # fmt: skip
    return {"CustomerAccountGroup": "CUST", "to_CustomerCompany": companies, "to_CustomerSalesArea": areas}


def _add_product(books: Books, data: ProductData) -> None:
    unit = internal_unit(data.unit) or "ST"
    product = Product(data.code, unit, data.group, data.tax_rate, books.clock.stamp(), dict(data.names))
    books.catalogue.products[data.code] = product
    for code, price, currency in data.prices:
        org = books.companies[code].sales_org
        books.catalogue.add_price(org, data.code, price, currency, unit, date(books.clock.today().year, 1, 1))
