#!/usr/bin/env python3
"""Holds a release build under load from clients and origins that hang, reset, lie and crawl, and says what holds.

    soak.py --standin FILE [--minutes N | --seconds N] [--seed N]      scripts/soak builds it first

Ends with a line for each claim, and with 1 where one does not hold. Everything is on loopback, in a folder that goes.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import books
import certificates
import ledger
from broker_watch import BrokerWatch

HERE = os.path.dirname(os.path.abspath(__file__))
CREDENTIALS = {"token": ("API_TOKEN", ()), "form": ("FORM_SECRET", ("--site", "form:client_secret")),
               "json": ("JSON_SECRET", ("--site", "json:/auth/token"))}
POOL_IDLE = 60       # seconds that the proxy keeps a connection to an origin for the next request
LONG = 900           # seconds; a shorter soak cannot tell what is lost slowly from what bad turns hold
LONGEST_WARM_UP = 300
HIGHEST_RSS = 64 * 1024  # KiB
MOST_KEPT = 32 * 1024    # KiB, when nobody is there any more: malloc gives back late what it once had
RESOLVER_THREADS = 4  # that the proxy makes where it needs them, and keeps
CLIENTS_GONE = 45    # seconds within which it lets go of everybody who went; for 30 it may try to reach an origin


class Claims:
    def __init__(self):
        self.failed = 0

    def claim(self, holds, text, *details):
        self.failed += not holds
        print(("ok      " if holds else "FAILED  ") + text, flush=True)
        for detail in details[:0 if holds else 20]:
            print(f"          {detail}", flush=True)


class Stage:
    """A vault, and the origins of its credentials, in a folder."""

    def __init__(self, standin, folder):
        self.standin, self.folder = os.path.abspath(standin), folder
        certificates.make(os.path.join(folder, "certificates"))
        self.environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TMPDIR": folder, "HOME": folder,
                            "STANDIN_HOME": os.path.join(folder, "home"),
                            "SSL_CERT_FILE": os.path.join(folder, "certificates", "ca.pem")}
        self.said = open(os.path.join(folder, "said"), "w+", encoding="utf-8")
        self.origins = subprocess.Popen([sys.executable, "-B", os.path.join(HERE, "origins.py"), folder],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.fill()
        except BaseException:
            self.end_origins()
            raise

    def fill(self):
        self.ports = json.loads(self.origins.stdout.readline())
        with open(os.path.join(self.folder, "ports.json"), "w", encoding="ascii") as file:
            json.dump(self.ports, file)
        self.call("init")
        bound = [port for name, port in self.ports.items() if name != "unbound"]
        places = [word for port in bound for word in ("--origin", f"localhost:{port}")]
        for name, (variable, sites) in CREDENTIALS.items():
            self.call("add", name, *places, *sites, "--env", variable, secret=ledger.SECRETS[name])

    def call(self, *words, secret="", check=True):
        return subprocess.run([self.standin, *words], input=secret, env=self.environment, text=True, check=check,
                              capture_output=True)

    def start_clients(self, seconds, seed):
        words = ("run", "--capture", "env", "--all", "--", sys.executable, "-B", os.path.join(HERE, "clients.py"))
        return subprocess.Popen([self.standin, *words, self.folder, str(seconds), str(seed)], env=self.environment,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said, text=True)

    def read_audit(self):
        with subprocess.Popen([self.standin, "audit", "--json"], env=self.environment, stdout=subprocess.PIPE, text=True) as log:
            return books.read_audit(log.stdout)

    def words(self):
        """The last that standin or the clients wrote to stderr."""
        self.said.seek(0)
        return self.said.read().splitlines()[-20:]

    def end_origins(self):
        self.origins.stdin.close()
        self.origins.wait()
        self.origins.stdout.close()


class Phases:
    """What the clients print, as it comes."""

    def __init__(self, run):
        self.at, self.last, self.changed = {}, None, threading.Condition()
        self.reader = threading.Thread(target=self.read, args=(run,), daemon=True)
        self.reader.start()

    def read(self, run):
        for line in run.stdout:
            with self.changed:
                self.last = json.loads(line)
                self.at[self.last["phase"]] = self.last["at"]
                self.changed.notify_all()
        with self.changed:
            self.at["end"] = time.monotonic()
            self.changed.notify_all()

    def wait_for(self, phase, seconds):
        with self.changed:
            return self.changed.wait_for(lambda: phase in self.at or "end" in self.at, seconds) and phase in self.at


def watch_until_nobody(phases, watch, seconds):
    """Samples until the clients are gone; tells of the way now and then."""
    began, told = phases.at["everybody"], time.monotonic()
    every = min(1.0, seconds / 60)
    while not phases.wait_for("nobody", every):
        if "end" in phases.at or time.monotonic() > began + seconds + 120:
            return False
        watch.sample(time.monotonic())
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(f"{told - began:6.0f} s  {watch.samples[-1][1]}", flush=True)
    return True


def wait_until(condition, seconds):
    """Looks again and again at something in /proc, which tells nobody of its changes."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def claim_flat(claims, watch, idle, phases, seconds):
    began, end = phases.at["everybody"], phases.at["the good alone"]
    warm_up = began + min(seconds * 0.4, LONGEST_WARM_UP)
    print(watch.told("rss", " KiB") + "; " + watch.told("pss", " KiB"))
    print("; ".join(watch.told(name) for name in ("descriptors", "threads", "clients", "origins")))
    for name in ("rss", "pss"):
        if windows := watch.windows(name, warm_up, end):
            # What a bad turn makes the proxy hold comes and goes. What is lost stays: it lifts the floor.
            (early, low), (late, last) = [(statistics.median(w), min(w)) for w in windows]
            most = low + low / 20 + (2048 if seconds >= LONG else 24576)
            claims.claim(last <= most, f"{name} is flat: least {low:,}, median {early:,.0f} KiB behind the warm-up; least"
                                       f" {last:,}, median {late:,.0f} at the end (least may be {most:,.0f})")
    highest = max(watch.series("rss"))
    claims.claim(highest <= HIGHEST_RSS, f"rss is never above {HIGHEST_RSS:,} KiB: {highest:,}")
    most = idle["threads"] + RESOLVER_THREADS
    claims.claim(max(watch.series("threads")) <= most, f"threads are at most {most}: {max(watch.series('threads'))}")
    if windows := watch.windows("descriptors", warm_up, end):
        early, late = map(statistics.median, windows)
        claims.claim(late <= early * 1.25 + 10, f"descriptors are flat: {early:.0f}, {late:.0f}")


def claim_nothing_left(claims, watch, idle, seconds):
    gone = wait_until(lambda: watch.look()["clients"] == 0, CLIENTS_GONE)
    claims.claim(gone, f"no client's connection is left when nobody is: {watch.look()['clients']} of them")
    if seconds > 2 * POOL_IDLE:  # a short soak does not wait for the pool
        gone = wait_until(lambda: watch.look()["origins"] == 0, POOL_IDLE + 15)
        claims.claim(gone, f"no connection to an origin is left: {watch.look()['origins']} of them")
    now = watch.look()
    if now["descriptors"] is not None:
        claims.claim(now["descriptors"] - now["origins"] <= idle["descriptors"],
                     f"descriptors without connections: {idle['descriptors']} before,"
                     f" {now['descriptors'] - now['origins']} behind")
    claims.claim(now["rss"] <= idle["rss"] + MOST_KEPT,
                 f"rss without connections: {idle['rss']:,} KiB before, {now['rss']:,} behind (may be {MOST_KEPT:,} more)")


def claim_answers(claims, folder):
    with open(os.path.join(folder, "clients.json"), encoding="utf-8") as file:
        told = json.load(file)
    good, slowest = sum(told["answered"].values()), max(told["slowest"].values(), default=0)
    print("bad turns: " + ", ".join(f"{name} {count}" for name, count in sorted(told["bad_turns"].items())))
    print("answers: " + ", ".join(f"{name} {count}" for name, count in sorted(told["answered"].items())))
    claims.claim(told["found"] == 0 and good > 0,
                 f"{good:,} well-behaved requests had their own answer, the slowest after {slowest:.2f} s;"
                 f" {told['found']} findings", *told["findings"])
    claims.claim(all(told["bad_turns"].values()) and len(told["bad_turns"]) > 40,
                 f"{len(told['bad_turns'])} kinds of misbehaviour, {sum(told['bad_turns'].values()):,} turns")


def claim_books(claims, stage):
    arrivals, wrong, whole = books.read_ledger(os.path.join(stage.folder, "ledger"))
    claims.claim(whole, "the origins' ledger is whole")
    claims.claim(not wrong, f"every request came as it was sent, with the secret for its stand-in: {len(wrong)} did not", *wrong)
    uses, ends, seqs, events = stage.read_audit()
    amiss = list(books.compare(arrivals, uses, ends, seqs))
    print("records: " + ", ".join(f"{name} {count:,}" for name, count in sorted(events.items())))
    claims.claim(not amiss and len(arrivals) > 0,
                 f"{len(arrivals):,} secrets arrived, {sum(uses.values()):,} uses and {sum(ends.values()):,} ends are on"
                 f" record; {len(amiss)} do not agree", *amiss)
    # When the run ended nobody was there any more.
    claims.claim(events["use_done aborted"] == 0, f"no use was ended by the run's end: {events['use_done aborted']}")
    verified = stage.call("audit", "verify", check=False)
    claims.claim(verified.returncode == 0, "the audit log verifies", verified.stdout, verified.stderr)


def soak(stage, seconds, seed, claims):
    run = stage.start_clients(seconds, seed)
    try:
        phases = Phases(run)
        if not phases.wait_for("ready", 60):
            sys.exit("\n".join(["soak: error: the clients did not start", *stage.words()]))
        with open(os.path.join(stage.folder, "proxy_port"), encoding="ascii") as file:
            watch = BrokerWatch(phases.last["broker"], int(file.read()), stage.ports.values())
        idle = watch.look()
        run.stdin.write("go\n")
        run.stdin.flush()
        phases.wait_for("everybody", 60)
        finished = watch_until_nobody(phases, watch, seconds)
        claims.claim(finished, "the clients came to their end")
        if finished:
            claim_flat(claims, watch, idle, phases, seconds)
            claim_nothing_left(claims, watch, idle, seconds)
        run.stdin.close()
        status = run.wait(60)
        claims.claim(status == 0, f"the run ended with status {status}", *stage.words())
    finally:
        if run.poll() is None:
            run.terminate()
            run.wait()
        stage.end_origins()
    if finished:
        claim_answers(claims, stage.folder)
    claim_books(claims, stage)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--standin", required=True, help="the release build")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seconds", type=float, help="instead of minutes")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    arguments = parser.parse_args()
    seconds = arguments.seconds or arguments.minutes * 60
    print(f"soak: {seconds:.0f} s with --seed {arguments.seed}", flush=True)
    claims = Claims()
    with tempfile.TemporaryDirectory(prefix="standin-soak-") as folder:
        stage = Stage(arguments.standin, folder)
        try:
            soak(stage, seconds, arguments.seed, claims)
        finally:
            if stage.origins.poll() is None:
                stage.end_origins()
    print("soak: everything holds" if claims.failed == 0 else f"soak: {claims.failed} claims do not hold")
    return min(claims.failed, 1)


if __name__ == "__main__":
    sys.exit(main())
