"""The $metadata document and the service document of a service."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

from sandbox.odata.metadata import EntitySet, Navigation, Property, Service

_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"'
    ' xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" xmlns:sap="http://www.sap.com/Protocols/SAPData">'
    '<edmx:DataServices m:DataServiceVersion="2.0">'
)
_SEMANTICS = {"currency": "currency-code", "unit": "unit-of-measure"}


def metadata_document(service: Service) -> bytes:
    schema = (
        f'<Schema Namespace="{service.name}" xml:lang="en" sap:schema-version="{int(service.version)}"'
        ' xmlns="http://schemas.microsoft.com/ado/2008/09/edm">'
        + "".join(_entity_type(service, entity_set) for entity_set in service.sets.values())
        + "".join(_complex_type(name, t.properties.values()) for name, t in service.complex_types.items())
        + "".join(_association(service, s, nav) for s, nav in _navigations(service))
        + _container(service)
        + _capabilities(service)
        + "</Schema></edmx:DataServices></edmx:Edmx>"
    )
    return (_HEAD + schema).encode()


def service_document(service: Service, base: str) -> bytes:
    sets = "".join(
        f"<app:collection href={quoteattr(name)}><atom:title>{name}</atom:title></app:collection>"
        for name in service.sets
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><app:service xml:lang="en" xml:base={quoteattr(base + "/")}'
        ' xmlns:app="http://www.w3.org/2007/app" xmlns:atom="http://www.w3.org/2005/Atom">'
        f"<app:workspace><atom:title>Data</atom:title>{sets}</app:workspace></app:service>"
    ).encode()


def _navigations(service: Service) -> list[tuple[EntitySet, Navigation]]:
    return [(s, nav) for s in service.sets.values() for nav in s.navigations.values()]


def _entity_type(service: Service, entity_set: EntitySet) -> str:
    keys = "".join(f'<PropertyRef Name="{key.name}"/>' for key in entity_set.keys)
    properties = "".join(_property(prop) for prop in entity_set.properties.values())
    navigations = "".join(_navigation(service, entity_set, nav) for nav in entity_set.navigations.values())
    return f'<EntityType Name="{entity_set.type_name}"><Key>{keys}</Key>{properties}{navigations}</EntityType>'


def _navigation(service: Service, entity_set: EntitySet, nav: Navigation) -> str:
    link = _link(entity_set, nav)
    ends = f'FromRole="FromRole_{link}" ToRole="ToRole_{link}"'
    return f'<NavigationProperty Name="{nav.name}" Relationship="{service.name}.{link}" {ends}/>'


def _link(entity_set: EntitySet, nav: Navigation) -> str:
    return f"assoc_{entity_set.name}_{nav.name}"


def _property(prop: Property) -> str:
    attributes = {
        "Name": prop.name,
        "Type": prop.edm,
        "Nullable": None if prop.nullable else "false",
        "MaxLength": prop.length,
        "Precision": prop.precision,
        "Scale": prop.scale,
        "ConcurrencyMode": "Fixed" if prop.is_version else None,
        "sap:display-format": _display_format(prop),
        "sap:unit": prop.unit or None,
        "sap:semantics": _SEMANTICS.get(prop.semantics),
        "sap:creatable": None if prop.creatable else "false",
        "sap:updatable": None if prop.updatable else "false",
        "sap:sortable": None if prop.sortable else "false",
        "sap:filterable": None if prop.filterable else "false",
    }
    return (
        "<Property " + " ".join(f'{name}="{value}"' for name, value in attributes.items() if value is not None) + "/>"
    )


def _display_format(prop: Property) -> str | None:
    if prop.is_date:
        return "Date"
    if prop.numc:
        return "NonNegative"
    return "UpperCase" if prop.upper else None


def _complex_type(name: str, properties: Iterable[Property]) -> str:
    return f'<ComplexType Name="{name}">{"".join(_property(prop) for prop in properties)}</ComplexType>'


def _association(service: Service, entity_set: EntitySet, nav: Navigation) -> str:
    link = _link(entity_set, nav)
    target = service.sets[nav.target].type_name
    return (
        f'<Association Name="{link}">'
        f'<End Type="{service.name}.{entity_set.type_name}" Multiplicity="1" Role="FromRole_{link}"/>'
        f'<End Type="{service.name}.{target}" Multiplicity="{nav.multiplicity}" Role="ToRole_{link}"/></Association>'
    )


def _container(service: Service) -> str:
    sets = "".join(_entity_set(service, entity_set) for entity_set in service.sets.values())
    links = "".join(_association_set(service, s, nav) for s, nav in _navigations(service))
    functions = "".join(_function(service, name) for name in service.functions)
    return (
        f'<EntityContainer Name="{service.name}_Entities" m:IsDefaultEntityContainer="true"'
        f' sap:supported-formats="atom json">{sets}{links}{functions}</EntityContainer>'
    )


def _entity_set(service: Service, entity_set: EntitySet) -> str:
    kinds = ("creatable", "updatable", "deletable", "pageable", "addressable")
    flags = "".join(f' sap:{kind}="false"' for kind in kinds if not entity_set.allows(kind))
    return f'<EntitySet Name="{entity_set.name}" EntityType="{service.name}.{entity_set.type_name}"{flags}/>'


def _association_set(service: Service, entity_set: EntitySet, nav: Navigation) -> str:
    link = _link(entity_set, nav)
    return (
        f'<AssociationSet Name="{link}" Association="{service.name}.{link}">'
        f'<End EntitySet="{entity_set.name}" Role="FromRole_{link}"/>'
        f'<End EntitySet="{nav.target}" Role="ToRole_{link}"/></AssociationSet>'
    )


def _function(service: Service, name: str) -> str:
    function = service.functions[name]
    returns = f"{service.name}.{function.returns}"
    parameters = "".join(_parameter(prop) for prop in function.parameters.values())
    return (
        f'<FunctionImport Name="{name}" ReturnType="{f"Collection({returns})" if function.many else returns}"'
        f' m:HttpMethod="{function.method}">{parameters}</FunctionImport>'
    )


def _parameter(prop: Property) -> str:
    length = f' MaxLength="{prop.length}"' if prop.length else ""
    return f'<Parameter Name="{prop.name}" Type="{prop.edm}" Mode="In"{length}/>'


def _capabilities(service: Service) -> str:
    """Says that batches are refused, where they are."""
    if service.batch:
        return ""
    return (
        f'<Annotations Target="{service.name}.{service.name}_Entities" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        '<Annotation Term="Org.OData.Capabilities.V1.BatchSupported" Bool="false"/></Annotations>'
    )
