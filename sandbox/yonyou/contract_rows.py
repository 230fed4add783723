"""Sales contracts and opportunities as the product shows them; a subscription is a contract with planned dates."""

from __future__ import annotations

from decimal import Decimal

from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import Contract, ContractLine, Office, Order
from sandbox.yonyou import numbers, order_rows
from sandbox.yonyou.query import MANY_OPS, Entry, Shape
from sandbox.yonyou.wire import Row, day, moment, number

SHAPE = Shape(ops=MANY_OPS, lines="childs", headers_only=True, exact=("code", "contractStatus", "id"))
OPPORTUNITIES = Shape(
    ops=MANY_OPS, headers_only=True,
    exact=("code", "name", "opptState", "winLoseOrderState", "customer_code", "customer_name"),
    renamed={"customer.code": "customer_code", "customer.name": "customer_name"},
)  # fmt: skip
STATE = "contractStatus"
OPEN, AUDITED, CLOSED, IN_APPROVAL, LOCKED, EFFECTIVE, FROZEN, STOPPED = range(8)


def code(contract: Contract) -> str:
    kept = contract.extra.get("code")
    return str(kept) if kept else numbers.code_of("SACT", contract.signed or contract.start, contract.id)


def status(contract: Contract) -> int:
    """contractStatus: an effective contract stays effective when its term is over."""
    if contract.state == "draft":
        return int(contract.extra.get(STATE, OPEN))
    return {"active": EFFECTIVE, "frozen": FROZEN, "cancelled": STOPPED}[contract.state]


def entry(office: Office, contract: Contract) -> Entry:
    return Entry(
        contract,
        str(numbers.id_of("contract", contract.id)),
        lambda: header(office, contract),
        contract.lines,
        lambda line: line_row(contract, line),
        {"code": code, STATE: status},
    )


def header(office: Office, contract: Contract) -> Row:
    company, customer = office.companies[contract.company], contract.customer
    org, gross = numbers.organisation_id(company.code), sum((_gross(contract, line) for line in contract.lines), ZERO)
    state = status(contract)
    return {
        "id": str(numbers.id_of("contract", contract.id)), "code": code(contract), "name": contract.text or None,
        "salesOrgId": org, "salesOrgId_name": company.name, "salesOrgId_code": company.code,
        "transactionTypeId": numbers.CONTRACT_TYPE[0], "transactionTypeId_name": numbers.CONTRACT_TYPE[2],
        "contractCtrlType": 1, STATE: state, "status": {OPEN: 0, IN_APPROVAL: 3}.get(state, 1),
        "verifystate": {OPEN: 0, IN_APPROVAL: 1}.get(state, 2), "signStatus": 1 if contract.signed else 0,
        "vouchdate": day(contract.signed or contract.start),
        "agentId": str(numbers.id_of("customer", customer.id)), "agentId_name": customer.name,
        "invoiceAgentId": str(numbers.id_of("customer", customer.id)),
        "currency": numbers.CURRENCIES[contract.currency], "currency_code": contract.currency,
        "natCurrency": numbers.CURRENCIES[company.currency], "natCurrency_code": company.currency,
        "exchRate": number(office.rate(contract.currency, company.code, contract.start)),
        "planEffectiveDate": day(contract.start), "planExpirationDate": day(contract.end),
        "validDate": day(contract.start) if state in (EFFECTIVE, FROZEN, STOPPED) else None,
        "frozenDate": contract.extra.get("frozenDate"), "closeDate": day(contract.cancelled),
        "agreement": contract.terms or None, "totalPriceTax": number(gross),
        "payMoneyOrigTaxfree": number(contract.net), "totalTax": number(gross - contract.net),
        "totalOriReceipts": 0, "billedDate": day(contract.billed_until),
        "srcContractId": str(numbers.id_of("contract", contract.renews.id)) if contract.renews else None,
        "srcContractNo": code(contract.renews) if contract.renews else None,
        "out_sys_id": contract.extra.get("out_sys_id"),
        "out_sys_code": contract.extra.get("out_sys_code") or contract.external_id or None,
        "out_sys_version": contract.extra.get("out_sys_version"),
        "createTime": moment(contract.created), "modifyTime": moment(contract.changed),
        "pubts": moment(contract.changed),
    }  # fmt: skip


def _gross(contract: Contract, line: ContractLine) -> Decimal:
    return line.net + rounded(line.net * line.tax_rate / 100, contract.currency)


def line_row(contract: Contract, line: ContractLine) -> Row:
    gross = _gross(contract, line)
    quantity = number(line.quantity)
    return {
        "childs_id": str(numbers.id_of("contract line", line.id)), "rowno": line.number,
        "productId": str(numbers.id_of("product", line.product.id)), "productId_code": line.product.code,
        "productId_name": line.text, "qty": quantity, "subQty": quantity, "priceQty": quantity,
        "masterUnitId": str(numbers.unit_id(line.unit)), "masterUnitId_name": line.unit,
        "taxRate": number(line.tax_rate), "oriMoney": number(line.net), "oriTax": number(gross - line.net),
        "oriSum": number(gross), "serviceStartDate": day(line.start), "serviceEndDate": day(line.end),
    }  # fmt: skip


def detail(office: Office, contract: Contract) -> Row:
    lines = []
    for line in contract.lines:
        row = line_row(contract, line)
        row["id"] = row.pop("childs_id")
        lines.append(row)
    return header(office, contract) | {
        "childs": lines, "receiveAgreement": contract.extra.get("receiveAgreement", []), "orderExecutes": [],
    }  # fmt: skip


def opportunity(order: Order) -> Entry:
    return Entry(order, str(numbers.id_of("opportunity", order.id)), lambda: opportunity_header(order))


def opportunity_header(order: Order) -> Row:
    """The opportunity an order came from: it is won, or lost where the order was cancelled."""
    lost = order.status == "cancelled"
    return {
        "id": str(numbers.id_of("opportunity", order.id)), "code": numbers.code_of("OP", order.ordered, order.id),
        "name": f"{order.customer.name} {order_rows.code(order)}", "opptState": 3, "opptStage_name": "关闭",
        "winLoseOrderState": 1 if lost else 0, "opptDate": day(order.ordered), "org_name": order.company,
        "customer": str(numbers.id_of("customer", order.customer.id)), "customer_name": order.customer.name,
        "customer_code": order.customer.our_number, "expectSignMoney": number(order.gross),
        "winOrderMoney": 0 if lost else number(order.gross), "winOrderDate": None if lost else day(order.ordered),
        "createTime": moment(order.created), "modifyTime": moment(order.changed), "pubts": moment(order.changed),
    }  # fmt: skip
