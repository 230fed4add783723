"""crosstie mappings: check, test, publish and compare the translation between an ERP and us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from commands import filters, session
from commands.app import Command, UsageFault, examples, new_app
from commands.output import dump_json, output, table, write
from commands.preview import preview
from commands.texts import _, say
from config.exit_codes import OK, USAGE

if TYPE_CHECKING:
    from config.mapping_files import Finding, MappingText
    from config.systems import System

app = new_app(
    help="The translation between an ERP and us: check, test, preview, schema, publish, history, diff, rollback."
)
SYSTEM = typer.Argument(..., metavar="SYSTEM", help="the system's name, as in `systems list`")
WHICH = typer.Argument(None, metavar="SYSTEM|PRODUCT", help="a system, or a product such as sap/s4; else every product")
WHY = typer.Option(..., "--why", metavar="TEXT", help="the reason; it stands in the history")


def _texts(which: str | None) -> list[tuple[MappingText, System | None]]:
    """The files to look at: of one system (with overlay and tables), of one product, or of all products."""
    from config.mapping_files import product_text, products, system_text
    from config.systems import load_system

    known = products()
    if which is None or which in known:
        return [(product_text(product), None) for product in ([which] if which else known)]
    settings = session.settings()
    system = load_system(settings, which)
    return [(system_text(settings, system), system)]


@app.command(
    cls=Command,
    epilog=examples(
        ("mappings check", "every shipped file"),
        ("mappings check erp1", "with overlay and tables of this system"),
        ("mappings check erp1 --online", "also against the ERP's own metadata"),
    ),
)
def check(
    which: str = WHICH,
    online: bool = typer.Option(False, "--online", help="ask the system which fields it has"),
) -> int:
    """Find what is wrong in mapping files: file, line and column of each."""
    from config.mapping_files import check as find

    found: list[Finding] = []
    for text, system in _texts(which):
        if online and system is None:
            raise UsageFault("option-needs-option", option="--online", other="SYSTEM")
        wires = _wires(system) if online and system else None
        found += find(text, system=system, wires=wires)
    errors = [finding for finding in found if finding.severity == "error"]
    rows = [_finding(finding) for finding in found]
    if not output.result({"findings": rows, "ok": not errors}):
        for row in rows:
            output.warn(f"{row['file']}:{row['line']}:{row['column']}: {row['severity_text']}: {row['message']}")
        if not errors:
            output.note(_("No errors."))
    return USAGE if errors else OK


def _finding(finding: Finding) -> dict[str, Any]:
    from commands.failures import filled
    from config.failures import finding as failure_of

    place = {"file": finding.file, "line": finding.line, "column": finding.column, "code": finding.code}
    severity = _("error") if finding.severity == "error" else _("warning")
    return {**place, "severity": finding.severity, "severity_text": severity, "message": filled(failure_of(finding))}


def _wires(system: System) -> dict[str, Any]:
    from config.mapping_targets import targets
    from config.wiring import open_connector, product_of

    carried = product_of(system).resources
    connector = open_connector(system)
    try:
        return {obj: connector.source_paths(obj) for obj in targets() if obj in carried}
    finally:
        connector.close()


@app.command(cls=Command, epilog=examples(("mappings test", ""), ("mappings test erp1", "with its overlay")))
def test(which: str = WHICH) -> int:
    """Run the examples that stand in mapping files."""
    from config.mapping_files import examples as run

    rows: list[dict[str, Any]] = []
    for text, _system in _texts(which):
        for result in run(text):
            found = [_finding(finding) for finding in result.findings]
            rows.append(
                {"product": text.product, "object": result.object, "section": result.section, "name": result.name}
                | {"ok": result.ok, "findings": found}
            )
    failed = [row for row in rows if not row["ok"]]
    if not output.result({"examples": rows, "ok": not failed}):
        for row in failed:
            for found in row["findings"]:
                output.warn(f"{found['file']}:{found['line']}:{found['column']}: {found['message']}")
        output.note(say("{passed} of {all} examples pass.", passed=len(rows) - len(failed), all=len(rows)))
    return USAGE if failed else OK


@app.command(
    cls=Command, epilog=examples(("mappings schema > mapping.schema.json", "for an editor that completes YAML"))
)
def schema() -> int:
    """Print the JSON Schema of mapping files."""
    from config.mapping_files import schema as made

    write(dump_json(made()))
    return OK


@app.command(cls=Command, epilog=examples(('mappings publish erp1 --why "new discount field"', "")))
def publish(system: str = SYSTEM, why: str = WHY) -> int:
    """Check the files and make them the version that runs use from now on."""
    from config.mapping_files import publish as run
    from config.systems import load_system

    settings = session.settings()
    with session.database() as database:
        mapping = run(settings, load_system(settings, system), database, session.actor(), why=why)
    if not output.result({"system": system, "version": mapping.version}):
        output.note(say("{system} now uses mapping {version}.", system=system, version=mapping.version[:12]))
    return OK


@app.command(cls=Command, epilog=examples(("mappings history erp1", "")))
def history(system: str = SYSTEM) -> int:
    """List the versions ever published for a system."""
    from crm_core import mapping_versions

    with session.database() as database:
        rows = mapping_versions.history(database, session.actor(), system)
        if not rows:
            filters.require_known(database, system=system)
    if not output.result({"system": system, "versions": rows}):
        heads = [_("Version"), _("In use"), _("Published"), _("By"), _("Reason")]
        cells = [[r["version"][:12], r["current"], r["published_at"], r["published_by"], _(r["reason"])] for r in rows]
        table(heads, cells)
        if not rows:
            output.note(_("No version was published yet."))
    return OK


@app.command(
    cls=Command,
    epilog=examples(
        ("mappings diff erp1", "the files as they are now against the version in use"),
        ("mappings diff erp1 3f9c2ab81d04", "that version against the one in use"),
    ),
)
def diff(
    system: str = SYSTEM,
    old: str = typer.Argument(None, metavar="VERSION", help="a version; else the one in use"),
    new: str = typer.Argument(None, metavar="VERSION", help="another version; else the one in use, or the files"),
) -> int:
    """Show what differs between two versions, or between the version in use and the files."""
    from crm_core import mapping_versions

    with session.database() as database:
        if old:
            lines = mapping_versions.diff(database, session.actor(), system, old, new or "")
        else:
            lines = _against_files(database, system)
    if not output.result({"system": system, "diff": lines}):
        write("\n".join(lines)) if lines else output.note(_("No difference."))
    return OK


def _against_files(database: Any, system: str) -> list[str]:
    from config.errors import ConfigError
    from config.mapping_files import system_text
    from config.systems import load_system
    from crm_core import mapping_versions

    settings = session.settings()
    row = mapping_versions.current(database, system)
    if row is None:
        raise ConfigError("mapping-not-published", system=system)
    now = system_text(settings, load_system(settings, system)).content
    return mapping_versions.unified(row["content"], now, row["version"][:12], _("files"))


@app.command(cls=Command, epilog=examples(('mappings rollback erp1 3f9c2ab81d04 --why "wrong sign"', "")))
def rollback(
    system: str = SYSTEM,
    version: str = typer.Argument(
        ..., metavar="VERSION", help="as in `mappings history`; its first characters are enough"
    ),
    why: str = WHY,
) -> int:
    """Make an earlier version the one that runs use; the files stay as they are."""
    from crm_core import mapping_versions

    with session.database() as database:
        target = mapping_versions.rollback(database, session.actor(), session.now(), system, version, reason=why)
    if not output.result({"system": system, "version": target}):
        output.note(say("{system} now uses mapping {version}.", system=system, version=target[:12]))
    return OK


app.command("preview", cls=Command, epilog=examples(("mappings preview erp1 orders --record 4500000001", "")))(preview)
