import json
import pathlib
import subprocess
import sys

import pytest
import sessions
import support

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="session")
def programs():
    """Builds the programs, and returns their paths by name."""
    # With the examples, Cargo enables the same features as for `cargo test`, so it builds nothing
    # twice.
    command = ["cargo", "build", "--locked", "--workspace", "--bins", "--examples"]
    command += ["--message-format", "json-render-diagnostics"]
    built = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True, check=True)
    messages = map(json.loads, built.stdout.splitlines())
    return {message["target"]["name"]: message["executable"] for message in messages if message.get("executable")}


@pytest.fixture
def server(programs):
    with support.DevServer(programs["authgate-dev-server"], "--rotate-refresh-tokens") as server:
        yield server


@pytest.fixture
def home(tmp_path):
    return tmp_path


@pytest.fixture
def session(request, home):
    """Opens the kind of session that the test requests, by default one without a bus."""
    open_session = getattr(request, "param", sessions.without_bus)
    with open_session(home) as session:
        yield session
        session.close()


@pytest.fixture
def rust(programs, session, server):
    return support.RustCli(session, server, programs["rust-cli"])


@pytest.fixture
def python(session, server):
    """The Python SDK, in the interpreter that runs the tests."""
    return support.PythonCli(session, server, sys.executable, "-u", HERE / "python_cli.py")


@pytest.fixture
def file(session):
    return support.TokenFile(session)


@pytest.fixture
def keyring(session):
    return support.Keyring(session)


@pytest.fixture
def stored(session, file, keyring):
    """The stored login, in the store that this kind of session uses."""
    return keyring if session.has_bus else file
