"""Function imports: what a call returns, as JSON V2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sandbox.odata.backend import ReadRow
from sandbox.odata.json_values import to_json
from sandbox.odata.literals import initial
from sandbox.odata.metadata import Function, Service
from sandbox.odata.render import Renderer, Shape

Result = Sequence[ReadRow] | ReadRow | None


def written_result(service: Service, function: Function, result: Result, renderer: Renderer) -> Any:
    if function.returns in service.complex_types:
        return _complex(service, function, result)
    entity_set = next(s for s in service.sets.values() if s.type_name == function.returns)
    render = renderer.entity(entity_set, Shape())
    if function.many:
        return {"results": [render(row) for row in cast(Sequence[ReadRow], result or [])]}
    return render(cast(ReadRow, result))


def _complex(service: Service, function: Function, result: Result) -> dict[str, Any]:
    properties = service.complex_types[function.returns].properties.values()
    head = {"__metadata": {"type": f"{service.name}.{function.returns}"}}

    def render(row: ReadRow) -> dict[str, Any]:
        return head | {prop.name: to_json(prop, row.get(prop.name, initial(prop))) for prop in properties}

    if function.many:
        return {"results": [render(row) for row in cast(Sequence[ReadRow], result or [])]}
    return {function.name: render(cast(ReadRow, result or {}))}
