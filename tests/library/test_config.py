"""Settings come from one place as a whole, and a key never shows nor stands in for another."""

from __future__ import annotations

import base64
import json
import traceback
from pathlib import Path

import pytest

from mpp_supabase import MPP, ConfigError, Settings, load_settings
from mpp_supabase.config import DATABASE, PUBLISHABLE, SECRET, URL

PUBLIC_KEY = "sb_publishable_abcdefghijklmnop"
SECRET_KEY = "sb_secret_qrstuvwxyz0123456789"


def jwt(role: str) -> str:
    parts = ({"alg": "HS256"}, {"role": role}, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (URL, *PUBLISHABLE, *SECRET, *DATABASE, *GENERIC, *lower(GENERIC)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MPP_HOME", str(tmp_path / "no-stack"))
    monkeypatch.chdir(tmp_path)


def test_the_environment_is_taken_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL, "https://abc.supabase.co/")
    monkeypatch.setenv(PUBLISHABLE[0], PUBLIC_KEY)
    monkeypatch.setenv(SECRET[0], SECRET_KEY)
    found = load_settings()
    assert (found.url, found.source) == ("https://abc.supabase.co", "the environment")
    assert found.key("publishable").get_secret_value() == PUBLIC_KEY
    assert found.key("secret").get_secret_value() == SECRET_KEY


def test_the_older_jwt_keys_are_taken_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL, "https://abc.supabase.co")
    monkeypatch.setenv(PUBLISHABLE[1], jwt("anon"))
    monkeypatch.setenv(SECRET[1], jwt("service_role"))
    assert load_settings().key("secret").get_secret_value() == jwt("service_role")


def test_a_dotenv_file_is_taken_when_the_environment_names_no_project(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{URL}=https://abc.supabase.co\n{SECRET[0]}={SECRET_KEY}\n")
    found = load_settings()
    assert (found.source, found.key("secret").get_secret_value()) == (".env", SECRET_KEY)


def test_a_key_of_the_file_never_goes_to_an_address_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"{URL}=https://abc.supabase.co\n{SECRET[0]}={SECRET_KEY}\n")
    monkeypatch.setenv(URL, "https://other.supabase.co")
    with pytest.raises(ConfigError, match="needs the secret key of https://other"):
        load_settings().key("secret")


GENERIC = {
    "URL": "https://evil.example.com",
    "SECRET_KEY": "sb_secret_of_something_else",
    "PUBLISHABLE_KEY": "sb_publishable_of_something_else",
    "DATABASE_URL": "postgres://evil.example.com/postgres",
    "SOURCE": "nowhere",
}
FULL = {
    URL: "https://abc.supabase.co",
    PUBLISHABLE[0]: PUBLIC_KEY,
    SECRET[0]: SECRET_KEY,
    DATABASE[0]: "postgres://abc.supabase.co/postgres",
}


def put(place: str, values: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "the environment":
        for name, value in values.items():
            monkeypatch.setenv(name, value)
    else:
        Path(place).write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def lower(values: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in values.items()}


@pytest.mark.parametrize("generic", [GENERIC, lower(GENERIC)], ids=["capitals", "small"])
@pytest.mark.parametrize("place", ["the environment", ".env"])
def test_the_variables_of_other_programs_change_nothing(
    monkeypatch: pytest.MonkeyPatch, place: str, generic: dict[str, str]
) -> None:
    put(place, generic | FULL, monkeypatch)
    found = load_settings()
    assert (found.url, found.source) == (FULL[URL], place)
    assert found.key("publishable").get_secret_value() == PUBLIC_KEY
    assert found.key("secret").get_secret_value() == SECRET_KEY
    assert found.database_url is not None
    assert found.database_url.get_secret_value() == FULL[DATABASE[0]]


@pytest.mark.parametrize("generic", [GENERIC, lower(GENERIC)], ids=["capitals", "small"])
@pytest.mark.parametrize("place", ["the environment", ".env"])
def test_the_variables_of_other_programs_stand_in_for_nothing(
    monkeypatch: pytest.MonkeyPatch, place: str, generic: dict[str, str]
) -> None:
    put(place, generic, monkeypatch)
    with pytest.raises(ConfigError, match="no local stack is running"):
        load_settings()
    put(place, generic | {URL: FULL[URL]}, monkeypatch)
    found = load_settings()
    assert found.url == FULL[URL]
    assert (found.publishable_key, found.secret_key, found.database_url) == (None, None, None)


@pytest.mark.parametrize("place", ["the environment", ".env"])
def test_a_key_of_the_wrong_kind_is_refused_beside_the_variables_of_other_programs(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    put(place, GENERIC | FULL | {SECRET[0]: PUBLIC_KEY}, monkeypatch)
    with pytest.raises(ConfigError, match=f"{SECRET[0]} in {place} is wrong: it holds a publishable key"):
        load_settings()


def test_the_environment_adds_nothing_to_what_a_program_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    put("the environment", GENERIC | FULL, monkeypatch)
    found = Settings(url="https://other.supabase.co")
    assert (found.url, found.source) == ("https://other.supabase.co", "the program")
    assert (found.publishable_key, found.secret_key, found.database_url) == (None, None, None)


def test_a_key_without_its_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET[0], SECRET_KEY)
    with pytest.raises(ConfigError, match=f"{SECRET[0]} is set in the environment, but {URL} is not"):
        load_settings()


def test_without_any_project_and_without_a_stack_the_error_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="no local stack is running") as refused:
        load_settings()
    assert "mpp stack start" in refused.value.hint


def test_a_local_stack_whose_state_cannot_be_read_is_an_error_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "no-stack").mkdir()
    (tmp_path / "no-stack" / "stack.json").write_text("{")
    with pytest.raises(ConfigError, match=r"stack\.json is damaged") as refused:
        load_settings()
    assert refused.value.hint == "Run `mpp stack reset` to begin afresh."


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (SECRET[0], PUBLIC_KEY, "a publishable key where a secret key belongs"),
        (PUBLISHABLE[0], SECRET_KEY, "a secret key where a publishable key belongs"),
        (SECRET[0], jwt("anon"), "a publishable key where a secret key belongs"),
        (SECRET[0], "hunter2-hunter2", "not an API key"),
        (SECRET[0], "a.b.c", "not an API key"),
        (URL, "ftp://abc", "not an address"),
        (URL, "http://abc.supabase.co", "use https"),
        (URL, "https://user:hunter2@abc.supabase.co", "without path, user or query"),
        (URL, "https://abc.supabase.co/rest/v1", "without path, user or query"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_never_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(URL, "https://abc.supabase.co")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert str(refused.value).startswith(f"{name} in the environment is wrong")
    assert reason in str(refused.value)
    shown = "".join(traceback.format_exception(refused.value))
    assert "hunter2" not in shown
    assert SECRET_KEY not in shown


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:54321", "http://localhost:8000", "http://kong:8000", "http://10.0.0.5"]
)
def test_http_is_taken_for_a_server_that_is_near(url: str) -> None:
    assert Settings(url=url).url == url


def test_no_key_stands_in_for_another() -> None:
    with pytest.raises(ConfigError, match="needs the publishable key"):
        MPP.connect(Settings(url="https://abc.supabase.co", secret_key=SECRET_KEY), role="publishable")
    with pytest.raises(ConfigError, match="needs the secret key"):
        MPP.connect(Settings(url="https://abc.supabase.co", publishable_key=PUBLIC_KEY))


def test_no_representation_shows_a_key() -> None:
    settings = Settings(url="https://abc.supabase.co", secret_key=SECRET_KEY, database_url="postgres://u:pw@h/d")
    with MPP.connect(settings) as mpp:
        shown = (
            f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()} {mpp!r} {mpp._transport!r}"
        )
    assert SECRET_KEY not in shown
    assert "pw" not in shown
