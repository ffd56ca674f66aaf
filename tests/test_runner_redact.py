"""What is kept of a failure holds no secret."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockstore.runner.redact import HIDDEN, raw, redacted, redacted_json


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("mysql --password=hunter2 -u root", f"mysql --password={HIDDEN} -u root", id="a flag with its value"),
        pytest.param("mysql --password hunter2 -u root", f"mysql --password {HIDDEN} -u root", id="a flag and its value"),
        pytest.param("PGPASSWORD='a b' psql", f"PGPASSWORD={HIDDEN} psql", id="a variable, quoted"),
        pytest.param("curl https://me:hunter2@example.org/x", f"curl https://me:{HIDDEN}@example.org/x", id="an address"),
        pytest.param("API_KEY=abc TOKEN: def", f"API_KEY={HIDDEN} TOKEN: {HIDDEN}", id="keys and tokens"),
        pytest.param("remove volume rows: volume is in use", "remove volume rows: volume is in use", id="plain words stay"),
        pytest.param("https://example.org:8080/path", "https://example.org:8080/path", id="a port is no password"),
        pytest.param("cat /run/secrets/key", "cat /run/secrets/key", id="a path is no secret"),
    ],
)
def test_a_text_loses_what_looks_like_a_secret(text: str, kept: str) -> None:
    assert redacted(text) == kept


def test_an_inspect_answer_loses_its_environment() -> None:
    answer = {
        "Id": "9c1f",
        "Config": {"Env": ["PATH=/bin", "DB_PASSWORD=hunter2", "PLAIN=value", "bare"], "Cmd": ["mysqld", "--password", "hunter2", "--user=x"]},
        "Nothing": {"Env": None, "environment": {"HOME": "/root", "KEY": "hunter2"}},
        "AuthToken": "hunter2",
        "Count": 3,
    }

    assert redacted_json(answer) == {
        "Id": "9c1f",
        "Config": {
            "Env": ["PATH=/bin", f"DB_PASSWORD={HIDDEN}", f"PLAIN={HIDDEN}", "bare"],
            "Cmd": ["mysqld", "--password", HIDDEN, "--user=x"],
        },
        "Nothing": {"Env": None, "environment": {"HOME": "/root", "KEY": HIDDEN}},
        "AuthToken": HIDDEN,
        "Count": 3,
    }


def test_an_environment_of_another_shape_is_hidden_whole() -> None:
    assert redacted_json({"x-dockstore": "psql -c secret"}) == {"x-dockstore": HIDDEN}


def test_a_whole_answer_is_one_line() -> None:
    line = raw({"Labels": {"note": "two\nlines"}})

    assert "\n" not in line
    assert json.loads(line) == {"Labels": {"note": "two\nlines"}}


@settings(deadline=None)
@given(st.from_regex(r"[a-zA-Z0-9]{8,20}", fullmatch=True), st.sampled_from(["password=", "--token ", "secret: ", "DB_PASSWD=", "postgres://u:"]))
def test_no_secret_comes_through(value: str, before: str) -> None:
    after = "@host/db" if before.endswith("u:") else ""

    assert value not in redacted(f"run {before}{value}{after} now")
