#!/usr/bin/env python3
"""Measures the boundary beside a direct connection, both in one run, in turn (A B, B A): scripts/bench.

A ratio is the median over the pairs, so it holds where the machine's speed drifts. Load generator, origin and
proxy share the machine's cores. Processor time is the proxy's own, of all its threads, for each operation.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SECRET = "bench-secret-0123456789abcdef0123456789abcdef"
MEASURES = [  # title, pattern, connections
    ("keep-alive, 1 connection", "keep-alive", 1),
    ("keep-alive, 64 connections", "keep-alive", 64),
    ("new connections, 1 at a time", "new", 1),
    ("new connections, 8 at once", "new", 8),
]


def load(arguments, measure, way):
    _, pattern, connections = measure
    command = [f"{arguments.build}/tests/bench/end_to_end", "load", "--port", arguments.port]
    command += ["--pattern", pattern, "--connections", str(connections), "--seconds", str(arguments.seconds)]
    command += way + ["--watch", str(arguments.watch)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: error: the load generator failed at {measure[0]}")
    return json.loads(done.stdout)


def measure_all(arguments, proxied):
    """Prints the table. `proxied`: the options of a load that goes through the proxy."""
    direct = ["--roots", f"{arguments.folder}/ca.pem", "--token", SECRET]
    print(f"{'':30} {'direct':>10} {'proxied':>10} {'ratio':>6} {'p50 added':>10} {'p99 added':>10} {'proxy CPU':>10}")
    for measure in MEASURES:
        pairs = []
        for turn in range(arguments.pairs):
            order = [direct, proxied] if turn % 2 == 0 else [proxied, direct]
            figures = [load(arguments, measure, way) for way in order]
            pairs.append(figures if turn % 2 == 0 else figures[::-1])

        def middle(of):
            return statistics.median(of(a, b) for a, b in pairs)

        print(
            f"{measure[0]:30} {middle(lambda a, _: a['rate']):8,.0f}/s {middle(lambda _, b: b['rate']):8,.0f}/s"
            f" {middle(lambda a, b: b['rate'] / a['rate']):6.2f}"
            f" {middle(lambda a, b: b['p50'] - a['p50']):7,.0f} us {middle(lambda a, b: b['p99'] - a['p99']):7,.0f} us"
            f" {middle(lambda _, b: b['processor']):7,.0f} us",
            flush=True,
        )


def peak_memory(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def measure_inside(arguments):
    """Within `standin run`: its environment says the way."""
    arguments.watch = os.getppid()
    roots, token = os.environ["SSL_CERT_FILE"], os.environ["BENCH_TOKEN"]
    if token == SECRET:
        sys.exit("bench: error: the child was given the secret")
    version = ["--h2"] if arguments.h2 else []
    measure_all(arguments, ["--roots", roots, "--token", token, "--proxy", os.environ["HTTPS_PROXY"], *version])
    print(f"peak memory of standin: {peak_memory(arguments.watch):.1f} MiB", flush=True)
    pathlib.Path(arguments.folder, "measured").touch()


def elapsed(command, environment):
    began = time.perf_counter()
    child = os.posix_spawn(command[0], command, environment)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit(f"bench: error: {command[0]} ended with status {status}")
    return (time.perf_counter() - began) * 1000


def measure_start(standin, environment):
    bare = [shutil.which("true")]
    wrapped = [standin, "run", "--with", "bench", "--", *bare]
    pairs = []
    for turn in range(51):
        first, second = (bare, wrapped) if turn % 2 == 0 else (wrapped, bare)
        one, two = elapsed(first, environment), elapsed(second, environment)
        pairs.append((one, two) if turn % 2 == 0 else (two, one))
    pairs = pairs[1:]  # the first reads the program from the disk
    added = sorted(b - a for a, b in pairs)
    print(
        f"start: true {statistics.median(a for a, _ in pairs):.2f} ms,"
        f" standin run -- true {statistics.median(b for _, b in pairs):.2f} ms,"
        f" added {statistics.median(added):.2f} ms (of 50 pairs; the slowest tenth {added[45]:.2f} ms and more)"
    )


def with_standin(arguments):
    standin = str(pathlib.Path(arguments.build, "cli/standin").resolve())
    environment = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY")}
    environment |= {"STANDIN_HOME": f"{arguments.folder}/home", "SSL_CERT_FILE": f"{arguments.folder}/ca.pem"}
    add = [standin, "add", "bench", "--origin", f"localhost:{arguments.port}", "--env", "BENCH_TOKEN"]
    for command in ([standin, "init"], add):
        done = subprocess.run(command, env=environment, input=SECRET, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: error: {' '.join(command)}: {done.stderr}")
    inside = [sys.executable, __file__, "--inside", arguments.folder, "--port", arguments.port]
    inside += ["--h2"] if arguments.h2 else []
    inside += ["--build", arguments.build, "--seconds", str(arguments.seconds), "--pairs", str(arguments.pairs)]
    # Not captured by the kernel: that would lead the direct loads through the proxy, too. scripts/bench --capture
    # tells what it costs.
    subprocess.run([standin, "run", "--capture", "env", "--with", "bench", "--", *inside], env=environment, check=True)
    if not pathlib.Path(arguments.folder, "measured").exists():
        sys.exit("bench: error: standin run did not run its command")
    measure_start(standin, environment)


def with_engine(arguments):
    roots = f"{arguments.folder}/authority.pem"
    environment = os.environ | {
        "PROBE_STANDIN": "PLACEHOLDER",
        "PROBE_SECRET": SECRET,
        "PROBE_ROOTS": f"{arguments.folder}/ca.pem",
        "PROBE_CA_OUT": roots,
    }
    command = [f"{arguments.build}/tests/bench/proxy_probe", f"localhost:{arguments.port}"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as proxy:
        arguments.watch = proxy.pid
        url = proxy.stdout.readline().strip()
        version = ["--h2"] if arguments.h2 else []
        measure_all(arguments, ["--roots", roots, "--token", "PLACEHOLDER", "--proxy", url, *version])
        print(f"peak memory of the proxy: {peak_memory(proxy.pid):.1f} MiB")
        proxy.stdin.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build-release")
    parser.add_argument("--engine", action="store_true", help="the proxy alone: no policy, no audit, no vault")
    parser.add_argument("--h2", action="store_true", help="HTTP/2 towards the proxy; direct is HTTP/1.1 all the same")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--inside", dest="folder", help=argparse.SUPPRESS)
    parser.add_argument("--port", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.watch = 0
    if arguments.folder:
        return measure_inside(arguments)
    with tempfile.TemporaryDirectory() as arguments.folder:
        command = [f"{arguments.build}/tests/bench/end_to_end", "origin", "--folder", arguments.folder, "--token", SECRET]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as origin:
            arguments.port = origin.stdout.readline().strip()
            try:
                with_engine(arguments) if arguments.engine else with_standin(arguments)
            finally:
                origin.stdin.close()
    return None


if __name__ == "__main__":
    main()
