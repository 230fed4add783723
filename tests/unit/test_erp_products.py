"""docs/products.md says what the product files say, and no product needs more Python than it may."""

from __future__ import annotations

import pytest

from commands import erp_products
from config.erp_products import all_facts

MOST_PYTHON = 120
"""Lines of hooks outside the protocol clients that a product may need."""

FACTS = {one.name: one for one in all_facts()}


def test_the_page_is_what_the_files_say() -> None:
    assert erp_products.FILE.read_text(encoding="utf-8") == erp_products.as_markdown(list(FACTS.values()))


@pytest.mark.parametrize("name", FACTS)
def test_a_product_is_data_and_few_hooks(name: str) -> None:
    assert FACTS[name].python <= MOST_PYTHON
    assert FACTS[name].product.title
    assert (FACTS[name].python > 0) <= (FACTS[name].product.rung > 1), "hooks make it rung 2"


@pytest.mark.parametrize("name", FACTS)
def test_orders_go_out_and_money_comes_back(name: str) -> None:
    objects = FACTS[name].objects
    assert {"push", "change", "cancel"} <= set(objects["orders"])
    assert {"customers", "products", "orders", "deliveries", "invoices", "open_items"} <= set(objects)
    assert FACTS[name].carriers["orders"].default


def test_lines_count_neither_blanks_nor_comments(tmp_path_factory: pytest.TempPathFactory) -> None:
    from config.erp_products import _lines

    file = tmp_path_factory.mktemp("lines") / "product.yaml"
    file.write_text("# a comment\n\nname: x  # kept\n  \n  # another\nkey: [a]\n", encoding="utf-8")
    assert _lines([file, file.with_name("absent.yaml")]) == 2
