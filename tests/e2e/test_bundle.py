"""`make bundle`: the archive installs and runs with the network cut, refuses what was changed, upgrades in place.

The archive takes minutes to make: part of `make soak`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.conftest import ROOT, absent

pytestmark = [pytest.mark.soak, pytest.mark.e2e, pytest.mark.timeout(600)]
NO_NETWORK = ["unshare", "--map-root-user", "--net", sys.executable, str(Path(__file__).with_name("no_network.py"))]
BASE_PYTHON = str(Path(sys.base_prefix) / ("python.exe" if os.name == "nt" else "bin/python3"))


def run(*command: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CROSSTIE_", "VIRTUAL_ENV"))}
    return subprocess.run(
        [*map(str, command)], env={**kept, **environ}, cwd="/", capture_output=True, text=True, timeout=500
    )


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


def build(out: Path) -> Path:
    done = run(sys.executable, ROOT / "deploy" / "bundle.py", "--out", out)
    if "could not fetch" in done.stderr:
        absent(f"needs the package index once: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def bundle(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return next(folder.iterdir())


def test_the_same_tree_gives_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    again = build(tmp_path)
    checksum = sha256(archive)
    assert sha256(again) == checksum
    assert archive.with_name(f"{archive.name}.sha256").read_text(encoding="utf-8") == f"{checksum}  {archive.name}\n"


def test_the_bill_of_materials_is_valid_and_names_every_wheel(bundle: Path) -> None:
    text = (bundle / "sbom.cdx.json").read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    components = json.loads(text)["components"]
    hashes = {h["content"] for c in components for h in c["hashes"]}
    assert hashes == {sha256(w) for w in (bundle / "wheels").iterdir()}
    unlicensed = [c["name"] for c in components if not c.get("licenses")]
    assert len(components) > 100
    assert len(unlicensed) < 5, unlicensed


def test_the_bill_of_materials_says_which_package_needs_which(bundle: Path) -> None:
    bill = json.loads((bundle / "sbom.cdx.json").read_text(encoding="utf-8"))
    needs = {line["ref"].partition("==")[0]: line.get("dependsOn", []) for line in bill["dependencies"]}
    assert "fastapi" in {ref.partition("==")[0] for ref in needs["prefect"]}
    assert len(needs["crosstie"]) == len(bill["components"])


def test_no_file_names_an_index_or_a_site(bundle: Path) -> None:
    assert "://" not in (bundle / "requirements.txt").read_text(encoding="utf-8")
    names = {p.name for p in (bundle / "program" / "config" / "systems").iterdir()}
    assert names == {p.name for p in (ROOT / "config" / "systems").glob("example-*.yaml")}
    assert not (bundle / "program" / "tests").exists()


def spoil_wheel(bundle: Path) -> str:
    wheel = sorted((bundle / "wheels").iterdir())[7]
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 1
    wheel.write_bytes(content)
    return wheel.name


def spoil_program(bundle: Path) -> str:
    with (bundle / "program" / "cli.py").open("a", encoding="utf-8") as file:
        file.write("\n")
    return "cli.py"


def lose_wheel(bundle: Path) -> str:
    wheel = min((bundle / "wheels").iterdir())
    wheel.unlink()
    return wheel.name


def slip_in_wheel(bundle: Path) -> str:
    (bundle / "wheels" / "evil-1.0-py3-none-any.whl").write_bytes(b"PK")
    return "evil-1.0"


@pytest.mark.parametrize("spoil", [spoil_wheel, spoil_program, lose_wheel, slip_in_wheel])
def test_a_changed_bundle_is_refused_and_nothing_is_installed(
    bundle: Path, tmp_path: Path, spoil: Callable[[Path], str]
) -> None:
    copy = shutil.copytree(bundle, tmp_path / "copy")
    what = spoil(copy)
    done = run(BASE_PYTHON, copy / "install.py", tmp_path / "installed")
    assert done.returncode == 2
    assert what in done.stderr and "as it was packed" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "installed").exists()


def test_it_installs_and_runs_the_demo_with_the_network_cut(bundle: Path, tmp_path: Path) -> None:
    if not shutil.which("unshare") or run("unshare", "--map-root-user", "--net", "true").returncode:
        absent("needs network namespaces for users: sysctl kernel.unprivileged_userns_clone=1")
    place = tmp_path / "installed"
    done = run(*NO_NETWORK, BASE_PYTHON, bundle / "install.py", place)
    assert done.returncode == 0, done.stderr
    demo = run(*NO_NETWORK, place / "crosstie", "demo", "--json", "--no-serve")
    assert demo.returncode == 0, demo.stderr
    assert json.loads(demo.stdout)["ok"] is True
    assert {p.name for p in place.iterdir()} == {"config", "var", "versions", "current", "crosstie", "crosstie-python"}
    where = run(place / "crosstie-python", "-c", "import flows.deployed, console; print(console.__file__)")
    assert where.stdout.startswith(str(place / "versions")), where.stderr


@pytest.fixture
def small(bundle: Path, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A bundle with the real installer and pip, whose program only says its version: quick to install."""

    def make(version: str) -> Path:
        folder = tmp_path / f"bundle-{version}"
        for name in ("wheels", "program/config/systems", "program/docs"):
            (folder / name).mkdir(parents=True)
        shutil.copy(bundle / "install.py", folder)
        smallest = min((bundle / "wheels").glob("*-py3-none-any.whl"), key=lambda wheel: wheel.stat().st_size)
        for wheel in (next((bundle / "wheels").glob("pip-*.whl")), smallest):
            shutil.copy(wheel, folder / "wheels")
        (folder / "program" / "cli.py").write_text(f"print({version!r})\n", encoding="utf-8")
        (folder / "program" / "config" / "systems" / "example-s4.yaml").write_text(f"# {version}\n", encoding="utf-8")
        name, release, *_ = smallest.name.split("-")
        pinned = f"{name}=={release} --hash=sha256:{sha256(smallest)}\n"
        (folder / "requirements.txt").write_text(pinned, encoding="utf-8")
        about = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
        describe(folder, {**about, "version": version})
        return folder

    yield make


def describe(folder: Path, about: dict[str, str]) -> None:
    """Write what the bundle says of itself, and the checksums, in the form of `sha256sum`."""
    (folder / "SHA256SUMS").unlink(missing_ok=True)
    (folder / "bundle.json").write_text(json.dumps(about), encoding="utf-8")
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    lines = [f"{sha256(p)}  {p.relative_to(folder).as_posix()}\n" for p in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def test_an_upgrade_waits_for_a_word_and_can_be_taken_back(small: Callable[[str], Path], tmp_path: Path) -> None:
    place, old, new = tmp_path / "crosstie", small("1.0"), small("2.0")
    assert run(BASE_PYTHON, old / "install.py", place).returncode == 0
    mine = place / "config" / "systems" / "plant.yaml"
    mine.write_text("mine\n", encoding="utf-8")
    (place / "var" / "crosstie.sqlite").write_bytes(b"data")
    first = (place / "current").read_text(encoding="utf-8")

    told = run(BASE_PYTHON, new / "install.py", place)
    assert told.returncode == 0, told.stderr
    assert "backup" in told.stdout and "db upgrade" in told.stdout
    assert run(place / "crosstie").stdout == "1.0\n"

    second = next(p.name for p in (place / "versions").iterdir() if p.name.startswith("2.0-"))
    (place / "current").write_text(f"{second}\n", encoding="utf-8")
    assert run(place / "crosstie").stdout == "2.0\n"
    assert mine.read_text(encoding="utf-8") == "mine\n"
    assert (place / "var" / "crosstie.sqlite").read_bytes() == b"data"

    (place / "current").write_text(first, encoding="utf-8")
    assert run(place / "crosstie").stdout == "1.0\n"
    assert "Nothing was changed" in run(BASE_PYTHON, old / "install.py", place).stdout
    assert run(BASE_PYTHON, new / "install.py", place, "--switch").returncode == 0
    assert run(place / "crosstie").stdout == "2.0\n"


def test_an_interrupted_installation_is_made_anew(small: Callable[[str], Path], tmp_path: Path) -> None:
    place, bundle = tmp_path / "crosstie", small("1.0")
    assert run(BASE_PYTHON, bundle / "install.py", place).returncode == 0
    version = place / "versions" / (place / "current").read_text(encoding="utf-8").strip()
    (version / ".complete").unlink()
    (version / "program" / "cli.py").unlink()
    assert run(BASE_PYTHON, bundle / "install.py", place).returncode == 0
    assert run(place / "crosstie").stdout == "1.0\n"


@pytest.mark.parametrize(("key", "other"), [("python", "3.99"), ("machine", "plan9-mips")])
def test_the_wrong_python_or_machine_is_named(
    small: Callable[[str], Path], tmp_path: Path, key: str, other: str
) -> None:
    bundle = small("1.0")
    describe(bundle, {**json.loads((bundle / "bundle.json").read_text(encoding="utf-8")), key: other})
    done = run(BASE_PYTHON, bundle / "install.py", tmp_path / "crosstie")
    assert (done.returncode, "Traceback" in done.stderr, other in done.stderr) == (2, False, True)
    chinese = run(BASE_PYTHON, bundle / "install.py", tmp_path / "crosstie", CROSSTIE_LANG="zh-CN")
    assert "安装包" in chinese.stderr and other in chinese.stderr and "this bundle" not in chinese.stderr


def test_a_folder_with_something_else_in_it_is_left_alone(small: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "crosstie").mkdir()
    (tmp_path / "crosstie" / "letters.txt").write_text("dear", encoding="utf-8")
    done = run(BASE_PYTHON, small("1.0") / "install.py", tmp_path / "crosstie")
    assert done.returncode == 2 and "something else" in done.stderr
    assert [p.name for p in (tmp_path / "crosstie").iterdir()] == ["letters.txt"]
