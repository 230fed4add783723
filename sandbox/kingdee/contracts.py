"""Subscriptions of the trade book, shown as this tenant keeps them: sale orders of a bill type of its own, read only.

Fields of the tenant's own say the term; a contract that was called off is an order closed by hand on that day.
"""

from __future__ import annotations

from sandbox.kingdee.tables import at_midnight
from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import Contract, ContractLine, Order, OrderLine

BILL_TYPE = "XSDD08_CRM"
SHIFT = 50_000_000
"""Ids of contracts and their lines among orders begin here."""


def contract_number(contract: Contract) -> str:
    return f"HT{contract.id:06}"


def is_contract(order: Order) -> bool:
    return order.id >= SHIFT


def as_order(contract: Contract) -> Order:
    order = Order(
        id=SHIFT + contract.id, created=contract.created, changed=contract.changed, key=(), company=contract.company,
        customer=contract.customer, currency=contract.currency, ordered=contract.signed or contract.start,
        terms=contract.terms, external_id=contract.external_id, text=contract.text, closed=contract.cancelled,
    )  # fmt: skip
    order.extra.update({
        **contract.extra, "FBillNo": contract_number(contract), "FBillTypeID": BILL_TYPE,
        "FDocumentStatus": "A" if contract.state == "draft" else "C", "F_CRM_Start": at_midnight(contract.start),
        "F_CRM_End": at_midnight(contract.end), "F_CRM_BilledTo": at_midnight(contract.billed_until),
        "F_CRM_Renews": contract_number(contract.renews) if contract.renews else "",
    })  # fmt: skip
    order.lines = [_line(order, line) for line in contract.lines]
    return order


def _line(order: Order, line: ContractLine) -> OrderLine:
    """Its price is what rounding leaves of the amount for the whole term."""
    tax = rounded(line.net * line.tax_rate / 100, order.currency)
    price = line.net / line.quantity if line.quantity else ZERO
    return OrderLine(
        id=SHIFT + line.id, order=order, number=line.number, product=line.product, text=line.text,
        quantity=line.quantity, unit=line.unit, price=price, tax_rate=line.tax_rate, requested=line.start,
        fixed=(line.net, tax), extra={"F_CRM_From": at_midnight(line.start), "F_CRM_To": at_midnight(line.end)},
    )  # fmt: skip
