"""Loads and saves with the Python SDK's FileStore, on command.

    store.py FILE

reads lines `load N` or `save N` and answers each with the nanoseconds that N of them took. What is
saved is on the disk afterwards, file and folder: the SDK itself leaves that to chance.
"""

import os
import sys
import time

from authgate.credstore import StoredToken
from authgate.credstore.codecs import JSONCodec
from authgate.credstore.file_store import FileStore

CLIENT = "side-by-side"


class DurableFileStore(FileStore):
    def _write_storage_map(self, data):
        super()._write_storage_map(data)
        for path in (self.file_path, os.path.dirname(self.file_path)):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


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
