"""Callers of the Python SDK's TokenSource, one thread each.

    callers.py CALLERS MILLISECONDS_BETWEEN_CALLS SECONDS EXPIRY_DELTA

gets a first token, says `ready`, waits for a line, lets the callers call for so long and prints each
call: caller, begin and end on the monotonic clock in nanoseconds, and how it ended. With 0 seconds
there is no first token and each caller calls once.
"""

import os
import sys
import threading
import time

from authgate.clientcreds import TokenSource
from authgate.discovery import DiscoveryClient
from authgate.oauth.client import OAuthClient

callers, pause, seconds, expiry_delta = (float(argument) for argument in sys.argv[1:5])
metadata = DiscoveryClient(os.environ["AUTHGATE_URL"]).fetch()
client = OAuthClient(
    os.environ["CLIENT_ID"], metadata.to_endpoints(), client_secret=os.environ["CLIENT_SECRET"]
)
tokens = TokenSource(client, expiry_delta=expiry_delta)
if seconds:
    tokens.token()

begun = [0] * int(callers)  # when the call in progress began; 0 between calls
calls = [[] for _ in begun]
start = threading.Barrier(len(begun) + 1)


def call(number):
    start.wait()
    while True:
        begun[number] = began = time.monotonic_ns()
        try:
            tokens.token()
            outcome = "token"
        except Exception:
            outcome = "error"
        calls[number].append((began, time.monotonic_ns(), outcome))
        begun[number] = 0
        if not seconds:
            return
        time.sleep(pause / 1000)


threads = [threading.Thread(target=call, args=(number,), daemon=True) for number in range(len(begun))]
for thread in threads:
    thread.start()
print("ready", flush=True)
sys.stdin.readline()
start.wait()
if seconds:
    time.sleep(seconds)
else:
    for thread in threads:
        thread.join()

end = time.monotonic_ns()
lines = []
for number, began in enumerate(begun):
    lines += [f"{number} {a} {b} {outcome}" for a, b, outcome in list(calls[number])]
    if began:
        lines.append(f"{number} {began} {end} waiting")
print("\n".join(lines), flush=True)
os._exit(0)  # some threads may wait for a long time yet
