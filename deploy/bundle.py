"""One archive that installs Crosstie with no internet and no root: `make bundle` writes it to dist/.

In it: the program, a wheel of every package of requirements.lock, pip's own wheel, a bill of materials, checksums and
install.py. It serves the system, processor and Python (3.11, whichever 3.11.x) it is built on; the same tree gives
the same bytes.
SOURCE_DATE_EPOCH sets the time of everything in it (default: the commit's).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from bill_of_materials import bill_of_materials
from packaging.markers import Marker
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
LOCKS = [ROOT / "requirements.lock", ROOT / "deploy" / "pip.lock"]
PACKED = (
    *("CHANGELOG.md", "LICENSE", "README.md", "README.zh-CN.md", "docs", "prefect.yaml", "pyproject.toml"),
    *("deploy", "docker-compose.yml", "Dockerfile", ".dockerignore", "requirements.lock"),
)
SITE_ONLY = ("config/mappings/",)
CONDITIONAL = re.compile(r"^(?P<name>[^\s=]+)==(?P<version>\S+) ; (?P<marker>.+?)(?P<rest> \\)$", re.MULTILINE)
"""A package of a lock that not every machine gets."""
RELEASES = tuple(f"{sys.version_info.major}.{sys.version_info.minor}.{patch}" for patch in (0, 99))
"""The first of this Python's releases, and one after the last: the target may have another than we."""
NO_COMMIT_EPOCH = 315_532_800
"""1980-01-01, the earliest day a zip archive knows."""


class BundleError(Exception):
    """Why no bundle was made, in one line."""


def main() -> int:
    """Build it and print its path; exit 2 with one line where that cannot be."""
    parser = argparse.ArgumentParser(prog="make bundle", description=__doc__, allow_abbrev=False)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the archive (default: dist)")
    try:
        print(build(parser.parse_args().out))
    except BundleError as exc:
        print(f"bundle: {exc}", file=sys.stderr)
        return 2
    return 0


def build(out: Path) -> Path:
    """Stage the folder, then pack it. Returns the archive."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    epoch = source_epoch()
    name = f"crosstie-{project['version']}-{machine()}-py{sys.version_info.major}{sys.version_info.minor}"
    out.mkdir(parents=True, exist_ok=True)
    staged = out / f".{name}.{os.getpid()}.part"
    try:
        stage(staged, project["version"], epoch)
        return pack(staged, out / f"{name}.tar.gz", name, epoch)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def stage(folder: Path, version: str, epoch: int) -> None:
    """Everything of the bundle, the checksums last."""
    for source in program_files():
        target = folder / "program" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, target)
    shutil.copytree(locked_wheels(epoch), folder / "wheels", ignore=shutil.ignore_patterns(".complete"))
    wheels = sorted((folder / "wheels").iterdir())
    shutil.copyfile(ROOT / "deploy" / "install.py", folder / "install.py")
    some_only = conditions()
    write(folder / "requirements.txt", "".join(requirement(wheel, some_only) for wheel in wheels))
    write(folder / "sbom.cdx.json", bill_of_materials(wheels, version, epoch))
    about = {"version": version, "python": ".".join(platform.python_version_tuple()[:2]), "machine": machine()}
    write(folder / "bundle.json", json.dumps(about, indent=2) + "\n")
    sums = [f"{sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in files_below(folder)]
    write(folder / "SHA256SUMS", "".join(sums))


def machine() -> str:
    """System and processor, as install.py asks them of the target."""
    return f"{sys.platform}-{platform.machine().lower()}"


def program_files() -> list[str]:
    """What the program needs to run, of what git knows or would add; a site's own settings are none of it."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        raise BundleError("needs git and a checkout: they say which files are the program's")
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    wanted = [*hatch["targets"]["wheel"]["only-include"], *PACKED]
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *wanted).split("\0")
    return sorted({name for name in listed if name and (ROOT / name).is_file() and not name.startswith(SITE_ONLY)})


def source_epoch() -> int:
    """Seconds since 1970 in UTC."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct").strip() or NO_COMMIT_EPOCH)


def git(*arguments: str) -> str:
    # A checkout may belong to somebody else (a build job); only its list of files is read.
    command = ["git", "-c", f"safe.directory={ROOT}", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8").stdout


def locked_wheels(epoch: int) -> Path:
    """A folder with one wheel a locked package; kept under build/ until a lock or the Python changes."""
    wanted = "".join(map(for_every_release, LOCKS))
    key = hashlib.sha256((wanted + sys.version).encode()).hexdigest()[:16]
    folder = ROOT / "build" / f"wheels-{key}"
    if not (folder / ".complete").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        print("bundle: fetching the locked packages (once, a minute or two)", file=sys.stderr)
        fetch(folder, wanted, epoch)
        (folder / ".complete").touch()
    return folder


def for_every_release(lock: Path) -> str:
    """The lock, with nothing left out that any release of this Python needs: pip looks at the one it runs on."""

    def bare(one: re.Match[str]) -> str:
        return f"{one['name']}=={one['version']}{one['rest']}" if any(held(one)) else one[0]

    return CONDITIONAL.sub(bare, lock.read_text(encoding="utf-8"))


def conditions() -> dict[str, str]:
    """By package: the condition under which only some releases of this Python need it."""
    found = [one for lock in LOCKS for one in CONDITIONAL.finditer(lock.read_text(encoding="utf-8"))]
    return {canonicalize_name(one["name"]): one["marker"] for one in found if len(set(held(one))) > 1}


def held(one: re.Match[str]) -> list[bool]:
    """Whether its condition holds, for each of RELEASES."""
    marker = Marker(one["marker"])
    return [marker.evaluate({"python_full_version": release}) for release in RELEASES]


def fetch(folder: Path, wanted: str, epoch: int) -> None:
    """pip takes wheels as they are, and builds one where a package comes as source only."""
    folder.mkdir(parents=True)
    listed = folder.with_suffix(".txt")
    write(listed, wanted)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--require-hashes", "--no-deps", "-r", str(listed)]
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run([*command, "--wheel-dir", str(folder)], env=environ, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise BundleError(f"pip could not fetch the locked packages: {said[-1] if said else 'it said nothing'}")


def requirement(wheel: Path, some_only: dict[str, str]) -> str:
    name, version, _, _ = parse_wheel_filename(wheel.name)
    condition = f" ; {some_only[name]}" if name in some_only else ""
    return f"{name}=={version}{condition} --hash=sha256:{sha256(wheel)}\n"


def pack(folder: Path, archive: Path, name: str, epoch: int) -> Path:
    """Sorted, nobody's, of one time, so equal files give equal bytes. Whole or not at all; its checksum beside it."""
    part = archive.with_name(f".{archive.name}.{os.getpid()}.part")
    with (
        part.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=epoch) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for file in files_below(folder):
            entry = tarfile.TarInfo(f"{name}/{file.relative_to(folder).as_posix()}")
            entry.size, entry.mtime, entry.mode = file.stat().st_size, epoch, 0o644
            with file.open("rb") as content:
                tar.addfile(entry, content)
    part.replace(archive)
    write(archive.with_name(f"{archive.name}.sha256"), f"{sha256(archive)}  {archive.name}\n")
    return archive


def files_below(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
