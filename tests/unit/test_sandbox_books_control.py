"""What an ERP user does to the sandbox's books by hand, and partners that come in through the API."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sandbox.front import Caller, ControlError
from sandbox.odata.backend import ODataError
from sandbox.sap.documents import Line, rest
from sandbox.sap.s4 import S4Backend
from tests.unit.sandbox_books_help import assert_sound, books

TODAY = date(2026, 6, 15)
Values = dict[str, Any]
CUSTOMER = "10000002"


@pytest.fixture
def held() -> S4Backend:
    backend = books(None, TODAY)
    backend.begin(Caller("request-1", "CROSSTIE", "EN"))
    return backend


def document(answer: Values) -> Values:
    key: Values = answer["document"]
    return key


def line(held: S4Backend, key: Values, item: int = 1) -> Line:
    return held.books.ledger.documents[key["company"], key["fiscal_year"], key["number"]].lines[item - 1]


def posted(held: S4Backend, amount: str = "100.00", **more: object) -> Values:
    return document(
        held.mutate({"what": "post_invoice", "customer": CUSTOMER, "company": "CN01", "amount": amount, **more})
    )


def row(held: S4Backend, key: Values, item: str = "1") -> Values:
    names = ("CompanyCode", "FiscalYear", "AccountingDocument", "AccountingDocumentItem")
    values = (key["company"], key["fiscal_year"], key["number"], item)
    found = held.get("A_OperationalAcctgDocItemCube", dict(zip(names, values, strict=True)))
    assert found is not None
    return dict(found)


# -- receivables -------------------------------------------------------------------------------------------------------


def owed(held: S4Backend) -> Decimal:
    return sum((rest(found) for found in held.books.ledger.of_customer.get(CUSTOMER, [])), Decimal(0))


def test_documents_are_named_as_the_book_shows_them(held: S4Backend) -> None:
    """The same words as in the trade book of the other products."""
    made = held.mutate({"what": "post_invoice", "customer": CUSTOMER, "company": "CN01", "amount": "100.00"})
    (item,) = made["items"]
    assert item in [row["number"] for row in held.book("open_items")]
    held.mutate({"what": "pay", "company": "CN01", "item": item, "amount": "40.00"})
    assert next(row for row in held.book("open_items") if row["number"] == item)["rest"] == Decimal("60.00")
    held.mutate({"what": "reverse", "invoice": made["number"]})
    assert next(row for row in held.book("open_items") if row["number"] == item)["status"] == "cleared"


def test_a_backdated_posting_is_entered_today(held: S4Backend) -> None:
    key = posted(held, posting_date="2026-03-31", document_date="2026-03-30", due="2026-05-01")
    found = row(held, key)
    assert (found["PostingDate"], found["DocumentDate"], found["NetDueDate"]) == (
        date(2026, 3, 31),
        date(2026, 3, 30),
        date(2026, 5, 1),
    )
    assert found["AccountingDocumentCreationDate"] == TODAY
    assert (found["AccountingDocumentType"], found["PostingKey"], found["DebitCreditCode"]) == ("DR", "01", "S")


def test_paying_in_parts_and_then_in_full(held: S4Backend) -> None:
    item = {**posted(held), "item": "1"}
    first = document(held.mutate({"what": "pay", "company": "CN01", "amount": "30.00", "item": item}))
    part = row(held, first)
    assert (part["FollowOnDocumentType"], part["InvoiceReference"], part["IsCleared"]) == ("Z", item["number"], False)
    assert rest(line(held, item)) == Decimal("70.00")
    last = document(
        held.mutate({"what": "pay", "company": "CN01", "amount": "69.00", "discount": "1.00", "item": item})
    )
    assert row(held, last)["CashDiscountAmount"] == Decimal("1.00")
    for key in (item, first, last):
        found = row(held, key)
        assert (found["IsCleared"], found["ClearingAccountingDocument"], found["ClearingDate"]) == (
            True,
            last["number"],
            TODAY,
        )
    with pytest.raises(ControlError, match="is settled already"):
        held.mutate({"what": "pay", "company": "CN01", "amount": "1.00", "item": item})
    assert_sound(held.books.ledger)


def test_resetting_a_clearing_wipes_it(held: S4Backend) -> None:
    item = {**posted(held), "item": "1"}
    payment = document(held.mutate({"what": "pay", "company": "CN01", "amount": "100.00", "item": item}))
    held.mutate({"what": "reset_clearing", "clearing": payment})
    found = row(held, item)
    assert (found["IsCleared"], found["ClearingDate"], found["ClearingCreationDate"]) == (False, None, None)
    assert (found["ClearingAccountingDocument"], found["ClearingIsReversed"]) == ("", True)
    assert [rest(line(held, item)), rest(line(held, payment))] == [Decimal(100), Decimal(-100)]
    with pytest.raises(ControlError, match="clears nothing"):
        held.mutate({"what": "reset_clearing", "clearing": payment})


def test_reversing_mirrors_and_clears_each_line(held: S4Backend) -> None:
    key = posted(held, terms="T3")
    held.mutate({"what": "pay", "company": "CN01", "amount": "10.00", "item": {**key, "item": "2"}})
    reversal = document(held.mutate({"what": "reverse", "document": key, "posting_date": "2026-06-01"}))
    assert reversal["number"].startswith("17")
    for item in ("1", "2", "3"):
        was, mirror = row(held, key, item), row(held, reversal, item)
        assert was["AmountInTransactionCurrency"] == -mirror["AmountInTransactionCurrency"]
        assert (was["IsReversed"], was["ReverseDocument"], was["LastChangeDate"]) == (True, reversal["number"], TODAY)
        assert (mirror["IsReversal"], mirror["ReverseDocument"]) == (True, key["number"])
        assert was["ClearingAccountingDocument"] == mirror["ClearingAccountingDocument"] == reversal["number"]
    assert owed(held) == owed(books(None, TODAY)) - 10
    with pytest.raises(ControlError, match="reversed already"):
        held.mutate({"what": "reverse", "document": key})
    assert_sound(held.books.ledger)


def test_reversing_a_billed_document_cancels_it(held: S4Backend) -> None:
    billing = next(b for b in held.books.billings.values() if b.kind == "F2" and b.accounting and not b.cancelled_by)
    assert billing.accounting
    company, year, number = billing.accounting.key
    answer = held.mutate({"what": "reverse", "document": {"company": company, "fiscal_year": year, "number": number}})
    assert billing.cancelled_by and answer["billing_document"] == billing.cancelled_by.number
    assert_sound(held.books.ledger)


def test_a_write_off_says_why(held: S4Backend) -> None:
    item = {**posted(held), "item": "1"}
    made = document(held.mutate({"what": "write_off", "item": item, "amount": "0.30", "reason": "KL1"}))
    found = row(held, made)
    assert (found["AccountingDocumentType"], found["PaymentDifferenceReason"], found["OffsettingAccountType"]) == (
        "AB",
        "KL1",
        "S",
    )
    assert rest(line(held, item)) == Decimal("99.70")


def test_a_cent_more(held: S4Backend) -> None:
    key = posted(held)
    number = f"{key['company']}/{key['fiscal_year']}/{key['number']}/1"
    held.mutate({"what": "amount", "object": "open_items", "number": number, "by": "0.01"})
    assert row(held, key)["AmountInTransactionCurrency"] == Decimal("100.01")
    for object, set_name, field in (
        ("orders", "A_SalesOrder", "TotalNetAmount"),
        ("invoices", "A_BillingDocument", "TotalNetAmount"),
    ):
        before = held.rows(set_name)[0]
        stamp, amount, at = before["LastChangeDateTime"], before[field], next(iter(before))
        held.mutate({"what": "amount", "object": object, "number": before[at], "by": "0.01"})
        after = held.rows(set_name)[0]
        assert after[field] == amount + Decimal("0.01")
        assert after["LastChangeDateTime"] > stamp


# -- master data and orders --------------------------------------------------------------------------------------------


def test_blocking_and_renaming_a_customer(held: S4Backend) -> None:
    held.mutate({"what": "block_customer", "customer": CUSTOMER})
    held.mutate({"what": "rename", "customer": CUSTOMER, "name": "新名字" * 15})
    partner = held.get("A_BusinessPartner", {"BusinessPartner": CUSTOMER})
    assert partner and partner["LastChangeDate"] == TODAY
    assert (partner["OrganizationBPName1"], partner["OrganizationBPName2"]) == (
        ("新名字" * 15)[:40],
        ("新名字" * 15)[40:],
    )
    values = {
        "SalesOrderType": "OR",
        "SalesOrganization": "CN01",
        "DistributionChannel": "10",
        "OrganizationDivision": "00",
    }
    with pytest.raises(ODataError, match="is blocked for sales orders"):
        held.create(
            "A_SalesOrder",
            {**values, "SoldToParty": CUSTOMER, "to_Item": [{"Material": "LQ-1010", "RequestedQuantity": Decimal(1)}]},
        )


def test_a_new_price_starts_on_its_day(held: S4Backend) -> None:
    held.mutate({"what": "price", "product": "LQ-1010", "company": "CN01", "rate": "5000", "from": "2026-07-01"})

    def price(day: date) -> Decimal:
        found = held.books.catalogue.price("CN01", "10", "LQ-1010", CUSTOMER, "CNY", day)
        assert found
        return found.rate

    assert (price(date(2026, 6, 30)), price(date(2026, 7, 1))) == (Decimal("4860.00"), Decimal(5000))


def test_anything_can_be_shown_otherwise(held: S4Backend) -> None:
    """What no desk would accept, a broken or customised ERP still answers."""
    number = held.rows("A_SalesOrder")[0]["SalesOrder"]
    held.mutate(
        {
            "what": "set",
            "object": "orders",
            "number": number,
            "values": {"TransactionCurrency": "XYZ", "TotalNetAmount": "1.5"},
        }
    )
    order = held.get("A_SalesOrder", {"SalesOrder": number})
    assert order and (order["TransactionCurrency"], order["TotalNetAmount"]) == ("XYZ", Decimal("1.5"))
    assert order["LastChangeDateTime"].date() == TODAY
    held.mutate({"what": "set", "object": "order_items", "number": f"{number}/10", "values": {"Material": "GONE"}})
    items = held.navigate("A_SalesOrder", held.rows("A_SalesOrder")[0], "to_Item")
    assert isinstance(items, list) and items[0]["Material"] == "GONE"
    held.mutate({"what": "set", "object": "orders", "number": number, "values": {"PurchaseOrderByCustomer": "real"}})
    assert held.books.orders[number].customer_po == "real"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"what": "dance"}, "what must be one of set, amount"),
        ({"what": "pay", "customer": "1", "company": "CN01", "amount": "5"}, "there is no customer 1"),
        ({"what": "pay", "customer": CUSTOMER, "company": "XX", "amount": "5"}, "there is no company XX"),
        ({"what": "pay", "customer": CUSTOMER, "company": "CN01", "amount": "five"}, "amount must be a number as text"),
        ({"what": "post_invoice", "customer": CUSTOMER, "company": "CN01", "amount": "5", "posting_date": "1.4."},
        "posting_date must be an ISO date"),
        ({"what": "post_invoice", "customer": CUSTOMER, "company": "CN01", "amount": "5", "currency": "ABC"},
        "currency 'ABC' is not known"),
        ({"what": "reverse", "document": {"company": "CN01", "fiscal_year": "2026", "number": "1"}},
        "there is no document CN01/2026/1"),
        ({"what": "set", "object": "orders", "number": "1", "values": {}}, "there is no orders 1"),
        ({"what": "set", "object": "cars", "number": "1", "values": {}}, "object must be one of"),
        ({"what": "release_credit"}, "order is missing"),
    ],
)  # fmt: skip
def test_a_request_that_makes_no_sense(held: S4Backend, change: Values, message: str) -> None:
    changes = len(held.books.ledger.documents)
    with pytest.raises(ControlError, match=message.replace("(", r"\(")):
        held.mutate(change)
    assert len(held.books.ledger.documents) == changes


def test_an_unknown_book(held: S4Backend) -> None:
    with pytest.raises(ControlError, match="there is no book of 'cars'; there is orders, customers"):
        held.book("cars")


# -- partners ----------------------------------------------------------------------------------------------------------

PARTNER: Values = {
    "BusinessPartnerCategory": "2", "OrganizationBPName1": "Neu & Söhne", "BusinessPartnerIDByExtSystem": "CT7-C000001",
    "to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLCU01"}],
    "to_BusinessPartnerAddress": [{"Country": "CN", "CityName": "苏州",
    "to_EmailAddress": [{"EmailAddress": "a@b.example"}],
                                   "to_MobilePhoneNumber": [{"PhoneNumber": "13800000000"}]}],
    "to_BusinessPartnerTax": [{"BPTaxType": "CN5", "BPTaxNumber": "X"}],
    "to_Customer": {
        "to_CustomerCompany": [{"CompanyCode": "CN01", "PaymentTerms": "N30"}],
        "to_CustomerSalesArea": [{"SalesOrganization": "CN01", "DistributionChannel": "10", "Division": "00",
        "Currency": "CNY",
                                  "to_PartnerFunction": [{"PartnerCounter": "0", "PartnerFunction": "SP"}]}],
    },
}  # fmt: skip


def test_a_partner_with_everything_in_it(held: S4Backend) -> None:
    made = held.create("A_BusinessPartner", PARTNER).row
    number = made["BusinessPartner"]
    assert (made["Customer"], made["BusinessPartnerFullName"], made["LastChangeDate"]) == (number, "Neu & Söhne", None)
    customer = held.navigate("A_BusinessPartner", made, "to_Customer")
    assert isinstance(customer, dict) and customer["CustomerName"] == "Neu & Söhne"
    (address,) = held.navigate("A_BusinessPartner", made, "to_BusinessPartnerAddress") or ()
    assert [
        len(held.navigate("A_BusinessPartnerAddress", address, nav) or ())
        for nav in ("to_EmailAddress", "to_PhoneNumber", "to_MobilePhoneNumber")
    ] == [1, 0, 1]
    (area,) = held.navigate("A_Customer", customer, "to_CustomerSalesArea") or ()
    assert len(held.navigate("A_CustomerSalesArea", area, "to_PartnerFunction") or ()) == 1
    order = {
        "SalesOrderType": "OR",
        "SalesOrganization": "CN01",
        "DistributionChannel": "10",
        "OrganizationDivision": "00",
    }
    held.create(
        "A_SalesOrder",
        {**order, "SoldToParty": number, "to_Item": [{"Material": "LQ-1010", "RequestedQuantity": Decimal(1)}]},
    )
    (found,) = [found for found in held.book("customers") if found["number"] == number]
    assert (found["created_count"], found["created_by_request"]) == (1, "request-1")


def test_a_partner_change_moves_the_change_date_and_version(held: S4Backend) -> None:
    number = held.create("A_BusinessPartner", PARTNER).row["BusinessPartner"]
    before = dict(held.get("A_BusinessPartner", {"BusinessPartner": number}) or {})
    (address,) = held.navigate("A_BusinessPartner", before, "to_BusinessPartnerAddress") or ()
    key = {"BusinessPartner": number, "AddressID": address["AddressID"]}
    held.advance(1)
    held.update("A_BusinessPartnerAddress", key, {"CityName": "昆山"}, False)
    after = dict(held.get("A_BusinessPartner", {"BusinessPartner": number}) or {})
    assert (after["LastChangeDate"], after["ETag"] > before["ETag"]) == (date(2026, 6, 16), True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"BusinessPartnerCategory": ""}, "R1/701"),
        ({"OrganizationBPName1": ""}, "R1/221"),
        ({"BusinessPartner": "4711"}, "R1/105"),
        ({"to_Customer": {"to_CustomerCompany": [{"CompanyCode": "XX01"}]}}, "F2/163"),
        ({"to_Customer": {"to_CustomerSalesArea": [{"SalesOrganization": "XX", "DistributionChannel": "10",
        "Division": "00"}]}}, "VF/082"),
    ],
)  # fmt: skip
def test_a_partner_that_is_refused_leaves_nothing(held: S4Backend, change: Values, code: str) -> None:
    counts = {name: len(rows) for name, rows in held.books.partners.tables.items()}
    point = held.savepoint()
    with pytest.raises(ODataError) as caught:
        held.create("A_BusinessPartner", {**PARTNER, **change})
    held.rollback(point)
    assert caught.value.code == code
    assert {name: len(rows) for name, rows in held.books.partners.tables.items()} == counts
