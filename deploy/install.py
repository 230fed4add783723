"""Install the bundle this file lies in: python3 install.py FOLDER. No root, no internet, only Python 3.11 or newer.

FOLDER/versions/NAME/   the program and its environment, one folder a version; nothing else is written to later
FOLDER/current          the name of the version in use; write another's there to go over or back to it
FOLDER/config, var      settings and data: yours, kept by every installation
FOLDER/crosstie         the command; crosstie-python is its Python (both .cmd on Windows)

To uninstall, delete FOLDER. This file imports nothing but the standard library.
"""

import argparse
import compileall
import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

BUNDLE = Path(__file__).resolve().parent
ABOUT, SUMS, COMPLETE = "bundle.json", "SHA256SUMS", ".complete"
WINDOWS = os.name == "nt"

SHELL = """#!/bin/sh
# Runs the version that the file `current` names, on the settings and data beside it or where the environment says.
here=$(dirname -- "$(readlink -f -- "$0")")
version=$(cat "$here/current") || exit 2
export CROSSTIE_CONFIG="${{CROSSTIE_CONFIG:-$here/config}}" CROSSTIE_HOME="${{CROSSTIE_HOME:-$here/var}}"
exec "$here/versions/$version/venv/bin/python" {what}"$@"
"""
BATCH = """@echo off\r
rem Runs the version that the file `current` names, on the settings and data beside it or where the environment says.\r
setlocal\r
set /p version=<"%~dp0current"\r
if not defined CROSSTIE_CONFIG set "CROSSTIE_CONFIG=%~dp0config"\r
if not defined CROSSTIE_HOME set "CROSSTIE_HOME=%~dp0var"\r
"%~dp0versions\\%version%\\venv\\Scripts\\python.exe" {what}%*\r
"""
COMMANDS = {"crosstie": "-P -m cli ", "crosstie-python": ""}

FIRST = """Installed {name}. Next:
  {command} doctor        is everything there that it needs
  {command} demo          the main job on an emulated ERP
  {command} systems add   your own; then {command} up
The manual: {manual}"""
UPGRADE = """Installed {name} beside {current}, which stays in use. To go over to it:
  {command} down && {command} backup
  echo {name}> {pointer}
  {command} db upgrade && {command} up
Back to {current}: the same with its name, and `{command} restore` if the database was upgraded."""
SAME = "{name} is installed and in use already. Nothing was changed."
CHINESE = {
    FIRST: """已安装 {name}。下一步：
  {command} doctor        检查所需条件是否齐备
  {command} demo          在模拟的 ERP 上运行主要流程
  {command} systems add   添加您自己的系统，然后 {command} up
手册：{manual}""",
    UPGRADE: """已安装 {name}；仍在使用的是 {current}。要切换到新版本：
  {command} down && {command} backup
  echo {name}> {pointer}
  {command} db upgrade && {command} up
要退回 {current}：用它的名称做同样的操作；如果数据库已升级，再执行 `{command} restore`。""",
    SAME: "{name} 已安装并正在使用。没有做任何更改。",
    "this bundle needs Python {needed}, not {here}: run it with that one, or fetch the other": (
        "此安装包需要 Python {needed}，而不是 {here}：请用该版本运行，或下载对应的安装包"
    ),
    "this bundle is for {needed}, not for {here}": "此安装包适用于 {needed}，不适用于 {here}",
    "{file} is not as it was packed; unpack the archive again, or fetch it anew": (
        "{file} 与打包时不一致；请重新解压，或重新下载安装包"
    ),
    "the bundle's own folder is not for keeping; name another, for example /opt/crosstie": (
        "安装包自己的文件夹不是安装位置；请另指定一个，例如 /opt/crosstie"
    ),
    "{folder} holds something else; name a new folder or that of an earlier installation": (
        "{folder} 中有其他内容；请指定一个新文件夹，或以前安装所用的文件夹"
    ),
    "unpacking the packages (a minute or two)": "正在解开软件包（一两分钟）",
    "pip could not install the packages: {said}": "pip 无法安装软件包：{said}",
    "it said nothing": "没有任何说明",
    "operations.md": "operations.zh-CN.md",
}


class InstallError(Exception):
    """Why nothing was installed, and what to do, in one line."""

    def __init__(self, text: str, **facts: object) -> None:
        super().__init__(say(text, **facts))


def say(text: str, **facts: object) -> str:
    """In the reader's language: that of CROSSTIE_LANG, else the locale's, as the command itself chooses."""
    chosen = next(filter(None, map(os.environ.get, ("CROSSTIE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return (CHINESE.get(text, text) if chosen.lower().startswith("zh") else text).format(**facts)


def main() -> int:
    """Install; exit 2 with one line where that cannot be, and what was in use before still is."""
    parser = argparse.ArgumentParser(prog="install.py", description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("folder", type=Path, help="where to, e.g. /opt/crosstie; an older version may be there")
    parser.add_argument("--switch", action="store_true", help="use it at once, also where another version is in use")
    given = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):  # a console that lacks the characters shows others, not a traceback
        stream.reconfigure(errors="replace")
    try:
        check_python()
        print(install(given.folder.expanduser().resolve(), given.switch))
    except InstallError as exc:
        print(f"install: {exc}", file=sys.stderr)
        return 2
    except OSError as exc:
        print(f"install: {exc.filename or given.folder}: {exc.strerror}", file=sys.stderr)
        return 2
    return 0


def check_python() -> None:
    """The wheels fit one Python version, system and processor; pip's own refusal would name none of them."""
    about = read_about()
    here = ".".join(platform.python_version_tuple()[:2])
    if here != about["python"]:
        raise InstallError(
            "this bundle needs Python {needed}, not {here}: run it with that one, or fetch the other",
            needed=about["python"],
            here=here,
        )
    machine = f"{sys.platform}-{platform.machine().lower()}"
    if machine != about["machine"]:
        raise InstallError("this bundle is for {needed}, not for {here}", needed=about["machine"], here=machine)


def install(folder: Path, switch: bool) -> str:
    """Returns what to say."""
    check_sums()
    check_folder(folder)
    name = f"{read_about()['version']}-{sha256(BUNDLE / SUMS)[:8]}"
    pointer = folder / "current"
    current = pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else ""
    place_version(folder / "versions" / name)
    place_commands(folder)
    place_config(folder, folder / "versions" / name / "program")
    if switch or not current:
        replace(pointer, name + "\n")
    return told(folder, name, current, switch)


def check_sums() -> None:
    """Every file is listed and as it was made. The list itself is vouched for by whoever gave you the archive's."""
    listed = {}
    for line in (BUNDLE / SUMS).read_text(encoding="utf-8").splitlines():
        checksum, _, name = line.partition("  ")
        listed[name] = checksum
    present = {path.relative_to(BUNDLE).as_posix(): path for path in BUNDLE.rglob("*") if path.is_file()}
    del present[SUMS]
    wrong = sorted(listed.keys() ^ present.keys()) or [n for n in listed if sha256(present[n]) != listed[n]]
    if wrong:
        raise InstallError("{file} is not as it was packed; unpack the archive again, or fetch it anew", file=wrong[0])


def check_folder(folder: Path) -> None:
    if folder == BUNDLE or BUNDLE in folder.parents:
        raise InstallError("the bundle's own folder is not for keeping; name another, for example /opt/crosstie")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "versions").is_dir():
        raise InstallError(
            "{folder} holds something else; name a new folder or that of an earlier installation", folder=folder
        )


def place_version(place: Path) -> None:
    """The program, and an environment that sees it; what an interrupted installation left is made anew."""
    if (place / COMPLETE).is_file():
        return
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(BUNDLE / "program", place / "program")
    venv.create(place / "venv", symlinks=not WINDOWS)
    python = place / "venv" / ("Scripts/python.exe" if WINDOWS else "bin/python")
    print(f"install: {say('unpacking the packages (a minute or two)')}", file=sys.stderr)
    run_pip(python)
    site = next(place.joinpath("venv").rglob("site-packages"))
    (site / "crosstie.pth").write_text(os.path.relpath(place / "program", site) + "\n", encoding="utf-8")
    compileall.compile_dir(place, quiet=2, workers=0)
    (place / COMPLETE).touch()


def run_pip(python: Path) -> None:
    """The bundle's pip, deaf to the machine's settings of pip: they could name an index, or other versions."""
    pip = next((BUNDLE / "wheels").glob("pip-*.whl")) / "pip"
    command = [
        str(python),
        str(pip),
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--require-hashes",
        "--no-compile",
    ]
    command += ["--no-cache-dir", "--find-links", str(BUNDLE / "wheels"), "-r", str(BUNDLE / "requirements.txt")]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    environ.update(PIP_CONFIG_FILE=os.devnull, PIP_DISABLE_PIP_VERSION_CHECK="1", PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(command, env=environ, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise InstallError(
            "pip could not install the packages: {said}", said=said[-1] if said else say("it said nothing")
        )


def place_commands(folder: Path) -> None:
    for name, what in COMMANDS.items():
        path = folder / (f"{name}.cmd" if WINDOWS else name)
        replace(path, (BATCH if WINDOWS else SHELL).format(what=what))
        path.chmod(0o755)


def place_config(folder: Path, program: Path) -> None:
    """The examples of this version; a file of yours is never touched."""
    systems, home = folder / "config" / "systems", folder / "var"
    systems.mkdir(parents=True, exist_ok=True)
    for example in (program / "config" / "systems").glob("example*.yaml"):
        shutil.copyfile(example, systems / example.name)
    if not home.is_dir():
        home.mkdir(mode=0o700)


def told(folder: Path, name: str, current: str, switch: bool) -> str:
    command = folder / ("crosstie.cmd" if WINDOWS else "crosstie")
    manual = folder / "versions" / name / "program" / "docs" / say("operations.md")
    text = SAME if name == current else UPGRADE if current and not switch else FIRST
    pointer = typed(folder / "current")
    return say(text, name=name, current=current, command=typed(command), pointer=pointer, manual=manual)


def typed(path: Path) -> str:
    """As a person types it, also where there are blanks in it."""
    return subprocess.list2cmdline([str(path)]) if WINDOWS else shlex.quote(str(path))


def read_about() -> "dict[str, str]":
    return dict(json.loads((BUNDLE / ABOUT).read_text(encoding="utf-8")))


def replace(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(text.encode())
    part.replace(path)


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
