"""The entity sets of API_BUSINESS_PARTNER over the partners."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.front import Caller
from sandbox.odata.backend import Message, ODataError, ReadRow, Row
from sandbox.sap.books import Books


class PartnersApi:
    def __init__(self, books: Books) -> None:
        self.books = books
        self.partners = books.partners

    def rows(self, set_name: str) -> Sequence[ReadRow]:
        return self.partners.rows(set_name)

    def navigate(self, set_name: str, row: Row, nav: str) -> Sequence[ReadRow] | ReadRow | None:
        children = self.partners.children(set_name, row, nav)
        if nav == "to_Customer":
            return children[0] if children else None
        return children

    def create(self, set_name: str, values: Row, caller: Caller) -> Row:
        if set_name == "A_BusinessPartner":
            row = self.partners.create(values, caller.user)
            self.books.note(row["BusinessPartner"], caller.request_id, "create")
            return row
        if set_name == "A_Customer":
            values = {**values, "Customer": values.get("Customer") or values.get("BusinessPartner", "")}
        row = self.partners.add(set_name, values, caller.user)
        self._note(set_name, row, caller, "added")
        return row

    def update(self, set_name: str, key: Row, values: Row, caller: Caller) -> list[Message]:
        row = self._row(set_name, key)
        self.partners.change(set_name, row, values)
        self._note(set_name, row, caller, ", ".join(sorted(values)))
        return []

    def _note(self, set_name: str, row: Row, caller: Caller, what: str) -> None:
        self.books.note(self.partners.partner_of(set_name, row), caller.request_id, f"{set_name} {what}")

    def delete(self, set_name: str, key: Row) -> None:
        if set_name in ("A_BusinessPartner", "A_Customer"):
            raise ODataError(400, "R1/300", "A business partner cannot be deleted; mark it for archiving")
        self.partners.delete(set_name, self._row(set_name, key))

    def _row(self, set_name: str, key: Row) -> Row:
        row = self.partners.get(set_name, key)
        if row is None:
            raise ODataError(404, "/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{set_name}Type'")
        return row
