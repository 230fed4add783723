"""Our $metadata against SAP's own: every set, key, property, type, length and navigation we name is theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from sandbox.odata.catalogue import catalogue_service
from sandbox.odata.edmx import metadata_document
from sandbox.odata.metadata import Service, load_service, load_services
from tests.contract.sandbox_demo import METADATA

pytestmark = pytest.mark.contract
EDM = "{http://schemas.microsoft.com/ado/2008/09/edm}"
SAP = "{http://www.sap.com/Protocols/SAPData}"
ATTRIBUTES = ["Type", "Nullable", "MaxLength", "Precision", "Scale", "ConcurrencyMode"]
ATTRIBUTES += [SAP + name for name in ("creatable", "updatable", "sortable", "filterable", "unit", "semantics")]
REAL = [
    "API_BUSINESS_PARTNER",
    "API_SALES_ORDER_SRV",
    "API_OUTBOUND_DELIVERY_SRV",
    "API_BILLING_DOCUMENT_SRV",
    "API_OPLACCTGDOCITEMCUBE_SRV",
]


def service_named(name: str) -> Service:
    return load_service(METADATA / f"{name}.txt")


@pytest.fixture(params=REAL)
def schemas(request: pytest.FixtureRequest, shared_reference: Path) -> tuple[etree._Element, etree._Element]:
    """Ours and theirs, for one service."""
    ours = etree.fromstring(metadata_document(service_named(request.param)))
    theirs = etree.parse(shared_reference / "sap" / f"{request.param}.edmx").getroot()
    return _schema(ours), _schema(theirs)


def _schema(root: etree._Element) -> etree._Element:
    return next(root.iter(EDM + "Schema"))


def _named(schema: etree._Element, kind: str) -> dict[str, etree._Element]:
    return {element.get("Name", ""): element for element in schema.iter(EDM + kind)}


def test_properties_agree(schemas: tuple[etree._Element, etree._Element]) -> None:
    ours, theirs = (_named(schema, "EntityType") | _named(schema, "ComplexType") for schema in schemas)
    for name, own in ours.items():
        real = {p.get("Name"): p for p in theirs[name].iter(EDM + "Property")}
        for prop in own.iter(EDM + "Property"):
            other = real[prop.get("Name")]
            assert {a: prop.get(a) for a in ATTRIBUTES} == {a: other.get(a) for a in ATTRIBUTES}, (
                f"{name}/{prop.get('Name')}"
            )


def test_keys_agree(schemas: tuple[etree._Element, etree._Element]) -> None:
    ours, theirs = (_named(schema, "EntityType") for schema in schemas)
    for name, own in ours.items():
        keys, real = ([ref.get("Name") for ref in e.iter(EDM + "PropertyRef")] for e in (own, theirs[name]))
        assert keys == real, name


def test_sets_agree(schemas: tuple[etree._Element, etree._Element]) -> None:
    ours, theirs = (_named(schema, "EntitySet") for schema in schemas)
    kinds = ["EntityType", *(SAP + kind for kind in ("creatable", "updatable", "deletable", "addressable", "pageable"))]
    for name, own in ours.items():
        assert {kind: own.get(kind) for kind in kinds} == {kind: theirs[name].get(kind) for kind in kinds}, name


def test_navigations_lead_where_theirs_do(schemas: tuple[etree._Element, etree._Element]) -> None:
    ours, theirs = (_navigations(schema) for schema in schemas)
    assert ours.items() <= theirs.items()


def test_functions_agree(schemas: tuple[etree._Element, etree._Element]) -> None:
    ours, theirs = (_named(schema, "FunctionImport") for schema in schemas)
    for name, own in ours.items():
        signatures = [
            (
                f.attrib["ReturnType"],
                [(p.get("Name"), p.get("Type"), p.get("MaxLength")) for p in f.iter(EDM + "Parameter")],
            )
            for f in (own, theirs[name])
        ]
        assert signatures[0] == signatures[1], name


def _navigations(schema: etree._Element) -> dict[tuple[str, str], tuple[str, str]]:
    """(type, navigation) → (target type, multiplicity)."""
    ends = {
        (name, end.get("Role")): (end.get("Type", ""), end.get("Multiplicity", ""))
        for name, association in _named(schema, "Association").items()
        for end in association.iter(EDM + "End")
    }
    return {
        (name, nav.get("Name", "")): ends[nav.get("Relationship", "").rpartition(".")[2], nav.get("ToRole")]
        for name, kind in _named(schema, "EntityType").items()
        for nav in kind.iter(EDM + "NavigationProperty")
    }


@pytest.mark.parametrize("service", [*load_services(METADATA), catalogue_service()], ids=lambda service: service.name)
def test_every_file_is_whole(service: Service) -> None:
    for entity_set in service.sets.values():
        assert entity_set.keys, entity_set.name
        assert all(nav.target in service.sets for nav in entity_set.navigations.values())
        assert all(p.unit in entity_set.properties for p in entity_set.properties.values() if p.unit)
        assert not entity_set.guarded_by or service.sets[entity_set.guarded_by].version
    returned = {function.returns for function in service.functions.values()}
    assert returned <= service.complex_types.keys() | {s.type_name for s in service.sets.values()}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("service X 0001 T\nset A A_Type\n  key K S10 !\n      F Q3\n", "line 4: unknown type Q3"),
        ("service X 0001 T\n      F S3\n", "line 2: F belongs to no set"),
        ("service X 0001 T\noption fast\n", "line 2: unknown option fast"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "X.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"X.txt, {told}"):
        load_service(tmp_path / "X.txt")
