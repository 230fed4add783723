"""What a site's options make of the product file: which documents are whose, and the names of fields of its own."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.base import Wire
from connectors.kdsvc.descriptor import Form, Product, Resource
from connectors.kdsvc.query import both, compare, one_of

NONE = "{id} = 0"
"""No document has this id."""


def resources_of(product: Product, options: Mapping[str, str]) -> dict[str, Resource]:
    """The product's resources as one site has them."""
    said = {**product.defaults, **{name: value for name, value in options.items() if value}}
    return {obj: _resource(resource, said) for obj, resource in product.resources.items()}


def own_names(form: Form, wire: Wire) -> Wire:
    """What is sent by the form's own names, without fields that it does not have here."""
    kept = {name: value for name, value in wire.items() if name not in form.values}
    return {form.names.get(name, name): value for name, value in kept.items()}


def values_of(said: str) -> list[str]:
    """The values of an option, which commas separate."""
    return [value.strip() for value in said.split(",") if value.strip()]


def _resource(resource: Resource, said: Mapping[str, str]) -> Resource:
    forms = [_form(form, said) for form in resource.forms]
    write = resource.write
    if write is not None and write.change is not None:
        fields = list(own_names(forms[0], dict.fromkeys(write.change.fields)))
        write = write.model_copy(update={"change": write.change.model_copy(update={"fields": fields})})
    return resource.model_copy(update={"forms": forms, "write": write})


def _form(form: Form, said: Mapping[str, str]) -> Form:
    named = {name: said[option] for name, option in form.site.items() if option in said}
    absent = dict.fromkeys(form.site.keys() - named.keys(), "")
    update = {
        "names": {**form.names, **named},
        "values": {**form.values, **absent},
        "filter": both(form.filter, *_bounds(form, said)),
    }
    return form.model_copy(update=update)


def _bounds(form: Form, said: Mapping[str, str]) -> list[str]:
    only = [_one_of(field, values_of(said.get(option, "")), form) for field, option in form.only.items()]
    left = [(field, value) for field, option in form.but.items() for value in values_of(said.get(option, ""))]
    return [*only, *(compare(field, "<>", value) for field, value in left)]


def _one_of(field: str, values: list[str], form: Form) -> str:
    return one_of(field, values) if values else NONE.format(id=form.id)
