"""Loads and saves with the Python SDK's FileStore, on command.

    store.py FILE

reads lines `load N` or `save N` and answers each with the nanoseconds that N of them took. Saving is
the SDK's with two more lines, so that a power cut loses as little as with ours: the file is on the
disk before it gets its name, and the name before save returns.
"""

import json
import os
import sys
import time

from authgate.credstore import StoredToken
from authgate.credstore.codecs import JSONCodec
from authgate.credstore.file_store import FileStore

CLIENT = "side-by-side"


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


class DurableFileStore(FileStore):
    def _write_storage_map(self, data):
        temporary = self.file_path + ".tmp"
        with open(temporary, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(json.dumps({"data": data}, indent=2))
        sync(temporary)
        os.rename(temporary, self.file_path)
        sync(os.path.dirname(self.file_path))


store = DurableFileStore(sys.argv[1], JSONCodec(StoredToken))
token = StoredToken("access-" * 100, "refresh-" * 10, "Bearer", time.time() + 3600, CLIENT)
store.save(CLIENT, token)
actions = {"load": lambda: store.load(CLIENT), "save": lambda: store.save(CLIENT, token)}
for line in sys.stdin:
    name, times = line.split()
    action = actions[name]
    begun = time.monotonic_ns()
    for _ in range(int(times)):
        action()
    print(time.monotonic_ns() - begun, flush=True)
