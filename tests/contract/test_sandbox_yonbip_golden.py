"""The golden books as YonBIP shows them: balances of today, kinds of receivables and receipts, quantities of orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.contract import yonbip_client as yb
from tests.contract.yonbip_client import Json, Yonbip
from tests.unit.sandbox_books_help import Oracle, Row, document_key, table

pytestmark = pytest.mark.contract
LAST_DAY = date(2026, 10, 31)
Key = tuple[str, ...]


@pytest.fixture(scope="module")
def golden(shared_data: Path) -> Path:
    return shared_data / "golden"


@pytest.fixture(scope="module")
def erp(golden: Path) -> Iterator[Yonbip]:
    with yb.running(data=golden) as client:
        yield client


def source(row: Json) -> str:
    return str(row["headItem"]["define1"])


def events(erp: Yonbip) -> dict[Key, Json]:
    """Audited receivable events of documents that have items of their own, by the source's key and instalment."""
    rows = erp.rows(yb.OAR, auditstatus="1")
    return {(*source(row).split("/"), row["rowno"]): row for row in rows if row["billtype"] != 3 or row["balance"]}


def open_events(erp: Yonbip, day: date = LAST_DAY) -> dict[Key, Decimal]:
    """What is left of everything posted by then: an event may be entered before its accounting date."""
    posted = {key: row for key, row in events(erp).items() if row["accountdate"][:10] <= day.isoformat()}
    return {key: Decimal(row["balance"]) for key, row in posted.items() if row["balance"]}


def test_balances_of_the_last_day_are_the_answers(erp: Yonbip, golden: Path) -> None:
    oracle = Oracle(golden)
    assert open_events(erp) == oracle.rests(LAST_DAY)
    left = {tuple(source(row).split("/")): Decimal(row["balance"]) for row in erp.rows(yb.BILLS) if row["balance"]}
    assert left == oracle.unapplied(LAST_DAY)
    collections = erp.rows(yb.COLLECTIONS)
    amounts = {row["extVouchCode"]: (row["bodyItemOriTaxIncludedAmount"], row["bodyItemOriOccupyAmount"])
               for row in collections}  # fmt: skip
    assert {tuple(key.split("/")): gross - used for key, (gross, used) in amounts.items() if gross != used} == left


@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2026, 3, 31), date(2026, 6, 30)])
def test_balances_of_a_day_are_the_answers_but_for_what_was_entered_later(golden: Path, day: date) -> None:
    """The answers are as now known; a system that stands at that day does not know yet what will be back-dated."""
    oracle = Oracle(golden)
    with yb.running(data=golden, date=day) as erp:
        shown, wanted = open_events(erp, day), oracle.rests(day)
    differ = {key[:3] for key in shown.keys() | wanted.keys() if shown.get(key) != wanted.get(key)}
    assert differ <= entered_later(oracle, golden, day)
    assert len(shown.items() & wanted.items()) > 25


def entered_later(oracle: Oracle, golden: Path, day: date) -> set[Key]:
    """Documents that something posted by `day` and entered after it concerns."""
    late = [row for row in (*oracle.invoices.values(), *oracle.payments.values()) if is_late(row, day)]
    found = {document_key(row) for row in late} | {document_key(row, "reference_") for row in late if "kind" in row
                                                   and row.get("reference_number")}  # fmt: skip
    sources = {document_key(row) for row in late}
    applied = table(golden, "applications")
    return found | {document_key(row) for row in applied if document_key(row, "source_") in sources}


def is_late(row: Row, day: date) -> bool:
    return row["posting_date"] <= day.isoformat() < row["entry_date"]


def test_what_a_receivable_is(erp: Yonbip, golden: Path) -> None:
    oracle, rows = Oracle(golden), events(erp)
    for key, item in oracle.items.items():
        invoice, row = oracle.invoices[key[:3]], rows.get(key)
        if item["kind"] == "advance_request" or invoice["kind"] in ("pro_forma", "provisional"):
            assert row is None
            continue
        if row is None:  # a credit memo that is used up
            assert invoice["kind"] == "credit_memo"
            continue
        assert (row["oriSum"], row.get("maturitydate", "")[:10]) == (Decimal(item["amount"]), item["due_date"])
        assert (row["blnDeposit"], row["quickTypeName"]) == (
            (1, "质保金") if item["kind"] == "retention" else (0, "应收款")
        )
        assert row["billtype"] == (2 if item["kind"] == "other" else 3 if invoice["kind"] == "credit_memo" else 1)
        assert row["initflag"] == (invoice["kind"] == "opening")
        assert (row["vouchdate"][:10], row["accountdate"][:10]) == (invoice["document_date"], invoice["posting_date"])
        assert (row["currency_code"], row["exchRate"]) == (invoice["currency"], Decimal(invoice["rate"]))


def test_what_never_counts_is_not_audited(erp: Yonbip, golden: Path) -> None:
    oracle = Oracle(golden)
    kinds = {"/".join(key): row["kind"] for key, row in oracle.invoices.items()}
    unaudited = {source(row) for row in erp.rows(yb.OAR, auditstatus="2")}
    assert unaudited and all(kinds[key] in ("provisional", "reversal") for key in unaudited)
    for row in erp.rows(yb.INVOICE + "list", isSum=True):
        kind = kinds[source(row)]
        assert (row["status"] == 0) == (kind in ("pro_forma", "provisional") or source(row) in unaudited)
    shown = {source(row) for row in erp.rows(yb.OAR)}
    noted = {"/".join(key[:3]) for key, item in oracle.items.items() if item["kind"] == "advance_request"}
    assert {kind for key, kind in kinds.items() if key not in shown | noted} == {"pro_forma"}


def test_a_reversal_is_a_red_row_and_both_are_written_off(erp: Yonbip, golden: Path) -> None:
    rows = defaultdict(list)
    for row in erp.rows(yb.OAR, auditstatus="1"):
        rows[source(row)].append(row)
    invoices = {source(row): row for row in erp.rows(yb.INVOICE + "list", isSum=True)}
    oracle = Oracle(golden)
    reversals = [row for row in oracle.invoices.values() if row["kind"] == "reversal" and not oracle.is_noted(row)]
    assert reversals
    for reversal in reversals:
        red, blue = "/".join(document_key(reversal)), "/".join(document_key(reversal, "reference_"))
        assert sum(row["oriSum"] for row in rows[red]) == -sum(row["oriSum"] for row in rows[blue])
        assert {(row["balance"], row["writeoffstatus"]) for row in (*rows[red], *rows[blue])} == {(0, 1)}
        assert (invoices[red]["blueInvNo"], invoices[red]["redType"]) == (invoices[blue]["code"], 1)
        assert invoices[blue]["businessState"] == 4


def test_what_a_receipt_is(erp: Yonbip, golden: Path) -> None:
    rows = {tuple(source(row).split("/")): row for row in erp.rows(yb.BILLS)}
    new = {tuple(row["extVouchCode"].split("/")): row for row in erp.rows(yb.COLLECTIONS)}
    payments = Oracle(golden).payments
    assert rows.keys() == new.keys() == payments.keys()
    for key, payment in payments.items():
        row = rows[key]
        assert row["quickTypeName"] == ("预收款" if payment["kind"] == "advance" else "应收款")
        assert (row["settlemode_name"] == "票据结算") == (payment["kind"] == "bill")
        assert row.get("notematuritydate", "")[:10] == payment["maturity_date"]
        assert (row["oriSum"], row["exchRate"]) == (Decimal(payment["amount"]), Decimal(payment["rate"]))
        assert new[key]["writeOffState"] == ("1" if payment["reversed_on"] else "0")


def test_quantities_of_orders(erp: Yonbip, golden: Path) -> None:
    """Delivered less returned, and invoiced by audited invoices, red ones taking back."""
    lines = {row["orderDetailId"]: row for row in erp.rows(yb.ORDERS + "list")}
    delivered: dict[int, Decimal] = defaultdict(Decimal)
    invoiced: dict[int, Decimal] = defaultdict(Decimal)
    for row in erp.rows(yb.DELIVERY + "list"):
        delivered[row["orderDetailId"]] += row["qty"]
    for row in erp.rows(yb.INVOICE + "list"):
        if row["status"] == 1 and "orderDetailId" in row:
            invoiced[row["orderDetailId"]] += row["qty"]
    for at, row in lines.items():
        assert delivered[at] == row["totalOutStockQuantity"] - row["returnQty"], row["out_sys_code"]
        assert invoiced[at] == row["invoiceQty"], row["out_sys_code"]
    wanted: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for part in table(golden, "deliveries"):
        wanted[f"{part['company_code']}/{part['order_number']}", int(part["order_line"])] += Decimal(part["quantity"])
    shown = {(row["out_sys_code"], row["lineno"]): delivered[at] for at, row in lines.items() if delivered[at]}
    assert shown == {key: quantity for key, quantity in wanted.items() if quantity}


def test_states_of_orders(erp: Yonbip, golden: Path) -> None:
    states = {row["out_sys_code"]: row["nextStatus"] for row in erp.rows(yb.ORDERS + "list", isSum=True)}
    cancelled = {
        f"{row['company_code']}/{row['order_number']}" for row in table(golden, "orders") if row["cancelled_on"]
    }
    assert {key for key, state in states.items() if state == "OPPOSE"} == cancelled
    assert {"ENDORDER", "OPPOSE"} < set(states.values())


def test_accounts_of_a_customer_are_below_its_organisations(erp: Yonbip, golden: Path) -> None:
    found = erp.post(
        yb.MERCHANT + "newBatchDetail", [{"code": row["code"]} for row in erp.rows(yb.MERCHANT + "newlist")]
    )
    accounts = {
        (each["orgIdCode"], each["searchCode"], row["erpCode"])
        for row in found["data"]
        for each in row["merchantApplyRanges"]
    }
    wanted = {
        (row["company_code"], row["account_number"], row["customer_id"]) for row in table(golden, "customer_accounts")
    }
    assert accounts == wanted
