"""However libpq finds a server, every later connection of a task goes to that one."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import audit, build, database, libpq
from harness.build import BuildFailed
from harness.database import Connection, Target
from harness.errors import UsageError

Parameters = dict[str, str]

#: Builds the seeds only: enough for dbt's hooks to run.
SEED = ["--resource-type", "seed"]


def services(folder: Path, parameters: Parameters) -> Path:
    """A service file that names the database as ``chosen``."""
    lines = [f"{key}={value}" for key, value in parameters.items()]
    file = folder / "services.conf"
    file.write_text("\n".join(["[chosen]", *lines, ""]), encoding="utf-8")
    return file


@pytest.mark.slow
@pytest.mark.parametrize("way", ["service", "hosts", "environment"])
def test_what_libpq_chose_is_what_everything_goes_to(
    way: str,
    database_of_test: Parameters,
    environment: Parameters,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = database_of_test
    for variable in (*libpq.variables().values(), "DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    named = {"service": "chosen", "application_name": "ours"}
    if way == "hosts":
        named = {
            **here,
            "host": f"/nowhere,{here['host']}",
            "port": f"1,{here['port']}",
        }
        named["target_session_attrs"] = "read-write"
    else:
        monkeypatch.setenv("PGSERVICEFILE", str(services(tmp_path, here)))
    if way == "environment":
        monkeypatch.setenv("PGSERVICE", "chosen")
        named = {"dbname": here["dbname"]}
    to = Target(named, is_embedded=False)
    with database.connect(to) as connection:
        only = database.resolved(to, connection)
        identity = database.server_identity(connection)
    assert {key: only.parameters[key] for key in here} == here
    assert not set(only.parameters) & {"service", "target_session_attrs", "passfile"}

    monkeypatch.setenv("PGSERVICE", "of another")
    monkeypatch.setenv("PGDATABASE", "postgres")
    done = build.build(only, SEED, server=identity)
    assert not done.failures
    with libpq.clean_environment(), database.connect(only) as connection:
        seeds = "select count(*) > 0 from pg_tables where schemaname = 'transform'"
        assert connection.execute(seeds.encode()).fetchone() == (True,)
    assert "chosen" not in audit.connection_url(only)


@pytest.fixture
def database_of_test(connection: Connection, database: Parameters) -> Parameters:
    """Keywords of the test's database; under another name than the module's."""
    connection.commit()
    return database


@pytest.mark.slow
def test_a_build_on_another_database_is_stopped_before_it_makes_a_table(
    connection: Connection, database_of_test: Parameters, environment: Parameters
) -> None:
    identity = database.server_identity(connection)
    connection.commit()
    elsewhere = Target({**database_of_test, "dbname": "carryover"}, is_embedded=False)
    with pytest.raises(
        BuildFailed, match="another server or database than the harness"
    ):
        build.build(elsewhere, SEED, server=identity)
    with database.connect(elsewhere) as other:
        # dbt makes its schemas before its first hook.
        made = "select tablename from pg_tables where schemaname in (%s, %s)"
        assert other.execute(made, ["transform", "marts"]).fetchall() == []
    here = Target(database_of_test, is_embedded=False)
    assert not build.build(here, SEED, server=identity).failures


@pytest.mark.parametrize(
    ("keyword", "variable"),
    [
        ("hostaddr", "PGHOSTADDR"),
        ("options", "PGOPTIONS"),
        ("sslcert", "PGSSLCERT"),
        ("require_auth", "PGREQUIREAUTH"),
    ],
)
def test_what_the_profile_does_not_take_reaches_dbt_by_its_variable(
    keyword: str, variable: str
) -> None:
    to = Target({"host": "h", "dbname": "d", keyword: "x"}, is_embedded=False)
    given = build.dbt_environment(to)
    assert given[variable] == "x"
    assert keyword not in given["DATABASE_URL"]


@pytest.mark.parametrize("keyword", ["sslpassword", "scram_client_key"])
def test_what_dbt_cannot_be_given_is_refused_by_name(keyword: str) -> None:
    to = Target({"host": "h", "dbname": "d", keyword: "secret"}, is_embedded=False)
    with pytest.raises(UsageError, match=keyword) as refused:
        build.dbt_environment(to)
    assert "secret" not in str(refused.value)
