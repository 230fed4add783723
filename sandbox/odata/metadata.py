"""The compact files that describe a service, and what the engine knows after reading one.

    service NAME VERSION Title words
    option no-batch | one-operation-changesets | page=500
    set NAME TYPE [-cudap] [guarded-by=SET]      not creatable, updatable, deletable, addressable, pageable
      key NAME TYPE [flags]
          NAME TYPE [flags]
      nav NAME SET * | 1 | 0..1 [-f]                 not filterable
    complex NAME                                 with properties as above
    function NAME GET|POST TYPE [*]              with parameters as above; * returns a collection

Types: S40 text of at most 40 · D16.3 decimal · DATE day · DT7 date-time · DTO7 date-time with offset · T0 time ·
B boolean · G guid · F double · I2 I4 I8 integers · X binary. Flags: ! not nullable · upper · num (NUMC) and alpha (both
stored zero-filled, shown stripped) · -cusf not creatable, updatable, sortable, filterable · currency, unit, of=NAME ·
version (the ETag).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_EDM = {
    "S": "Edm.String",
    "D": "Edm.Decimal",
    "DATE": "Edm.DateTime",
    "DT": "Edm.DateTime",
    "DTO": "Edm.DateTimeOffset",
    "T": "Edm.Time",
    "B": "Edm.Boolean",
    "G": "Edm.Guid",
    "F": "Edm.Double",
    "I2": "Edm.Int16",
    "I4": "Edm.Int32",
    "I8": "Edm.Int64",
    "X": "Edm.Binary",
}
_SIZED = re.compile(r"(DTO|DT|D|S|T)(\d*)(?:\.(\d+))?")


@dataclass(frozen=True)
class Property:
    name: str
    edm: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    is_date: bool = False
    nullable: bool = True
    upper: bool = False
    alpha: bool = False
    numc: bool = False
    creatable: bool = True
    updatable: bool = True
    sortable: bool = True
    filterable: bool = True
    semantics: str = ""
    unit: str = ""
    is_version: bool = False

    @property
    def zero_filled(self) -> bool:
        return self.alpha or self.numc


@dataclass(frozen=True)
class Navigation:
    name: str
    target: str
    multiplicity: str
    filterable: bool = True

    @property
    def many(self) -> bool:
        return self.multiplicity == "*"


@dataclass
class EntitySet:
    name: str
    type_name: str
    forbidden: str = ""
    guarded_by: str = ""
    keys: list[Property] = field(default_factory=list)
    properties: dict[str, Property] = field(default_factory=dict)
    navigations: dict[str, Navigation] = field(default_factory=dict)

    @property
    def version(self) -> Property | None:
        return next((p for p in self.properties.values() if p.is_version), None)

    def allows(self, what: str) -> bool:
        """what: creatable, updatable, deletable, addressable, pageable."""
        return what[0] not in self.forbidden


@dataclass
class ComplexType:
    name: str
    properties: dict[str, Property] = field(default_factory=dict)


@dataclass
class Function:
    name: str
    method: str
    returns: str
    many: bool
    parameters: dict[str, Property] = field(default_factory=dict)


@dataclass
class Service:
    name: str
    version: str
    title: str
    root: str = "/sap/opu/odata/sap"
    batch: bool = True
    one_operation_changesets: bool = False
    page_size: int = 1000
    sets: dict[str, EntitySet] = field(default_factory=dict)
    complex_types: dict[str, ComplexType] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Where it answers; the first version is the default and needs no suffix."""
        suffix = "" if self.version == "0001" else f";v={self.version}"
        return f"{self.root}/{self.name}{suffix}"


def load_services(folder: Path) -> list[Service]:
    return [load_service(path) for path in sorted(folder.glob("*.txt"))]


def load_service(path: Path) -> Service:
    """Raises ValueError with file and line for anything the format does not know."""
    lines = _Lines(path)
    try:
        return _parse(lines)
    except (ValueError, KeyError, IndexError, StopIteration) as problem:
        raise ValueError(f"{path.name}, line {lines.number}: {problem}") from problem


class _Lines:
    """The file's lines as words, without blank ones, remembering where we are."""

    def __init__(self, path: Path) -> None:
        self.number = 0
        self._text = path.read_text(encoding="utf-8").splitlines()

    def __iter__(self) -> Iterator[list[str]]:
        for number, line in enumerate(self._text, start=1):
            self.number = number
            if words := line.split():
                yield words


def _parse(lines: _Lines) -> Service:
    words = iter(lines)
    _, name, version, *title = next(words)
    service = Service(name, version, " ".join(title))
    owner: EntitySet | ComplexType | Function | None = None
    for head, *rest in words:
        match head:
            case "option":
                _set_option(service, rest[0])
            case "set":
                owner = service.sets[rest[0]] = _entity_set(rest)
            case "complex":
                owner = service.complex_types[rest[0]] = ComplexType(rest[0])
            case "function":
                owner = service.functions[rest[0]] = Function(rest[0], rest[1], rest[2], rest[3:] == ["*"])
            case _:
                _add_member(owner, [head, *rest])
    return service


def _set_option(service: Service, option: str) -> None:
    name, _, value = option.partition("=")
    match name:
        case "no-batch":
            service.batch = False
        case "one-operation-changesets":
            service.one_operation_changesets = True
        case "page":
            service.page_size = int(value)
        case _:
            raise ValueError(f"unknown option {option}")


def _entity_set(words: list[str]) -> EntitySet:
    flags = words[2:]
    forbidden = next((flag[1:] for flag in flags if flag.startswith("-")), "")
    guard = next((flag.removeprefix("guarded-by=") for flag in flags if flag.startswith("guarded-by=")), "")
    return EntitySet(words[0], words[1], forbidden, guard)


def _add_member(owner: EntitySet | ComplexType | Function | None, words: list[str]) -> None:
    if owner is None:
        raise ValueError(f"{words[0]} belongs to no set, complex type or function")
    if isinstance(owner, Function):
        owner.parameters[words[0]] = _property(words)
    elif isinstance(owner, EntitySet) and words[0] == "nav":
        owner.navigations[words[1]] = Navigation(words[1], words[2], words[3], "-f" not in words[4:])
    elif isinstance(owner, EntitySet) and words[0] == "key":
        prop = owner.properties[words[1]] = _property(words[1:])
        owner.keys.append(prop)
    else:
        owner.properties[words[0]] = _property(words)


def _property(words: list[str]) -> Property:
    name, kind, *flags = words
    forbidden = next((flag[1:] for flag in flags if flag.startswith("-")), "")
    options = {flag.partition("=")[0]: flag.partition("=")[2] for flag in flags}
    edm, length, precision, scale = _type(kind)
    return Property(
        name,
        edm,
        length,
        precision,
        scale,
        is_date=kind == "DATE",
        nullable="!" not in options,
        upper="upper" in options,
        alpha="alpha" in options,
        numc="num" in options,
        creatable="c" not in forbidden,
        updatable="u" not in forbidden,
        sortable="s" not in forbidden,
        filterable="f" not in forbidden,
        semantics=next((s for s in ("currency", "unit") if s in options), ""),
        unit=options.get("of", ""),
        is_version="version" in options,
    )


def _type(kind: str) -> tuple[str, int | None, int | None, int | None]:
    """Edm type, length, precision, scale."""
    if kind == "DATE":
        return "Edm.DateTime", None, 0, None
    if kind in _EDM and kind not in ("S", "D", "DT", "DTO", "T"):
        return _EDM[kind], None, None, None
    sized = _SIZED.fullmatch(kind)
    if not sized:
        raise ValueError(f"unknown type {kind}")
    letter, size, scale = sized.groups()
    number = int(size) if size else None
    if letter == "S":
        return _EDM["S"], number, None, None
    return _EDM[letter], None, number, int(scale) if scale is not None else None
