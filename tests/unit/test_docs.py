"""What the manuals name is there: every command with its options, every variable, every target, every link."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from commands.build import tree as build_tree
from config.settings import load_settings
from config.system_file import Schedule
from flows.prefect_env import embedded_variables
from tests.conftest import ROOT
from tests.test_architecture import PRODUCT, source_files

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
IN_BOTH = ["operations", "receivables", "reliability"]
"""Pages of docs/ of which each language has all; the Chinese one is called NAME.zh-CN.md."""
MANUALS = [ROOT / "docs" / name for name in ("operations.md", "operations.zh-CN.md")]
CALL = re.compile(r"(?<!-u )(?<![\w/.-])(?:(?:\.venv/bin|/opt/crosstie)/)?crosstie (?P<words>[^`\n]+)")
ENDS_THE_LINE = re.compile(r"\s(?:#|\||\|\||;|>|&&)(?:\s|$)|[`;)]|&&|,\s|\.\s|:\s")
SPAN = re.compile(r"```[a-z]*\n(?P<block>.*?)^```|`(?P<span>[^`\n]+)`", re.DOTALL | re.MULTILINE)
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
INTERNAL = {"CROSSTIE_CHILD", "CROSSTIE_SUPERVISED"}
"""Marks that the supervisor sets on its children; nobody else may."""


tree = cache(build_tree)


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code(page: str) -> Iterator[str]:
    """What is set as code: each line of a block, each span."""
    for found in SPAN.finditer(page):
        yield from found["block"].splitlines() if found["block"] is not None else [found["span"]]


def calls(page: str) -> Iterator[str]:
    """Command lines of ours, without the name."""
    for line in code(page):
        for found in CALL.finditer(line):
            yield ENDS_THE_LINE.split(found["words"] + " ", maxsplit=1)[0].strip().strip('"')


def fault(words: list[str], command: Any) -> str:
    """What is wrong with a command line; empty if nothing is. `a|b` stands for several subcommands."""
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        names = words.pop(0).split("|")
        unknown = [name for name in names if name not in command.commands]
        if unknown:
            return f"no command {unknown[0]}"
        command = command.commands[names[-1]]
    options = {name: param for param in command.params if param.param_type_name == "option" for name in param.opts}
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    given = 0
    while words:
        word, _, value = words.pop(0).partition("=")
        if not word.startswith("-"):
            given += 1
        elif word == "--help":
            continue
        elif word not in options:
            return f"no option {word}"
        elif not options[word].is_flag and not value:
            if not words:
                return f"{word} needs a value"
            words.pop(0)
    many = any(argument.nargs == -1 for argument in arguments)
    return "too many arguments" if given > len(arguments) and not many and not hasattr(command, "commands") else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_exists_with_those_options(page: Path) -> None:
    wrong = {line: why for line in calls(text(page)) if (why := fault(split(line), tree()))}
    assert wrong == {}


def split(line: str) -> list[str]:
    """The words, without the brackets and dots of a usage line."""
    return [word for word in shlex.split(re.sub(r"[\[\]…]|\.\.\.", " ", line)) if word]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("outbox explode", "no command explode"),
        ("pull erp1 --ful", "no option --ful"),
        ("mappings check|taste", "no command taste"),
        ("receivables ageing --as-of", "--as-of needs a value"),
        ("ping one two", "too many arguments"),
        ("receivables ageing --as-of 2026-03-31 --json", ""),
    ],
)
def test_the_check_of_commands_can_fail(line: str, why: str) -> None:
    assert fault(line.split(), tree()) == why


def test_the_manual_names_most_commands() -> None:
    """Also a check of the check: it must find the commands in the text."""
    found = {line.split()[0] for line in calls(text(MANUALS[0]))}
    assert {"up", "down", "backup", "restore", "status", "doctor", "systems", "db", "backfill", "deployments"} <= found


def product_variables() -> set[str]:
    """What our code reads, and what the units put into a command line."""
    sources = [text(path) for path in source_files(*PRODUCT)]
    read = {name for source in sources for name in re.findall(r"\bCROSSTIE_[A-Z_]*[A-Z]\b", source)} - INTERNAL
    return read | {name for unit in UNITS for name in re.findall(r"\$\{(CROSSTIE_\w+)\}", text(unit))}


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: path.name)
def test_every_setting_is_in_the_manual_and_the_reverse(manual: Path) -> None:
    named = set(re.findall(r"`(CROSSTIE_[A-Z_]+)[`=]", text(manual)))
    assert named == product_variables()


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: path.name)
def test_every_variable_we_set_for_prefect_is_in_the_manual(manual: Path) -> None:
    services = yaml.safe_load(text(ROOT / "docker-compose.yml"))["services"]
    ours = set(embedded_variables(load_settings(), 8401)) - {"PREFECT_HOME"}
    for name in ("prefect-api-1", "worker"):
        ours |= {variable for variable in services[name]["environment"] if variable.startswith("PREFECT_")}
    assert ours - set(re.findall(r"\b(?:PREFECT_\w+|DO_NOT_TRACK)\b", text(manual))) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text(page)) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))
    named = {found for line in code(text(page)) for found in re.findall(r"(?:^|\s)make ([a-z]+)\b", line)}
    assert named <= targets


def test_both_languages_say_the_same_commands_in_the_same_order() -> None:
    english, chinese = ([re.sub(r"\s+#.*$", "", line).rstrip() for line in blocks(path)] for path in MANUALS)
    assert english == chinese


@pytest.mark.parametrize("page", IN_BOTH)
def test_both_languages_have_the_same_sections_and_tables(page: str) -> None:
    english, chinese = (ROOT / "docs" / f"{page}{language}.md" for language in ("", ".zh-CN"))
    shape = [re.findall(r"^(#{1,3} |\||- \*\*|\*\*)", text(path), re.MULTILINE) for path in (english, chinese)]
    assert shape[0] == shape[1]
    assert f"]({chinese.name})" in text(english) and f"]({english.name})" in text(chinese)


def test_a_chinese_page_leads_to_chinese_pages() -> None:
    for page in (path for path in PAGES if path.name.endswith(".zh-CN.md")):
        links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text(page)) if "://" not in link}
        english = {link for link in links if (page.parent / link).with_suffix(".zh-CN.md").is_file()}
        assert english <= {page.name.replace(".zh-CN", "")}, page.name


def blocks(path: Path) -> list[str]:
    """Lines of code blocks that are not only a comment."""
    found = (match["block"] for match in SPAN.finditer(text(path)) if match["block"] is not None)
    return [line for block in found for line in block.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: path.name)
def test_the_schedule_in_the_manual_is_one(manual: Path) -> None:
    block = next(match["block"] for match in SPAN.finditer(text(manual)) if "schedule:" in (match["block"] or ""))
    assert Schedule.model_validate(yaml.safe_load(block)["schedule"]).time_zone == "Asia/Shanghai"


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_comes_back_and_may_write_the_home_alone(unit: Path) -> None:
    lines = text(unit).splitlines()
    ended_by_hand = "ExecStop=/opt/crosstie/crosstie down --quiet" in lines  # what `crosstie down` ends stays ended
    assert f"Restart={'on-failure' if ended_by_hand else 'always'}" in lines
    assert {"StartLimitIntervalSec=0", "NoNewPrivileges=true", "ProtectSystem=strict"} <= set(lines)
    assert "ReadWritePaths=/opt/crosstie/var" in lines


def test_units_run_what_the_containers_run() -> None:
    """Word for word but for addresses, so that what is tested of the one holds for the other."""
    services = yaml.safe_load(text(ROOT / "docker-compose.yml"))["services"].values()
    commands = {plain(service["command"][1:]) for service in services if service.get("command", [""])[0] == "python"}
    started = re.findall(r"^ExecStart=/opt/crosstie/crosstie-python (.*)$", "\n".join(map(text, UNITS)), re.MULTILINE)
    assert len(started) == 5
    assert {plain(line.split()) for line in started} <= commands


def plain(words: list[str]) -> str:
    line = " ".join(words)
    return re.sub(r" --name \S+| --host \S+| --port \S+", "", line)


def test_what_other_machines_call_listens_where_they_reach_it() -> None:
    hosts = {unit.name: re.findall(r" --host (\S+)", text(unit)) for unit in UNITS}
    assert {name: found for name, found in hosts.items() if found} == {
        "crosstie-console.service": ["127.0.0.1"],  # a reverse proxy stands before it, on the same machine
        "crosstie-prefect-api@.service": ["${CROSSTIE_PREFECT_HOST}"],
    }
    assert "CROSSTIE_PREFECT_HOST=CHANGE-ME" in text(ROOT / "deploy" / "systemd" / "prefect.env").splitlines()


@pytest.mark.parametrize("file", ["crosstie.env", "prefect.env"])
def test_no_address_of_the_units_is_this_machine_s(file: str) -> None:
    """Several machines take the same file: what is on one of them has a name of its own, or must be filled in."""
    lines = [line for line in text(ROOT / "deploy" / "systemd" / file).splitlines() if "://" in line]
    assert lines and [line for line in lines if "CHANGE-ME" not in line] == []
    assert not re.search(r"127\.0\.0\.1|localhost|0\.0\.0\.0", "\n".join(lines))


@pytest.mark.parametrize(("file", "service"), [("crosstie.env", "worker"), ("prefect.env", "prefect-api-1")])
def test_the_units_variables_are_those_of_the_containers(file: str, service: str) -> None:
    lines = [line.partition("=") for line in text(ROOT / "deploy" / "systemd" / file).splitlines() if line[0] != "#"]
    units = {name: value.strip("'") for name, _, value in lines}
    containers = yaml.safe_load(text(ROOT / "docker-compose.yml"))["services"][service]["environment"]
    of_the_image = {"CROSSTIE_CONFIG", "CROSSTIE_HOME", "CROSSTIE_LOG", "PREFECT_HOME"} | {"CROSSTIE_PREFECT_HOST"}
    assert set(units) - of_the_image == set(containers) - of_the_image
    differ = {name for name in units if name in containers and units[name] != containers[name]}
    assert all("CHANGE-ME" in units[name] or "://" in units[name] or name == "CROSSTIE_ENVIRONMENT" for name in differ)
