"""docker-compose.yml without Docker: what it names exists, nothing is open that need not be, both topologies agree."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import load_settings
from flows.prefect_env import embedded_variables
from tests import postgres
from tests.conftest import ROOT, absent

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
OWN_DATABASE = yaml.safe_load((ROOT / "deploy" / "compose.own-database.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "crosstie:local"}
WITH_OPTIONS = ("prefect-api-1", "migrate-prefect")
OF_THIS_PLACE = {"PREFECT_HOME", "PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"} | {
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_UI_API_URL",
    "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE",
    "PREFECT_SERVER_DATABASE_TIMEOUT",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED",
}
PREFECT_TELLS = """
import contextlib, importlib, io, json, runpy, sys
from prefect.settings import Settings
from prefect.settings.legacy import _get_valid_setting_names
from prefect.settings.base import PrefectBaseSettings

commands, modules = json.loads(sys.argv[1])
for module in modules:
    importlib.import_module(module)
helps = {}
for verbs in commands:
    sys.argv = ["prefect", *verbs, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        runpy.run_module("prefect", run_name="__main__")
    helps[" ".join(verbs)] = out.getvalue()
redis = {
    (kind.model_config["env_prefix"] + name).upper()
    for kind in PrefectBaseSettings.__subclasses__()
    for name in kind.model_fields
    if kind.__module__.startswith("prefect_redis.")
}
print(json.dumps({"settings": sorted(redis | set(_get_valid_setting_names(Settings))), "helps": helps}))
"""


def environment(service: dict[str, Any]) -> dict[str, str]:
    return dict(service.get("environment", {}))


def modules() -> set[str]:
    """What `python -m` runs, in the containers and in the image itself."""
    commands = [service.get("command", []) for service in OURS.values()]
    commands += [json.loads(found) for found in re.findall(r"^\s*CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)]
    return {command[2] for command in commands if command[:2] == ["python", "-m"]}


def test_every_module_it_runs_exists() -> None:
    assert {"cli", "console", "flows.deploy", "prefect"} <= modules()
    for name in modules():
        spec = importlib.util.find_spec(name)
        assert spec is not None, name
        if spec.submodule_search_locations and name != "prefect":  # to look into that would import it
            assert importlib.util.find_spec(f"{name}.__main__"), f"python -m {name} has nothing to run"


def verbs(service: str) -> list[str]:
    words = SERVICES[service]["command"][3:]
    return [*itertools.takewhile(lambda word: not word.startswith("-"), words)]


@pytest.fixture(scope="module")
def prefect() -> dict[str, Any]:
    """What Prefect itself says: the names of its settings, and the help of the commands that take options."""
    values = {value for service in OURS.values() for value in environment(service).values()}
    plugged = [value for value in values if value.startswith("prefect_redis.")]
    assert len(plugged) == 4
    asked = json.dumps([[verbs(service) for service in WITH_OPTIONS], plugged])
    done = subprocess.run([sys.executable, "-c", PREFECT_TELLS, asked], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_every_variable_of_prefect_is_one_that_prefect_knows(prefect: dict[str, Any]) -> None:
    """It ignores a misspelt one without a word."""
    named = {n for service in SERVICES.values() for n in environment(service) if n.startswith("PREFECT_")}
    named -= set(environment(SERVICES["postgres"]))
    named |= set(re.findall(r"PREFECT_\w+(?==)", DOCKERFILE))
    assert len(named) > 20
    assert named - set(prefect["settings"]) == set()


@pytest.mark.parametrize("service", WITH_OPTIONS)
def test_every_option_of_prefect_is_one_that_prefect_knows(prefect: dict[str, Any], service: str) -> None:
    options = [word for word in SERVICES[service]["command"][3:] if word.startswith("-")]
    told = prefect["helps"][" ".join(verbs(service))]
    assert options and [option for option in options if not re.search(rf"{option}\b", told)] == []


def test_both_topologies_give_prefect_the_same_settings() -> None:
    embedded = {n: v for n, v in embedded_variables(load_settings(), 8401).items() if n not in OF_THIS_PLACE}
    scaled = {**environment(SERVICES["prefect-api-1"]), **environment(SERVICES["worker"])}
    assert {name: scaled.get(name) for name in embedded} == embedded


def test_servers_share_database_and_messages_and_only_the_job_migrates() -> None:
    servers = [environment(SERVICES[name]) for name in ("prefect-api-1", "prefect-api-2", "prefect-services")]
    assert servers[0] == servers[1] == servers[2]
    assert servers[0]["PREFECT_SERVER_DATABASE_MIGRATE_ON_START"] == "false"


def test_the_topology_is_the_one_promised() -> None:
    assert [SERVICES[name]["deploy"]["replicas"] for name in ("worker", "worker-urgent")] == [3, 1]
    assert "--urgent" in SERVICES["worker-urgent"]["command"] and "--urgent" not in SERVICES["worker"]["command"]
    assert {"postgres", "redis", "prefect-api-1", "prefect-api-2", "prefect-services", "deploy", "console"} <= set(
        SERVICES
    )
    assert all("--no-services" in SERVICES[name]["command"] for name in ("prefect-api-1", "prefect-api-2"))


def published(services: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Ports by service; of a container whose networks are all internal Docker publishes none, without a word."""
    for name, service in services.items():
        assert "ports" not in service or "outside" in service["networks"], name
    return {name: service["ports"] for name, service in services.items() if "ports" in service}


def test_only_the_console_is_published_and_only_on_loopback() -> None:
    assert published(SERVICES) == {"console": ["127.0.0.1:8400:8400"]}
    assert published(with_own_database()) == published(SERVICES)


@pytest.mark.parametrize("manual", ["operations.md", "operations.zh-CN.md"])
def test_the_manual_s_way_to_prefect_s_page_opens_it_on_loopback(manual: str) -> None:
    text = (ROOT / "docs" / manual).read_text(encoding="utf-8")
    (told,) = re.findall(r"`(services: \{prefect-proxy: .*?\}\})`", text)
    assert published(merged(COMPOSE, yaml.safe_load(told))["services"]) == {
        **published(SERVICES),
        "prefect-proxy": ["127.0.0.1:8401:4200"],
    }


# -- deploy/compose.own-database.yml ----------------------------------------------------------------------------------


def merged(base: Any, over: Any) -> Any:
    """As Compose does it: tables key by key, lists one after the other, everything else replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {key: merged(base.get(key), over.get(key, base.get(key))) for key in {**base, **over}}
    if isinstance(base, list) and isinstance(over, list) and base is not over:
        return [*base, *(item for item in over if item not in base)]
    return over


def with_own_database() -> dict[str, dict[str, Any]]:
    return dict(merged(COMPOSE, OWN_DATABASE)["services"])


def dangling(services: dict[str, dict[str, Any]]) -> set[tuple[str, str]]:
    """Who cannot start, and for want of whom: a service with a profile is there only when somebody asks for it."""
    return {
        (name, needed)
        for name, service in services.items()
        for needed, how in service.get("depends_on", {}).items()
        if needed not in services or ("profiles" in services[needed] and how.get("required", True))
    }


def test_with_an_own_database_nobody_waits_for_ours() -> None:
    services = with_own_database()
    assert {name for name in services if "profiles" in services[name]} == {"postgres", "redis", "crosstie"}
    assert dangling(services) == set()
    assert dangling(SERVICES) == set()
    without = {name: service for name, service in SERVICES.items() if name not in ("postgres", "redis")}
    assert ("migrate-crm", "postgres") in dangling(without) and ("prefect-services", "redis") in dangling(without)


def test_with_an_own_database_every_caller_reaches_it_and_no_address_is_ours() -> None:
    services, ours = with_own_database(), re.compile(r"@(postgres|redis):")
    callers = {name for name, service in SERVICES.items() if ours.search(" ".join(environment(service).values()))}
    assert {"migrate-crm", "migrate-prefect", "prefect-api-1", "prefect-api-2", "prefect-services", "deploy"} < callers
    assert {name for name in callers if "outside" not in services[name]["networks"]} == set()
    assert {n for n in callers if ours.search(" ".join(environment(services[n]).values()))} == set()
    assert all(environment(services[name]).keys() == environment(SERVICES[name]).keys() for name in callers)


def test_with_an_own_database_every_address_must_be_given() -> None:
    given = {value for service in OWN_DATABASE["services"].values() for value in environment(service).values()}
    assert given and all(re.match(r"\$\{[A-Z_]+:\?", value) for value in given)


def test_what_others_call_listens_on_every_address_of_its_container() -> None:
    hosts = {name: re.findall(r"--host (\S+)", " ".join(service.get("command", []))) for name, service in OURS.items()}
    listening = ("prefect-api-1", "prefect-api-2", "console")
    assert {name: found for name, found in hosts.items() if found} == {name: ["0.0.0.0"] for name in listening}


def test_databases_and_prefect_are_on_the_network_that_reaches_nothing() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    alone = {name for name, service in SERVICES.items() if service["networks"] == ["inside"]}
    assert {"postgres", "redis", "prefect-api-1", "prefect-api-2", "prefect-services", "prefect-proxy"} <= alone


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_the_file(name: str) -> None:
    for variable, value in environment(SERVICES[name]).items():
        if re.search(r"PASSWORD|AUTH|_URL", variable) and re.search(
            r"PASSWORD|AUTH_STRING|://[^/]*@", variable + value
        ):
            assert re.search(r"\$\{\w+:\?", value), f"{variable} of {name} is no reference that must be set"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_bounded_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    if "profiles" in service:
        return
    if service["restart"] == "unless-stopped":
        assert {"memory", "cpus"} <= set(service["deploy"]["resources"]["limits"])
    else:
        assert service["restart"].startswith("on-failure:"), "a job that failed must not try for ever"
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_may_little(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_images_are_pinned() -> None:
    images = {service["image"] for service in SERVICES.values()} - {"crosstie:local"}
    images |= set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    assert len(images) == 4
    assert [image for image in images if not re.search(r":\d+\.\d+(\.\d+)?-", image)] == []


def test_what_is_mounted_from_the_program_is_there() -> None:
    mounted = {str(v).partition(":")[0] for service in SERVICES.values() for v in service.get("volumes", [])}
    files = {path for path in mounted if path.startswith("./deploy/")}
    assert files and all((ROOT / path).is_file() for path in files)
    assert {path for path in mounted if not path.startswith("./")} == set(COMPOSE["volumes"])


def test_the_image_takes_the_program_and_no_settings_of_anybody() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    taken = {line[1:] for line in lines if line.startswith("!")}
    assert lines[1] == "*"
    assert {*wheel["wheel"]["only-include"], "requirements.lock"} <= taken
    assert lines.index("config/systems/*") > lines.index("!config")
    assert not taken & {"var", "secrets", ".env", "erp.env", "tests"}


def test_the_image_s_user_can_read_a_checkout_that_others_cannot() -> None:
    """COPY keeps modes, and the manual has people set umask 077."""
    copied, user = DOCKERFILE.index("COPY . /opt/crosstie"), DOCKERFILE.index("USER crosstie")
    assert "chmod -R a+rX /opt/crosstie" in DOCKERFILE[copied:user]


def test_the_health_check_is_about_the_address_it_is_given(tmp_path: Path) -> None:
    probe = [sys.executable, str(ROOT / "deploy" / "healthy.py"), "http://127.0.0.1:1/health"]
    done = subprocess.run(probe, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr and "Traceback" not in done.stderr


def test_the_first_start_makes_two_databases_that_keep_to_themselves(tmp_path: Path) -> None:
    if postgres.binaries() is None:
        absent(postgres.HOW_TO_GET_IT)
    with postgres.temporary_cluster() as cluster:
        cluster.run("DROP ROLE crosstie")
        where = {"PGHOST": str(cluster.folder), "PGPORT": str(cluster.port), "POSTGRES_USER": postgres.admin()["name"]}
        secrets = {"CROSSTIE_DB_PASSWORD": 'it\'s "one"', "PREFECT_DB_PASSWORD": "two"}
        path = f"{postgres.binaries()}:{os.environ['PATH']}"
        script = ["sh", str(ROOT / "deploy" / "postgres-init.sh")]
        done = subprocess.run(script, env={**where, **secrets, "PATH": path}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        owners = "SELECT datname::text, pg_get_userbyid(datdba)::text, pg_encoding_to_char(encoding)::text"
        made = cluster.run(f"{owners} FROM pg_database WHERE datname IN ('crosstie', 'prefect') ORDER BY 1")
        assert made == [("crosstie", "crosstie", "UTF8"), ("prefect", "prefect", "UTF8")]
        rights = "SELECT has_database_privilege(%s, %s, 'CONNECT')"
        with closing(cluster.connect()) as connection:
            allowed = {
                pair: connection.execute(rights, pair).fetchone()
                for pair in itertools.product(("crosstie", "prefect"), repeat=2)
            }
        assert {pair for pair, (yes,) in allowed.items() if yes} == {("crosstie", "crosstie"), ("prefect", "prefect")}
