"""Every text a user can see, for the catalogues: `python -m commands.catalogue` brings the .po files up to date.

Texts are: what `_`, `N_` and `say` are called with, help texts of commands and options, messages of every island, and
what the system file says of its keys. New ones get an empty translation, those that nobody uses any more go.
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from commands.texts import LANGUAGES, catalogue_path, use_language

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("cli.py", "commands", "config/words.py", "console")
TEMPLATES = "console/templates/*.j2"
HEADER = """msgid ""
msgstr ""
"Project-Id-Version: Crosstie\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
MARKS = {"_", "N_", "say", "_say"}


def texts() -> dict[str, list[str]]:
    """English text → the files it stands in."""
    found: dict[str, list[str]] = {}
    for place, text in (*_marked(), *_templates(), *_helps(), *_messages(), *_descriptions()):
        if text and place not in found.setdefault(text, []):
            found[text].append(place)
    return found


def _marked() -> Iterator[tuple[str, str]]:
    for source in SOURCES:
        path = ROOT / source
        for file in [path] if path.is_file() else sorted(path.glob("*.py")):
            name = file.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                yield from ((name, text) for text in _first_texts(node))


def _first_texts(node: ast.AST) -> Iterator[str]:
    """The literal that a marking function is called with; both of `_(a) if ... else _(b)` are found by themselves."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def _templates() -> Iterator[tuple[str, str]]:
    from jinja2 import Environment

    reader = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for file in sorted(ROOT.glob(TEMPLATES)):
        for _line, _function, text in reader.extract_translations(file.read_text(encoding="utf-8")):  # type: ignore[attr-defined]  # the extension's own
            yield file.relative_to(ROOT).as_posix(), str(text)


def _helps() -> Iterator[tuple[str, str]]:
    from commands.build import tree

    use_language("en")
    yield from _help_of(tree())


def _help_of(command: Any) -> Iterator[tuple[str, str]]:
    place = "commands"
    yield place, command.help
    for line in (command.epilog or "").splitlines():
        yield place, line.strip().partition("  ")[2].strip()
    for param in command.params:
        yield place, param.help or ""
    for sub in getattr(command, "commands", {}).values():
        yield from _help_of(sub)


def _messages() -> Iterator[tuple[str, str]]:
    from commands.messages import MESSAGES
    from config.failures import ISLANDS

    yield from (("commands/messages.py", text) for text in MESSAGES.values())
    for island, messages in ISLANDS.items():
        yield from ((f"{island}/messages.py", text) for text in messages.values())


def _descriptions() -> Iterator[tuple[str, str]]:
    from config.system_file import MODELS, SystemFile

    models: list[type[BaseModel]] = [SystemFile, *MODELS.values()]
    for model in models:
        yield from (("config/systems.py", field.description or "") for field in model.model_fields.values())


def update(language: str) -> tuple[int, int]:
    """Rewrite a catalogue with the texts there are now; returns how many there are and how many lack a translation."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import read_po, write_po

    path = catalogue_path(language)
    old: Any = {}
    if path.is_file():
        with path.open("rb") as file:
            old = {message.id: message.string for message in read_po(file) if message.id}
    catalogue = Catalog(locale=LANGUAGES[language])
    for text, places in sorted(texts().items(), key=lambda item: (item[1], item[0])):
        catalogue.add(text, old.get(text, ""), auto_comments=places)
    memory = io.BytesIO()
    write_po(memory, catalogue, width=0, omit_header=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(HEADER.format(language=LANGUAGES[language]).encode() + memory.getvalue())
    return len(catalogue), sum(1 for message in catalogue if message.id and not message.string)


if __name__ == "__main__":
    for code in LANGUAGES:
        print(code, *update(code))
