"""Helpers for the tests of the built programs: the server, runs, clients, stored logins."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

LIMIT = 30.0  # seconds to wait for one condition
CLIENT_ID = "dev-cli"
DEVICE_CODE = r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b"

BLOCK = r"""User: Jane Doe \(jane@example\.com\)
Subject: \S+
Access Token: eyJ\S{5}\.\.\.
Refresh Token: \S{8}\.\.\.
Token Type: Bearer
Expires In: (3600|3[45]\d\d)
Expires At: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ
Scope: SCOPE
ID Token: .*
TokenInfo Active: True
TokenInfo UserID: \S+
TokenInfo ClientID: dev-cli
TokenInfo Scope: profile email
TokenInfo SubjectType: user
TokenInfo Issuer: http://127\.0\.0\.1:\d+
TokenInfo Exp: \d+
"""


def until(what, found, shown=lambda: "", limit=LIMIT):
    """Waits until `found` returns a true value, and returns that value."""
    end = time.monotonic() + limit
    while not (thing := found()):
        assert time.monotonic() < end, f"waited in vain for {what}\n{shown()}"
        time.sleep(0.02)
    return thing


class DevServer:
    """The development server, on a free port."""

    def __init__(self, program, *options):
        command = [program, "--port", "0", "--interval", "1", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        export = "export AUTHGATE_URL="
        line = next(line for line in self.process.stdout if line.startswith(export))
        self.url = line.removeprefix(export).strip()

    def approve(self, user_code):
        self._request("/dev/device/approve", f"user_code={user_code}".encode())

    def requests(self, path):
        """Returns the number of requests to this path."""
        return json.loads(self._request("/dev/requests"))["requests"].get(path, 0)

    def _request(self, path, body=None):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy
        with opener.open(self.url + path, body, LIMIT) as answer:
            return answer.read()

    @contextlib.contextmanager
    def paused(self):
        """Makes requests wait until the end of the block."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


class Output:
    """The output of a pipe or a terminal, read in the background."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._bytes = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        # Reading from a terminal fails when its last program has ended.
        with open(self._descriptor, "rb", buffering=0) as file, contextlib.suppress(OSError):
            while part := file.read(4096):
                self._bytes += part

    def text(self):
        return self._bytes.decode(errors="replace").replace("\r\n", "\n")

    def wait(self):
        self._reader.join(LIMIT)


class Run:
    """A run of a program: its standard output is `printed`, its standard error or terminal `said`."""

    def __init__(self, command, variables, folder, on_terminal=False):
        printed, stdout = os.pipe()
        said, stderr = pty.openpty() if on_terminal else os.pipe()
        self._begun = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=stderr if on_terminal else subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=on_terminal,
            cwd=folder,
            env=variables,
        )
        os.close(stdout)
        os.close(stderr)
        self._printed, self._said = Output(printed), Output(said)

    @property
    def printed(self):
        return self._printed.text()

    @property
    def said(self):
        return self._said.text()

    def finds(self, pattern):
        """Waits until the output contains this, and returns the match."""
        return until(pattern, lambda: re.search(pattern, self.printed + self.said), lambda: self)

    def is_running(self):
        return self.process.poll() is None

    def ends(self):
        """Waits until the run ends, and returns it."""
        try:
            self.status = self.process.wait(2 * LIMIT)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the run does not end\n{self}") from None
        self.seconds = time.monotonic() - self._begun
        self._printed.wait()
        self._said.wait()
        return self

    def succeeds(self):
        assert self.ends().status == 0, str(self)
        return self

    def prints_block(self, scope="profile email"):
        """Checks that the run succeeds and prints the 16 lines of the README."""
        block = BLOCK.replace("SCOPE", scope)
        assert re.fullmatch(block, self.succeeds().printed), str(self)
        return self

    def fails(self):
        """Checks that the run ends with 1 and prints nothing."""
        assert (self.ends().status, self.printed) == (1, ""), str(self)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __str__(self):
        return f"{self.process.args} ended with {self.process.poll()}\nprinted: {self.printed}\nsaid: {self.said}"


class Client:
    """A program that logs a person in and stores the login."""

    def __init__(self, session, server, *command):
        self.session, self.server, self._command = session, server, command

    def start(self, *arguments, **options):
        variables = {"AUTHGATE_URL": self.server.url, "CLIENT_ID": CLIENT_ID}
        return self.session.start(*self._command, *arguments, **{**variables, **options})

    def log_in(self, *arguments):
        """Logs in with a device code, which a person approves."""
        run = self.start(*arguments)
        self.server.approve(run.finds(DEVICE_CODE)[0])
        return run.succeeds()


class RustCli(Client):
    def log_in(self, *arguments):
        return super().log_in("--flow", "device", *arguments)

    def start_with_login(self, *arguments):
        """Starts a run that fails without a stored login."""
        return self.start("--flow", "browser", *arguments)

    def token(self):
        """Returns the access token of the stored login."""
        return self.start_with_login("--print-access-token").succeeds().printed.strip()

    def log_out(self):
        run = self.start("--logout").succeeds()
        assert run.printed == "Logged out.\n", str(run)


class PythonCli(Client):
    def token(self):
        """Returns the access token of the stored login."""
        run = self.start().succeeds()
        assert "enter code" not in run.printed, str(run)
        return run.printed.strip()


class StoredLogin:
    """The stored login of this client, as the JSON object that all AuthGate clients share."""

    @property
    def access_token(self):
        return self.entry()["access_token"]

    def change(self, **values):
        self.replace({**self.entry(), **values})

    def expire(self):
        self.change(expires_at=1_000_000_000)


class TokenFile(StoredLogin):
    """The login in the file in the home folder."""

    def __init__(self, session):
        self.path = session.home / ".authgate-tokens.json"

    def entries(self):
        """Returns the text of each client's entry, by client ID."""
        return json.loads(self.path.read_text())["data"] if self.path.exists() else {}

    def entry(self):
        text = self.entries().get(CLIENT_ID)
        return json.loads(text) if text else None

    def replace(self, entry):
        document = json.loads(self.path.read_text())
        document["data"][CLIENT_ID] = json.dumps(entry)
        self.path.write_text(json.dumps(document))


class Keyring(StoredLogin):
    """The login in the session's keyring."""

    def __init__(self, session):
        self._session = session

    def text(self, client_id=CLIENT_ID):
        return self._session.tool("secret-tool", "lookup", "service", "authgate", "username", client_id)

    def entry(self):
        text = self.text()
        return json.loads(text) if text else None

    def replace(self, entry):
        script = "import keyring, sys; keyring.set_password('authgate', *sys.argv[1:])"
        self._session.start(sys.executable, "-c", script, CLIENT_ID, json.dumps(entry)).succeeds()

    def items(self, service):
        """Returns the number of items of this client."""
        attributes = ["service", service, "username", CLIENT_ID]
        return self._session.tool("secret-tool", "search", "--all", *attributes).count("secret = ")

    def add_neighbour(self, client_id, text):
        attributes = ["service", "authgate", "username", client_id]
        self._session.tool("secret-tool", "store", "--label=neighbour", *attributes, text=text)
