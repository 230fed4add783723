"""What the sales module checks before it saves an order, and what it warns of after."""

from __future__ import annotations

from decimal import Decimal

from sandbox.odata.backend import Detail, Message, ODataError, Row
from sandbox.office.money import DIGITS, ZERO
from sandbox.office.terms import TERMS
from sandbox.sap import texts
from sandbox.sap.books import Books
from sandbox.sap.catalogue import Product
from sandbox.sap.sd import Order

UNIT_FIELDS = ("RequestedQuantitySAPUnit", "RequestedQuantityUnit", "RequestedQuantityISOUnit")


def refuse(code: str, text: str, target: str = "") -> ODataError:
    return ODataError(
        400, code, text, [Detail(code, text, target), Detail("/IWBEP/CX_MGW_BUSI_EXCEPTION", "An exception was raised")]
    )


class OrderRules:
    def __init__(self, books: Books) -> None:
        self.books = books

    def sales_area(self, values: Row) -> tuple[str, str, str]:
        kind = values.get("SalesOrderType", "")
        if texts.internal_order_type(kind) != "TA":
            raise refuse("V1/303", f"Sales document type {kind} is not defined", "SalesOrderType")
        names = ("SalesOrganization", "DistributionChannel", "OrganizationDivision")
        org, channel, division = (str(values.get(name, "")) for name in names)
        if (org, channel, division) not in self.books.partners.sales_areas:
            raise refuse("V1/324", f"Sales area {org} {channel} {division} is not defined", "SalesOrganization")
        return org, channel, division

    def check_currency(self, code: str) -> None:
        if code not in DIGITS:
            raise refuse("00/058", f"Entry {code} does not exist in TCURC (check entry)", "TransactionCurrency")

    def customer_area(self, number: str, org: str, channel: str, division: str) -> Row:
        """The customer's row in the sales area."""
        customer = self.books.partners.customer(number)
        area = self.books.partners.sales_area(number, org, channel, division)
        if customer is None or area is None:
            raise refuse(
                "VP/204",
                f"Sold-to party {number} not maintained for sales area {org} {channel} {division}",
                "SoldToParty",
            )
        if customer.get("OrderIsBlockedForCustomer") or area.get("OrderIsBlockedForCustomer"):
            raise refuse("VP/219", f"Customer {number} is blocked for sales orders", "SoldToParty")
        return area

    def check_terms(self, terms: str) -> None:
        if terms and terms not in TERMS and terms not in self.books.terms:
            raise refuse("F5/021", f"Terms of payment {terms} are not defined", "CustomerPaymentTerms")

    def product(self, order: Order, material: str, language: str) -> Product:
        product = self.books.catalogue.products.get(material)
        if product is None:
            area = f"sales org.{order.sales_org}, distr.chan.{order.channel}, language {language}"
            raise refuse("V1/382", f"Material {material} is not defined for {area}", "Material")
        return product

    def unit(self, values: Row, language: str) -> str:
        for name in UNIT_FIELDS:
            if code := values.get(name):
                if unit := texts.internal_unit(code):
                    return unit
                raise refuse("BM/302", f"Unit {code} is not created in language {language}", name)
        return ""

    def tax_rate(self, order: Order, product: Product) -> Decimal:
        return product.tax_rate if self.books.companies[order.company].country == "CN" else ZERO

    def check_credit(self, order: Order) -> None:
        """Compare what the customer owes and has on order with his limit; a released order stays released."""
        limit = self.books.partners.limits.get(order.sold_to)
        if limit is None or order.credit_status == "D" or order.rejection_status == "C":
            return
        amount, currency = limit
        company = self.books.companies[order.company]
        rates = [self.books.rate(code, company, order.order_date) for code in (order.currency, currency)]
        own = ZERO if order.number in self.books.orders and order.credit_status != "B" else order.unbilled
        used = self.books.exposure(order.sold_to, order.currency) + own
        self.books.journal.set(order, "credit_status", "B" if used * rates[0] / rates[1] > amount else "A")

    def warnings(self, order: Order) -> list[Message]:
        found = []
        if order.credit_status == "B":
            found.append(
                Message(
                    "V1/849", f"Credit check: order {order.number} is over the credit limit and blocked for delivery"
                )
            )
        for item in order.items:
            if item.price is None and not item.rejection:
                found.append(
                    Message(
                        "V1/555",
                        f"Item {item.number}: the price is missing, the document is incomplete",
                        target="to_Item",
                    )
                )
        return found
