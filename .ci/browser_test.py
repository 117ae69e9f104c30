"""Chromium logs in for rust-cli. Run by .ci/browser-test.

    browser_test.py PROGRAMS WORK

PROGRAMS is the folder with rust-cli and authgate-dev-server, WORK an empty one for what comes up.
"""

import contextlib
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

PROGRAMS, WORK = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
SCREENSHOTS = pathlib.Path(os.environ.get("SCREENSHOTS") or WORK / "screenshots").resolve()
CALLBACK = "http://127.0.0.1:8088/callback"
LIMIT = 30.0

BLOCK = re.compile(
    r"""User: Jane Doe \(jane@example\.com\)
Subject: \S+
Access Token: eyJ\S{5}\.\.\.
Refresh Token: \S{8}\.\.\.
Token Type: Bearer
Expires In: (3600|3[45]\d\d)
Expires At: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ
Scope: profile email
ID Token: .*
TokenInfo Active: True
TokenInfo UserID: \S+
TokenInfo ClientID: dev-cli
TokenInfo Scope: profile email
TokenInfo SubjectType: user
TokenInfo Issuer: http://127\.0\.0\.1:\d+
TokenInfo Exp: \d+
"""
)


class Failed(Exception):
    pass


def check(is_so, what, shown=""):
    if not is_so:
        raise Failed(f"{what}\n{shown}")
    print("ok", what, flush=True)


def until(found, what, shown=lambda: ""):
    """What `found` returns once that is something."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if thing := found():
            return thing
        time.sleep(0.05)
    raise Failed(f"{what}: not within {LIMIT:.0f} seconds\n{shown()}")


def is_taken(port):
    with socket.socket() as probe:
        # As the program does it: connections that have just been closed are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


class DevServer:
    """The development server, on a port of its own choice."""

    def __init__(self):
        self.process = subprocess.Popen(
            [PROGRAMS / "authgate-dev-server", "--port", "0", "--interval", "1"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = None
        for line in self.process.stdout:
            if line.startswith("export AUTHGATE_URL="):
                self.url = line.strip().partition("=")[2]
            if line.startswith("curl "):
                break
        if not self.url:
            raise Failed("the development server does not say where it is")

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


class Terminal:
    """rust-cli on a terminal, whose launcher hands the address to this test."""

    def __init__(self, server, home, *arguments, **variables):
        self.addresses = WORK / "addresses"
        self.addresses.unlink(missing_ok=True)
        launchers = WORK / "launchers"
        launchers.mkdir(exist_ok=True)
        launcher = launchers / "xdg-open"
        launcher.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >>"{self.addresses}"\n')
        launcher.chmod(0o755)

        master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [PROGRAMS / "rust-cli", *arguments],
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            start_new_session=True,
            cwd=WORK,
            env={
                "PATH": f"{launchers}:/usr/bin:/bin",
                "HOME": str(home),
                "DISPLAY": ":0",
                "LANG": "C.UTF-8",
                "TERM": "xterm",
                "AUTHGATE_URL": server.url,
                "CLIENT_ID": "dev-cli",
                **variables,
            },
        )
        os.close(slave)
        self.master = master
        self.said = ""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        with contextlib.suppress(OSError):
            while part := os.read(self.master, 4096):
                self.said += part.decode(errors="replace").replace("\r\n", "\n")

    def address(self):
        """What the launcher was given."""
        def read():
            text = self.addresses.read_text() if self.addresses.exists() else ""
            return text.strip() if text.endswith("\n") else None

        return until(read, "the launcher is called", lambda: self.said)

    def find(self, pattern):
        return until(lambda: re.search(pattern, self.said), f"the terminal shows {pattern}", lambda: self.said)

    def end(self):
        """Exit status and standard output."""
        try:
            result, _ = self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired as stuck:
            raise Failed(f"rust-cli does not end\n{self.said}") from stuck
        time.sleep(0.1)
        return self.process.returncode, result.decode()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Person:
    """Somebody with a browser."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for option in (
            "headless",
            "no-sandbox",
            "disable-gpu",
            "disable-quic",
            "disable-dev-shm-usage",
            "no-first-run",
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
            "hide-scrollbars",
            f"user-data-dir={WORK / 'profile'}",
        ):
            options.add_argument(f"--{option}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(executable_path="/usr/bin/chromedriver")
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(LIMIT)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def visit(self, address):
        self.driver.get(address)

    def sees(self, headline):
        # A page may make way for the next one between the two looks at it.
        passing = [NoSuchElementException, StaleElementReferenceException]
        WebDriverWait(self.driver, LIMIT, ignored_exceptions=passing).until(
            lambda driver: headline in driver.find_element(By.TAG_NAME, "h1").text,
            f"the page is headed {headline!r}",
        )

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def takes_pictures(self, name):
        """Light, dark, and on a telephone; none of them may need scrolling sideways."""
        for suffix, width, scheme in (("light", 1000, "light"), ("dark", 1000, "dark"), ("narrow", 360, "light")):
            self.driver.execute_cdp_cmd(
                "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            )
            self.driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 640, "deviceScaleFactor": 1, "mobile": False},
            )
            self.driver.save_screenshot(str(SCREENSHOTS / f"{name}-{suffix}.png"))
            overflow = self.driver.execute_script(
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            if overflow > 0:
                raise Failed(f"the page {name} is {overflow} pixels too wide for {width}")
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def clicks(self, name):
        self.driver.find_element(By.XPATH, f"//button[normalize-space()='{name}']").click()

    def logs_in(self):
        self.driver.find_element(By.NAME, "username").send_keys("jane")
        self.driver.find_element(By.NAME, "password").send_keys("password")
        self.clicks("Log in")

    def is_at_callback(self):
        return self.driver.current_url.startswith(CALLBACK)

    def complaints(self):
        """What the browser itself finds wrong with a page, such as a style that its policy forbids."""
        return [entry["message"] for entry in self.driver.get_log("browser") if "favicon" not in entry["message"]]


def answer(address, **parameters):
    """The address that would end this login, with these parameters."""
    state = parse_qs(urlsplit(address).query)["state"][0]
    query = "&".join(f"{name}={value}" for name, value in {"state": state, **parameters}.items())
    return f"{CALLBACK}?{query}"


def denied(server, person, home):
    terminal = Terminal(server, home, "--flow", "browser")
    try:
        address = terminal.address()
        check(address.startswith(f"{server.url}/oauth/authorize?"), "the launcher gets the server's address")
        check(address in terminal.said.replace("\n", ""), "the terminal shows the same address", terminal.said)
        person.visit(address)
        person.sees("Log in")
        person.takes_pictures("01-server-login")
        person.logs_in()
        person.sees("asks for access")
        person.takes_pictures("02-server-consent")
        person.clicks("Deny")
        person.sees("Login refused")
        check(person.is_at_callback(), "denied: the browser is back at the callback")
        person.takes_pictures("03-denied")
        status, result = terminal.end()
        check((status, result) == (1, ""), "denied: exit 1 and nothing on standard output", f"{status} {result}")
        check("error: " in terminal.said and "denied" in terminal.said, "denied: the terminal says so", terminal.said)
        check("device" not in terminal.said.partition("error: ")[2], "denied: nobody is asked again", terminal.said)
    finally:
        terminal.kill()


def allowed(server, person, home):
    terminal = Terminal(server, home, "--flow", "browser")
    try:
        person.visit(terminal.address())
        person.sees("asks for access")
        person.clicks("Allow")
        person.sees("You are logged in")
        check(person.is_at_callback(), "allowed: the browser shows the success page")
        # The page waits for nobody: the program may be gone by now.
        person.takes_pictures("04-logged-in")
        status, result = terminal.end()
        check(status == 0 and BLOCK.fullmatch(result), "allowed: exit 0 and the whole block", f"{status}\n{result}\n{terminal.said}")
        check((home / ".authgate-tokens.json").stat().st_mode & 0o777 == 0o600, "allowed: the login is in the file, mode 0600")
        check(not is_taken(8088), "allowed: the port is free again")
        with contextlib.suppress(WebDriverException):
            person.driver.refresh()
        check("You are logged in" not in person.text(), "allowed: a reload does not show success again", person.text())
    finally:
        terminal.kill()


def used_again(server, home):
    terminal = Terminal(server, home, "--flow", "browser")
    try:
        status, result = terminal.end()
        check(status == 0 and BLOCK.fullmatch(result), "the next run needs no browser", f"{status}\n{result}\n{terminal.said}")
        check(not terminal.addresses.exists(), "the next run calls no launcher")
    finally:
        terminal.kill()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "AUTHGATE_URL": server.url, "CLIENT_ID": "dev-cli"}
    command = (
        f'curl --silent --noproxy "*" --max-time 20 --write-out " %{{http_code}}" '
        f'--header "Authorization: Bearer $("{PROGRAMS}/rust-cli" --print-access-token)" "{server.url}/oauth/userinfo"'
    )
    output = subprocess.run(["sh", "-c", command], env=environment, cwd=WORK, capture_output=True, text=True, timeout=LIMIT)
    check(output.stdout.endswith(" 200") and "jane" in output.stdout, "curl with --print-access-token gets 200", f"{output}")


def wrong_visits(server, person, home):
    """What is turned away, and what ends a login."""
    terminal = Terminal(server, home, "--flow", "browser")
    try:
        address = terminal.address()
        for path, headline, name in (
            ("?code=x&state=another", "not part of a login", "05-wrong-state"),
            ("/elsewhere", "There is nothing here", "06-not-found"),
        ):
            person.visit(f"{CALLBACK}{path}")
            person.sees(headline)
            person.takes_pictures(name)
            check(terminal.process.poll() is None, f"{name[3:]}: turned away, and the waiting goes on", terminal.said)
        terminal.find("turned away")

        # The server holds still, so that the first visit waits while the second one comes.
        server.process.send_signal(signal.SIGSTOP)
        first = subprocess.Popen(
            ["curl", "--silent", "--noproxy", "*", "--max-time", "20", answer(address, code="bogus")],
            stdout=subprocess.PIPE,
            text=True,
        )
        terminal.find("Finishing the login")
        person.visit(answer(address, code="bogus"))
        person.sees("already been handled")
        person.takes_pictures("07-already-handled")
        server.process.send_signal(signal.SIGCONT)
        page, _ = first.communicate(timeout=LIMIT)
        check("Login failed" in page, "a second visit is told that it comes second, the first one how it went", page)
        status, result = terminal.end()
        check((status, result) == (1, ""), "a bad code: exit 1", f"{status} {result}")
    finally:
        server.process.send_signal(signal.SIGCONT)
        terminal.kill()

    for name, parameters, headline in (
        ("08-failed", {"code": "bogus"}, "Login failed"),
        ("09-refused", {"error": "server_error", "error_description": "The%20database%20is%20down%3Cscript%3Ealert(1)%3C/script%3E"}, "The server refused"),
        ("10-unusable", {"code": "a", "error": "b"}, "Login failed"),
    ):
        terminal = Terminal(server, home, "--flow", "browser")
        try:
            person.visit(answer(terminal.address(), **parameters))
            person.sees(headline)
            person.takes_pictures(name)
            status, result = terminal.end()
            check((status, result) == (1, ""), f"{name[3:]}: a page that says so, and exit 1", f"{status} {result}")
            check("error: " in terminal.said, f"{name[3:]}: the terminal says why", terminal.said)
        finally:
            terminal.kill()


def not_kept(server, person):
    """There is no place to write to, which is no reason to fail."""
    terminal = Terminal(server, pathlib.Path("/proc"), "--flow", "browser")
    try:
        person.visit(terminal.address())
        person.sees("You are logged in, for now")
        person.takes_pictures("11-not-kept")
        status, result = terminal.end()
        check(status == 0 and BLOCK.fullmatch(result), "no place to keep it: the login serves this run", f"{status}\n{result}")
        check("cannot be saved" in terminal.said, "no place to keep it: the terminal says so", terminal.said)
    finally:
        terminal.kill()


def device(server, person, home):
    terminal = Terminal(server, home, "--flow", "device")
    try:
        code = terminal.find(r"\n    ([A-Z0-9]{4}-[A-Z0-9]{4})\n").group(1)
        page = terminal.find(r"\n    (http://\S+/device)\n").group(1)
        person.visit(page)
        person.sees("Connect a device")
        field = person.driver.find_element(By.NAME, "user_code")
        field.send_keys("WRNG-CODE")
        person.clicks("Authorize")
        WebDriverWait(person.driver, LIMIT).until(staleness_of(field), "a wrong code leads to another page")
        person.sees("Connect a device")
        person.takes_pictures("12-server-device-wrong-code")
        field = person.driver.find_element(By.NAME, "user_code")
        field.clear()
        field.send_keys(code)
        person.clicks("Authorize")
        person.sees("Device connected")
        person.takes_pictures("13-server-device-connected")
        status, result = terminal.end()
        check(status == 0 and BLOCK.fullmatch(result), "device: approved on the page, exit 0, the whole block", f"{status}\n{result}\n{terminal.said}")
    finally:
        terminal.kill()


def main():
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        os.environ.pop(name, None)
    end = time.monotonic() + 60
    while is_taken(8088):
        if time.monotonic() > end:
            raise Failed("port 8088, which the client is registered with, is taken")
        time.sleep(1)

    with contextlib.ExitStack() as cleanup:
        server = DevServer()
        cleanup.callback(server.end)
        person = Person()
        cleanup.callback(person.driver.quit)

        homes = {name: WORK / name for name in ("denied", "allowed", "wrong", "device")}
        for home in homes.values():
            home.mkdir(mode=0o700)
        denied(server, person, homes["denied"])
        allowed(server, person, homes["allowed"])
        used_again(server, homes["allowed"])
        wrong_visits(server, person, homes["wrong"])
        not_kept(server, person)
        device(server, person, homes["device"])
        check(not list(homes["wrong"].glob(".authgate-tokens.json")), "a login that failed leaves no token behind")
        policy = [line for line in person.complaints() if "Content Security Policy" in line or "Content-Security-Policy" in line]
        check(not policy, "no page breaks its own policy", "\n".join(policy))
    pictures = len(list(SCREENSHOTS.glob("*.png")))
    print(f"{pictures} pictures" + (f" in {SCREENSHOTS}" if os.environ.get("SCREENSHOTS") else ", thrown away: set SCREENSHOTS to keep them"))


if __name__ == "__main__":
    try:
        main()
    except (Failed, WebDriverException) as error:
        print(f"not ok: {error}", file=sys.stderr)
        sys.exit(1)
