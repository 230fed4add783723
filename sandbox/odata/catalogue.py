"""The service catalogue: which services this system offers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sandbox.front import Caller
from sandbox.odata.backend import Backend, Created, Message, ODataError, ReadRow, Row
from sandbox.odata.metadata import EntitySet, Property, Service

_TEXTS = ("Description", "Title", "Author", "TechnicalServiceName", "MetadataUrl", "ServiceUrl")


def catalogue_service() -> Service:
    properties = [Property("ID", "Edm.String", 40, nullable=False)]
    properties += [Property(name, "Edm.String") for name in _TEXTS]
    properties += [
        Property("TechnicalServiceVersion", "Edm.Int16"),
        Property("UpdatedDate", "Edm.DateTime", precision=0),
    ]
    services = EntitySet("ServiceCollection", "Service", forbidden="cud", keys=properties[:1])
    services.properties = {prop.name: prop for prop in properties}
    return Service(
        "CATALOGSERVICE", "0002", "Catalogue", root="/sap/opu/odata/IWFND", sets={"ServiceCollection": services}
    )


class Catalogue:
    """A read-only backend over the services of another one."""

    def __init__(self, services: Sequence[Service], backend: Backend) -> None:
        self._backend = backend
        self._started = backend.now()
        self._rows = {row["ID"]: row for row in (self._row(service) for service in services)}

    def begin(self, caller: Caller) -> None: ...

    def now(self) -> datetime:
        return self._backend.now()

    def version(self) -> int:
        return 0

    def rows(self, set_name: str) -> Sequence[ReadRow]:
        return list(self._rows.values())

    def get(self, set_name: str, key: Row) -> ReadRow | None:
        return self._rows.get(key["ID"])

    def navigate(self, set_name: str, row: ReadRow, nav: str) -> ReadRow | None:
        return None

    def create(self, set_name: str, values: Row) -> Created:
        raise _read_only()

    def update(self, set_name: str, key: Row, values: Row, replace: bool) -> list[Message]:
        raise _read_only()

    def delete(self, set_name: str, key: Row) -> None:
        raise _read_only()

    def call(self, function: str, params: Row) -> ReadRow | None:
        return None

    def etag(self, set_name: str, row: ReadRow) -> str | None:
        return None

    def savepoint(self) -> Any: ...

    def rollback(self, point: Any) -> None: ...

    def book(self, object: str) -> list[Row]:
        return []

    def advance(self, days: int) -> Row:
        return {}

    def mutate(self, change: Row) -> Row:
        return {}

    def _row(self, service: Service) -> Row:
        return {
            "ID": f"{service.name}_{service.version}",
            "Description": service.title,
            "Title": service.name,
            "Author": "SAP",
            "TechnicalServiceName": service.name,
            "TechnicalServiceVersion": int(service.version),
            "MetadataUrl": f"{service.path}/$metadata",
            "ServiceUrl": service.path,
            "UpdatedDate": self._started,
        }


def _read_only() -> ODataError:
    return ODataError(405, "/IWFND/CM_COS/005", "The catalogue is read only")
