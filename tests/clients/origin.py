"""A running tests/test_origin.cc (the test's second argument), and what it got."""
import json
import os
import queue
import signal
import subprocess
import sys
import threading

TEST_ORIGIN = os.path.abspath(sys.argv[2])


class Origin:
    def __init__(self, folder, name, *more, names="localhost"):
        self.ca = os.path.join(folder, name + "-ca.pem")
        self.process = subprocess.Popen(
            [TEST_ORIGIN, "--names", names, "--ca-out", self.ca, *more], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.authority = f"localhost:{self.port}"
        self.url = f"https://{self.authority}"
        self.got = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.got.put(json.loads(line))

    def next(self):
        return self.got.get(timeout=30)

    def silent(self):
        return self.got.empty()

    def all(self):
        """What it got since the last question."""
        requests = []
        while not self.silent():
            requests.append(self.next())
        return requests

    def stop(self):
        """After this, whatever it got is in `got`."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()


def field(request, name):
    return [v for n, v in request["headers"] if n.lower() == name]
