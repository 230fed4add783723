"""Settings and system files: what is wrong is said with file, line, column and cure; secrets never show."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.failures import describe
from config.files import write_bytes
from config.mapping_targets import documents, targets
from config.settings import INSTALLATION, Settings, default_database_url, load_settings
from config.system_writer import new_system_file, write_secret, write_system
from config.systems import System, is_loopback, load_system
from config.wiring import company_facts, endpoint, lookups
from config.yaml_file import parse_yaml
from connectors.products import product_names
from tests.unit.cli_help import GOOD


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "config" / "systems").mkdir(parents=True)
    return Settings(tmp_path / "config", tmp_path / "var", default_database_url(tmp_path / "var"))


def write(settings: Settings, text: str, name: str = "erp1") -> None:
    (settings.systems / f"{name}.yaml").write_text(text, encoding="utf-8")


def failing(settings: Settings, text: str) -> ConfigError:
    write(settings, text)
    with pytest.raises(ConfigError) as caught:
        load_system(settings, "erp1")
    return caught.value


def test_without_variables_everything_lies_beside_the_program() -> None:
    settings = load_settings({})
    assert (settings.config, settings.home) == (INSTALLATION / "config", INSTALLATION / "var")
    assert settings.database_url == f"sqlite:///{(INSTALLATION / 'var' / 'crosstie.sqlite').as_posix()}"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings({"CROSSTIE_HOME": "", "CROSSTIE_DATABASE_URL": ""}) == load_settings({})


def test_a_child_process_finds_the_same_installation(settings: Settings) -> None:
    assert load_settings(settings.variables()) == settings


def test_a_good_file_is_read(settings: Settings) -> None:
    write(settings, GOOD)
    system = load_system(settings, "erp1")
    assert (system.name, system.file.product, system.file.environment) == ("erp1", "sap/s4", "local")
    assert company_facts(system) == {
        "CN01": {"name": "", "currency": "CNY", "time_zone": "Asia/Shanghai", "country": ""}
    }
    assert lookups(system)["company"] == {"1010": "CN01"}
    assert lookups(system)["sales_organization"] == {"CN01": "1010"}
    assert lookups(system)["time_zone"] == {"system": "UTC", "CN01": "Asia/Shanghai"}


def test_the_shipped_examples_are_good(settings: Settings) -> None:
    examples = sorted((INSTALLATION / "config" / "systems").glob("example*.yaml"))
    assert examples
    for path in examples:
        write(settings, path.read_text(encoding="utf-8"), path.stem)
        assert load_system(settings, path.stem).file.product
    assert settings.system_names() == []


@pytest.mark.parametrize(
    ("text", "code", "place", "says"),
    [
        (GOOD + "clinet: '100'\n", "unknown-key-near", ":7:1", "client"),
        (GOOD + "colour: red\n", "unknown-key", ":7:1", "product, url"),
        (GOOD.replace("currency: CNY", "curency: CNY"), "missing-key", ":6:3", "currency"),
        (GOOD.replace("currency: CNY", "currency: yuan"), "bad-value", ":6:10", "`yuan`"),
        (GOOD.replace("Asia/Shanghai", "Asia/Shanghi"), "bad-value", ":6:25", "Asia/Shanghi"),
        (GOOD.replace("${env:ERP1_PASSWORD}", "geheim123"), "bad-secret", ":4:1", "${env:NAME}"),
        (GOOD.replace("https://", "http://"), "plain-http", ":2:1", "allow_http"),
        (GOOD.replace("https://", "https://user:pass@"), "bad-value", ":2:1", "url"),
        (GOOD.replace("product: sap/s4\n", ""), "missing-key", ":1:1", "product"),
        (GOOD.replace("username: CRM\n", ""), "missing-key", ":1:1", "username"),
        (GOOD + "url: https://other\n", "yaml-duplicate-key", ":7:1", "url"),
        (GOOD + "name: erp2\n", "name-differs", ":7:1", "erp1.yaml"),
        (GOOD + "limits: {concurrency: many}\n", "bad-value", ":7:10", "1 to 32"),
        (GOOD + "timeout_s: 0\n", "bad-value", ":7:1", "above 0"),
        (GOOD + "companies: [\n", "yaml-broken", ":8:1", ""),
        ("- a list\n", "yaml-not-a-mapping", ":1:1", ""),
        (GOOD + "proxy: http://user:geheim123@proxy:3128\n", "bad-secret", ":7:1", "proxy"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(settings: Settings, text: str, code: str, place: str, says: str) -> None:
    error = failing(settings, text)
    found = {one.code: one for one in (error, *error.others)}
    assert code in found
    assert f"erp1.yaml{place}" in str(found[code])
    assert says in str(found[code])
    assert "geheim123" not in "".join(map(str, found.values()))


@pytest.mark.parametrize("secret", ["geheim123", "ge/heim123", "ge@heim123", "ge heim123", "x" * 60 + "geheim123"])
@pytest.mark.parametrize("scheme", ["https://", "ftp://", ""])
@pytest.mark.parametrize("key", ["url", "token_url", "proxy"])
def test_a_password_in_an_address_is_never_shown(settings: Settings, key: str, scheme: str, secret: str) -> None:
    lines = [line for line in GOOD.splitlines() if not line.startswith(f"{key}:")]
    error = failing(settings, "\n".join([*lines, f'{key}: "{scheme}user:{secret}@erp.example.com"', ""]))
    told = f"{error} {error.params} {error.others}"
    assert key in error.params["key"]
    assert "heim123" not in told and "user" not in told.replace("without user or password", "")
    assert key == "proxy" or error.params["value"] == (f"`{scheme}***@erp.example.com`" if scheme else "`***`")


def test_every_finding_is_reported_at_once(settings: Settings) -> None:
    error = failing(settings, GOOD.replace("CNY", "yuan") + "clinet: '100'\ncolour: red\n")
    assert len(error.others) == 2


def test_codes_stay_text_whatever_yaml_thinks(settings: Settings) -> None:
    text = GOOD.replace("CN01:", "0100:").replace("currency: CNY", "country: NO, currency: NOK")
    write(settings, text.replace('"1010"', "0010"))
    company = load_system(settings, "erp1").file.companies["0100"]
    assert (company.country, company.currency) == ("NO", "NOK")
    assert company.sales_area is not None
    assert company.sales_area.organization == "0010"


@pytest.mark.parametrize(
    "text",
    ["a: &a [*a]\n", "a: &a\n  b: *a\n", "a: " + "[" * 5000, "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(8))],
)  # fmt: skip
def test_yaml_that_never_ends_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "x.yaml")
    assert caught.value.code == "yaml-broken"


@given(st.text())
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        parse_yaml(text, "x.yaml")
    except ConfigError as exc:
        assert str(exc).startswith("x.yaml")


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True), st.text(), max_size=4))
def test_what_the_writer_writes_the_reader_reads(texts: dict[str, str]) -> None:
    from config.system_writer import _lines

    printable = {key: "".join(ch for ch in value if ch.isprintable()) for key, value in texts.items()}
    assert parse_yaml("\n".join(_lines({"t": printable, "end": "x"})), "x.yaml").data == {"t": printable, "end": "x"}


# -- secrets ----------------------------------------------------------------------------------------------------------


def test_a_missing_variable_names_itself_and_the_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ERP1_PASSWORD", raising=False)
    write(settings, GOOD)
    with pytest.raises(ConfigError, match=r"erp1.yaml:4:1.*password.*ERP1_PASSWORD"):
        endpoint(load_system(settings, "erp1"))


def test_a_secret_comes_from_a_file_in_the_home_and_never_shows(settings: Settings) -> None:
    reference = write_secret(settings, "erp1", "geheim123")
    assert reference == "${file:secrets/erp1}"
    write(settings, GOOD.replace("${env:ERP1_PASSWORD}", reference))
    system = load_system(settings, "erp1")
    target = endpoint(system)
    assert target.password.get_secret_value() == "geheim123"
    assert "geheim123" not in f"{target!r} {system!r} {system.file}"


def test_the_password_of_a_client_key_reaches_the_connector_and_never_shows(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERP1_PASSWORD", "x")
    write(settings, GOOD)
    assert endpoint(load_system(settings, "erp1")).client_cert_password.get_secret_value() == ""
    reference = write_secret(settings, "key", "geheim123")
    write(settings, GOOD + f"client_certificate: {{certificate: crm.pem, key: crm.key, password: '{reference}'}}\n")
    target = endpoint(load_system(settings, "erp1"))
    assert target.client_cert_password.get_secret_value() == "geheim123"
    assert target.client_cert == tuple(str(settings.config / name) for name in ("crm.pem", "crm.key"))
    assert "geheim123" not in repr(target)


def test_a_secret_file_that_is_missing_or_empty_is_named(settings: Settings) -> None:
    write(settings, GOOD.replace("${env:ERP1_PASSWORD}", "${file:secrets/none}"))
    with pytest.raises(ConfigError, match=r"secrets/none"):
        endpoint(load_system(settings, "erp1"))
    write_secret(settings, "none", "")
    with pytest.raises(ConfigError) as caught:
        endpoint(load_system(settings, "erp1"))
    assert caught.value.code == "secret-empty"


def test_a_secret_is_its_owners_alone(settings: Settings) -> None:
    write_secret(settings, "erp1", "geheim123")
    assert (settings.secrets / "erp1").stat().st_mode & 0o077 == 0


# -- systems by name --------------------------------------------------------------------------------------------------


def test_an_unknown_system_names_the_nearest(settings: Settings) -> None:
    write(settings, GOOD)
    with pytest.raises(ConfigError, match="Did you mean erp1"):
        load_system(settings, "erp")
    with pytest.raises(ConfigError, match="Configured: erp1"):
        load_system(settings, "completely-different")


@pytest.mark.parametrize("name", ["../erp1", "Erp1", "", "erp 1", "a" * 41, "1erp"])
def test_a_name_cannot_leave_the_folder(settings: Settings, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_system(settings, name)
    assert caught.value.code == "bad-system-name"


def test_a_new_system_file_can_be_used_once_its_variables_are_set(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, variables = new_system_file(
        settings, "plant-2", "sap/s4", "https://erp.example.com", ["CN01:CNY:Asia/Shanghai"], "100", "ZH"
    )
    assert variables == ["PLANT_2_USER", "PLANT_2_PASSWORD"]
    for variable in variables:
        monkeypatch.setenv(variable, "x")
    assert endpoint(load_system(settings, "plant-2")).client == "100"
    with pytest.raises(ConfigError) as caught:
        new_system_file(settings, "plant-2", "sap/s4", "https://x", ["CN01:CNY:Asia/Shanghai"], "", "EN")
    assert caught.value.code == "system-exists"
    assert path.read_text(encoding="utf-8").startswith("product:")


def new_file(settings: Settings, *companies: str, **more: str) -> System:
    new_system_file(settings, "plant", "sap/s4", "https://erp.example.com", companies, "100", "ZH", **more)
    return load_system(settings, "plant")


def test_a_new_system_lies_in_the_zone_of_its_companies(settings: Settings) -> None:
    assert new_file(settings, "CN01:CNY:Asia/Shanghai", "CN02:CNY:Asia/Shanghai").file.time_zone == "Asia/Shanghai"


def test_a_new_system_of_several_zones_is_told_its_own(settings: Settings) -> None:
    companies = ("CN01:CNY:Asia/Shanghai", "DE01:EUR:Europe/Berlin")
    with pytest.raises(ConfigError, match=r"Asia/Shanghai, Europe/Berlin.*--time-zone"):
        new_file(settings, *companies)
    assert not (settings.systems / "plant.yaml").exists()
    assert new_file(settings, *companies, time_zone="Europe/Berlin").file.time_zone == "Europe/Berlin"


@pytest.mark.parametrize("product", ["sap/s5", "S4", "../s4", ""])
def test_a_new_system_is_of_a_product_there_is(settings: Settings, product: str) -> None:
    with pytest.raises(ConfigError) as caught:
        new_system_file(settings, "plant", product, "https://x.example", ["CN01:CNY:Asia/Shanghai"], "", "EN")
    assert caught.value.code == "no-such-product"
    assert caught.value.params["known"] == ", ".join(product_names())
    assert not (settings.systems / "plant.yaml").exists()


@pytest.mark.parametrize("name", ["../evil", "a/b", "Evil"])
def test_a_secret_stays_in_its_folder(settings: Settings, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        write_secret(settings, name, "geheim123")
    assert caught.value.code == "bad-system-name"
    assert not settings.home.exists()


def test_a_folder_named_like_a_system_file_is_told(settings: Settings) -> None:
    (settings.systems / "erp1.yaml").mkdir()
    with pytest.raises(ConfigError) as caught:
        load_system(settings, "erp1")
    assert caught.value.code == "file-unreadable"


def test_a_file_that_would_not_load_is_not_left_behind(settings: Settings) -> None:
    with pytest.raises(ConfigError):
        write_system(settings, "bad", {"product": "sap/s4", "url": "nonsense"}, replace=False)
    assert not (settings.systems / "bad.yaml").exists()
    write(settings, GOOD)
    with pytest.raises(ConfigError):
        write_system(settings, "erp1", {"product": "sap/s4", "url": "nonsense"}, replace=True)
    assert (settings.systems / "erp1.yaml").read_text(encoding="utf-8") == GOOD


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_bytes(tmp_path / "file" / "below", b"")


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost/x", True),
        ("http://[::1]:80", True),
        ("http://127.0.0.1.example.com", False),
        ("https://localhost", False),
        ("http://10.0.0.1", False),
    ],
)
def test_loopback_is_told_from_the_world(url: str, local: bool) -> None:
    assert is_loopback(url) is local


# -- what mappings are checked against --------------------------------------------------------------------------------


def test_targets_are_the_crms_own_records() -> None:
    order = targets()["orders"]
    assert order["fields"]["number"] == {"type": "text", "required": True}
    assert order["fields"]["net_amount"] == {"type": "money", "required": False}
    assert order["fields"]["changed_at"]["type"] == "datetime"
    assert order["children"]["lines"]["fields"]["quantity"] == {"type": "quantity", "required": True}
    assert targets()["open_items"]["fields"]["rate"]["type"] == "rate"
    assert "custom" not in order["fields"]
    assert set(documents()) == {"orders", "customers"}


def test_an_error_of_no_island_is_a_bug() -> None:
    assert describe(ValueError("x")) is None
