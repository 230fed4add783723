"""Business partners and their customer side: rows kept per entity set, children found by their parent's key."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sandbox.odata.backend import Detail, ODataError, Row
from sandbox.office.clock import Clock
from sandbox.office.journal import Journal

_PARTNER = ("BusinessPartner",)
_ADDRESS = ("AddressID",)
_AREA = ("Customer", "SalesOrganization", "DistributionChannel", "Division")

KEYS: dict[str, tuple[str, ...]] = {
    "A_BusinessPartner": _PARTNER,
    "A_BusinessPartnerRole": (*_PARTNER, "BusinessPartnerRole"),
    "A_BusinessPartnerAddress": (*_PARTNER, "AddressID"),
    "A_BusinessPartnerTaxNumber": (*_PARTNER, "BPTaxType"),
    "A_BuPaIdentification": (*_PARTNER, "BPIdentificationType", "BPIdentificationNumber"),
    "A_BusinessPartnerContact": (
        "RelationshipNumber",
        "BusinessPartnerCompany",
        "BusinessPartnerPerson",
        "ValidityEndDate",
    ),
    "A_AddressEmailAddress": (*_ADDRESS, "Person", "OrdinalNumber"),
    "A_AddressPhoneNumber": (*_ADDRESS, "Person", "OrdinalNumber"),
    "A_AddressHomePageURL": (*_ADDRESS, "Person", "OrdinalNumber", "ValidityStartDate", "IsDefaultURLAddress"),
    "A_Customer": ("Customer",),
    "A_CustomerCompany": ("Customer", "CompanyCode"),
    "A_CustomerSalesArea": _AREA,
    "A_CustSalesPartnerFunc": (*_AREA, "PartnerCounter", "PartnerFunction"),
}

CHILDREN: dict[str, dict[str, str]] = {
    "A_BusinessPartner": {
        "to_BusinessPartnerRole": "A_BusinessPartnerRole",
        "to_BusinessPartnerAddress": "A_BusinessPartnerAddress",
        "to_BusinessPartnerTax": "A_BusinessPartnerTaxNumber",
        "to_BuPaIdentification": "A_BuPaIdentification",
        "to_BusinessPartnerContact": "A_BusinessPartnerContact",
        "to_Customer": "A_Customer",
    },
    "A_BusinessPartnerAddress": {
        "to_EmailAddress": "A_AddressEmailAddress",
        "to_PhoneNumber": "A_AddressPhoneNumber",
        "to_MobilePhoneNumber": "A_AddressPhoneNumber",
        "to_URLAddress": "A_AddressHomePageURL",
    },
    "A_Customer": {"to_CustomerCompany": "A_CustomerCompany", "to_CustomerSalesArea": "A_CustomerSalesArea"},
    "A_CustomerSalesArea": {"to_PartnerFunction": "A_CustSalesPartnerFunc"},
}
_MOBILE = "3"
_READ_ONLY = {"BusinessPartner", "Customer", "CreationDate", "CreationTime", "LastChangeDate", "LastChangeTime", "ETag"}


def owner_key(set_name: str, row: Row) -> tuple[Any, ...]:
    """The part of a row's key that its children carry too."""
    if set_name == "A_BusinessPartnerAddress":
        return (row["AddressID"],)
    if set_name == "A_CustomerSalesArea":
        return tuple(row[name] for name in _AREA)
    return (row[KEYS[set_name][0]],)


class Partners:
    """Every partner's rows. `limits` holds credit limits: amount and currency by customer."""

    def __init__(self, clock: Clock, journal: Journal) -> None:
        self.clock = clock
        self.journal = journal
        self.tables: dict[str, dict[tuple[Any, ...], Row]] = {name: {} for name in KEYS}
        self.limits: dict[str, tuple[Decimal, str]] = {}
        self.sales_areas: set[tuple[str, str, str]] = set()
        self.companies: set[str] = set()
        self._children: dict[tuple[str, tuple[Any, ...]], list[Row]] = {}
        self._next_partner = 10000001
        self._next_address = 20001

    # -- reading -------------------------------------------------------------------------------------------------

    def rows(self, set_name: str) -> list[Row]:
        table = self.tables[set_name]
        return [table[key] for key in sorted(table, key=_padded)]

    def get(self, set_name: str, key: Row) -> Row | None:
        return self.tables[set_name].get(tuple(key[name] for name in KEYS[set_name]))

    def children(self, set_name: str, row: Row, nav: str) -> list[Row]:
        rows = self._children.get((CHILDREN[set_name][nav], owner_key(set_name, row)), [])
        if nav == "to_MobilePhoneNumber":
            return [child for child in rows if child.get("PhoneNumberType") == _MOBILE]
        if nav == "to_PhoneNumber":
            return [child for child in rows if child.get("PhoneNumberType") != _MOBILE]
        return rows

    def customer(self, number: str) -> Row | None:
        return self.tables["A_Customer"].get((number,))

    def sales_area(self, number: str, org: str, channel: str, division: str) -> Row | None:
        return self.tables["A_CustomerSalesArea"].get((number, org, channel, division))

    def company(self, number: str, code: str) -> Row | None:
        return self.tables["A_CustomerCompany"].get((number, code))

    # -- writing -------------------------------------------------------------------------------------------------

    def create(self, values: Row, user: str) -> Row:
        """A partner with everything nested in `values`; its number comes from the ERP's own range."""
        _require(values, "BusinessPartnerCategory", "R1/701", "Enter a business partner category")
        name = "LastName" if values["BusinessPartnerCategory"] == "1" else "OrganizationBPName1"
        _require(values, name, "R1/221", "Enter a name for the business partner")
        if values.get("BusinessPartner"):
            raise ODataError(400, "R1/105", "External number assignment is not allowed for this grouping")
        number = str(self._next_partner)
        self._next_partner += 1
        stamp = self.clock.stamp()
        row = {
            **_own(values), "BusinessPartner": number, "BusinessPartnerUUID": uuid.uuid5(uuid.NAMESPACE_OID, number),
            "BusinessPartnerGrouping": values.get("BusinessPartnerGrouping") or "BP02", "CreatedByUser": user,
            "CreationDate": stamp.date(), "CreationTime": stamp.time().replace(microsecond=0),
            "LastChangeDate": None, "LastChangeTime": None, "ETag": stamp.strftime("%Y%m%d%H%M%S%f"),
        }  # fmt: skip
        self._store("A_BusinessPartner", row)
        self._nest("A_BusinessPartner", row, values, user)
        self._name(row)
        return row

    def add(self, set_name: str, values: Row, user: str, *, touch: bool = True) -> Row:
        """A child row: `values` carries its parent's key."""
        row = _own(values)
        self._complete(set_name, row, user)
        for name in KEYS[set_name]:
            _require(row, name, "/IWBEP/CM_MGW_RT/004", f"Property {name} is missing")
        if tuple(row[name] for name in KEYS[set_name]) in self.tables[set_name]:
            raise ODataError(400, "R1/150", "The entry exists already")
        self._check(set_name, row)
        self._store(set_name, row)
        self._nest(set_name, row, values, user)
        if touch:
            self._touch(set_name, row)
        return row

    def change(self, set_name: str, row: Row, values: Row) -> None:
        """Set the given fields in place; the partner's change date and version move."""
        for name, value in _own(values).items():
            if name not in KEYS[set_name] and name not in _READ_ONLY:
                self.journal.put(row, name, value)
        self._touch(set_name, row)
        if set_name == "A_BusinessPartner":
            self._name(row)

    def delete(self, set_name: str, row: Row) -> None:
        key = tuple(row[name] for name in KEYS[set_name])
        self.journal.pop(self.tables[set_name], key)
        self.journal.remove(self._children[set_name, _parent_key(set_name, row)], row)
        self._touch(set_name, row)

    def _store(self, set_name: str, row: Row) -> None:
        self.journal.put(self.tables[set_name], tuple(row[name] for name in KEYS[set_name]), row)
        if set_name != "A_BusinessPartner":
            siblings = self._children.setdefault((set_name, _parent_key(set_name, row)), [])
            self.journal.append(siblings, row)

    def _nest(self, set_name: str, row: Row, values: Row, user: str) -> None:
        for nav, child_set in CHILDREN.get(set_name, {}).items():
            sent = values.get(nav)
            for child in [sent] if isinstance(sent, dict) else sent or []:
                parent = {name: row[name] for name in KEYS[set_name] if name in KEYS[child_set]}
                if set_name == "A_BusinessPartner" and child_set == "A_Customer":
                    parent = {"Customer": row["BusinessPartner"]}
                extra = {"PhoneNumberType": _MOBILE} if nav == "to_MobilePhoneNumber" else {}
                self.add(child_set, {**extra, **child, **parent}, user, touch=False)

    def _complete(self, set_name: str, row: Row, user: str) -> None:
        """Fill in what the ERP itself assigns."""
        if set_name == "A_BusinessPartnerAddress" and not row.get("AddressID"):
            row["AddressID"] = str(self._next_address)
            row["AddressUUID"] = uuid.uuid5(uuid.NAMESPACE_OID, f"address {self._next_address}")
            self._next_address += 1
        if "OrdinalNumber" in KEYS[set_name]:
            taken = len(self._children.get((set_name, (row.get("AddressID"),)), []))
            row.setdefault("Person", "")
            row["OrdinalNumber"] = row.get("OrdinalNumber") or str(taken + 1)
        if set_name == "A_Customer":
            row.update(CreationDate=self.clock.today(), CreatedByUser=user)
            row["CustomerAccountGroup"] = row.get("CustomerAccountGroup") or "CUST"
            self.journal.put(self.tables["A_BusinessPartner"][row["Customer"],], "Customer", row["Customer"])
        if set_name == "A_CustomerCompany":
            row["ReconciliationAccount"] = row.get("ReconciliationAccount") or "12100000"

    def _check(self, set_name: str, row: Row) -> None:
        if set_name == "A_CustomerCompany" and row["CompanyCode"] not in self.companies:
            raise _unknown("F2/163", f"Company code {row['CompanyCode']} is not defined", "CompanyCode")
        if set_name == "A_CustomerSalesArea":
            area = (row["SalesOrganization"], row["DistributionChannel"], row["Division"])
            if area not in self.sales_areas:
                raise _unknown("VF/082", f"Sales area {' '.join(area)} is not defined", "SalesOrganization")

    def _touch(self, set_name: str, row: Row) -> None:
        partner = self.tables["A_BusinessPartner"][(self.partner_of(set_name, row),)]
        stamp = self.clock.stamp()
        self.journal.put(partner, "LastChangeDate", stamp.date())
        self.journal.put(partner, "LastChangeTime", stamp.time().replace(microsecond=0))
        self.journal.put(partner, "ETag", stamp.strftime("%Y%m%d%H%M%S%f"))

    def partner_of(self, set_name: str, row: Row) -> str:
        if "BusinessPartner" in row:
            return str(row["BusinessPartner"])
        if "Customer" in row:
            return str(row["Customer"])
        found = [a for a in self.tables["A_BusinessPartnerAddress"].values() if a["AddressID"] == row.get("AddressID")]
        return str(found[0]["BusinessPartner"]) if found else str(row["BusinessPartnerCompany"])

    def _name(self, row: Row) -> None:
        """The full names that follow from the single name fields."""
        if row["BusinessPartnerCategory"] == "1":
            full = _joined(row.get("FirstName"), row.get("LastName"))
        else:
            full = _joined(*(row.get(f"OrganizationBPName{n}") for n in range(1, 5)))
        for name in ("BusinessPartnerFullName", "BusinessPartnerName"):
            self.journal.put(row, name, full[:81])
        if customer := self.customer(row["BusinessPartner"]):
            for name in ("CustomerName", "CustomerFullName", "BPCustomerName", "BPCustomerFullName"):
                self.journal.put(customer, name, full[:80])


def _parent_key(set_name: str, row: Row) -> tuple[Any, ...]:
    if "AddressID" in KEYS[set_name] and set_name != "A_BusinessPartnerAddress":
        return (row["AddressID"],)
    if set_name == "A_CustSalesPartnerFunc":
        return tuple(row[name] for name in _AREA)
    if set_name == "A_BusinessPartnerContact":
        return (row["BusinessPartnerCompany"],)
    return (row[KEYS[set_name][0]],)


def _own(values: Row) -> Row:
    """The row's own properties, without nested ones; SearchTerm and keys are stored upper case by the engine."""
    return {name: value for name, value in values.items() if not name.startswith("to_")}


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)


def _padded(key: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(part).zfill(10) if str(part).isdigit() else str(part) for part in key)


def _require(values: Row, name: str, code: str, text: str) -> None:
    if name not in values or (values[name] == "" and name not in ("Person", "DistributionChannel", "Division")):
        raise ODataError(400, code, text, [Detail(code, text, name)])


def _unknown(code: str, text: str, target: str) -> ODataError:
    return ODataError(400, code, text, [Detail(code, text, target)])
