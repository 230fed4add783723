"""mappings/kingdee/galaxy.yaml: its examples and its fit to the CRM's model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator

import mappings
from config.mapping_targets import documents, targets
from crm_core.model import PULLED
from mappings.engine import check_mapping, load_mapping
from mappings.errors import RecordMappingError
from mappings.examples import run_examples
from mappings.schema import json_schema

TEXT = (Path(mappings.__file__).parent / "kingdee" / "galaxy.yaml").read_text(encoding="utf-8")
LOOKUPS = {"time_zone": {"100": "Asia/Shanghai", "101": "America/New_York"}, "plan_purpose": {}}
MAPPING = load_mapping("kingdee/galaxy", TEXT, targets=targets(), lookups=LOOKUPS)


@pytest.mark.parametrize("result", run_examples(MAPPING), ids=lambda r: f"{r.object}.{r.section}: {r.name}")
def test_example(result: Any) -> None:
    assert [str(finding) for finding in result.findings] == []


def test_nothing_is_doubtful() -> None:
    given = {"targets": targets(), "documents": documents(), "lookups": LOOKUPS}
    assert [str(finding) for finding in check_mapping("kingdee/galaxy", TEXT, **given)] == []
    assert set(MAPPING.objects()) == set(PULLED)
    assert list(Draft202012Validator(json_schema()).iter_errors(yaml.safe_load(TEXT))) == []


def test_what_comes_out_is_a_record_of_the_crm() -> None:
    for example in MAPPING.plan.examples:
        if example.section == "pull" and not example.refused:
            record = msgspec.convert(
                MAPPING.section(example.object, "pull").apply(example.given), PULLED[example.object]
            )
            assert isinstance(record, PULLED[example.object])


@pytest.mark.parametrize(
    ("per", "price", "sent"), [("1", "0.1", "0.1"), ("10.000", "0.30", "0.030"), ("1000", "12.34", "0.01234")]
)
def test_a_price_for_several_units_is_exact_for_one(per: str, price: str, sent: str) -> None:
    line = {"line": "10", "erp_product": "P", "quantity": "3", "unit": "PCS", "price": price, "per": per}
    order = {"company_code": "100", "currency": "KWD", "order_date": "2026-01-01", "total": "0.3"}
    wire = MAPPING.section("orders", "push").apply({**order, "customer": {"erp_key": "K1"}, "lines": [line]})
    assert wire["FSaleOrderEntry"][0]["FPrice"] == sent
    assert wire["FSaleOrderFinance"]["FSettleCurrId"] == {"FNumber": "KWD"}


def test_a_day_is_that_of_the_organisation() -> None:
    for company, day in (("100", "2026-01-01"), ("101", "2025-12-31")):
        order = {"FBillNo": "X", "FSaleOrgId": {"FNumber": company}, "FCancelStatus": "B", "FDocumentStatus": "D"}
        stamped = {**order, "FDate": "2025-12-01T00:00:00", "FCancelDate": "2025-12-31T17:00:00.000000Z"}
        facts = {"FCustId": {"FNumber": "K"}, "FSettleCurrId": {"FCODE": "CNY"}}
        assert MAPPING.section("orders", "pull").apply({**stamped, **facts})["cancelled_on"] == day


def test_an_unknown_kind_of_write_off_is_held() -> None:
    with pytest.raises(RecordMappingError):
        MAPPING.section("applications", "pull").apply({"FMatchType": "9", "FDATE": "2026-01-01T00:00:00"})
