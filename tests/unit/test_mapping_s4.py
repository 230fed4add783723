"""mappings/sap/s4.yaml: its examples, its fit to the CRM's model and to SAP's own metadata."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator
from lxml import etree

from config.mapping_targets import documents, targets
from crm_core.model import PULLED
from mappings.engine import check_mapping, load_mapping
from mappings.errors import RecordMappingError
from mappings.examples import run_examples
from mappings.schema import json_schema
from tests.unit.mapping_help import S4

TARGETS = targets()
TEXT = S4.read_text(encoding="utf-8")
LOOKUPS = {
    "company": {"1010": "CN01"}, "sales_organization": {"CN01": "1010"}, "distribution_channel": {"CN01": "10"},
    "division": {"CN01": "00"}, "time_zone": {"CN01": "Asia/Shanghai"}, "tax_type": {}, "reconciliation_account": {},
}  # fmt: skip
MAPPING = load_mapping("sap/s4", TEXT, targets=TARGETS, lookups=LOOKUPS)
ENTITIES = {  # object: service, entity of its first path
    "customers": ("API_BUSINESS_PARTNER", "A_BusinessPartnerType"),
    "orders": ("API_SALES_ORDER_SRV", "A_SalesOrderType"),
    "deliveries": ("API_OUTBOUND_DELIVERY_SRV", "A_OutbDeliveryHeaderType"),
    "invoices": ("API_BILLING_DOCUMENT_SRV", "A_BillingDocumentType"),
    "open_items": ("API_OPLACCTGDOCITEMCUBE_SRV", "A_OperationalAcctgDocItemCubeType"),
}


@pytest.mark.parametrize("result", run_examples(MAPPING), ids=lambda r: f"{r.object}.{r.section}: {r.name}")
def test_example(result: Any) -> None:
    assert [str(finding) for finding in result.findings] == []


def test_nothing_is_doubtful() -> None:
    assert [str(f) for f in check_mapping("sap/s4", TEXT, targets=TARGETS, lookups=LOOKUPS)] == []
    untold = {"payments", "applications", "contracts"}  # account lines tell the first two
    assert set(PULLED) - untold <= set(MAPPING.objects()) <= set(PULLED)
    assert list(Draft202012Validator(json_schema()).iter_errors(yaml.safe_load(TEXT))) == []


def test_what_comes_out_is_a_record_of_the_crm() -> None:
    for example in MAPPING.plan.examples:
        if example.section == "pull" and not example.refused:
            section = MAPPING.with_lookups(example.lookups).section(example.object, "pull")
            record = msgspec.convert(section.apply(example.given), PULLED[example.object])
            assert isinstance(record, PULLED[example.object])


def edm_paths(metadata: Path, entity: str, depth: int = 3) -> dict[str, str]:
    """Dotted paths of an entity and what it leads to, with their types, from the vendor's own file."""
    root = etree.parse(metadata, etree.XMLParser(resolve_entities=False)).getroot()
    types = {node.get("Name"): node for node in root.iter("{*}EntityType")}
    ends: dict[tuple[str, str], str] = {}
    for association in root.iter("{*}Association"):
        for end in association.iter("{*}End"):
            ends[association.get("Name"), end.get("Role")] = end.get("Type").rpartition(".")[2]

    def paths(name: str, prefix: str, left: int) -> dict[str, str]:
        found = {prefix + p.get("Name"): p.get("Type") for p in types[name].iter("{*}Property")}
        for nav in types[name].iter("{*}NavigationProperty") if left else ():
            target = ends[nav.get("Relationship").rpartition(".")[2], nav.get("ToRole")]
            found |= paths(target, f"{prefix}{nav.get('Name')}.", left - 1)
        return found

    return paths(entity, "", depth)


def test_every_path_exists_in_sap_s_own_metadata(shared_reference: Path) -> None:
    wires = {
        obj: edm_paths(shared_reference / "sap" / f"{service}.edmx", entity)
        for obj, (service, entity) in ENTITIES.items()
    }
    found = check_mapping("sap/s4", TEXT, targets=TARGETS, lookups=LOOKUPS, wires=wires)
    assert [str(f) for f in found] == []
    assert wires["orders"]["to_Item.RequestedQuantity"] == "Edm.Decimal"


class Watched(dict[str, Any]):
    """A record that notes which of its fields are looked at."""

    def __init__(self, data: dict[str, Any], read: set[str], prefix: str = "") -> None:
        self.read, self.prefix = read, prefix
        super().__init__({name: self.watched(value, name) for name, value in data.items() if value is not None})

    def watched(self, value: Any, name: str) -> Any:
        if isinstance(value, list):
            return [self.watched(item, name) for item in value]
        return Watched(value, self.read, f"{self.prefix}{name}.") if isinstance(value, dict) else value

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(self.prefix + name)
        return super().get(name, default)


@pytest.mark.parametrize("example", [e for e in MAPPING.plan.examples if not e.refused], ids=lambda e: e.name)
def test_nothing_is_read_that_the_section_does_not_name(example: Any) -> None:
    """What a connector does not select would be silently missing."""
    section, read = MAPPING.with_lookups(example.lookups).section(example.object, example.section), set[str]()
    section._evaluate(Watched(example.given, read))
    assert read and all(any(field == path or field.startswith(f"{path}.") for field in section.fields) for path in read)


def test_push_sections_read_what_the_crm_writes() -> None:
    found = check_mapping("sap/s4", TEXT, targets=TARGETS, lookups=LOOKUPS, documents=documents())
    assert [str(f) for f in found] == []


def given(obj: str, name: str) -> dict[str, Any]:
    (found,) = [e.given for e in MAPPING.plan.examples if (e.object, e.name) == (obj, name)]
    return copy.deepcopy(found)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "open"),
        ({"OverallSDProcessStatus": "B"}, "open"),
        ({"OverallSDProcessStatus": "C"}, "complete"),
        ({"SalesDocApprovalStatus": "A", "OverallSDProcessStatus": "C"}, "approval"),
        ({"SalesDocApprovalStatus": "B"}, "open"),
        ({"TotalCreditCheckStatus": "B", "SalesDocApprovalStatus": "A"}, "credit_hold"),
        ({"TotalCreditCheckStatus": "D"}, "open"),
        ({"OverallSDDocumentRejectionSts": "B"}, "open"),
        (
            {"OverallSDDocumentRejectionSts": "C", "TotalCreditCheckStatus": "B", "OverallSDProcessStatus": "C"},
            "cancelled",
        ),
    ],
)
def test_an_order_s_status(changes: dict[str, str], status: str) -> None:
    order = given("orders", "an open order with one line") | changes
    assert MAPPING.section("orders", "pull").apply(order)["status"] == status


@pytest.mark.parametrize(
    ("category", "kind", "sign"),
    [
        ("M", "invoice", ""),
        ("O", "credit_memo", "-"),
        ("P", "debit_memo", ""),
        ("N", "reversal", "-"),
        ("S", "reversal", ""),
        ("U", "pro_forma", ""),
    ],
)
def test_an_invoice_s_kind_and_sign(category: str, kind: str, sign: str) -> None:
    found = MAPPING.section("invoices", "pull").apply(
        given("invoices", "a credit memo") | {"SDDocumentCategory": category}
    )
    assert found["kind"] == kind
    assert [found["net_amount"], found["tax_amount"], found["gross_amount"]] == [
        f"{sign}100.00",
        f"{sign}13.00",
        f"{sign}113.00",
    ]
    assert found["lines"][0]["tax_amount"] == f"{sign}13.00"


@pytest.mark.parametrize(
    ("changes", "role", "kind", "document_kind"),
    [
        ({}, "item", "trade", "invoice"),
        ({"DebitCreditCode": "H"}, "item", "trade", "credit_memo"),
        ({"AccountingDocumentType": "DR"}, "item", "trade", "invoice"),
        ({"AccountingDocumentType": "DG", "DebitCreditCode": "H"}, "item", "trade", "credit_memo"),
        ({"AccountingDocumentType": "UE", "SpecialGLCode": "H"}, "item", "retention", "opening"),
        ({"SpecialGLCode": "F"}, "item", "advance_request", "advance_request"),
        ({"SpecialGLCode": "O"}, "item", "other", "invoice"),
        ({"AccountingDocumentType": "DZ"}, "payment", "receipt", None),
        ({"AccountingDocumentType": "DZ", "SpecialGLCode": "A"}, "payment", "advance", None),
        ({"AccountingDocumentType": "DZ", "SpecialGLCode": "W"}, "bill", "receipt", None),
        ({"AccountingDocumentType": "AB"}, "transfer", "trade", None),
        ({"AccountingDocumentType": "AB", "SpecialGLCode": "A"}, "transfer", "trade", None),
        ({"AccountingDocumentType": "AB", "PaymentDifferenceReason": "KL1"}, "write_off", "trade", None),
    ],
)
def test_a_line_s_role(changes: dict[str, str], role: str, kind: str, document_kind: str | None) -> None:
    found = MAPPING.section("open_items", "pull").apply(given("open_items", "an open invoice") | changes)
    assert (found["role"], found["kind"], found.get("document_kind")) == (role, kind, document_kind)


@pytest.mark.parametrize(
    ("changes", "table", "value"),
    [
        ({"AccountingDocumentType": "SA"}, "document_role", "SA"),
        ({"SpecialGLCode": "A"}, "line_role", "item/A"),
        ({"SpecialGLCode": "Q"}, "line_role", "item/Q"),
        ({"AccountingDocumentType": "DZ", "SpecialGLCode": "F"}, "line_role", "payment/F"),
    ],
)
def test_an_unknown_kind_of_line_is_refused(changes: dict[str, str], table: str, value: str) -> None:
    with pytest.raises(RecordMappingError) as caught:
        MAPPING.section("open_items", "pull").apply(given("open_items", "an open invoice") | changes, "CN01/2025/1/1")
    assert (caught.value.code, caught.value.params["table"], caught.value.params["value"]) == (
        "unknown-code",
        table,
        value,
    )
    assert caught.value.params["field"] == "role" and caught.value.params["key"] == "CN01/2025/1/1"


def test_a_discount_has_the_sign_of_its_payment_however_sap_signs_it() -> None:
    payment = given("open_items", "a part payment with a discount")
    mirrored = payment | {"DebitCreditCode": "S", "AmountInTransactionCurrency": "10000.00", "IsReversal": True}
    apply = MAPPING.section("open_items", "pull").apply
    for discount in ("200.00", "-200.00"):
        assert apply(payment | {"CashDiscountAmount": discount})["discount"] == "-200.00"
        assert apply(mirrored | {"CashDiscountAmount": discount})["discount"] == "200.00"


def test_an_order_without_its_company_is_refused_by_name() -> None:
    order = given("orders", "an open order with one line") | {"SalesOrganization": "9999"}
    with pytest.raises(RecordMappingError, match="'9999' is not in the lookup table company"):
        MAPPING.section("orders", "pull").apply(order)
