"""The $metadata document of a V4 service."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.odata.metadata import EntitySet, Navigation, Property, Service
from sandbox.odata4.literals import edm

_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"'
    ' xmlns="http://docs.oasis-open.org/odata/ns/edm">'
)
_VOCABULARIES = {
    "com.sap.vocabularies.Common.v1": "SAP__common",
    "Org.OData.Core.V1": "SAP__core",
    "Org.OData.Capabilities.V1": "SAP__capabilities",
}


def namespace(service: Service) -> str:
    return f"com.sap.gateway.srvd_a2x.{service.name.partition('/')[0]}.v{service.version}"


def metadata_document(service: Service) -> bytes:
    sets = service.sets.values()
    references = "".join(
        f'<edmx:Reference Uri="/sap/vocabularies/{name}"><edmx:Include Namespace="{name}" Alias="{alias}"/>'
        "</edmx:Reference>"
        for name, alias in _VOCABULARIES.items()
    )
    parts = [
        _HEAD,
        references,
        f'<edmx:DataServices><Schema Namespace="{namespace(service)}" Alias="SAP__self">',
        *(_entity_type(service, entity_set) for entity_set in sets),
        _container(service),
        *(line for entity_set in sets for line in _annotations(entity_set)),
        "</Schema></edmx:DataServices></edmx:Edmx>",
    ]
    return "".join(parts).encode()


def _entity_type(service: Service, entity_set: EntitySet) -> str:
    keys = "".join(f'<PropertyRef Name="{key.name}"/>' for key in entity_set.keys)
    properties = "".join(_property(prop) for prop in entity_set.properties.values())
    navigations = "".join(_navigation(service, nav) for nav in entity_set.navigations.values())
    return f'<EntityType Name="{entity_set.type_name}"><Key>{keys}</Key>{properties}{navigations}</EntityType>'


def _property(prop: Property) -> str:
    attributes = {
        "Name": prop.name,
        "Type": edm(prop),
        "Nullable": None if prop.nullable else "false",
        "MaxLength": prop.length,
        "Precision": prop.precision if prop.edm in ("Edm.Decimal", "Edm.DateTimeOffset") else None,
        "Scale": prop.scale,
    }
    shown = " ".join(f'{name}="{value}"' for name, value in attributes.items() if value is not None)
    return f"<Property {shown}/>"


def _navigation(service: Service, nav: Navigation) -> str:
    target = f"{namespace(service)}.{service.sets[nav.target].type_name}"
    kind = f"Collection({target})" if nav.many else target
    return f'<NavigationProperty Name="{nav.name}" Type="{kind}"/>'


def _container(service: Service) -> str:
    sets = "".join(_set(service, entity_set) for entity_set in service.sets.values())
    return f'<EntityContainer Name="Container">{sets}</EntityContainer>'


def _set(service: Service, entity_set: EntitySet) -> str:
    bindings = "".join(
        f'<NavigationPropertyBinding Path="{nav.name}" Target="{nav.target}"/>'
        for nav in entity_set.navigations.values()
    )
    kind = f"{namespace(service)}.{entity_set.type_name}"
    return f'<EntitySet Name="{entity_set.name}" EntityType="{kind}">{bindings}</EntitySet>'


def _annotations(entity_set: EntitySet) -> Iterator[str]:
    """What is kept in upper case or computed, and what a set refuses."""
    for prop in entity_set.properties.values():
        terms = {
            "SAP__common.IsUpperCase": prop.upper,
            "SAP__common.IsDigitSequence": prop.numc,
            "SAP__core.Computed": not prop.creatable and not prop.updatable,
            "SAP__core.Immutable": prop.creatable and not prop.updatable,
        }
        if said := "".join(f'<Annotation Term="{term}"/>' for term, holds in terms.items() if holds):
            yield f'<Annotations Target="SAP__self.{entity_set.type_name}/{prop.name}">{said}</Annotations>'
    flags = {"Insert": "creatable", "Update": "updatable", "Delete": "deletable"}
    refused = "".join(
        f'<Annotation Term="SAP__capabilities.{name}Restrictions"><Record>'
        f'<PropertyValue Property="{name.rstrip("e")}able" Bool="false"/></Record></Annotation>'
        for name, what in flags.items()
        if not entity_set.allows(what)
    )
    if refused:
        yield f'<Annotations Target="SAP__self.Container/{entity_set.name}">{refused}</Annotations>'
