"""Companies of the ERPs: their local currency and their calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, select

from crm_core import schema


def one(conn: Connection, system: str, company_code: str) -> RowMapping | None:
    """The company, None where the system's file names no such one."""
    table = schema.company
    query = select(table).where(table.c.system == system, table.c.company_code == company_code)
    return conn.execute(query).mappings().first()


def today(conn: Connection, system: str, company_code: str, now: datetime) -> date:
    """The company's own calendar date at `now`; UTC's for a company we do not know."""
    company = one(conn, system, company_code)
    return now.astimezone(ZoneInfo(company["time_zone"]) if company else UTC).date()


def systems(conn: Connection) -> list[str]:
    """The systems that have companies."""
    return list(conn.execute(select(schema.company.c.system).distinct()).scalars())


def zones(conn: Connection, system: str) -> dict[str, ZoneInfo]:
    """The time zone of every company of a system."""
    table = schema.company
    query = select(table.c.company_code, table.c.time_zone).where(table.c.system == system)
    return {code: ZoneInfo(zone) for code, zone in conn.execute(query)}
