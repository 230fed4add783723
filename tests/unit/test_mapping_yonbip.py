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
from crm_core.model import PULLED
from mappings.engine import check_mapping, load_mapping
from mappings.examples import run_examples
from mappings.schema import json_schema
from tests.unit.mapping_help import ROOT

TARGETS = targets()
TEXT = (ROOT / "mappings" / "yonyou" / "yonbip.yaml").read_text(encoding="utf-8")
LOOKUPS: dict[str, dict[str, str]] = {
    "organisation": {"CN01": "2207"}, "transaction_type": {"CN01": "SO01"}, "customer_type": {}, "tax": {},
    "exchange_rate_type": {}, "local_currency": {}, "exchange_rate": {}, "tax_rate": {"CN01": "0.13"},
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


@given(st.lists(st.tuples(AMOUNTS, st.integers(1, 10_000)), min_size=1, max_size=12))
def test_an_order_s_sum_is_that_of_its_lines_and_without_tax_the_quote_s(lines: list[tuple[Decimal, int]]) -> None:
    line = {"erp_product": "9", "unit": "PCS", "price": "1", "per": "1"}
    told = [{**line, "line": str(n), "quantity": str(q), "net": str(net)} for n, (net, q) in enumerate(lines, 1)]
    head = {"version": "1", "company_code": "CN01", "currency": "CNY", "customer": {"erp_key": "2077"}}
    decision = {**head, "lines": told}
    wire = MAPPING.section("orders", "push").apply(decision, "CT7-Q1")
    sent = wire["orderDetails"]
    assert Decimal(wire["payMoney"]) == sum(Decimal(line["oriSum"]) for line in sent)
    assert sum(Decimal(line["orderDetailPrices!oriMoney"]) for line in sent) == sum(net for net, _ in lines)
    for line in sent:
        parts = Decimal(line["orderDetailPrices!oriMoney"]) + Decimal(line["orderDetailPrices!oriTax"])
        assert Decimal(line["oriSum"]) == parts
