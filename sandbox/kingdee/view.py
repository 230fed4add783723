"""View: a whole document, keys without their F, names as language lists, references as nested objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.kingdee.envelope import NOT_FOUND, Answer, GalaxyError
from sandbox.kingdee.metadata import Entity, Field
from sandbox.kingdee.query import referred, wire
from sandbox.kingdee.tables import Table, Tenant

_CHINESE = 2052


def view(tenant: Tenant, form_id: str, data: Mapping[str, Any]) -> Answer:
    table = tenant.table(form_id)
    doc = find_one(table, data)
    shown: Answer = {"Id": table.id_of(doc)}
    for entity in table.form.entities.values():
        if entity.id_key:
            shown[entity.view_key] = [_part(tenant, table, entity, row) for row in table.rows(entity, doc)]
        elif entity.key == "FBillHead":
            shown |= _part(tenant, table, entity, doc)
        else:
            shown[entity.view_key] = [_part(tenant, table, entity, doc)]
    return {"Result": {"ResponseStatus": None, "Result": shown}}


def find_one(table: Table, data: Mapping[str, Any]) -> Any:
    """The document of an Id, else of a Number. GalaxyError when there is none."""
    wanted, number = str(data.get("id") or ""), str(data.get("number") or "")
    doc = table.by_id(wanted) if wanted and wanted != "0" else next(iter(table.by_number(number)), None)
    if doc is None:
        raise GalaxyError(f"传递的编码值不存在：{number or wanted}", NOT_FOUND)
    return doc


def _part(tenant: Tenant, table: Table, entity: Entity, row: Any) -> Answer:
    shown: Answer = {}
    for field in entity.fields.values():
        if field.key in (table.form.key, entity.id_key):
            shown["Id"] = table.getter(entity, field)(row)
        else:
            shown[field.view_key] = _value(tenant, table, entity, field, row)
    return shown


def _value(tenant: Tenant, table: Table, entity: Entity, field: Field, row: Any) -> Any:
    get = table.getter(entity, field)
    if field.kind == "ref":
        return _reference(tenant, field, referred(tenant, get, field)(row))
    if field.key == "FName":
        return [{"Key": _CHINESE, "Value": get(row)}]
    return wire(get(row), field)


def _reference(tenant: Tenant, field: Field, doc: Any) -> Answer | None:
    if doc is None:
        return None
    target = tenant.table(field.target)
    name = target.getter(*target.form.field("FName"))(doc) if target.form.find("FName") else ""
    number = target.id_of(doc)
    return {
        "Id": number, "msterID": number, "Number": target.number_of(doc), "Name": [{"Key": _CHINESE, "Value": name}],
        "MultiLanguageText": [{"PkId": number, "LocaleId": _CHINESE, "Name": name}],
    }  # fmt: skip
