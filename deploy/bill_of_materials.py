"""The bill of materials of a bundle, as CycloneDX 1.6 JSON: what is in it, of which version, licence and checksum."""

from __future__ import annotations

import hashlib
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.message import Message
from email.parser import Parser
from pathlib import Path

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename

LONGEST_LICENCE_NAME = 80
"""Some packages put the whole text where the name belongs."""


def bill_of_materials(wheels: Sequence[Path], version: str, epoch: int) -> str:
    """One component a wheel, and which needs which; the same wheels give the same text."""
    described = {wheel: metadata(wheel) for wheel in wheels}
    components = {canonicalize_name(about["Name"]): component(wheel, about) for wheel, about in described.items()}
    root = Component(name="crosstie", version=version, type=ComponentType.APPLICATION, bom_ref="crosstie")
    root.licenses.add(LicenseFactory().make_from_string("Apache-2.0"))
    contents = "".join(sorted(str(item.bom_ref) + str(item.hashes[0].content) for item in components.values()))
    bom = Bom(components=components.values(), serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{version}{contents}"))
    bom.metadata.component, bom.metadata.timestamp = root, datetime.fromtimestamp(epoch, UTC)
    bom.register_dependency(root, components.values())
    for name, about in zip(components, described.values(), strict=True):
        bom.register_dependency(components[name], [components[n] for n in needed(about) if n in components])
    return str(JsonV1Dot6(bom).output_as_string(indent=2)) + "\n"


def metadata(wheel: Path) -> Message:
    """The wheel's METADATA, which has the form of a mail's head."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.count("/") == 1 and n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode("utf-8"), headersonly=True)


def component(wheel: Path, about: Message) -> Component:
    name, version, _, _ = parse_wheel_filename(wheel.name)
    content = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Component(
        name=name,
        version=str(version),
        bom_ref=f"{name}=={version}",
        purl=PackageURL("pypi", name=name, version=str(version)),
        description=about["Summary"],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content)],
        licenses=licences(about),
    )


def licences(about: Message) -> list[License]:
    """As the package states it: an SPDX expression, else its own words, else its classifiers; empty if it is silent."""
    make = LicenseFactory().make_from_string
    stated = about["License-Expression"] or about["License"] or ""
    if stated and len(stated) <= LONGEST_LICENCE_NAME and "\n" not in stated:
        return [make(stated)]
    trove = [line for line in about.get_all("Classifier", []) if line.startswith("License :: ")]
    return [make(line.rpartition(" :: ")[2]) for line in trove]


def needed(about: Message) -> Iterator[NormalizedName]:
    """Names of what the package needs on this system; what only its extras need is left out."""
    for requirement in map(Requirement, about.get_all("Requires-Dist", [])):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)
