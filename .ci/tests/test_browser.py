"""Chromium logs in for rust-cli by clicking through the development server's pages.

Pictures of all pages, light, dark and narrow, are written to the folder that SCREENSHOTS names. Port
8088 must be free, or become so within a minute.
"""

import contextlib
import html
import http.server
import json
import os
import pathlib
import shlex
import shutil
import socket
import stat
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
import support
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

PORT = 8088  # of the client's registered redirect URI
CALLBACK = f"http://127.0.0.1:{PORT}/callback"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Browser:
    """Chromium, and the actions of a person in it."""

    def __init__(self, profile, pictures):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for option in (
            "headless",
            "no-sandbox",
            "no-proxy-server",
            "disable-gpu",
            "disable-quic",
            "disable-dev-shm-usage",
            "no-first-run",
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
            "hide-scrollbars",
            f"user-data-dir={profile}",
        ):
            options.add_argument(f"--{option}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(support.LIMIT)
        self._pictures = pictures

    def visit(self, address):
        self.driver.get(address)

    def sees(self, headline, picture=None):
        # The next page may replace this one between the two calls.
        passing = [NoSuchElementException, StaleElementReferenceException]
        WebDriverWait(self.driver, support.LIMIT, ignored_exceptions=passing).until(
            lambda driver: headline in driver.find_element(By.TAG_NAME, "h1").text,
            f"the page is headed {headline!r}",
        )
        if picture:
            self._take_pictures(picture)

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def clicks(self, name):
        self.driver.find_element(By.XPATH, f"//button[normalize-space()='{name}']").click()

    def field(self, name):
        return self.driver.find_element(By.NAME, name)

    def logs_in(self):
        self.field("username").send_keys("jane")
        self.field("password").send_keys("password")
        self.clicks("Log in")

    def is_at_callback(self):
        return self.driver.current_url.startswith(CALLBACK)

    def complaints(self):
        """Returns the browser's own errors about a page, such as a style that its policy forbids."""
        return [entry["message"] for entry in self.driver.get_log("browser") if "favicon" not in entry["message"]]

    def _take_pictures(self, name):
        """Takes pictures: light, dark, and as wide as a telephone. No page may need scrolling sideways."""
        for suffix, width, scheme in ("light", 1000, "light"), ("dark", 1000, "dark"), ("narrow", 360, "light"):
            self.driver.execute_cdp_cmd(
                "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            )
            self.driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 640, "deviceScaleFactor": 1, "mobile": False},
            )
            self.driver.save_screenshot(str(self._pictures / f"{name}-{suffix}.png"))
            overflow = self.driver.execute_script(
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert overflow <= 0, f"the page {name} is {overflow} pixels too wide for {width}"
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="module")
def started_browser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    pictures = pathlib.Path(os.environ.get("SCREENSHOTS") or folder / "screenshots").resolve()
    pictures.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as environment:
        for name in PROXIES:
            environment.delenv(name, raising=False)
        browser = Browser(folder / "profile", pictures)
        yield browser
        browser.driver.quit()


@pytest.fixture
def browser(started_browser):
    """A new browser profile. No page may break its own content security policy."""
    started_browser.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    yield started_browser
    complaints = started_browser.complaints()
    assert not [line for line in complaints if "Content Security Policy" in line or "Content-Security-Policy" in line]


def is_free(port):
    with socket.socket() as probe:
        # Listen as rust-cli does, which connections that have just been closed do not prevent.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Launcher:
    """The program that rust-cli calls to open an address. It passes the address to the test."""

    def __init__(self, home):
        self._addresses = home / "addresses"
        self.folder = home / "launchers"
        self.folder.mkdir()
        launcher = self.folder / "xdg-open"
        launcher.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$1\" >>{shlex.quote(str(self._addresses))}\n")
        launcher.chmod(0o755)

    def address(self):
        """Returns the address of the last call, and forgets it."""
        address = support.until("a call of the launcher", self._whole_line)
        self._addresses.unlink()
        return address

    def was_called(self):
        return self._addresses.exists()

    def _whole_line(self):
        text = self._addresses.read_text() if self.was_called() else ""
        return text.strip() if text.endswith("\n") else None


@pytest.fixture
def launcher(home):
    return Launcher(home)


@pytest.fixture
def start(rust, launcher):
    """Starts rust-cli on a desktop, when port 8088 is free."""

    def start(flow, on_terminal=True, **variables):
        support.until(f"port {PORT} to be free", lambda: is_free(PORT), limit=60)
        desktop = {"PATH": f"{launcher.folder}:/usr/bin:/bin", "DISPLAY": ":0", "TERM": "xterm"}
        return rust.start("--flow", flow, on_terminal=on_terminal, **desktop, **variables)

    return start


@pytest.fixture
def allowed(browser, start, launcher):
    """A login that the person has allowed in the browser."""
    run = start("browser")
    browser.visit(launcher.address())
    browser.logs_in()
    browser.sees("asks for access")
    browser.clicks("Allow")
    browser.sees("You are logged in", picture="04-logged-in")
    return run


def answer(address, **parameters):
    """Returns the redirect with which a server would answer this login."""
    state = parse_qs(urlsplit(address).query)["state"][0]
    query = "&".join(f"{name}={value}" for name, value in {"state": state, **parameters}.items())
    return f"{CALLBACK}?{query}"


def test_the_browser_reports_a_broken_policy(browser):
    policy = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
    browser.visit(f"data:text/html,{policy}<style>p {{ color: red }}</style>")
    assert "Content Security Policy" in "".join(browser.complaints())


def test_the_terminal_shows_the_address_of_the_launcher(server, start, launcher):
    run = start("browser")
    address = launcher.address()
    assert address.startswith(f"{server.url}/oauth/authorize?")
    run.finds("Waiting")
    assert address in run.said.replace("\n", "")


def test_a_denied_login_fails(browser, start, launcher, file):
    run = start("browser")
    browser.visit(launcher.address())
    browser.sees("Log in", picture="01-server-login")
    browser.logs_in()
    browser.sees("asks for access", picture="02-server-consent")
    browser.clicks("Deny")
    browser.sees("Access denied", picture="03-denied")
    assert browser.is_at_callback()
    _, _, error = run.fails().said.partition("error: ")
    assert "denied" in error
    assert "device" not in error  # the program does not ask again
    assert not file.path.exists()


def test_an_allowed_login_prints_the_block(browser, allowed, file):
    assert browser.is_at_callback()
    allowed.prints_block()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert is_free(PORT)


def test_a_run_without_a_terminal_logs_in_with_the_browser(browser, start, launcher, file):
    run = start("auto", on_terminal=False)  # as from an editor's run button
    browser.visit(launcher.address())
    browser.logs_in()
    browser.sees("asks for access")
    browser.clicks("Allow")
    browser.sees("You are logged in")
    run.prints_block()
    assert file.entry()


def test_a_reload_does_not_show_success_again(browser, allowed):
    allowed.succeeds()
    try:
        browser.driver.refresh()
    except WebDriverException:
        pass  # the program has ended
    assert "You are logged in" not in browser.text()


def test_the_next_run_needs_no_browser(start, launcher, allowed):
    allowed.succeeds()
    start("browser").prints_block()
    assert not launcher.was_called()


def test_a_browser_that_allowed_it_is_not_asked_again(browser, start, launcher, allowed, file):
    allowed.succeeds()
    file.path.unlink()
    run = start("browser")
    browser.visit(launcher.address())
    browser.sees("You are logged in")
    run.prints_block()


def test_curl_gets_200_with_print_access_token(programs, rust, session, server):
    rust.log_in()
    script = """curl --silent --noproxy '*' --write-out ' %{http_code}' \\
        --header "Authorization: Bearer $("$1" --print-access-token)" "$2"
    """
    variables = {"AUTHGATE_URL": server.url, "CLIENT_ID": support.CLIENT_ID}
    curl = session.start("sh", "-c", script, "sh", programs["rust-cli"], f"{server.url}/oauth/userinfo", **variables)
    assert curl.succeeds().printed.endswith(" 200")
    assert "jane" in curl.printed


def test_a_request_with_another_state_is_turned_away(browser, start, launcher):
    run = start("browser")
    launcher.address()
    browser.visit(f"{CALLBACK}?code=x&state=another")
    browser.sees("not part of a login", picture="05-wrong-state")
    run.finds("Ignored a request")
    assert run.is_running()


def test_a_request_to_another_path_is_turned_away(browser, start, launcher):
    run = start("browser")
    launcher.address()
    browser.visit(f"{CALLBACK}/elsewhere")
    browser.sees("Page not found", picture="06-not-found")
    assert run.is_running()


def test_a_second_answer_is_told_that_it_comes_second(browser, server, start, launcher, session, file):
    run = start("browser")
    address = answer(launcher.address(), code="bogus")
    with server.paused():
        first = session.start("curl", "--silent", "--noproxy", "*", address)
        run.finds("Finishing the login")
        browser.visit(address)
        browser.sees("already been handled", picture="07-already-handled")
    assert "Login failed" in first.succeeds().printed
    run.fails()
    assert not file.path.exists()


@pytest.fixture
def page_that_prefetches():
    """Serves a page that lets the browser load an address ahead of time."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            _, _, address = self.path.partition("?")
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<h1>Page</h1><link rel="prefetch" href="{html.escape(address)}">'.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_response_loaded_ahead_of_time_does_not_finish_the_login(browser, start, launcher, page_that_prefetches):
    run = start("browser")
    address = answer(launcher.address(), code="bogus")
    browser.visit(f"{page_that_prefetches}?{address}")
    # The browser lists each address that it has loaded.
    loaded = "return performance.getEntriesByType('resource').some(entry => entry.name == arguments[0])"
    support.until("the prefetch", lambda: browser.driver.execute_script(loaded, address))
    assert run.is_running()
    browser.visit(address)
    browser.sees("Login failed")
    assert "Finishing the login" in run.fails().said


SCRIPT = "The%20database%20is%20down%3Cscript%3Ealert(1)%3C/script%3E"


@pytest.mark.parametrize(
    ("parameters", "headline", "picture"),
    [
        ({"code": "bogus"}, "Login failed", "08-failed"),
        ({"error": "server_error", "error_description": SCRIPT}, "The server refused", "09-refused"),
        ({"code": "a", "error": "b"}, "Login failed", "10-unusable"),
    ],
    ids=["bad-code", "server-error", "code-and-error"],
)
def test_a_login_that_went_wrong_says_why(browser, start, launcher, file, parameters, headline, picture):
    run = start("browser")
    browser.visit(answer(launcher.address(), **parameters))
    browser.sees(headline, picture=picture)
    assert "error: " in run.fails().said
    assert not file.path.exists()


def test_a_login_that_cannot_be_saved_serves_this_run(browser, start, launcher):
    run = start("browser", HOME="/proc")
    browser.visit(launcher.address())
    browser.logs_in()
    browser.sees("asks for access")
    browser.clicks("Allow")
    browser.sees("You are logged in, for now", picture="11-not-saved")
    assert "cannot be saved" in run.prints_block().said


def test_a_device_is_approved_on_its_page(browser, start):
    run = start("device")
    code = run.finds(rf"enter the code:  ({support.DEVICE_CODE})   ")[1]
    browser.visit(run.finds(r"\n    (http://\S+/device)\n")[1])
    browser.sees("Log in")
    browser.logs_in()
    browser.sees("Connect a device")
    field = browser.field("user_code")
    field.send_keys("WRNG-CODE")
    browser.clicks("Authorize")
    WebDriverWait(browser.driver, support.LIMIT).until(staleness_of(field), "a wrong code leads to another page")
    browser.sees("Connect a device", picture="12-server-device-wrong-code")
    field = browser.field("user_code")
    field.clear()
    field.send_keys(code)
    browser.clicks("Authorize")
    browser.sees("Device connected", picture="13-server-device-connected")
    run.prints_block()


class HostileServer:
    """An authorization server whose login page is another server's, where the person has a session."""

    def __init__(self, good):
        self.requests = requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                requests.append(self.path)
                url = f"http://127.0.0.1:{self.server.server_port}"
                document = {
                    "issuer": url,
                    "token_endpoint": f"{url}/oauth/token",
                    "authorization_endpoint": f"{good.url}/oauth/authorize",
                }
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())

            def do_POST(self):
                requests.append(self.path)
                self.send_error(400)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hostile(server):
    with contextlib.closing(HostileServer(server)) as hostile:
        yield hostile


def test_a_hostile_server_borrows_no_session(start, launcher, allowed, server, hostile, file):
    allowed.succeeds()
    file.path.unlink()
    error = start("browser", AUTHGATE_URL=hostile.url).fails().said
    assert f"the authorization endpoint of {hostile.url} is at {server.url}" in " ".join(error.split())
    assert hostile.requests == ["/.well-known/openid-configuration"]
    assert not launcher.was_called()


def test_a_trusted_server_gets_the_session(browser, start, launcher, allowed, server, hostile, file):
    """Shows that the attack of the test above would succeed without the rule."""
    allowed.succeeds()
    file.path.unlink()
    run = start("browser", AUTHGATE_URL=hostile.url, AUTHGATE_TRUSTED_ORIGINS=server.url)
    browser.visit(launcher.address())
    browser.sees("Login failed")
    run.fails()
    assert hostile.requests == ["/.well-known/openid-configuration", "/oauth/token"]
