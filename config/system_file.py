"""What may stand in a system file, config/systems/NAME.yaml: its keys, and what the values of each must be like.

Secrets stand there by reference only: `${env:NAME}` or `${file:path}` (relative to the home, CROSSTIE_HOME).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

SECRET = re.compile(r"\$\{(env|file):([^}\s]+)\}")


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("empty")
    return value


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("no such zone")
    return value


def _currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError("no currency code")
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://([^\s/@:]+|\[[\da-fA-F:.]+\])(:\d{1,5})?(/\S*)?", value):
        raise ValueError("no address")
    return value.rstrip("/")


def _day(value: object) -> date:
    """An ISO date; a mere number would be taken for seconds since 1970."""
    return date.fromisoformat(str(value))


def _secret(value: str) -> str:
    if not SECRET.fullmatch(value):
        raise ValueError("bad-secret")
    return value


def _cron(value: str) -> str:
    """Five fields, without L and W, weekdays all with # or all without: of others Prefect, which runs by it, thinks
    differently or not at all.
    """
    try:
        fields = value.split()
        if len(fields) != 5 or set("LW") & set(re.sub("[A-Z]{3}", "", value.upper())):
            raise CronSimError
        if len({"#" in weekday for weekday in fields[4].split(",")}) > 1:
            raise CronSimError
        next(CronSim(value, datetime(2000, 1, 1)))  # noqa: DTZ001  # any moment will do to read the line
    except (CronSimError, StopIteration) as exc:  # no cron line, or one for a day that never comes
        raise ValueError("no cron line") from exc
    return value


Text = Annotated[str, AfterValidator(_text)]
Zone = Annotated[str, AfterValidator(_zone)]
Currency = Annotated[str, AfterValidator(_currency)]
Url = Annotated[str, AfterValidator(_url)]
SecretReference = Annotated[str, AfterValidator(_secret)]
Day = Annotated[date, BeforeValidator(_day)]
Cron = Annotated[str, AfterValidator(_cron)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SalesArea(_Model):
    organization: Text = Field(description="the sales organisation's code")
    channel: Text = Field("10", description="the distribution channel's code")
    division: Text = Field("00", description="the division's code")


class Company(_Model):
    """A company code of the ERP; `fiscal_year_start_month` 10 means that fiscal year 2026 begins in October 2025."""

    name: str = Field("", description="the company's name")
    currency: Currency = Field(description="the company's own currency, three capital letters such as CNY")
    time_zone: Zone | None = Field(None, description="a time zone such as Asia/Shanghai")
    country: str = Field("", description="a country code of two letters such as CN")
    fiscal_year_start_month: int = Field(1, ge=1, le=12, description="a month, 1 to 12")
    sales_area: SalesArea | None = Field(None, description="organization, channel and division")


class Limits(_Model):
    """What the ERP can bear from us; empty: as the product file says."""

    requests_per_s: float | None = Field(None, ge=0, le=1000, description="a number, 0 to 1000; 0 is unlimited")
    concurrency: int | None = Field(None, ge=1, le=32, description="a whole number, 1 to 32")
    retry_s: float | None = Field(None, ge=0, le=3600, description="seconds, 0 to 3600")
    response_mb: float | None = Field(None, gt=0, le=4096, description="megabytes, above 0, at most 4096")


class Schedule(_Model):
    """When the deployments of a system run; what is not said follows flows.deployments' own plan."""

    pull: dict[str, Cron] = Field(
        default_factory=dict,
        description="a cron line such as */15 * * * * for an object, or default for all others; "
        "its weekdays all with # or all without",
    )
    reconcile: Cron = Field("", description="a cron line such as 40 5 * * *, its weekdays all with # or all without")
    time_zone: Zone | None = Field(None, description="a time zone such as Asia/Shanghai; else the system's")
    active: bool = Field(True, description="true or false")


class ClientCertificate(_Model):
    certificate: Text = Field(description="the path of a PEM file")
    key: str = Field("", description="the path of a PEM file; empty if the certificate's file holds the key too")
    password: SecretReference | None = Field(None, description="a reference: ${env:NAME} or ${file:path}")


class SystemFile(_Model):
    """What may stand in a system file. Files are relative to the file's own folder's parent (the settings folder)."""

    name: Text = Field(description="the file's name without .yaml")
    product: Text = Field(description="a product such as sap/s4")
    url: Url = Field(description="an address such as https://erp.example.com:44300, without user or password")
    auth: str = Field("", description="one of the product's ways to log on, such as basic or oauth2; empty: its first")
    username: str = Field("", description="a user name or a reference: ${env:NAME} or ${file:path}")
    password: SecretReference | None = Field(None, description="a reference: ${env:NAME} or ${file:path}")
    password_expires: Day | None = Field(None, description="a date such as 2027-01-31, the last on which it works")
    token_url: Url | None = Field(None, description="the address that hands out tokens (oauth2)")
    client: str = Field("", description="the client (SAP: three digits), the tenant or the account set")
    options: dict[str, Text] = Field(
        default_factory=dict, description="what the product asks for beyond that, such as app_id; its file lists them"
    )
    language: str = Field("EN", description="the language of the ERP's texts, two letters such as EN or ZH")
    time_zone: Zone = Field("UTC", description="a time zone such as Asia/Shanghai")
    companies: dict[str, Company] = Field(min_length=1, description="one entry for each company code")
    key_carrier: dict[str, Text] = Field(
        default_factory=dict, description="for an object, the ERP field that holds our key"
    )
    commit_horizon_s: float | None = Field(None, ge=0, le=86_400, description="seconds, 0 to 86400")
    allow_http: bool = Field(False, description="true or false")
    proxy: SecretReference | Url | None = Field(None, description="an address without user or password, or a reference")
    ca_bundle: str | None = Field(None, description="the path of a PEM file")
    client_certificate: ClientCertificate | None = Field(None, description="certificate, key and password")
    limits: Limits = Field(default_factory=Limits, description="requests_per_s, concurrency, retry_s and response_mb")
    schedule: Schedule = Field(default_factory=Schedule, description="pull, reconcile, time_zone and active")
    timeout_s: float = Field(60, gt=0, le=3600, description="seconds, above 0, at most 3600")
    lookups: dict[str, dict[str, str]] = Field(default_factory=dict, description="tables of key: value")
    environment: Text = Field("local", description="the environment this system belongs to, such as test or production")


MODELS: dict[str, type[BaseModel]] = {
    "companies": Company,
    "sales_area": SalesArea,
    "limits": Limits,
    "schedule": Schedule,
    "client_certificate": ClientCertificate,
}


def model_at(path: Sequence[str | int]) -> type[BaseModel]:
    """The model whose keys stand at `path`: the last part that names one."""
    return next((MODELS[str(part)] for part in reversed(path) if part in MODELS), SystemFile)


def expected_at(path: Sequence[str | int]) -> str:
    """What the field at `path` is, in a few words; for an entry of a table, what the table holds."""
    for end in range(len(path), 0, -1):
        field = model_at(path[: end - 1]).model_fields.get(str(path[end - 1]))
        if field and field.description:
            return field.description
    return "-"
