"""Builds the objects: the one place that knows islands, settings and files together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from config.errors import ConfigError
from config.settings import Settings
from config.systems import System, load_system

if TYPE_CHECKING:  # heavy, and not every command needs them
    from connectors.base import Connector as Connector
    from connectors.base import Page, Quota
    from connectors.base import Pong as Pong
    from connectors.descriptor import BaseProduct
    from crm_core.database import Database
    from flows.context import Context


def open_database(settings: Settings) -> Database:
    """The database, of this program's version; an empty one gets its tables. Raises StoreError."""
    from config import witness
    from crm_core import installation
    from crm_core.database import Database, utc_now

    database = Database(settings.database_url)
    try:
        if not database.version():
            database.upgrade()
        database.require_version()
        seen = witness.recall(settings)
        installation.ensure(database, utc_now(), environment=settings.environment, seen=seen)
        witness.remember(settings, database)
        use_ownership(settings)
    except BaseException:
        database.dispose()
        raise
    return database


def close_database(settings: Settings, database: Database) -> None:
    """Done with it: remember how far it was, so that an older state put in its place is noticed."""
    from config import witness

    witness.remember(settings, database)
    database.dispose()


def use_ownership(settings: Settings) -> None:
    """Field ownership as config/ownership.yaml has it; without the file, as shipped. Raises RefusedError."""
    from crm_core import ownership

    path = settings.config / "ownership.yaml"
    ownership.use(ownership.load(path, settings.system_names()) if path.is_file() else ownership.SHIPPED)


def raw_database(settings: Settings) -> Database:
    """The database as it is, whatever its version: to look at it and to upgrade it."""
    from crm_core.database import Database

    return Database(settings.database_url)


@contextmanager
def existing_database(settings: Settings) -> Iterator[Database]:
    """The database, to look at: never made or upgraded here. Raises StoreError."""
    from crm_core.errors import StoreError

    database = raw_database(settings)
    try:
        if database.is_sqlite and _is_missing(Path(str(database.url.database))):
            raise StoreError("database-missing", place=str(database.place))
        database.require_version()
        yield database
    finally:
        database.dispose()


def _is_missing(file: Path) -> bool:
    """False for one that this user may not look for: to open it says why."""
    try:
        return not file.is_file()
    except PermissionError:
        return False


def odbc_drivers() -> list[str] | None:
    """Names of the machine's ODBC drivers; None where it has no driver manager."""
    from connectors.odbc_drivers import drivers

    return drivers()


def product_of(system: System) -> BaseProduct:
    """The product file that the system names; ConfigError with the line when there is none of that name."""
    from connectors.products import load_product

    return load_product(system.file.product)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A system as its connector sees it, secrets looked up; printing it shows none of them."""

    name: str
    url: str
    auth: str
    username: str
    password: SecretStr
    token_url: str
    client: str
    language: str
    proxy: str
    ca_bundle: str
    client_cert: tuple[str, ...]
    client_cert_password: SecretStr
    allow_http: bool
    key_carrier: Mapping[str, str]
    companies: tuple[str, ...]
    options: Mapping[str, str]
    limits: Mapping[str, float]
    timeout_s: float
    tables: Mapping[str, Mapping[str, str]]


def endpoint(system: System) -> Endpoint:
    """Raises ConfigError naming the secret that is missing."""
    file = system.file
    return Endpoint(
        name=system.name,
        url=file.url,
        auth=file.auth,
        username=system.secret("username").get_secret_value(),
        password=system.secret("password"),
        token_url=file.token_url or "",
        client=file.client,
        language=file.language,
        proxy=system.secret("proxy").get_secret_value(),
        ca_bundle=str(system.path(file.ca_bundle)) if file.ca_bundle else "",
        client_cert=_client_certificate(system),
        client_cert_password=system.secret("client_certificate.password"),
        allow_http=file.allow_http,
        key_carrier=file.key_carrier,
        companies=tuple(file.companies),
        options=file.options,
        limits=file.limits.model_dump(exclude_none=True),
        timeout_s=file.timeout_s,
        tables=lookups(system),
    )


def _client_certificate(system: System) -> tuple[str, ...]:
    certificate = system.file.client_certificate
    if certificate is None:
        return ()
    files = [certificate.certificate, certificate.key]
    return tuple(str(system.path(name)) for name in files if name)


def open_connector(system: System, quota: Quota | None = None) -> Connector:
    """The connector of the system's product; close it when done. `quota` counts calls over all workers."""
    from connectors.products import open_connector as connect

    return connect(product_of(system), endpoint(system), quota)


def first_pages(connector: Connector, obj: str, fields: Iterable[str]) -> Iterator[Page]:
    """The pages of an object from its beginning, by its first read."""
    from connectors.base import Position

    read = connector.reads(obj)[0].name
    return connector.pull(obj, read, since="", after=Position(), fields=fields)


@contextmanager
def open_context(settings: Settings, name: str) -> Iterator[Context]:
    """Everything a flow needs for one system."""
    from config.mapping_files import open_mapping
    from crm_core.quotas import CallQuota
    from crm_core.server import clock_of
    from flows.context import Context

    system = load_system(settings, name)
    with ExitStack() as stack:
        database = open_database(settings)
        stack.callback(close_database, settings, database)
        mapping = open_mapping(settings, system, database)
        connector = open_connector(system, CallQuota(database, name))
        stack.callback(connector.close)
        yield Context(
            system=name,
            database=database,
            connector=connector,
            mapping=mapping,
            companies=company_facts(system),
            environment=system.file.environment,
            commit_horizon=commit_horizon(system),
            send_deadline=timedelta(seconds=system.file.timeout_s),
            clock=clock_of(database),
        )


def commit_horizon(system: System) -> timedelta:
    """The system file's, else the product's: after it, what is not found was not booked."""
    seconds = system.file.commit_horizon_s
    return timedelta(seconds=product_of(system).commit_horizon_s if seconds is None else seconds)


def company_facts(system: System) -> dict[str, dict[str, str]]:
    """What the database keeps of each company code."""
    return {
        code: {
            "name": company.name,
            "currency": company.currency,
            "time_zone": system.time_zone(code),
            "country": company.country,
        }
        for code, company in system.file.companies.items()
    }


def lookups(system: System) -> dict[str, dict[str, str]]:
    """Tables for `$lookup` in mappings: the system file's own, and those that follow from its companies."""
    companies = system.file.companies
    areas = {code: company.sales_area for code, company in companies.items() if company.sales_area}
    tables: dict[str, dict[str, str]] = {
        "company": {area.organization: code for code, area in areas.items()},
        "sales_organization": {code: area.organization for code, area in areas.items()},
        "distribution_channel": {code: area.channel for code, area in areas.items()},
        "division": {code: area.division for code, area in areas.items()},
        "time_zone": {"system": system.file.time_zone, **{code: system.time_zone(code) for code in companies}},
        "local_currency": {code: company.currency for code, company in companies.items()},
    }
    for table, entries in system.file.lookups.items():
        tables.setdefault(table, {}).update(entries)
    return tables


def require_environment(settings: Settings, system: System, environment: str) -> None:
    """Refuse a system of another environment than the database's."""
    if system.file.environment != environment:
        raise ConfigError(
            "environment-differs",
            place=system.place("environment"),
            system=system.name,
            found=system.file.environment,
            needed=environment,
        )
