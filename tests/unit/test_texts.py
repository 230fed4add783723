"""Everything a user can see is there in both languages, with the same placeholders."""

from __future__ import annotations

import errno
import os
import re
from string import Formatter

import pytest

from commands import catalogue, texts
from commands.texts import catalogue_path, choose_language, read_catalogue
from config.errors import ConfigError
from config.failures import ISLANDS, stored, told
from config.words import OF_THE_OPERATING_SYSTEM

HAN = re.compile(r"[\u4e00-\u9fff]")
SAME_IN_BOTH = {"CRM", "ERP"}


@pytest.fixture(scope="module")
def wanted() -> set[str]:
    return set(catalogue.texts())


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    return read_catalogue("zh")


def test_every_text_has_a_chinese_one(wanted: set[str], chinese: dict[str, str]) -> None:
    """`python -m commands.catalogue` adds what is new to the .po files."""
    assert sorted(wanted - chinese.keys()) == []


def test_no_translation_is_left_over(wanted: set[str], chinese: dict[str, str]) -> None:
    assert sorted(chinese.keys() - wanted) == []


def test_every_chinese_text_is_chinese(chinese: dict[str, str]) -> None:
    plain = {text for text, translated in chinese.items() if not HAN.search(translated) and re.search("[a-z]{4}", text)}
    formats = {text for text in plain if re.fullmatch(r"[^a-z]*(\{\w+\}[^a-z]*)+", text)}
    assert {text for text in plain - formats - SAME_IN_BOTH if " " in text and "_" not in text} == set()


def test_placeholders_agree(chinese: dict[str, str]) -> None:
    assert {text: zh for text, zh in chinese.items() if fields(text) != fields(zh)} == {}


def fields(text: str) -> set[tuple[str, str | None]]:
    if "${" in text and "${{" not in text:
        return set(re.findall(r"()\$\{(\w+):", text))  # said as it stands, never filled
    return {(name, conversion) for _, name, _, conversion in Formatter().parse(text) if name}


def test_what_the_operating_system_says_is_said_in_chinese_too(chinese: dict[str, str]) -> None:
    assert set(OF_THE_OPERATING_SYSTEM) <= {os.strerror(number) for number in errno.errorcode}
    full = ConfigError("file-unwritable", place="home/up.json", why=os.strerror(errno.ENOSPC))
    assert "磁盘空间已满" in told(full, lambda text: chinese.get(text, text))


def test_commands_and_options_are_named_the_same(chinese: dict[str, str]) -> None:
    """What a user must type stands in both languages as it is."""
    typed = re.compile(r"`([^`]+)`|(--[a-z-]+)")
    for text, translated in chinese.items():
        for quoted, option in typed.findall(text):
            assert option or HAN.search(translated), text
            assert not option or option in translated, (text, option)
            if quoted.startswith("crosstie "):
                assert quoted in translated, (text, quoted)


def test_the_english_catalogue_lists_the_same_texts(wanted: set[str]) -> None:
    from babel.messages.pofile import read_po

    with catalogue_path("en").open("rb") as file:
        assert {str(message.id) for message in read_po(file) if message.id} == wanted


def test_every_code_of_every_island_can_be_filled() -> None:
    for messages in ISLANDS.values():
        for text in messages.values():
            text.format(**{name.partition("[")[0]: "x" for _, name, _, _ in Formatter().parse(text) if name})


def test_a_stored_cause_is_told_by_what_fills_it() -> None:
    crm = stored("missing-field", {"field": "currency"})
    mapping = stored("missing-field", {"field": "f", "object": "orders", "key": "1", "source": "s4.yaml"})
    assert crm.template == ISLANDS["crm_core"]["missing-field"]
    assert mapping.template == ISLANDS["mappings"]["missing-field"]
    assert stored("never-heard-of", {"a": "1"}).template == "never-heard-of a={a}"


@pytest.mark.parametrize(
    ("arguments", "environ", "language"),
    [
        (["--lang", "zh", "pull"], {}, "zh"),
        (["pull", "--lang=zh"], {}, "zh"),
        (["pull", "--lang"], {}, "en"),
        (["quotes", "new", "--", "--lang", "zh"], {}, "en"),
        (["--lang", "en"], {"CROSSTIE_LANG": "zh"}, "en"),
        ([], {"CROSSTIE_LANG": "zh", "LANG": "en_US.UTF-8"}, "zh"),
        ([], {"LANG": "zh_CN.UTF-8"}, "zh"),
        ([], {"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ([], {"LANG": "zh-TW"}, "zh"),
        ([], {"LANG": "de_DE.UTF-8"}, "en"),
        ([], {}, "en"),
    ],
)
def test_the_language_is_asked_for_in_order(arguments: list[str], environ: dict[str, str], language: str) -> None:
    assert choose_language(arguments, environ) == language


def test_a_text_without_translation_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_current", {"Known": "已知"})
    assert (texts._("Known"), texts._("Unheard of")) == ("已知", "Unheard of")
