"""The snapshot as Prometheus reads it. Ages are seconds; what never happened has no sample."""

from __future__ import annotations

import platform
import tomllib
from collections.abc import Iterator
from importlib import metadata

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.health import Health
from config.settings import INSTALLATION
from console.snapshot import Snapshot

OUTBOX_STATES = ("pending", "unknown", "review", "dead")


def exposition(snapshot: Snapshot) -> bytes:
    """The text of one scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SnapshotCollector(snapshot))
    return generate_latest(registry)


class SnapshotCollector(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        snapshot = self._snapshot
        labels = {"version": _version(), "python": platform.python_version(), "database": snapshot.version}
        build = GaugeMetricFamily("crosstie_build_info", "Versions, always 1", labels=list(labels))
        build.add_metric(list(labels.values()), 1)
        yield build
        yield _one("crosstie_database_up", "1 when the database can be read", snapshot.failure is None)
        if snapshot.uses_prefect:
            yield _one("crosstie_prefect_up", "1 when Prefect's API answers", snapshot.prefect is None)
        if snapshot.health:
            yield from _of_health(snapshot.health)


def _of_health(health: Health) -> Iterator[Metric]:
    yield _one("crosstie_armed", "1 when this database may write to ERPs", health.standing.armed)
    yield _one("crosstie_problems", "What needs somebody", len(health.problems))
    yield from _of_systems(health)
    yield from _of_runs(health)
    ends = _family("crosstie_expires_in_days", "Days until a password or certificate ends", "system", "what")
    for one in health.expiries:
        ends.add_metric([one.system, one.what], one.days)
    yield ends


PER_SYSTEM = (
    ("crosstie_outbox_oldest_waiting_seconds", "How long the oldest unsent entry has waited", "oldest_waiting_s"),
    ("crosstie_dead_letters", "Records that could not be taken", "dead_letters"),
    ("crosstie_reconciliation_differences", "Found by the newest reconciliation of each object", "differences"),
    ("crosstie_reconciliation_age_seconds", "Since the oldest of those reconciliations", "reconciled_s"),
    ("crosstie_silent_runs", "Runs that call themselves running after their lease has ended", "silent_runs"),
)


def _of_systems(health: Health) -> Iterator[Metric]:
    rows = health.standing.systems
    freshness = _family("crosstie_freshness_seconds", "Since the newest complete pull began", "system", "object")
    outbox = _family("crosstie_outbox_entries", "Entries that are not sent, by state", "system", "state")
    for row in rows:
        for obj in row["objects"]:
            if obj["age_s"] is not None:
                freshness.add_metric([row["system"], obj["obj"]], obj["age_s"])
        for state in OUTBOX_STATES:
            outbox.add_metric([row["system"], state], row[state])
    yield freshness
    yield outbox
    for name, text, column in PER_SYSTEM:
        family = _family(name, text, "system")
        for row in rows:
            if row[column] is not None:
                family.add_metric([row["system"]], row[column])
        yield family


def _of_runs(health: Health) -> Iterator[Metric]:
    by = ("system", "object", "direction")
    counts = _family("crosstie_runs_last_day", "Runs begun in the last 24 hours, by state", *by, "state")
    for row in health.standing.counts:
        counts.add_metric([row["system"], row["obj"], row["direction"], row["state"]], row["count"])
    yield counts
    took = _family("crosstie_run_duration_seconds", "How long the newest ended run took", *by)
    for row in health.standing.ended:
        took.add_metric([row["system"], row["obj"], row["direction"]], row["seconds"])
    yield took


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=labels)


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=float(value))


def _version() -> str:
    try:
        return metadata.version("crosstie")
    except metadata.PackageNotFoundError:  # run from its folder, as bundle and image do
        text = (INSTALLATION / "pyproject.toml").read_text(encoding="utf-8")
        return str(tomllib.loads(text)["project"]["version"])
