"""Organizations of the customer hub: hubOrganizations, and accounts of the sales cloud, which are the same parties.

A party that was created here has no customer account yet: finance gives it one, and until then it cannot be billed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.office.trade import Customer, TradeError
from sandbox.oracle.adf.errors import AdfError, duplicate, invalid, missing
from sandbox.oracle.adf.model import Column, Resource, Row, View
from sandbox.oracle.fusion.catalogue import child, resource, row_columns
from sandbox.oracle.fusion.ids import big, midnight, serial_of
from sandbox.oracle.fusion.stamps import who
from sandbox.oracle.fusion.tenant import SOURCE_SYSTEM, Tenant

_FIELDS = {
    "OrganizationName": "name", "TaxpayerIdentificationNumber": "tax_number", "Country": "country", "State": "region",
    "City": "city", "PostalCode": "postal_code", "Address1": "street", "AddressLine1": "street",
    "EmailAddress": "email", "RawPhoneNumber": "phone", "UniqueNameAlias": "name_2",
}  # fmt: skip


def source_of(customer: Customer) -> tuple[str, str]:
    return customer.extra.get("source") or (SOURCE_SYSTEM, customer.our_number)


class Parties:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.office = tenant.office

    def organizations(self) -> Resource:
        name = "hubOrganizations"
        return resource(
            name, "PartyNumber", self._organization_columns(), self._rows, find=self._find, create=self._create,
            update=self._update, existing=self._existing, collection_actions={"findDuplicates": self._duplicates},
            children={
                "Address": self._child(f"{name}/Address", "AddressNumber", self._addresses),
                "ContactPoint": self._child(f"{name}/ContactPoint", "ContactPointId", self._contact_points),
                "SourceSystemReference": self._child(
                    f"{name}/SourceSystemReference", "SourceSystemReferenceId", self._references
                ),
                "UsageAssignment": self._child(f"{name}/UsageAssignment", "PartyUsageAssignmentId", self._usages),
            },
        )  # fmt: skip

    def accounts(self) -> Resource:
        return resource(
            "accounts", "PartyNumber", self._account_columns(), self._rows, find=self._find, create=self._create,
            update=self._update, existing=self._existing,
            children={"PrimaryAddress": self._child("accounts/PrimaryAddress", "AddressNumber", self._addresses)},
        )  # fmt: skip

    @staticmethod
    def _child(path: str, key: str, rows: Any) -> Resource:
        return child(path, key, row_columns(path), lambda view, party: rows(party))

    # -- finding ---------------------------------------------------------------------------------------------------

    def _rows(self, view: View, parent: object) -> Iterator[Customer]:
        return iter(self.tenant.parties())

    def _find(self, view: View, key: str, parent: object) -> Customer | None:
        """By party number, as links have it, or by id."""
        parties = self.tenant.parties()
        serial = serial_of("party", key)
        return next((p for p in parties if self.tenant.party_number(p) == key or p.id == serial), None)

    def _existing(self, view: View, values: Row) -> Customer | None:
        if values.get("PartyNumber"):
            return self._find(view, values["PartyNumber"], None)
        wanted = values.get("SourceSystem"), values.get("SourceSystemReferenceValue")
        return next((party for party in self.tenant.parties() if wanted[1] and source_of(party) == wanted), None)

    # -- columns ---------------------------------------------------------------------------------------------------

    def _common(self) -> dict[str, Column]:
        tenant = self.tenant
        return {
            "PartyId": tenant.party_id,
            "PartyNumber": tenant.party_number,
            "OrganizationName": lambda p: p.name,
            "SourceSystem": lambda p: source_of(p)[0] if source_of(p)[1] else None,
            "SourceSystemReferenceValue": lambda p: source_of(p)[1] or None,
            "TaxpayerIdentificationNumber": lambda p: p.tax_number or None,
            "EmailAddress": lambda p: p.email or None,
            "RawPhoneNumber": lambda p: p.phone or None,
            "Country": lambda p: p.country or None,
            "State": lambda p: p.region or None,
            "City": lambda p: p.city or None,
            "PostalCode": lambda p: p.postal_code or None,
            "FormattedAddress": _formatted,
            "CurrencyCode": lambda p: p.credit_currency or None,
            **who(),
        }

    def _organization_columns(self) -> dict[str, Column]:
        return {
            **self._common(),
            "Address1": lambda p: p.street or None,
            "AddressNumber": lambda p: str(20_000 + p.id),
            "PartyUsageCode": lambda p: "CUSTOMER" if self.tenant.accounts_of(p) else "ORGANIZATION",
            "Status": lambda p: "I" if p.blocked else "A",
            "UniqueNameAlias": lambda p: p.name_2 or None,
            "PreferredFunctionalCurrency": lambda p: p.credit_currency or None,
            "ThirdPartyFlag": lambda p: False,
            "ValidatedFlag": lambda p: False,
        }

    def _account_columns(self) -> dict[str, Column]:
        return {
            **self._common(),
            "AddressLine1": lambda p: p.street or None,
            "UniqueOrganizationName": lambda p: f"{p.name} ({p.city})" if p.city else p.name,
            "PartyStatus": lambda p: "I" if p.blocked else "A",
            "Type": lambda p: "ZCA_CUSTOMER" if self.tenant.accounts_of(p) else "ZCA_PROSPECT",
        }

    # -- children --------------------------------------------------------------------------------------------------

    def _addresses(self, party: Customer) -> list[Row]:
        if not (party.street or party.city or party.country):
            return []
        return [{
            "AddressId": big("address", party.id), "AddressNumber": str(20_000 + party.id), "Country": party.country,
            "Address1": party.street or None, "AddressLine1": party.street or None, "City": party.city or None,
            "State": party.region or None, "PostalCode": party.postal_code or None, "PrimaryFlag": True,
            "PartyId": self.tenant.party_id(party), "PartyNumber": self.tenant.party_number(party), "Status": "A",
            "FormattedAddress": _formatted(party),
        }]  # fmt: skip

    def _contact_points(self, party: Customer) -> list[Row]:
        points = (("EMAIL", "EmailAddress", party.email), ("PHONE", "RawPhoneNumber", party.phone))
        return [
            {
                "ContactPointId": big("address", 1_000_000 + party.id * 10 + at), "ContactPointType": kind, name: value,
                "PartyId": self.tenant.party_id(party), "PrimaryFlag": True, "Status": "A",
            }
            for at, (kind, name, value) in enumerate(points)
            if value
        ]  # fmt: skip

    def _references(self, party: Customer) -> list[Row]:
        system, value = source_of(party)
        if not value:
            return []
        return [{
            "SourceSystemReferenceId": big("address", 2_000_000 + party.id), "SourceSystem": system,
            "SourceSystemReferenceValue": value, "PartyId": self.tenant.party_id(party), "Status": "A",
            "PartyNumber": self.tenant.party_number(party), "StartDate": party.created.date(),
        }]  # fmt: skip

    def _usages(self, party: Customer) -> list[Row]:
        code = "CUSTOMER" if self.tenant.accounts_of(party) else "ORGANIZATION"
        return [{
            "PartyUsageAssignmentId": big("address", 3_000_000 + party.id), "PartyUsageCode": code, "StatusFlag": True,
            "PartyId": self.tenant.party_id(party), "StartDate": midnight(party.created.date()),
        }]  # fmt: skip

    # -- changes ---------------------------------------------------------------------------------------------------

    def _create(self, view: View, values: Row, parent: object) -> Customer:
        if not values.get("OrganizationName"):
            raise missing("OrganizationName", "Organization")
        if values.get("SourceSystemReferenceValue") and not values.get("SourceSystem"):
            raise missing("SourceSystem", "Organization")
        if self._existing(view, values) is not None:
            raise duplicate(f"of SourceSystemReference {values['SourceSystemReferenceValue']}")
        fields = self._fields(values)
        system, reference = values.get("SourceSystem") or "", values.get("SourceSystemReferenceValue") or ""
        ours = reference if system == SOURCE_SYSTEM else ""
        try:
            return self.office.master.create_customer(
                fields.pop("name"), [], our_number=ours, extra={"source": (system, reference)}, **fields
            )
        except TradeError as error:
            raise AdfError(400, f"The organization wasn't saved: {error}.", error.code) from None

    def _update(self, view: View, party: Customer, values: Row) -> Customer:
        name = values.get("OrganizationName", party.name)
        if not name:
            raise missing("OrganizationName", "Organization")
        new = {key: value for key, value in self._fields(values).items() if getattr(party, key) != value}
        if "Status" in values and values["Status"] not in ("A", "I"):
            raise invalid("Status", f"The status {values['Status']} isn't valid.")
        if "Status" in values:
            new["blocked"] = values["Status"] == "I"
        if new:
            self.office.master.change_customer(party, **new)
        return party

    @staticmethod
    def _fields(values: Row) -> Row:
        """The trade book's fields, from the party's attributes, its first address and its contact points."""
        addresses = values.get("Address") or values.get("PrimaryAddress") or [{}]
        sent = {**addresses[0], **values}
        for point in values.get("ContactPoint") or []:
            sent = {**{name: point[name] for name in ("EmailAddress", "RawPhoneNumber") if name in point}, **sent}
        return {field: sent[name] or "" for name, field in _FIELDS.items() if name in sent}

    def _duplicates(self, view: View, nothing: object, values: Row) -> list[Row]:
        """Parties whose names agree but for case."""
        wanted = [str(each.get("OrganizationName", "")).casefold() for each in values.get("hubOrganization") or []]
        return [
            {"PartyId": self.tenant.party_id(party), "PartyNumber": self.tenant.party_number(party),
             "OrganizationName": party.name}
            for party in self.tenant.parties()
            if party.name.casefold() in wanted
        ]  # fmt: skip


def _formatted(party: Customer) -> str | None:
    parts = (party.street, " ".join(filter(None, (party.postal_code, party.city))), party.country)
    return ", ".join(filter(None, parts)) or None
