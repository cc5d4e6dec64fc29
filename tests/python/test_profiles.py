"""The connection that dbt reads from the environment is the one that libpq would make.

Renders ``profiles.yml`` with dbt's own renderer, in this process and without a
connection, and compares each field with what libpq reads from the same URL.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it publishes no types
from dbt.config.renderer import ProfileRenderer
from dbt.exceptions import EnvVarMissingError
from dbt_common.context import set_invocation_context
from psycopg import conninfo

from harness import settings

SAME_IN_DBT = ("host", "user", "password", "dbname", "sslmode", "sslrootcert")


def render(environment: dict[str, str]) -> dict[str, Any]:
    """Render the profile as dbt does, with nothing else in its environment."""
    set_invocation_context(environment)
    profiles = yaml.safe_load(
        (settings.PROJECT_ROOT / "profiles.yml").read_text(encoding="utf-8")
    )
    output = profiles["carryover"]["outputs"]["environment"]
    rendered: dict[str, Any] = ProfileRenderer().render_data(output)
    return rendered


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:secret@db.example.com:6543/carryover",
        "postgres://ann:secret@db.example.com/carryover?sslmode=require",
        "postgresql://ann@localhost/carryover",
        "postgresql://ann@/carryover",
        "postgresql://ann:123@/carryover",
        "postgresql://db.example.com",
        "postgresql://db.example.com:6543?user=ann",
        "postgresql://postgres@/carryover?host=%2Fsome%2Fdir",
        "postgresql://postgres@/carryover?host=%2Fa%20b%2F.carryover&port=5433",
        "postgresql://postgres:p@/carryover?port=5433&host=/some/dir&connect_timeout=3",
        "postgresql://%2Fvar%2Frun/carryover",
        "postgresql://ann:secret@[2001:db8::1]:6543/carryover",
        "postgresql://ann:secret@[::1]/carryover",
        "postgresql://ann:p%40ss%3Aw%2Fo%3Frd%25%23%26@db.example.com/carryover",
        "postgresql://ann:a%22b%27c%5Cd%5Cx41@db.example.com/carryover",
        "postgresql://ann:a'b\"c\\d\\n@db.example.com/carryover",
        "postgresql://ann:%7B%7B%201%20%7D%7D@db.example.com/carryover",
        "postgresql://ann:%20%20@db.example.com/carryover",
        "postgresql://ann:00123@db.example.com/456",
        "postgresql://%C3%A5se:bl%C3%A5b%C3%A6r%F0%9F%8D%87@db.example.com/b%C3%A5t",
        "postgresql://åse:blåbær@db.example.com/båt",
        "postgresql://ann:a?b=c@db.example.com/carryover",
        "postgresql://postgres.project:s@pooler.example.com:5432/postgres",
        "postgresql://db.example.com/carryover?user=ann&password=s%26t",
        "postgresql://u:w@h:1/d?host=h2&port=2&user=u2&password=w2&dbname=d2",
        "postgresql:///carryover?host=/some/dir&user=ann",
        "postgresql://?host=/some/dir&user=ann&dbname=carryover",
        "postgresql://ann@db.example.com/c?sslmode=verify-full&sslrootcert=%2Fa%2Fca.crt",
    ],
)
def test_a_url_is_read_as_libpq_reads_it(url: str) -> None:
    libpq = conninfo.conninfo_to_dict(url)
    defaults = {"host": "localhost", "user": "postgres", "dbname": "postgres"}

    rendered = render({"DATABASE_URL": url})

    for field in SAME_IN_DBT:
        assert rendered[field] == str(libpq.get(field, defaults.get(field, "")))
    assert str(rendered["port"]) == libpq.get("port", "5432")
    assert str(rendered["connect_timeout"]) == libpq.get("connect_timeout", "10")


def test_the_url_wins_and_the_variables_fill_in() -> None:
    variables = {
        "DATABASE_URL": "postgresql://db.example.com/carryover",
        "PGHOST": "elsewhere",
        "PGPORT": "6543",
        "PGUSER": "ann",
        "PGPASSWORD": "{{ s }}%41",
        "PGDATABASE": "other",
        "PGSSLMODE": "require",
    }

    rendered = render(variables)

    assert [rendered[field] for field in SAME_IN_DBT] == [
        "db.example.com",
        "ann",
        "{{ s }}%41",
        "carryover",
        "require",
        "",
    ]
    assert rendered["port"] == 6543


def test_the_variables_do_without_a_url() -> None:
    rendered = render({"PGHOST": "/some/dir", "PGDATABASE": "carryover", "USER": "ann"})

    assert [rendered[field] for field in SAME_IN_DBT] == [
        "/some/dir",
        "ann",
        "",
        "carryover",
        "",
        "",
    ]
    assert rendered["port"] == 5432


def test_a_database_without_a_host_is_on_this_machine() -> None:
    assert render({"PGDATABASE": "carryover"})["host"] == "localhost"


def test_without_any_name_the_error_says_what_to_run() -> None:
    with pytest.raises(EnvVarMissingError, match=r"DATABASE_URL .*inv db\.env"):
        render({"PGUSER": "ann"})


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(EnvVarMissingError, match="postgresql://user:password@host"):
        render({"DATABASE_URL": "host=localhost dbname=carryover"})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me@h/d?hostaddr=10.0.0.1", "without hostaddr"),
        ("postgresql://me@h/d?sslmode=allow&passfile=/a", "without passfile"),
        ("postgresql:///d?service=production", "without service"),
        ("postgresql://me@h/d?options=-c%20a%3Db", "without options"),
        ("postgresql://me@one,two/d", "with one host"),
        ("postgresql:///d?host=one,two", "with one host"),
    ],
)
def test_what_only_the_harness_can_hand_on_is_refused_by_name(
    url: str, said: str
) -> None:
    """Otherwise dbt would build on another server than libpq chooses."""
    with pytest.raises(EnvVarMissingError, match=said):
        render({"DATABASE_URL": url})


def test_the_variable_of_the_root_certificate_counts() -> None:
    rendered = render({"PGHOST": "h", "PGSSLROOTCERT": "/a/ca.crt"})
    assert rendered["sslrootcert"] == "/a/ca.crt"
