"""Product files: what is shipped loads and fits the real services; what is wrong is named with line and cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.base import Position
from connectors.descriptor import ReadSpec
from connectors.errors import ConfigurationError
from connectors.messages import MESSAGES
from connectors.odata.descriptor import Product
from connectors.odata.metadata import Entity, Metadata, parse_metadata
from connectors.odata.query import Order
from connectors.products import HOME, load_product
from tests.unit.connector_help import PRODUCT, connector, product

SHIPPED = sorted(f"{path.parent.name}/{path.stem}" for path in HOME.glob("*/*.yaml"))


@pytest.mark.contract
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_product_loads_under_its_own_name(name: str) -> None:
    assert load_product(name).name == name


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def broken(old: str, new: str) -> ConfigurationError:
    assert old in PRODUCT
    with pytest.raises(ConfigurationError) as caught:
        product(PRODUCT.replace(old, new, 1))
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "nearest"),
    [
        ("longest_transaction_s", "longest_transacton_s", "longest_transaction_s"),
        ("strip_zeros", "stripzeros", "strip_zeros"),
        ("paging: {size", "paging: {sise", "size"),
        ("cursor: Changed", "cursr: Changed", "cursor"),
        ("default: OurKey", "defalt: OurKey", "default"),
        ("match: [OurLine]", "mach: [OurLine]", "match"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_nearest_one(old: str, new: str, nearest: str) -> None:
    error = broken(old, new)
    assert error.code == "product-key"
    assert error.params["nearest"] == nearest
    assert error.params["line"] == str(line_of(PRODUCT, old))
    assert "test/shop.yaml" in str(error)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size: 3", "size: 0", "greater than or equal to 1"),
        ("path: SHOP/Orders", "path: Orders", "pattern"),
        ("complete: true}", "complete: true, cursor: Changed}", "complete read has no cursor"),
        ("- {name: all, complete", "- {name: changed, complete", "same name"),
        ("- {name: all, complete", "- {name: all, covered_by: changd, complete", "no read of this resource"),
        ("being processed by", "being (processed by", "regular expression"),
        ("strip_zeros: [Order]", "strip_zeros: [Ordr]", "no part of key"),
        ("auth: [basic, oauth2, certificate]", "auth: [kerberos]", "basic"),
        ("values: {I: 1", "values: {I: 2", "1"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_line(old: str, new: str, said: str) -> None:
    error = broken(old, new)
    assert error.code == "product-value"
    assert said in str(error)
    assert abs(int(error.params["line"]) - line_of(PRODUCT, old)) <= 8


def test_a_key_given_twice_and_broken_yaml_are_refused() -> None:
    twice = broken("root: /odata", "root: /odata\nroot: /other")
    assert "root is given twice" in str(twice)
    assert twice.params["line"] == "5"
    assert broken("root: /odata", "root: [").code == "product-yaml"


@pytest.mark.parametrize("name", ["sap/s5", "../../etc/passwd", "s4", ""])
def test_an_unknown_product_lists_what_there_is(name: str) -> None:
    with pytest.raises(ConfigurationError, match="sap/s4"):
        load_product(name)


def test_a_missing_required_key_is_named() -> None:
    error = broken("commit_horizon_s: 60\n", "")
    assert "commit_horizon_s" in str(error)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"url": "http://erp.example.com"}, "http-not-allowed"),
        ({"url": "https://me:secret@erp.example.com"}, "url-with-credentials"),
        ({"url": "erp.example.com"}, "bad-url"),
        ({"url": "ftp://erp.example.com"}, "bad-url"),
        ({"auth": "saml"}, "unknown-auth"),
        ({"auth": "oauth2"}, "token-url-missing"),
        ({"auth": "oauth2", "token_url": "http://id.example.com/token"}, "http-not-allowed"),
        ({"limits": {"concurency": 2}}, "bad-limits"),
        ({"limits": {"concurrency": 0}}, "bad-limits"),
        ({"key_carrier": "Anything"}, "unknown-carrier"),
        ({"key_carrier": {"orders": "Buyer"}}, "unknown-carrier"),
        ({"ca_bundle": "/no/such/file.pem"}, "bad-certificate-file"),
    ],
)
def test_a_system_that_cannot_work_is_refused_before_any_call(settings: dict[str, object], code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connector(**settings)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


def test_unknown_objects_and_reads_are_named() -> None:
    erp = connector()
    with pytest.raises(ConfigurationError, match="orders, lines"):
        erp.reads("invoices")
    with pytest.raises(ConfigurationError, match="changed, all"):
        list(erp.pull("orders", "newest", since="", after=Position(), fields=[]))
    with pytest.raises(ConfigurationError, match="does not change lines"):
        erp.change("lines", "1/1", {}, deadline_s=1)
    erp.close()


def test_every_message_names_its_place() -> None:
    found = ("carrier-", "numbers-", "company-")  # doctor says whose they are
    for code, text in MESSAGES.items():
        if code.startswith(found):
            continue
        assert "{system}" in text or "{file}" in text or "{product}" in text, code


@pytest.mark.contract
def test_s4_agrees_with_the_real_services(shared_reference: Path) -> None:
    """Every field the product file names exists in the vendor's own $metadata, where we have it."""
    s4 = load_product("sap/s4")
    seen = 0
    for resource in s4.resources.values():
        file = shared_reference / "sap" / f"{resource.service.partition(';')[0]}.edmx"
        if file.exists():
            metadata = parse_metadata(file.read_bytes())
            entity = metadata.of_set(resource.set)
            assert entity is not None, resource.path
            assert list(entity.keys) == resource.key
            assert_fields(s4, metadata, entity, resource)
            seen += 1
    assert seen >= 5


def assert_fields(s4: Product, metadata: Metadata, entity: Entity, resource: object) -> None:
    named = set(fields_of(resource))
    known = set(dict(metadata.paths(entity)))
    assert not named - known, f"{entity.set}: {sorted(named - known)}"


def fields_of(resource: object) -> list[str]:
    """Dotted paths of all fields and navigations a resource names."""
    found = [resource.company, *resource.strip_zeros]  # type: ignore[attr-defined]
    for read in resource.reads:  # type: ignore[attr-defined]
        found += [read.cursor, read.when_null]
    raw = resource.raw  # type: ignore[attr-defined]
    found += [raw.amount, raw.currency, raw.company, raw.customer, raw.date]
    found += [rule.field for rule in (raw.open, raw.outside, raw.sign) if rule]
    write = resource.write  # type: ignore[attr-defined]
    if write:
        found += [write.key_carrier.default, *write.key_carrier.allowed]
        found += [write.find.customer, write.find.currency, write.find.total, write.find.state]
        found += [*write.change.fields, *write.change.fixed, *children_of(write.change.children, "")]
        if write.cancel:
            found += [f"{write.cancel.nav}.{name}" for name in write.cancel.values]
    return [name for name in found if name]


def children_of(children: dict[str, object], prefix: str) -> list[str]:
    found = []
    for nav, rule in children.items():
        below = f"{prefix}{nav}."
        found += [prefix + nav, *(below + name for name in (*rule.match, *rule.remove))]  # type: ignore[attr-defined]
        found += children_of(rule.children, below)  # type: ignore[attr-defined]
    return found


def test_reads_keep_a_watermark_when_they_have_a_cursor() -> None:
    assert ReadSpec(name="a", cursor="Changed").keeps_watermark
    assert not ReadSpec(name="a", complete=True).keeps_watermark
    assert not ReadSpec(name="a", cursor="Changed", watermark=False).keeps_watermark
    assert Order(next(iter(parse_entities().values())), ("Order",)).orderby == "Order"


def parse_entities() -> dict[str, Entity]:
    from tests.unit.connector_help import METADATA

    entity = parse_metadata(METADATA).of_set("Orders")
    assert entity is not None
    return {"Orders": entity}
