"""The CRM's own words for what travels: one record type per object, as a mapping must deliver it.

Every record is keyed by (system, object, full ERP key); the key itself comes from the connector, not from the mapping.
Money is Decimal in the currency named beside it, signed from our side: + is owed to us or sold, - is owed by us or
given back (a credit memo, a reversal and money received are negative). Business dates are calendar dates of the
company; `changed_at` is an aware UTC time. Empty text means unknown; None means the ERP has no value.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from crm_core.model_base import Line as Line
from crm_core.model_base import Record as Record
from crm_core.model_receivables import AccountLine as AccountLine
from crm_core.model_receivables import Receipt as Receipt
from crm_core.model_receivables import Settlement as Settlement


class Address(Line, kw_only=True, gc=False):
    kind: str = "main"
    street: str = ""
    house_number: str = ""
    city: str = ""
    postal_code: str = ""
    region: str = ""
    country: str = ""


class Contact(Line, kw_only=True, gc=False):
    name: str
    role: str = ""
    email: str = ""
    phone: str = ""


class Account(Line, kw_only=True, gc=False):
    """The customer's account in one company of the ERP: what differs per company is here, not on the customer."""

    company_code: str
    account_number: str = ""
    currency: str = ""
    payment_terms: str = ""
    credit_limit: Decimal | None = None
    order_block: str = ""
    delivery_block: str = ""
    billing_block: str = ""
    posting_blocked: bool = False


class Customer(Record, kw_only=True, gc=False):
    """`number` is our own customer number as the ERP holds it; ERP customers with one number are one CRM customer."""

    name: str
    number: str = ""
    name_en: str = ""
    category: str = "organisation"
    tax_id: str = ""
    language: str = ""
    email: str = ""
    phone: str = ""
    website: str = ""
    blocked: bool = False
    archived: bool = False
    addresses: list[Address] = msgspec.field(default_factory=list)
    contacts: list[Contact] = msgspec.field(default_factory=list)
    accounts: list[Account] = msgspec.field(default_factory=list)


class Product(Record, kw_only=True, gc=False):
    name: str
    name_en: str = ""
    name_zh: str = ""
    unit: str
    group: str = ""
    kind: str = ""
    blocked: bool = False


class Price(Record, kw_only=True, gc=False):
    """A list price: `amount` of `currency` (net) per `per` units of `unit`, both days included.

    It counts for the quotes of `company_code` alone; empty: of every company. `sales_area` is the ERP's own word.
    """

    product_key: str
    currency: str
    amount: Decimal
    per: Decimal = Decimal(1)
    unit: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    company_code: str = ""
    sales_area: str = ""
    customer_key: str = ""


class OrderLine(Line, kw_only=True, gc=False):
    """`our_line` is the quote line it came from; quantities in `unit`; amounts in the order's currency, net of tax."""

    line: str
    product_key: str = ""
    text: str = ""
    quantity: Decimal
    unit: str = ""
    net_amount: Decimal | None = None
    rejected: bool = False
    requested_on: date | None = None
    confirmed_on: date | None = None
    our_line: str = ""
    delivery_status: str = ""
    billing_status: str = ""


class Order(Record, kw_only=True, gc=False):
    """`our_key` is the entry key we sent (empty: not our order); `external_ref` the number of a former system.

    `status` is one of open, incomplete, credit_hold, approval, complete, cancelled as the ERP states it now.
    """

    number: str
    order_type: str = ""
    company_code: str
    customer_key: str
    customer_po: str = ""
    our_key: str = ""
    external_ref: str = ""
    order_date: date
    requested_on: date | None = None
    currency: str
    net_amount: Decimal | None = None
    payment_terms: str = ""
    status: str
    delivery_status: str = ""
    billing_status: str = ""
    credit_status: str = ""
    blocked: bool = False
    cancelled_on: date | None = None
    lines: list[OrderLine] = msgspec.field(default_factory=list)


class DeliveryLine(Line, kw_only=True, gc=False):
    """`quantity` is what was picked for goods issue, in `unit`; negative for goods that came back."""

    line: str
    order_key: str = ""
    order_line: str = ""
    product_key: str = ""
    quantity: Decimal
    unit: str = ""


class Delivery(Record, kw_only=True, gc=False):
    """`kind` is delivery or return; `goods_issued_on` is None until the goods have left."""

    number: str
    kind: str
    customer_key: str = ""
    planned_on: date | None = None
    goods_issued_on: date | None = None
    status: str = ""
    lines: list[DeliveryLine] = msgspec.field(default_factory=list)


class InvoiceLine(Line, kw_only=True, gc=False):
    line: str
    order_key: str = ""
    order_line: str = ""
    delivery_key: str = ""
    product_key: str = ""
    quantity: Decimal = Decimal(0)
    unit: str = ""
    net_amount: Decimal = Decimal(0)
    tax_amount: Decimal = Decimal(0)


class Invoice(Record, kw_only=True, gc=False):
    """`kind`: invoice, credit_memo, debit_memo, reversal, opening, pro_forma or provisional; the last two never count.

    Amounts and quantities are signed (credit memos and reversals negative). `document_key` is the accounting document
    (company/fiscal year/number), empty when nothing was posted; `reverses` the key of the invoice a reversal cancels.
    """

    number: str
    kind: str
    company_code: str
    fiscal_year: str = ""
    document_key: str = ""
    customer_key: str
    sold_to_key: str = ""
    document_date: date
    posting_date: date
    currency: str
    net_amount: Decimal
    tax_amount: Decimal = Decimal(0)
    gross_amount: Decimal
    payment_terms: str = ""
    reference: str = ""
    our_key: str = ""
    reverses: str = ""
    cancelled: bool = False
    lines: list[InvoiceLine] = msgspec.field(default_factory=list)


class ContractLine(Line, kw_only=True, gc=False):
    """Amount net of tax, in the contract's currency, for the whole term; both days included."""

    line: str = ""
    product_key: str = ""
    text: str = ""
    quantity: Decimal = Decimal(0)
    unit: str = ""
    net_amount: Decimal | None = None
    start_date: date | None = None
    end_date: date | None = None


class Contract(Record, kw_only=True, gc=False):
    """What a subscription is in the ERP. `status` is one of draft, active, closed, cancelled as the ERP states it now.

    `our_key` is the entry key we sent (empty: not our contract); `renews` the key of the contract this one continues.
    """

    number: str
    company_code: str
    customer_key: str
    our_key: str = ""
    status: str
    start_date: date | None = None
    end_date: date | None = None
    signed_on: date | None = None
    cancelled_on: date | None = None
    currency: str
    net_amount: Decimal | None = None
    billing_status: str = ""
    renews: str = ""
    lines: list[ContractLine] = msgspec.field(default_factory=list)


PULLED: dict[str, type[Record]] = {
    "customers": Customer,
    "products": Product,
    "prices": Price,
    "contracts": Contract,
    "deliveries": Delivery,
    "invoices": Invoice,
    "orders": Order,
    "open_items": AccountLine,
    "payments": Receipt,
    "applications": Settlement,
}
"""Objects in the order of a whole pull: master data first; orders after what follows them, since a delivery or invoice
changes an order's status without always touching its change stamp."""
