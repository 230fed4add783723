"""mappings/oracle/fusion.yaml: its examples, its fit to the CRM's model and to Oracle's own field lists."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator

from config.mapping_targets import documents, targets
from connectors.adf.descriptor import Product
from connectors.oracle.quirks import DISCOUNTS
from connectors.products import load_product
from crm_core.model import PULLED
from mappings.engine import check_mapping, load_mapping
from mappings.examples import run_examples
from mappings.schema import json_schema
from tests.unit.mapping_help import ROOT

TARGETS = targets()
TEXT = (ROOT / "mappings" / "oracle" / "fusion.yaml").read_text(encoding="utf-8")
LOOKUPS: dict[str, dict[str, str]] = {
    "company": {"Crosstie China": "CN01"},
    "business_unit": {"CN01": "Crosstie China"},
    "local_currency": {"CN01": "CNY"},
    "time_zone": {"CN01": "Asia/Shanghai"},
    "instalment_kind": {},
    "site_company": {},
}
MAPPING = load_mapping("oracle/fusion", TEXT, targets=TARGETS, lookups=LOOKUPS)
UNLISTED = {
    *("salesOrdersForOrderHub", "subscriptions", "itemsV2", "priceLists"),
    "receivablesCustomerAccountSiteActivities",
}
"""Resources whose field lists were not at hand."""
FLEXFIELD = "receivablesInvoiceLineTransactionDFF.salesOrderLine"
OURS = {
    "standardReceiptApplications.ReceiptAmount",  # of the hook
    "receivablesInvoiceInstallments.receivablesInvoiceInstallmentGDF.__FLEX_Context",  # a site's own
    *(f"{lines}.{FLEXFIELD}" for lines in ("receivablesInvoiceLines", "receivablesCreditMemoLines")),  # a site's own
}


@pytest.mark.parametrize("result", run_examples(MAPPING), ids=lambda r: f"{r.object}.{r.section}: {r.name}")
def test_example(result: Any) -> None:
    assert [str(finding) for finding in result.findings] == []


def test_nothing_is_doubtful() -> None:
    found = check_mapping("oracle/fusion", TEXT, targets=TARGETS, lookups=LOOKUPS, documents=documents())
    assert [str(f) for f in found] == []
    assert list(Draft202012Validator(json_schema()).iter_errors(yaml.safe_load(TEXT))) == []


def test_what_comes_out_is_a_record_of_the_crm() -> None:
    for example in MAPPING.plan.examples:
        if example.section == "pull" and not example.refused:
            section = MAPPING.with_lookups({**LOOKUPS, **example.lookups}).section(example.object, "pull")
            found = section.apply(example.given)
            try:
                record = msgspec.convert(found, PULLED[example.object])
            except msgspec.ValidationError as exc:
                raise AssertionError(f"{example.object}: {example.name}: {exc}") from exc
            assert isinstance(record, PULLED[example.object])


@pytest.fixture(scope="module")
def field_lists(shared_reference: Path) -> dict[str, Any]:
    file = shared_reference / "oracle" / "fusion" / "fusion-rest-fields.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["resources"]
    return found


def test_what_may_be_asked_is_what_oracle_lists(field_lists: dict[str, Any]) -> None:
    """Every queryable attribute, finder and finder variable of the product file, and every join's."""
    product = load_product("oracle/fusion")
    assert isinstance(product, Product)
    for source in (source for resource in product.resources.values() for source in resource.sources):
        if source.name not in UNLISTED:
            listed = field_lists[source.name]
            assert set(source.queryable) <= set(listed["queryable"]), source.name
            for name, variables in source.finders.items():
                assert set(variables) <= set(listed["finders"][name]), name
            for variant in source.finder.variants if source.finder else ():
                assert set(variant) <= set(listed["finders"][source.finder.name if source.finder else ""])
            assert set(source.children) <= set(_children(listed["fields"])), source.name
        for join in source.joins:
            if (name := join.path.partition("/")[2]) in UNLISTED:
                continue
            listed = field_lists[name]
            assert {join.id, join.by} <= set(listed["queryable"]) and set(join.fields) <= set(listed["fields"])


def test_every_path_is_a_field_of_one_of_its_resources(field_lists: dict[str, Any]) -> None:
    product = load_product("oracle/fusion")
    assert isinstance(product, Product)
    for obj in MAPPING.objects():
        sources = product.resources[obj].sources
        if UNLISTED & {source.name for source in sources}:
            continue
        known = {"companies", "our_system"} | {
            f"{rows.accessor}.{rows.undo.into}" for source in sources for rows in source.rows if rows.undo
        }
        for source in sources:
            known |= set(_paths(field_lists[source.name]["fields"]))
            known |= {f"{join.into}.{name}" for join in source.joins for name in (*join.fields, join.by, join.id)}
        unknown = set(MAPPING.section(obj, "pull").fields) - known - OURS
        below = {path.partition(".")[2] for path in known}
        assert {path.partition(".")[2] or path for path in unknown} <= below, obj  # lines of two kinds in one list


def _children(fields: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, kind in fields.items():
        if isinstance(kind, dict):
            found += [prefix + name, *_children(kind["child"], f"{prefix}{name}.")]
    return found


def _paths(fields: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, kind in fields.items():
        found += _paths(kind["child"], f"{prefix}{name}.") if isinstance(kind, dict) else [prefix + name]
    return found


def given(obj: str, name: str) -> dict[str, Any]:
    (found,) = [e.given for e in MAPPING.plan.examples if (e.object, e.name) == (obj, name)]
    return copy.deepcopy(found)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("DOO_DRAFT", "incomplete"),
        ("OPEN", "open"),
        ("PARTIAL_CLOSE", "open"),
        ("CLOSED", "complete"),
        ("CANCELED", "cancelled"),
        ("CREDIT_CHECK_FAILED_AT_THIS_SITE", "open"),
    ],
)
def test_an_order_s_status(code: str, status: str) -> None:
    order = given("orders", "an order on its way") | {"StatusCode": code}
    assert MAPPING.section("orders", "pull").apply(order)["status"] == status


@pytest.mark.parametrize(
    ("shipped", "status"), [("0", "not_started"), ("40", "partial"), ("99.999", "partial"), ("100.000", "complete")]
)
def test_how_much_has_left_is_told_by_quantities(shipped: str, status: str) -> None:
    order = given("orders", "an order on its way")
    order["lines"][0]["ShippedSum"] = shipped
    assert MAPPING.section("orders", "pull").apply(order)["delivery_status"] == status


@pytest.mark.parametrize("amount", ["-113.00", "113.00"])
def test_a_credit_memo_is_owed_by_us_however_it_is_signed(amount: str) -> None:
    item = given("open_items", "a credit memo with its day, as a customer account shows it")
    item["transactionPaymentSchedules"][0]["TotalOriginalAmount"] = amount
    assert MAPPING.section("open_items", "pull").apply(item)["amount"] == "-113.00"


def test_what_is_compared_of_a_document_is_what_the_mapping_gives() -> None:
    """A name that no written document has could never differ, and its change would never be sent."""
    product, objects = load_product("oracle/fusion"), yaml.safe_load(TEXT)["objects"]
    assert isinstance(product, Product)
    for obj, write in ((obj, each.write) for obj, each in product.resources.items() if each.write):
        change, given_fields = write.change, objects[obj]["push"]["fields"]
        assert change is not None
        assert {*change.fields, *change.fixed, *change.lines} <= set(given_fields), obj
        for accessor, rule in change.lines.items():
            shared = [rule.parts.quantity, *rule.parts.agree] if rule.parts else []
            assert {rule.match, *rule.compare, *rule.carried, *shared} <= set(given_fields[accessor]["fields"]), obj


def test_a_discount_has_the_same_names_for_the_hook() -> None:
    table = yaml.safe_load(TEXT)["codes"]["activity"]
    assert {name for name, kind in table.items() if kind == "discount"} == DISCOUNTS


def test_a_receipt_in_another_currency_gives_its_own_amount() -> None:
    found = given("applications", "a receipt, applied and taken back")
    found["standardReceiptApplications"][0]["ReceiptAmount"] = "64000"
    applied = MAPPING.section("applications", "pull").apply(found)
    assert (applied["source_amount"], applied["amount"]) == ("64000.00", "226000.00")
