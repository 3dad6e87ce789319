#!/usr/bin/env python3
"""All clients of the soak, as one child of `standin run`: `clients.py FOLDER SECONDS SEED`.

Prints a line at each phase, and writes what it found to FOLDER/clients.json. Phases: everybody; the bad ones stop, and
the good ones go on for a while; nobody.
"""
import asyncio
import collections
import json
import logging
import os
import random
import sys
import time

from h2.exceptions import ProtocolError

from bad_clients import BadClients
from bad_origins import BadOrigins
from door import Cut, Door
from well_behaved import WellBehaved, Wrong

LONGEST_HOLD = 20  # seconds that a bad turn lasts, if not much less
ALONE = 3          # seconds of the good ones alone


class Findings:
    """What must not be: the first of them in words, all of them counted."""

    def __init__(self):
        self.count, self.texts = 0, []

    def add(self, text):
        self.count += 1
        if len(self.texts) < 40:
            self.texts.append(text)


class Soak:
    def __init__(self, folder, seconds, seed):
        with open(os.path.join(folder, "ports.json"), encoding="ascii") as file:
            ports = json.load(file)
        self.seconds = seconds
        self.random = random.Random(seed)
        self.findings = Findings()
        self.door = Door(os.environ, ports, self.findings)
        self.stand_in = {"token": os.environ["API_TOKEN"], "form": os.environ["FORM_SECRET"], "json": os.environ["JSON_SECRET"]}
        self.stopping = False
        self.numbers = 0
        self.counts, self.slowest, self.bad_turns = collections.Counter(), collections.Counter(), collections.Counter()

    def number(self):
        self.numbers += 1
        return str(self.numbers)

    def hold(self):
        return self.random.uniform(0.1, min(LONGEST_HOLD, self.seconds / 6))

    async def pause(self, mean):
        await asyncio.sleep(self.random.uniform(0, 2 * mean))

    def answered(self, kind, took):
        self.counts[kind] += 1
        self.slowest[kind] = max(self.slowest[kind], took)

    async def good(self, conversation):
        while not self.stopping:
            try:
                await conversation()
            except* (Wrong, Cut, OSError, TimeoutError, asyncio.IncompleteReadError) as group:
                for error in group.exceptions:
                    self.findings.add(f"{conversation.__name__}: {error!r}")
                await asyncio.sleep(0.1)

    async def bad(self, turn):
        while True:
            try:
                await turn()
            except* (Cut, OSError, TimeoutError, asyncio.IncompleteReadError, ProtocolError):
                pass  # as it asked for
            except* Wrong as group:
                for error in group.exceptions:
                    self.findings.add(f"{turn.__name__}: {error!r}")
            self.bad_turns[turn.__name__] += 1
            await self.pause(1)

    async def run(self):
        begin("everybody")
        good = [asyncio.create_task(self.good(c)) for c in WellBehaved(self).conversations()]
        bad = [asyncio.create_task(self.bad(t)) for t in BadClients(self).turns() + BadOrigins(self).turns()]
        done, _ = await asyncio.wait(good + bad, timeout=self.seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in bad:
            task.cancel()
        await asyncio.wait(bad)
        begin("the good alone")
        await asyncio.sleep(ALONE)
        self.stopping = True
        await asyncio.wait(good)
        for task in done:
            task.result()  # a mistake of the soak's own is not to be passed over

    def results(self):
        return {"findings": self.findings.texts, "found": self.findings.count, "answered": self.counts,
                "slowest": self.slowest, "bad_turns": self.bad_turns}


def begin(phase):
    print(json.dumps({"phase": phase, "broker": os.getppid(), "at": time.monotonic()}), flush=True)


def main():
    folder = sys.argv[1]
    soak = Soak(folder, float(sys.argv[2]), int(sys.argv[3]))
    with open(os.path.join(folder, "proxy_port"), "w", encoding="ascii") as file:
        file.write(str(soak.door.port))
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # what it says of connections that broke
    begin("ready")
    sys.stdin.readline()
    asyncio.run(soak.run())
    with open(os.path.join(folder, "clients.json"), "w", encoding="utf-8") as file:
        json.dump(soak.results(), file)
    begin("nobody")
    sys.stdin.readline()  # the run lasts until the proxy was looked at


if __name__ == "__main__":
    main()
