"""A read in parts: which fields share it out, and filters that leave no record out and name none twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import httpx
import pytest
import respx

from connectors.base import WHOLE, Part, Position, Splits
from connectors.errors import ConfigurationError
from connectors.odata.connector import ODataConnector
from connectors.products import HOME, load_product
from tests.unit.connector_help import METADATA, PRODUCT, ROOT, connector, product

SPLIT = "    partition: {company: Kind, company_table: kinds, date: Created}\n    write:\n"
PARTED = PRODUCT.replace("    write:\n", SPLIT, 1)
KINDS = {"kinds": {"CN01": "I", "US01": "C", "DE01": "I"}}
SHIPPED = sorted(f"{path.parent.name}/{path.stem}" for path in HOME.glob("*/*.yaml"))


@pytest.fixture
def routes() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        router.get(f"{ROOT}/$metadata").mock(return_value=httpx.Response(200, content=METADATA))
        yield router


@pytest.fixture
def erp() -> Iterator[ODataConnector]:
    found = connector(PARTED, companies=("CN01", "US01", "DE01", "FR01"), tables=KINDS)
    yield found
    found.close()


def asked_for(routes: respx.MockRouter, erp: ODataConnector, part: Part) -> str:
    """The filter of the first request."""
    route = routes.get(f"{ROOT}/Orders").mock(return_value=httpx.Response(200, json={"d": {"results": []}}))
    list(erp.pull("orders", "changed", since="", after=Position(), fields=["Buyer"], part=part))
    return str(route.calls[0].request.url.params.get("$filter", ""))


def test_companies_are_told_by_the_product_s_table(erp: ODataConnector) -> None:
    assert erp.splits("orders") == Splits("changed", ["I", "C"], True)
    assert erp.splits("lines") is None


def test_without_a_table_they_are_the_codes_of_the_system_file() -> None:
    text = PARTED.replace(", company_table: kinds", "").replace(", date: Created", "")
    plain = connector(text, companies=("US01", "CN01"))
    assert plain.splits("orders") == Splits("changed", ["CN01", "US01"], False)
    plain.close()


@pytest.mark.parametrize(
    ("part", "filter_"),
    [
        (WHOLE, ""),
        (Part(companies=["I"]), "Kind eq 'I'"),
        (Part(companies=["I", "C"], others=True), "(Kind ne 'I') and (Kind ne 'C')"),
        (Part(others=True), ""),
        (
            Part(before="2026-01-01"),
            "(Created lt datetime'2026-01-01T00:00:00') or (Created eq null)",
        ),
        (
            Part(first="2026-01-01", before="2026-02-01"),
            "(Created ge datetime'2026-01-01T00:00:00') and (Created lt datetime'2026-02-01T00:00:00')",
        ),
        (Part(first="2026-02-01"), "Created ge datetime'2026-02-01T00:00:00'"),
    ],
)
def test_a_part_is_a_filter(routes: respx.MockRouter, erp: ODataConnector, part: Part, filter_: str) -> None:
    assert asked_for(routes, erp, part) == filter_


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("date: Created}", "dat: Created}", "date"),
        ("      - {name: changed, cursor: Changed, when_null: Created}\n", "", "one read with a watermark"),
    ],
)
def test_a_partition_that_cannot_be_is_named(old: str, new: str, said: str) -> None:
    assert old in PARTED
    with pytest.raises(ConfigurationError, match=said):
        product(PARTED.replace(old, new, 1))


WHOLE_READS = {"kingdee/galaxy": {"orders", "invoices"}, "yonyou/yonbip": set[str]()}
"""What can be split of products that cannot split all: YonBIP's calls a minute are the limit, not the workers; Galaxy
lists its receivables whole, and its deliveries are of two forms.
"""


@pytest.mark.contract
@pytest.mark.parametrize("name", SHIPPED)
def test_every_large_object_of_a_shipped_product_can_be_split(name: str) -> None:
    def split(objects: Sequence[str]) -> set[str]:
        return {obj for obj in objects if load_product(name).resources[obj].partition}

    large = ("orders", "deliveries", "invoices", "open_items")
    assert split(large) == WHOLE_READS.get(name, set(large))
