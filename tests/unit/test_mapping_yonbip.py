"""mappings/yonyou/yonbip.yaml: its examples, and its fit to the CRM's model."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from config.mapping_targets import targets
from crm_core import quote_pricing
from crm_core.model import PULLED
from mappings.engine import check_mapping, load_mapping
from mappings.examples import run_examples
from mappings.schema import json_schema
from tests.unit.mapping_help import ROOT

TARGETS = targets()
TEXT = (ROOT / "mappings" / "yonyou" / "yonbip.yaml").read_text(encoding="utf-8")
LOOKUPS: dict[str, dict[str, str]] = {
    "organisation": {"CN01": "2207"}, "transaction_type": {"CN01": "SO01"}, "customer_type": {},
    "exchange_rate_type": {}, "local_currency": {}, "exchange_rate": {}, "tax": {"CN01/13": "VAT13"},
}  # fmt: skip
MAPPING = load_mapping("yonyou/yonbip", TEXT, targets=TARGETS, lookups=LOOKUPS)
NOT_THERE = {"prices", "applications"}


@pytest.mark.parametrize("result", run_examples(MAPPING), ids=lambda r: f"{r.object}.{r.section}: {r.name}")
def test_example(result: Any) -> None:
    assert [str(finding) for finding in result.findings] == []


def test_nothing_is_doubtful() -> None:
    assert [str(f) for f in check_mapping("yonyou/yonbip", TEXT, targets=TARGETS, lookups=LOOKUPS)] == []
    assert set(MAPPING.objects()) == set(PULLED) - NOT_THERE
    assert list(Draft202012Validator(json_schema()).iter_errors(yaml.safe_load(TEXT))) == []


def test_what_comes_out_is_a_record_of_the_crm() -> None:
    for example in MAPPING.plan.examples:
        if example.section == "pull" and not example.refused:
            section = MAPPING.with_lookups(example.lookups).section(example.object, "pull")
            record = msgspec.convert(section.apply(example.given), PULLED[example.object])
            assert isinstance(record, PULLED[example.object])


AMOUNTS = st.decimals(min_value=0, max_value=10**13, places=2)


@given(st.lists(st.tuples(AMOUNTS, st.integers(1, 10_000), st.booleans()), min_size=1, max_size=12))
def test_an_order_s_net_tax_and_gross_are_those_of_the_quote(lines: list[tuple[Decimal, int, bool]]) -> None:
    made = [_line(price, Decimal(quantity), includes_tax) for price, quantity, includes_tax in lines]
    head = {"version": "1", "company_code": "CN01", "currency": "CNY", "customer": {"erp_key": "2077"}}
    decision = {**head, "lines": [{**line, "line": str(number)} for number, line in enumerate(made, 1)]}
    wire = MAPPING.section("orders", "push").apply(decision, "CT7-Q1")
    sent = wire["orderDetails"]
    names = {"net": "orderDetailPrices!oriMoney", "tax": "orderDetailPrices!oriTax", "gross": "oriSum"}
    for line, had in zip(sent, made, strict=True):
        assert {ours: Decimal(line[theirs]) for ours, theirs in names.items()} == {n: Decimal(had[n]) for n in names}
        assert Decimal(line[names["net"]]) + Decimal(line[names["tax"]]) == Decimal(line["oriSum"])
        assert round(Decimal(line["oriTaxUnitPrice"]) * Decimal(line["qty"]), 2) == Decimal(line["oriSum"])
    assert Decimal(wire["payMoney"]) == sum(Decimal(line["gross"]) for line in made)


def _line(price: Decimal, quantity: Decimal, includes_tax: bool) -> dict[str, str]:
    """As a decision has it, with 13 % of tax."""
    amounts = quote_pricing.line_amounts(quantity, price, Decimal(1), Decimal(13), "CNY", includes_tax=includes_tax)
    unit = quote_pricing.unit_price(quantity, amounts, price, Decimal(1), includes_tax=includes_tax)
    told = {"unit_price": unit.net, "unit_price_with_tax": unit.gross, "net": amounts.net, "gross": amounts.gross}
    numbers = {**told, "tax": amounts.tax, "tax_rate": Decimal(13), "quantity": quantity}
    return {"erp_product": "9", "unit": "PCS", **{name: format(value, "f") for name, value in numbers.items()}}
