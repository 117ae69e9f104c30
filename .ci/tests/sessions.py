"""Desktop sessions, with or without a keyring."""

import contextlib
import os
import socket
import subprocess

from support import LIMIT, Run

WINE = "/usr/lib/wine/wine64"


class Session:
    """The parts of a desktop session that a keyring needs: a home folder and usually a bus."""

    def __init__(self, home, bus_address=None, **variables):
        self.home, self.has_bus = home, bus_address is not None
        self._variables = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", **variables}
        if bus_address:
            self._variables["DBUS_SESSION_BUS_ADDRESS"] = bus_address
        self._runs = []

    def start(self, *command, on_terminal=False, **variables):
        """Starts a program with only the variables that it needs."""
        run = Run(command, self._variables | variables, self.home, on_terminal)
        self._runs.append(run)
        return run

    def tool(self, *command, text=""):
        """Runs a tool with this text as input, and returns its output."""
        options = {"capture_output": True, "text": True, "timeout": LIMIT}
        return subprocess.run(command, input=text, env=self._variables, **options).stdout

    def close(self):
        for run in self._runs:
            run.kill()


@contextlib.contextmanager
def without_bus(home):
    """Opens a session without a bus, as over SSH."""
    yield Session(home)


@contextlib.contextmanager
def windows(home):
    """Opens a session of Windows programs under Wine, which keeps the registry and C: in the home folder."""
    session = Session(home, WINEDEBUG="-all", WINEPREFIX=str(home / "wine"))
    session.start(WINE, "wineboot", "--init").ends()
    yield session
    session.start("/usr/lib/wine/wineserver64", "--kill").ends()


@contextlib.contextmanager
def silent_bus(home):
    """Opens a session with a bus that accepts connections and never answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "bus"))
        listener.listen(100)
        yield Session(home, f"unix:path={home}/bus")


@contextlib.contextmanager
def never_set_up(home, *options, before=":"):
    """Opens a session with a keyring that has no password yet."""
    script = f'{before}; echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat'
    variables = {name: str(home) for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME")}
    with subprocess.Popen(
        ["dbus-run-session", *options, "--", "sh", "-c", script],
        stdin=subprocess.PIPE,  # the session stays open until this is closed
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **variables},
        text=True,
    ) as bus:
        address = bus.stdout.readline().strip()
        assert address.startswith("unix:"), "the session does not start"
        yield Session(home, address)


@contextlib.contextmanager
def unlocked_keyring(home):
    """Opens a session with an unlocked, empty keyring."""
    unlock = "printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null"
    with never_set_up(home, before=unlock) as session:
        yield session


@contextlib.contextmanager
def locked_keyring(home):
    """Opens a session with a locked keyring that nobody can unlock."""
    with unlocked_keyring(home) as session:
        service, path = "org.freedesktop.secrets", "/org/freedesktop/secrets"
        lock = ["org.freedesktop.Secret.Service.Lock", f"array:objpath:{path}/collection/login"]
        session.start("dbus-send", "--session", "--print-reply", f"--dest={service}", path, *lock).succeeds()
        yield session


@contextlib.contextmanager
def without_keyring(home):
    """Opens a session with a bus that starts no services."""
    configuration = home / "bus.conf"
    configuration.write_text(
        '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "busconfig.dtd">'
        "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>"
        '<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>'
        "</busconfig>"
    )
    with never_set_up(home, f"--config-file={configuration}") as session:
        yield session
