"""What a Galaxy tenant has of its own, and what is no claim of a customer: the connector against the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.base import Record
from connectors.errors import ConfigurationError
from crm_core import schema
from flows.pull import pull
from flows.reconcile import reconcile
from sandbox.server import start
from tests.contract.galaxy_help import Galaxy
from tests.contract.test_galaxy_connector import MAPPING, Erp
from tests.flows.road import Road, open_road

pytestmark = pytest.mark.contract
RETENTION = {"plan_purpose": {"质保金": "retention"}}


@pytest.fixture(scope="module")
def shared_erp() -> Iterator[Erp]:
    found = Erp(start("kingdee/galaxy", seed=11))
    yield found
    found.close()


@pytest.fixture
def wire(erp: Erp) -> Iterator[Galaxy]:
    """The same sandbox, as a client that says what it wants to be on the wire."""
    client = Galaxy.__new__(Galaxy)
    client.sandbox = erp.sandbox
    client.http = client.client()
    client.login()
    yield client
    client.http.close()


def mapped(obj: str, record: Record) -> dict[str, Any]:
    section = MAPPING.with_lookups(RETENTION).section(obj, "pull")
    return dict(section.apply(record.data, record.key))


def posted(erp: Erp, wire: Galaxy, amount: str) -> str:
    """The number of a new receivable that is no trade."""
    values = {"customer": wire.customer("CN01"), "company": "CN01", "currency": "CNY", "due": "2026-12-31"}
    made = erp.control("POST", "mutate", what="post_invoice", kind="other", amount=amount, **values)
    return str(made["number"])


class TestOtherReceivables:
    def test_one_with_two_rows_is_one_claim_of_its_whole_amount(self, erp: Erp, wire: Galaxy) -> None:
        number = posted(erp, wire, "1000.00")
        rows = wire.query("AR_OTHERRECABLE", "FAMOUNTFOR_D", f"FBillNo='{number}'", "FEntity_FEntryID")
        assert rows == [[Decimal(400)], [Decimal(600)]]
        [item] = [record for record in erp.pull("open_items") if record.data["FBillNo"] == number]
        found = mapped("open_items", item)
        assert (item.key, found["kind"]) == (f"AR_OTHERRECABLE/{number}/0", "other")
        assert (found["amount"], found["local_amount"], found["due_date"]) == ("1000.00", "1000.00", "2026-12-31")
        [raw] = [raw for raw in erp.connector.raw_amounts("open_items") if raw.key == item.key]
        assert (raw.amount, raw.balance) == (Decimal(1000), Decimal(1000))

    def test_what_an_employee_owes_is_no_customers_debt(self, erp: Erp, wire: Galaxy) -> None:
        posted(erp, wire, "10.00")
        owed = {row[0] for row in wire.query("AR_OTHERRECABLE", "FBillNo", "FCONTACTUNITTYPE='BD_Empinfo'")}
        assert owed
        assert not owed & {record.data["FBillNo"] for record in erp.pull("open_items")}

    @pytest.mark.parametrize("field", ["FALLAMOUNTFOR_D", "FWRITTENOFFSTATUS_P", "FAMOUNTFOR_D"])
    def test_a_field_of_another_list_is_named_and_not_null(self, erp: Erp, field: str) -> None:
        """FWRITTENOFFSTATUS_P is in the first form alone, the others are in lists that no record is of."""
        with pytest.raises(ConfigurationError) as refused:
            erp.pull("open_items", fields=[field])
        assert (refused.value.code, refused.value.params["field"]) == ("source-field-missing", field)

    def test_a_field_of_the_tenants_own_is_read_from_every_form_that_has_it(self, erp: Erp) -> None:
        records = erp.pull("open_items", fields=["F_CRM_Date"])
        assert all(record.data["F_CRM_Date"] for record in records)


class TestMoney:
    def test_interest_is_no_customers_money_unless_the_site_says_so(self, erp: Erp, wire: Galaxy) -> None:
        [[interest]] = wire.query("AR_RECEIVEBILL", "FBillNo", "FPURPOSEID.FNumber='SFKYT03_SYS'")
        assert interest not in {record.data["FBillNo"] for record in erp.pull("payments")}
        more = erp.connect(options={"receipt_purposes": "SFKYT01_SYS, SFKYT02_SYS ,SFKYT03_SYS"})
        assert interest in {record.data["FBillNo"] for record in erp.pull("payments", connector=more)}

    def test_a_receipt_is_what_the_customer_paid_not_what_the_bank_left_of_it(self, erp: Erp, wire: Galaxy) -> None:
        number, paid, arrived = wire.query(
            "AR_RECEIVEBILL", "FBillNo,FRECTOTALAMOUNTFOR,FRECAMOUNTFOR_E", "FHANDLINGCHARGEFOR>0", "FID"
        )[0]
        [receipt] = [record for record in erp.pull("payments") if record.data["FBillNo"] == number]
        assert Decimal(mapped("payments", receipt)["amount"]) == paid > arrived

    def test_money_given_back_in_part_is_a_negative_receipt_settled_by_the_first(self, erp: Erp, wire: Galaxy) -> None:
        keys = "FBillNo,FCONTACTUNIT.FNumber,FCURRENCYID.FNumber,FSETTLEORGID.FNumber"
        customer = wire.customer("CN01")
        paid = erp.control(
            "POST", "mutate", what="pay", customer=customer, company="CN01", amount="500.00", currency="CNY"
        )
        [[number, buyer, currency, company]] = wire.query("AR_RECEIVEBILL", keys, f"FBillNo='{paid['number']}'")
        purpose, bank = {"FNumber": "SFKYT01_SYS"}, {"FNumber": "JSFS04_SYS"}
        source = {"FSOURCETYPE": "AR_RECEIVEBILL", "FSRCBILLNO": number, "FREALREFUNDAMOUNT_S": 120}
        head = {
            "FDATE": "2026-11-20", "FCONTACTUNITTYPE": "BD_Customer", "FCONTACTUNIT": {"FNumber": buyer},
            "FCURRENCYID": {"FNumber": currency}, "FSETTLEORGID": {"FNumber": company}, "FEXCHANGERATE": 1,
            "FREFUNDBILLENTRY": [{"FSETTLETYPEID": bank, "FPURPOSEID": purpose, "FREFUNDAMOUNTFOR": 120}],
        }  # fmt: skip
        refund = wire.saved({**head, "FREFUNDBILLSRCENTRY": [source]}, "AR_REFUNDBILL")
        before = {record.key for record in erp.pull("payments")}
        for step in ("Submit", "Audit"):
            assert wire.call(step, "AR_REFUNDBILL", Ids=refund)["Result"]["ResponseStatus"]["IsSuccess"] is True
        [[back]] = wire.query("AR_REFUNDBILL", "FBillNo", f"FID={refund}")
        money = {record.data["FBillNo"]: (record.key, mapped("payments", record)) for record in erp.pull("payments")}
        key, found = money[back]
        assert key not in before
        assert (found["amount"], found["kind"], found.get("reversed_on")) == ("-120.00", "receipt", None)
        assert money[number][1]["amount"] == "500.00"
        [applied] = [
            data for record in erp.pull("applications") if (data := mapped("applications", record))["target_key"] == key
        ]
        assert (applied["target_kind"], applied["source_kind"]) == ("payment", "payment")
        assert (applied["source_key"], applied["amount"]) == (money[number][0], "120.00")
        rests = {raw.key: (raw.amount, raw.balance) for raw in erp.connector.raw_amounts("payments")}
        assert rests[key] == (Decimal(-120), 0)
        assert rests[money[number][0]] == (Decimal(500), Decimal(380))
        pages = erp.connector.lookup("payments", [key], fields=["FBillNo"])
        assert [record.key for page in pages for record in page.records] == [key]

    def test_a_bill_that_came_back_takes_its_receipt_with_it(self, erp: Erp, wire: Galaxy) -> None:
        customer = wire.customer("CN01")
        bill = erp.control(
            "POST", "mutate", what="pay", customer=customer, company="CN01", amount="800.00", currency="CNY",
            kind="bill", maturity="2027-03-31",
        )["number"]  # fmt: skip

        def seen() -> list[tuple[str, str | None, str | None]]:
            found = [mapped("payments", record) for record in erp.pull("payments")]
            return sorted(
                (each["amount"], each.get("maturity_date"), each.get("reversed_on"))
                for each in found if each["customer_key"] == customer and abs(Decimal(each["amount"])) == 800
            )  # fmt: skip

        assert seen() == [("800.00", "2027-03-31", None)]
        erp.control("POST", "mutate", what="return_payment", payment=bill, on="2026-11-22")
        assert seen() == [("-800.00", None, "2026-11-22"), ("800.00", "2027-03-31", "2026-11-22")]


class TestSite:
    def test_prices_are_those_in_force_for_everybody(self, erp: Erp, wire: Galaxy) -> None:
        everything = wire.query(
            "BD_SAL_PriceList", "FEntity_FEntryID,FLimitCustomer,FRowAuditStatus,FEntryForbidStatus,FFROMQTY"
        )
        for at, value in ((1, "1"), (2, "B"), (3, "B")):
            assert any(row[at] == value for row in everything)
        assert any(row[4] > 0 for row in everything)
        fine = {str(row[0]) for row in everything if row[1:] == ["", "A", "A", 0]}
        assert {record.key.split("/")[-1] for record in erp.pull("prices")} == fine

    def test_goods_are_counted_in_the_unit_they_were_ordered_in(self, erp: Erp, wire: Galaxy) -> None:
        boxed = {
            str(row[0]): row[1:]
            for row in wire.query("SAL_OUTSTOCK", "FEntity_FENTRYID,FRealQty,FSalUnitQty", "FUnitID.FNumber='BOX'")
        }
        lines = [line for record in erp.pull("deliveries") for line in mapped("deliveries", record)["lines"]]
        found = [line for line in lines if line["line"] in boxed]
        assert found
        for line in found:
            in_stock, sold = boxed[line["line"]]
            assert abs(Decimal(line["quantity"])) == sold == in_stock * 10
            assert line["unit"] != "BOX"

    def test_contracts_are_orders_of_the_bill_types_that_the_site_names(self, erp: Erp, wire: Galaxy) -> None:
        where = "FBillTypeID.FNumber='XSDD08_CRM'"
        subscriptions = {row[0] for row in wire.query("SAL_SaleOrder", "FBillNo", where)}
        assert subscriptions
        assert {record.key for record in erp.pull("contracts")} == subscriptions
        assert not subscriptions & {record.key for record in erp.pull("orders")}

    def test_what_the_site_names_not_is_noted_and_stays_empty(self, erp: Erp) -> None:
        plain = erp.connect(options={"contract_types": "", "customer_po_field": "", "retention_field": ""})
        noted = {
            (check.subject, check.code, check.params["option"]) for check in plain.checks() if "option" in check.params
        }
        assert noted == {
            ("contracts", "documents-unread", "contract_types"),
            ("orders", "field-unread", "customer_po_field"),
            ("open_items", "field-unread", "retention_field"),
        }
        assert erp.pull("contracts", connector=plain) == []
        assert {mapped("orders", record).get("customer_po") for record in erp.pull("orders", connector=plain)} <= {
            "",
            None,
        }
        assert not [check for check in erp.connector.checks() if "option" in check.params]
        wrong = erp.connect(options={"customer_po_field": "F_CRM_Typo"})
        with pytest.raises(ConfigurationError, match="F_CRM_Typo"):
            erp.pull("orders", connector=wrong)


# --- a write-off that is gone ----------------------------------------------------------------------------------------


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    with open_road(tmp_path, product="kingdee/galaxy", seed=5) as opened:
        yield opened


def rests(road: Road) -> dict[str, Decimal]:
    with road.context() as ctx:
        found = {raw.key: raw.balance for raw in ctx.connector.raw_amounts("open_items")}
        assert reconcile(ctx).differences == []
    return {key: rest for key, rest in found.items() if rest is not None}


@pytest.mark.parametrize("full", [False, True])
def test_a_write_off_that_was_deleted_from_the_log_no_longer_settles(road: Road, full: bool) -> None:
    road.control("options", {"resets_deleted": True})
    with road.context() as ctx:
        assert not pull(ctx).held
        table = schema.erp_settlement
        with ctx.database.read() as conn:
            rows = conn.execute(select(table.c.key, table.c.target_key).where(table.c.kind == "payment")).all()
    key, item = next(row for row in rows if row.target_key.startswith("AR_receivable"))
    before = rests(road)
    road.control("mutate", {"what": "reset", "application": key.split("/")[0]})
    with road.context() as ctx:
        report = pull(ctx, ["applications"], full=full)
        assert (report.counts["applications"].removed, report.held) == (1, {})
    after = rests(road)
    assert after[item] > before[item]
