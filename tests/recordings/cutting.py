"""What an answer says that nobody reads is left out: whole, recordings would be ten times as large. No digit moves.

Nobody reads a field that neither the request nor the product's two files name. Refusals stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import yaml
from lxml import etree

from mappings.engine import MappingSet
from tests.conftest import ROOT
from tests.recordings import exact

ENVELOPE = frozenset(
    "code message data success recordCount hasMore expire gatewayUrl tokenUrl"
    " access_token token_type expires_in href rel etag changeIndicator __next failCount"
    " LoginResultType KDSVCSessionId IsSuccess Id Number Message MsgCode ReturnStatus MessageText"
    " results items value".split()
)
"""What clients read of any answer."""
_ADDRESSES = ("links", "__deferred", "Name", "OperationName")
_ROLES = ("Role", "FromRole", "ToRole")
_TYPES = ("EntityType", "ComplexType", "Association")
_NEVER = ("Reference", "AssociationSet", "FunctionImport", "NavigationPropertyBinding", "Function", "Action")
_SAID = ("numbers", "flags", "finders", "queryable")
_ABOUT_WRITING = (".Computed", ".Immutable")
_HINTS = re.compile(r"^(Nullable|Precision|Scale)$|\}(creatable|updatable|sortable|filterable|label|unit|semantics)$")
_TOLD = frozenset("IsSuccess Id Key ElementType MustInput LookUpObjectFormId OperationNumber".split())


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def vocabulary(mapping: MappingSet, obj: str) -> frozenset[str]:
    """What the product file says beside its objects and of this one, and the source fields that the mapping reads."""
    file = yaml.safe_load((ROOT / "connectors" / f"{mapping.product}.yaml").read_text(encoding="utf-8"))
    about = _read_of(file["resources"][obj])
    beside = {name: part for name, part in file.items() if name not in ("resources", "unverified", "ways")}
    return ENVELOPE.union(words(f"{beside} {about}"), *map(words, mapping.section(obj, "pull").fields))


def _read_of(about: Any) -> Any:
    """Without what only requests say."""
    if isinstance(about, list):
        return [_read_of(one) for one in about]
    if not isinstance(about, dict):
        return about
    return {name: _read_of(part) for name, part in about.items() if name not in _SAID}


def cut_answer(text: str, read: Collection[str]) -> str:
    """JSON as an ERP sends it; other text stays whole. `read`: the names that somebody reads."""
    return exact.dumps(_cut(exact.loads(text), read)) if text.startswith("{") else text


def _cut(value: Any, read: Collection[str]) -> Any:
    if isinstance(value, list):
        return [_cut(one, read) for one in value]
    if not isinstance(value, dict):
        return value
    parts = {name: _cut(part, read) for name, part in value.items() if name in read or isinstance(part, dict | list)}
    about = parts.pop("__metadata", {})
    parts |= {"__metadata": {"etag": about["etag"]}} if "etag" in about else {}
    return {name: part for name, part in parts.items() if name in read or (part and name not in _ADDRESSES)}


def cut_metadata(text: str, asked: Collection[str], paths: Collection[str]) -> str:
    """EDMX, or the answer to QueryBusinessInfo. `asked`, `paths`: the names in requests that need it, and in paths."""
    if text.lstrip().startswith("<"):
        return _edmx(text, {"EntitySet": paths, "Property": asked, "NavigationProperty": asked})
    return _business_info(text, asked)


def _edmx(text: str, asked: Mapping[str, Collection[str]]) -> str:
    root = etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    for one in list(root.iter("{*}*")):
        tag, name = etree.QName(one).localname, one.get("Name", "")
        if tag in _NEVER or (tag in asked and name not in asked[tag]) or one.get("Term", "").endswith(_ABOUT_WRITING):
            _drop(one)
        for hint in filter(_HINTS.search, one.attrib):
            del one.attrib[hint]
        for role in filter(one.get, _ROLES):
            one.attrib[role] = str(one.get(role)).partition("_")[0]
    reached, before = _named(root.iter("{*}EntitySet")), 0
    types = [one for tag in _TYPES for one in root.iter(f"{{*}}{tag}")]
    while before < (before := len(reached)):
        reached |= _named(part for one in types if one.get("Name") in reached for part in one.iter())
    for one in types:
        if one.get("Name") not in reached:
            _drop(one)
    for one in list(root.iter("{*}Annotations")):
        owner, _, name = one.get("Target", "").rpartition(".")[2].partition("/")
        if not len(one) or owner not in reached or name not in asked["Property"]:
            _drop(one)
    etree.indent(root, "")
    return etree.tostring(root, encoding="unicode") + "\n"


def _named(elements: Iterable[etree._Element]) -> set[str]:
    return {word for one in elements for value in one.attrib.values() for word in words(str(value))}


def _drop(one: etree._Element) -> None:
    parent = one.getparent()
    if parent is not None:
        parent.remove(one)


def _business_info(text: str, asked: Collection[str]) -> str:
    known, answer = {word.lower() for word in asked}, exact.loads(text)
    told = answer["Result"]["NeedReturnData"]
    for entity in told["Entrys"]:
        entity["Fields"] = [each for each in entity.get("Fields") or [] if each["Key"].lower() in known]
    return exact.dumps(_cut(answer, _TOLD)).replace(',"LookUpObjectFormId":null', "").replace("},{", "},\n{") + "\n"
