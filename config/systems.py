"""System files: config/systems/NAME.yaml, one configured ERP instance each.

Secrets stand there by reference only: `${env:NAME}` or `${file:path}` (relative to the home, CROSSTIE_HOME). They are
looked up when the system is used, never kept in the model, printed or logged.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from config.errors import ConfigError, raise_all
from config.redaction import hide
from config.settings import Settings, shown
from config.yaml_file import Document, KeyPath, read_yaml

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
SECRET = re.compile(r"\$\{(env|file):([^}\s]+)\}")
LOOPBACK = re.compile(r"http://(localhost|127(\.\d+){3}|\[::1\])(:\d+)?(/|$)")


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
    if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", value):
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
    """Five fields, without L and W: of others Prefect, which runs by it, thinks differently or not at all."""
    try:
        if len(value.split()) != 5 or set("LW") & set(re.sub("[A-Z]{3}", "", value.upper())):
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
        default_factory=dict, description="a cron line such as */15 * * * * for an object, or default for all others"
    )
    reconcile: Cron = Field("", description="a cron line such as 40 5 * * *")
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


@dataclass(frozen=True, slots=True)
class System:
    """A system file that was read and found good, with the means to look its secrets up."""

    name: str
    file: SystemFile
    document: Document
    settings: Settings

    def secret(self, key: str, environ: Mapping[str, str] | None = None) -> SecretStr:
        """The value behind `key` (dotted). Raises ConfigError naming the variable or file it should come from."""
        value: Any = self.file
        for part in key.split("."):
            value = getattr(value, part, None)
        return SecretStr(self._resolve(key, str(value or ""), os.environ if environ is None else environ))

    def secret_keys(self) -> list[str]:
        """The keys that hold a reference."""
        held = {"username": self.file.username, "password": self.file.password, "proxy": self.file.proxy}
        if self.file.client_certificate:
            held["client_certificate.password"] = self.file.client_certificate.password
        return [key for key, value in held.items() if value and SECRET.fullmatch(value)]

    def path(self, text: str) -> Path:
        """A file named in the system file."""
        return self.settings.config / Path(text).expanduser()

    def time_zone(self, company_code: str) -> str:
        """The company's zone, else the system's."""
        company = self.file.companies.get(company_code)
        return (company.time_zone if company else None) or self.file.time_zone

    def place(self, key: str) -> str:
        return self.document.place(tuple(key.split(".")))

    def _resolve(self, key: str, text: str, environ: Mapping[str, str]) -> str:
        found = SECRET.fullmatch(text)
        if not found:
            return text
        kind, source = found.groups()
        value = self._variable(key, source, environ) if kind == "env" else self._file(key, source)
        if not value:
            raise ConfigError("secret-empty", place=self.place(key), key=key, system=self.name, source=source)
        return value if key == "username" else hide(value)

    def _variable(self, key: str, name: str, environ: Mapping[str, str]) -> str:
        if name not in environ:
            raise ConfigError(
                "secret-variable-missing", place=self.place(key), key=key, system=self.name, variable=name
            )
        return environ[name]

    def _file(self, key: str, name: str) -> str:
        path = self.settings.home / Path(name).expanduser()
        try:
            return path.read_text(encoding="utf-8-sig").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            why = getattr(exc, "strerror", None) or str(exc)
            raise ConfigError(
                "secret-file-missing", place=self.place(key), key=key, system=self.name, file=shown(path), why=why
            ) from exc


def load_system(settings: Settings, name: str) -> System:
    """Raises ConfigError with every finding in the file."""
    path = settings.systems / f"{name}.yaml"
    if not NAME.fullmatch(name):
        raise ConfigError("bad-system-name", name=name)
    if not path.is_file():
        raise _no_such(settings, name, path)
    document = read_yaml(path)
    document.file = shown(path)
    document.data.setdefault("name", name)
    try:
        file = SystemFile.model_validate(document.data)
    except ValidationError as exc:
        raise_all([_finding(error, document) for error in exc.errors()])
        raise
    system = System(name, file, document, settings)
    raise_all(list(_rules(system)))
    return system


def _no_such(settings: Settings, name: str, path: Path) -> ConfigError:
    names = settings.system_names()
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return ConfigError("no-such-system-near", name=name, place=shown(path), nearest=near[0])
    return ConfigError("no-such-system", name=name, place=shown(path), known=", ".join(names) or "-")


def _rules(system: System) -> Iterator[ConfigError]:
    file = system.file
    if file.name != system.name:
        yield ConfigError("name-differs", place=system.place("name"), name=file.name, file=f"{system.name}.yaml")
    if file.auth != "certificate":
        for key in ("username", "password"):
            if not getattr(file, key):
                yield ConfigError("missing-key", place=system.place(key), key=key, expected=_expected((key,)))
    if file.url.startswith("http://") and not file.allow_http:
        yield ConfigError("plain-http", place=system.place("url"), url=file.url)
    yield from _schedule_rules(system)


def _schedule_rules(system: System) -> Iterator[ConfigError]:
    """What is pulled by a plan of its own must be an object."""
    from crm_core.model import PULLED

    known = [*PULLED, "default"]
    for key in system.file.schedule.pull:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            place = system.place(f"schedule.pull.{key}")
            yield (
                ConfigError("unknown-key-near", place=place, key=key, nearest=near[0])
                if near
                else ConfigError("unknown-key", place=place, key=key, valid=", ".join(known))
            )


def _finding(error: ErrorDetails, document: Document) -> ConfigError:
    """One pydantic finding in our words; a value is shown only where it cannot be a secret."""
    path: KeyPath = tuple(part for part in error["loc"] if not _is_tag(part, error["loc"], document))
    place, key = document.place(path), ".".join(map(str, path))
    if error["type"] == "extra_forbidden":
        return _unknown_key(place, path)
    expected = _expected(path)
    if error["type"] == "missing":
        return ConfigError("missing-key", place=place, key=key, expected=expected)
    if ("password" in key and key != "password_expires") or "bad-secret" in error["msg"] or "proxy" in key:
        return ConfigError("bad-secret", place=place, key=key)
    return ConfigError("bad-value", place=place, key=key, value=_short(error["input"]), expected=expected)


def _is_tag(part: str | int, loc: tuple[str | int, ...], document: Document) -> bool:
    """Pydantic adds the name of a union's member to the location; it is no key of the file."""
    return (isinstance(part, str) and part.startswith("function-after")) or part == "[key]"


def _unknown_key(place: str, path: KeyPath) -> ConfigError:
    key, valid = str(path[-1]), list(_model_at(path[:-1]).model_fields)
    near = difflib.get_close_matches(key, valid, 1)
    if near:
        return ConfigError("unknown-key-near", place=place, key=key, nearest=near[0])
    return ConfigError("unknown-key", place=place, key=key, valid=", ".join(valid))


MODELS: dict[str, type[_Model]] = {
    "companies": Company,
    "sales_area": SalesArea,
    "limits": Limits,
    "schedule": Schedule,
    "client_certificate": ClientCertificate,
}


def _model_at(path: KeyPath) -> type[_Model]:
    """The model whose keys stand at `path`: the last part that names one."""
    return next((MODELS[str(part)] for part in reversed(path) if part in MODELS), SystemFile)


def _expected(path: KeyPath) -> str:
    """What the field at `path` is, in a few words; for an entry of a table, what the table holds."""
    for end in range(len(path), 0, -1):
        field = _model_at(path[: end - 1]).model_fields.get(str(path[end - 1]))
        if field and field.description:
            return field.description
    return "-"


def _short(value: object) -> str:
    text = str(value) if isinstance(value, (str, int, float, Decimal)) else type(value).__name__
    return f"`{text[:40]}`"


def is_loopback(url: str) -> bool:
    """Whether the address never leaves this machine."""
    return bool(LOOPBACK.match(url))
