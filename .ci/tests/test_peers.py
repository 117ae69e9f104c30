"""rust-cli and the other AuthGate clients share logins, in the file and in a keyring."""

import datetime
import json
import pathlib
import stat
import sys
import time

import pytest
import sessions
import support
from support import CLIENT_ID

in_file_and_keyring = pytest.mark.parametrize(
    "session", [sessions.without_bus, sessions.unlocked_keyring], indirect=True, ids=["file", "keyring"]
)


def expires_in_an_hour(seconds):
    return 3000 < seconds - time.time() < 3700


# ---------------------------------------------------------------------------- the Python SDK


@in_file_and_keyring
def test_python_uses_a_login_of_rust_cli(rust, python, stored):
    rust.log_in().prints_block()
    token = stored.access_token
    assert python.token() == token
    assert rust.token() == token


@in_file_and_keyring
def test_python_uses_what_rust_cli_refreshed(rust, python, stored):
    rust.log_in()
    first = stored.access_token
    stored.expire()
    second = rust.token()
    assert second != first
    entry = stored.entry()
    assert entry["access_token"] == second
    assert expires_in_an_hour(entry["expires_at"])
    # Python refuses a sixth key.
    assert sorted(entry) == ["access_token", "client_id", "expires_at", "refresh_token", "token_type"]
    assert python.token() == second


@in_file_and_keyring
def test_rust_cli_and_python_refresh_in_turn(rust, python, stored):
    rust.log_in()
    stored.expire()
    first = rust.token()
    stored.expire()
    second = python.token()
    assert second != first
    assert stored.access_token == second
    assert rust.token() == second
    rust.start_with_login().prints_block(scope="")  # Python stores no scope
    stored.expire()
    assert rust.token() not in (first, second)


@in_file_and_keyring
def test_rust_cli_uses_and_refreshes_a_python_login(rust, python, stored):
    python.log_in()
    entry = stored.entry()
    assert rust.token() == entry["access_token"]
    assert stored.entry() == entry
    stored.expire()
    token = rust.token()
    assert token != entry["access_token"]
    assert python.token() == token


def test_python_takes_the_six_steps_of_rust_m2m(session, server):
    service = {"CLIENT_ID": "dev-service", "CLIENT_SECRET": "dev-service-secret"}
    script = pathlib.Path(__file__).with_name("python_m2m.py")
    session.start(sys.executable, script, AUTHGATE_URL=server.url, **service).succeeds()


# ---------------------------------------------------------------------------- Go's and Bash's notation


ONLY_IN_GO = {"scope": "profile email", "id_token": "header.payload.signature"}


def test_entries_in_go_notation_are_read(rust, file):
    rust.log_in()
    token = file.access_token
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(file.entry()["expires_at"]))
    file.change(expires_at=expiry, **ONLY_IN_GO)
    assert rust.token() == token


def test_entries_in_go_notation_stay_in_it(rust, file):
    rust.log_in()
    token = file.access_token
    for expired in "2020-01-01T00:00:00Z", "2020-01-01T08:00:00.123456789+08:00":
        file.change(expires_at=expired, **ONLY_IN_GO)
        refreshed = rust.token()
        assert refreshed != token
        token = refreshed
        entry = file.entry()
        expiry = datetime.datetime.strptime(entry["expires_at"], "%Y-%m-%dT%H:%M:%S%z")
        assert expires_in_an_hour(expiry.timestamp())
        assert ONLY_IN_GO.items() <= entry.items()
        assert len(entry) == 7


@pytest.fixture
def in_bash(rust, file):
    """Stores a login as the Bash client does, and returns its access token."""
    rust.log_in()
    entry = file.entry()
    file.change(expires_at=str(entry["expires_at"]), expires_in=3600, scope="profile email", id_token="")
    return entry["access_token"]


def test_entries_in_bash_notation_are_read(rust, in_bash):
    assert rust.token() == in_bash


def test_entries_without_an_expiry_are_used(rust, file, in_bash):
    file.change(expires_at="")
    assert rust.token() == in_bash


def test_entries_in_bash_notation_are_refreshed(rust, python, file, in_bash):
    file.change(expires_at="1000000000")
    token = rust.token()
    assert token != in_bash
    assert file.access_token == token
    assert isinstance(file.entry()["expires_at"], int)
    assert python.token() == token


# ---------------------------------------------------------------------------- beside other entries

NEIGHBOURS = [
    r'"another-client": "{\"access_token\":\"a\",  \"expires_at\": 1e3, \"\\u00fc\":\"\u00fc\"}"',
    r'"broken": "not JSON at all {"',
    r'"Ünïcode / and \/ \u2028": "{}"',
    r'"tokens": { "x" : 1.50, "big": 12345678901234567890123, "list": [1,   2, {"a":null}], "e": 1E+2 }',
    r'"version": 2',
]


@pytest.fixture
def among_neighbours(rust, file):
    """An expired login, in a file with other entries that rust-cli has saved once before."""
    rust.log_in()
    login = f'"{CLIENT_ID}": {json.dumps(json.dumps(file.entry()))}'
    clients = ",\n    ".join([*NEIGHBOURS[:2], login, NEIGHBOURS[2]])
    others = ",\n  ".join(NEIGHBOURS[3:])
    file.path.write_text(f'{{\n  "data": {{\n    {clients}\n  }},\n  {others}\n}}\n')
    expire_bytes(file)
    rust.token()
    expire_bytes(file)


def expire_bytes(file):
    """Makes the login expire without a JSON writer, which would rewrite the whole file."""
    text = file.path.read_text()
    file.path.write_text(text.replace(str(file.entry()["expires_at"]), "1000000000"))


def check_neighbours(file):
    text = file.path.read_text()
    for neighbour in NEIGHBOURS:
        assert neighbour in text
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    names = {path.name for path in file.path.parent.glob(f"{file.path.name}*")}
    assert names == {".authgate-tokens.json", ".authgate-tokens.json.rust-lock"}


def test_a_refresh_keeps_neighbours_byte_for_byte(rust, file, among_neighbours):
    token = file.access_token
    assert rust.token() != token
    check_neighbours(file)


def test_a_new_login_keeps_neighbours_byte_for_byte(rust, file, among_neighbours):
    text = file.path.read_text()
    file.path.write_text(text.replace(file.entry()["refresh_token"], "gone"))
    rust.log_in()
    check_neighbours(file)


def test_a_logout_keeps_neighbours_byte_for_byte(rust, file, among_neighbours):
    rust.log_out()
    assert file.entry() is None
    check_neighbours(file)


# ---------------------------------------------------------------------------- several at once


@in_file_and_keyring
@pytest.mark.parametrize("count", [2, 10])
def test_runs_at_once_refresh_once(rust, server, stored, count):
    rust.log_in()
    old = stored.access_token
    stored.expire()
    before = server.requests("/oauth/token")
    runs = [rust.start_with_login("--print-access-token") for _ in range(count)]
    tokens = {run.succeeds().printed.strip() for run in runs}
    assert tokens == {stored.access_token}
    assert tokens != {old}
    assert server.requests("/oauth/token") == before + 1

    stored.expire()
    for run in [rust.start_with_login() for _ in range(count)]:
        # In a keyring, the scope is in a second item, so a run that reads between the two saves
        # finds no scope.
        run.prints_block(scope="(profile email)?")
    # The server revokes a login when a client sends its old refresh token again.
    stored.expire()
    assert rust.token() not in tokens


def test_python_and_rust_cli_write_at_once(programs, rust, session, file):
    script = """
from authgate.credstore import StoredToken, token_file_store
store = token_file_store(".authgate-tokens.json")
for number in range(200):
    store.save(f"client-{number % 50}", StoredToken(access_token=str(number), client_id=f"client-{number % 50}"))
"""
    # These tokens expire so soon that each run refreshes.
    options = ["--rotate-refresh-tokens", "--access-token-lifetime", "20"]
    with support.DevServer(programs["authgate-dev-server"], *options) as rust.server:
        rust.log_in()
        before = rust.server.requests("/oauth/token")
        python = session.start(sys.executable, "-c", script)
        runs = 0
        while python.is_running() and runs < 30:
            # This fails if rust-cli sends a refresh token that is not the latest.
            rust.token()
            runs += 1
        python.succeeds()
        assert rust.server.requests("/oauth/token") == before + runs
    assert len(file.entries()) == 51
    assert not file.path.with_name(f"{file.path.name}.lock").exists()
