#!/usr/bin/env python3
"""Measures what kernel capture costs beside none, in turn (A B, B A): scripts/bench --capture.

A client's connect() to a listener on loopback: plain, handed over and made where it was meant to go, and handed
over and led to the proxy; and the start of a run, with capture by the environment and by the kernel.
"""

import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROUNDS = 2000
PAIRS = 7
STARTS = 51


def accept_all(listener):
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


def cost(build, port, prefix, environment):
    command = [*prefix, f"{build}/tests/bench/connect_cost", "127.0.0.1", str(port), str(ROUNDS)]
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)


def elapsed(command, environment):
    began = time.perf_counter()
    _, status = os.waitpid(os.posix_spawn(command[0], command, environment), 0)
    if status != 0:
        sys.exit(f"bench: error: {command[0]} ended with status {status}")
    return (time.perf_counter() - began) * 1000


def in_turn(count, one, two):
    pairs = []
    for turn in range(count):
        first, second = (one, two) if turn % 2 == 0 else (two, one)
        a, b = first(), second()
        pairs.append((a, b) if turn % 2 == 0 else (b, a))
    return pairs


def report_connects(title, pairs):
    for kind in ("blocking", "non_blocking"):
        plain = statistics.median(a[kind]["p50"] for a, _ in pairs)
        captured = statistics.median(b[kind]["p50"] for _, b in pairs)
        added = statistics.median(b[kind]["p50"] - a[kind]["p50"] for a, b in pairs)
        tail = statistics.median(b[kind]["p99"] for _, b in pairs)
        print(f"{title + ', ' + kind.replace('_', '-'):40} {plain:7.1f} us {captured:7.1f} us {added:+7.1f} us {tail:9.1f} us", flush=True)


def measure(build, folder):
    standin = str(pathlib.Path(build, "cli/standin").resolve())
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    bound = socket.create_server(("127.0.0.1", 0), backlog=4096)
    threads = [threading.Thread(target=accept_all, args=(one,), daemon=True) for one in (listener, bound)]
    for thread in threads:
        thread.start()
    environment = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY")}
    environment |= {"STANDIN_HOME": f"{folder}/home"}
    add = [standin, "add", "bench", "--origin", f"localhost:{bound.getsockname()[1]}", "--env", "BENCH_TOKEN"]
    for command in ([standin, "init"], add):
        subprocess.run(command, env=environment, input="bench-secret-0123456789", text=True, capture_output=True, check=True)

    def run(how):
        return [standin, "run", "--capture", how, "--with", "bench", "--"]

    print(f"{'connect(), p50 of ' + str(ROUNDS):40} {'plain':>10} {'captured':>10} {'added':>10} {'p99 captured':>12}")
    for title, one in (("where it was meant to go", listener), ("led to the proxy", bound)):
        port = one.getsockname()[1]
        report_connects(title, in_turn(PAIRS, lambda: cost(build, port, [], environment),
                                       lambda: cost(build, port, run("kernel"), environment)))
    true = shutil.which("true")
    pairs = in_turn(STARTS, lambda: elapsed([*run("env"), true], environment), lambda: elapsed([*run("kernel"), true], environment))[1:]
    print(f"start of a run: by the environment {statistics.median(a for a, _ in pairs):.2f} ms, by the kernel"
          f" {statistics.median(b for _, b in pairs):.2f} ms, added {statistics.median(b - a for a, b in pairs):.2f} ms (of {STARTS - 1} pairs)")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        measure(sys.argv[1] if len(sys.argv) > 1 else "build-release", work)
