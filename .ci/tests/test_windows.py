"""Both programs, compiled for Windows and run under Wine."""

import json
import os
import pathlib
import re
import subprocess

import pytest
import sessions
import support

HERE = pathlib.Path(__file__).parent
TARGET = "x86_64-pc-windows-gnu"

# Wine 8 lacks this library, from which Rust's standard library gets random bytes.
RANDOM = """
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T length) {
    return RtlGenRandom(bytes, (ULONG)length);
}
"""


@pytest.fixture(scope="session")
def windows_programs():
    """Builds the programs for Windows, and returns their paths by name."""
    command = ["cargo", "build", "--locked", "--target", TARGET, "-p", "rust-m2m", "-p", "rust-cli"]
    command += ["--message-format", "json-render-diagnostics"]
    # Without Clippy, which finds code that only the tests use there.
    variables = os.environ | {"RUSTC_WORKSPACE_WRAPPER": ""}
    built = subprocess.run(command, cwd=HERE, env=variables, stdout=subprocess.PIPE, text=True, check=True)
    messages = map(json.loads, built.stdout.splitlines())
    programs = {message["target"]["name"]: message["executable"] for message in messages if message.get("executable")}
    library = pathlib.Path(programs["rust-cli"]).with_name("bcryptprimitives.dll")
    compiler = ["x86_64-w64-mingw32-gcc", "-shared", "-x", "c", "-", "-o", library, "-ladvapi32"]
    subprocess.run(compiler, input=RANDOM, text=True, check=True)
    return programs


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with sessions.windows(tmp_path_factory.mktemp("home")) as session:
        yield session
        session.close()


def test_rust_m2m_calls_an_api(windows_programs, programs, session):
    with support.DevServer(programs["authgate-dev-server"]) as server:
        client = {"CLIENT_ID": "dev-service", "CLIENT_SECRET": "dev-service-secret"}
        run = session.start(sessions.WINE, windows_programs["rust-m2m"], AUTHGATE_URL=server.url, **client)
        assert run.succeeds().printed.startswith("Status: 200\n")


def test_rust_cli_keeps_its_login_in_the_credential_manager(windows_programs, session, server):
    rust = support.RustCli(session, server, sessions.WINE, windows_programs["rust-cli"])
    first = rust.log_in()
    assert re.fullmatch(support.BLOCK.replace("SCOPE", "profile email"), first.printed), str(first)
    assert "unencrypted" not in first.said, str(first)
    cached = rust.start_with_login().prints_block()
    assert cached.said == "", str(cached)
    rust.log_out()
    assert rust.start("--logout").succeeds().printed == "Nobody was logged in.\n"
