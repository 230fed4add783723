"""Tables of the installation: mappings in use, reconciliations, the audit, where this database lives."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text

from crm_core.schema_types import Json, Stamp, metadata

mapping_version = Table(
    "mapping_version",
    metadata,
    Column("system", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("product", Text, nullable=False),
    Column("content", Json, nullable=False),  # base and overlay texts
    Column("published_at", Stamp, nullable=False),
    Column("published_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("current", Boolean, nullable=False),
)
reconciliation = Table(
    "reconciliation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("system", Text, nullable=False),
    Column("obj", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("at", Stamp, nullable=False),
    Column("compared", Integer, nullable=False),
    Column("differences", Json, nullable=False),
    Index(None, "system", "obj", "at"),
)
audit = Table(  # hash-chained: a row's hash covers its content and the hash before it
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Stamp, nullable=False),
    Column("actor", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("obj", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("mapping_version", Text, nullable=False),
    Column("detail", Json, nullable=False),  # created keys, changed fields from -> to
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
)
installation = Table(  # one row: which environment this database belongs to
    "installation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("armed", Boolean, nullable=False),
    Column("created_at", Stamp, nullable=False),
    Column("uid", Text, nullable=False, server_default=""),  # drawn anew when a copy or a restore is armed
    Column("place", Text, nullable=False, server_default=""),  # what tells this database from a copy of it
    Column("doubt", Text, nullable=False, server_default=""),  # restored, copied, put-back; empty: none
    Column("doubted_at", Stamp),
)
adoption = Table(  # which systems were asked for documents that bear our keys since the doubt began
    "adoption",
    metadata,
    Column("system", Text, primary_key=True),
    Column("asked_at", Stamp, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("counts", Json, nullable=False),
)
sequence = Table(
    "sequence",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Integer, nullable=False),
)
