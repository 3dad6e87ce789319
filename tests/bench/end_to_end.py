#!/usr/bin/env python3
"""Measures the boundary beside a direct connection, both in one run, in turn (A B, B A): scripts/bench.

A figure is the median over the pairs, so it holds where the machine's speed drifts. Load generator, origin and
proxy share the machine's cores. Processor time and memory are those of the proxy's process alone: of standin, the
parent of the command that it runs. Direct speaks the same version of HTTP as proxied, and so do both sides of the
proxy.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import typing

import end_to_end_report as report
import end_to_end_start as start

SECRET = "bench-secret-0123456789abcdef0123456789abcdef"
PLACEHOLDER = "PLACEHOLDER"
NAMES = "*.bench.test"
FEW = 3  # pairs, where one takes long


@dataclasses.dataclass
class Measure:
    """A row of the table. `options` are the load generator's, `title` is formatted with the arguments."""

    key: str
    title: str
    pattern: str
    row: typing.Callable
    options: typing.Callable = lambda _: {}
    versions: tuple = tuple(report.VERSIONS)
    few: bool = False


MEASURES = [
    Measure("tunnels", "{tunnels:,} idle tunnels", "tunnels", report.tunnels, lambda a: {"connections": a.tunnels}),
    Measure("keep1", "keep-alive, 1 connection", "keep-alive", report.rate),
    Measure("keep64", "keep-alive, 64 connections", "keep-alive", report.rate, lambda _: {"connections": 64}),
    Measure("streams64", "1 connection, 64 streams", "keep-alive", report.rate, lambda _: {"streams": 64}, ("h2",)),
    Measure("new1", "new connections, 1 at a time", "new", report.rate),
    Measure("new8", "new connections, 8 at once", "new", report.rate, lambda _: {"connections": 8}),
    Measure("names", "name never seen before", "names", report.names, lambda a: {"count": a.names}, few=True),
    Measure("down", "{size} down", "down", report.transfer, lambda a: {"bytes": a.bytes}, few=True),
    Measure("up", "{size} up", "up", report.transfer, lambda a: {"bytes": a.bytes}, few=True),
    Measure("down143", "143 MB down", "down", report.transfer, lambda _: {"bytes": 143_000_000}, ("h2",), few=True),
    Measure("events", "events, every 10 ms", "events", report.events, lambda a: {"count": a.events}, few=True),
]
KEYS = [measure.key for measure in MEASURES] + ["start"]
# option: its value, its value for --quick, what it is
AMOUNTS = {
    "seconds": (2.0, 0.5, "of each load of requests"),
    "pairs": (6, 3, f"of direct and proxied; of names, bodies and events {FEW} at most"),
    "bytes": (1 << 30, 256 << 20, "of a body"),
    "names": (100, 40, "never seen before, in each pair"),
    "events": (300, 100, "in each pair"),
    "tunnels": (1000, 250, "that idle"),
    "starts": (50, 20, "of a run, and as many of the bare command"),
}


class Bench:
    """Has the load generator run each measure both ways, and prints the rows."""

    def __init__(self, arguments, proxied):
        """`proxied`: the options of a load that goes through the proxy."""
        self.arguments = arguments
        self.direct = ["--roots", f"{arguments.folder}/ca.pem", "--token", SECRET]
        self.proxied = [*proxied, "--watch", str(arguments.watch)]
        self.next_name = 0

    def load(self, way, pattern, version, **options):
        command = [f"{self.arguments.build}/tests/bench/end_to_end", "load", "--port", self.arguments.port]
        command += ["--pattern", pattern, *way, *(["--h2"] if version == "h2" else [])]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-"), str(value)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: error: the load generator failed at {pattern}, {version}")
        return json.loads(done.stdout)

    def pairs(self, measure, version):
        if measure.key == "tunnels":  # memory grows the first time only
            return [(None, self.load(self.proxied, measure.pattern, version, **measure.options(self.arguments)))]
        pairs = []
        for turn in range(min(self.arguments.pairs, FEW) if measure.few else self.arguments.pairs):
            options = {"seconds": self.arguments.seconds, **measure.options(self.arguments)}
            if measure.key == "names":
                options["first_name"] = self.next_name
                self.next_name += self.arguments.names
            order = [self.direct, self.proxied] if turn % 2 == 0 else [self.proxied, self.direct]
            figures = [self.load(way, measure.pattern, version, **options) for way in order]
            pairs.append(figures if turn % 2 == 0 else figures[::-1])
        return pairs

    def run(self, keys, versions):
        arguments = self.arguments
        for version in versions:  # what only the first requests pay, and what then stays in memory
            self.load(self.proxied, "new", version, seconds=min(0.5, arguments.seconds))
            self.load(self.proxied, "keep-alive", version, connections=8, seconds=min(0.5, arguments.seconds))
        for measure in (m for m in MEASURES if m.key in keys):
            title = measure.title.format(size=report.size(arguments.bytes), **vars(arguments))
            for version in (v for v in versions if v in measure.versions):
                row = report.title(title, version, arguments.versions)
                if measure.key == "names" and arguments.no_names:
                    report.skipped(row, arguments.no_names)
                else:
                    measure.row(row, self.pairs(measure, version))


def parts(arguments):
    """What is measured by one process of the proxy's: keys and versions. Idle tunnels have one of their own, for
    it is memory that nobody has used before that they make it take."""
    tunnels, others = set(arguments.keys) & {"tunnels"}, set(arguments.keys) - {"tunnels", "start"}
    if tunnels:
        yield from ((tunnels, [version]) for version in arguments.versions)
    if others:
        yield others, arguments.versions


def measure_inside(arguments):
    """Within `standin run`: its environment says the way, and its process is our parent."""
    arguments.watch = os.getppid()
    roots, token = os.environ["SSL_CERT_FILE"], os.environ["BENCH_TOKEN"]
    if token == SECRET:
        sys.exit("bench: error: the child was given the secret")
    way = ["--roots", roots, "--token", token, "--proxy", os.environ["HTTPS_PROXY"]]
    Bench(arguments, way).run(*arguments.part)
    pathlib.Path(arguments.folder, "measured").touch()


def names_are_ours(arguments):
    """A namespace of mounts with more names in its /etc/hosts: the way into it, or none and why."""
    if "names" not in arguments.keys:
        return [], ""
    count = arguments.names * min(arguments.pairs, FEW) * len(arguments.versions)
    hosts = pathlib.Path(arguments.folder, "hosts")
    names = "".join(f"127.0.0.1 h{i}.bench.test\n" for i in range(count))
    hosts.write_text(pathlib.Path("/etc/hosts").read_text(encoding="utf-8") + "\n" + names, encoding="utf-8")
    enter = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-current-user", "--keep-caps"])]
    enter += ["sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]
    probe = [*enter, "getent", "ahosts", "h0.bench.test"]
    try:
        done = subprocess.run(probe, capture_output=True, text=True, check=False)
    except OSError as error:
        return [], f"no unshare: {error.strerror}"
    if done.returncode == 0 and "127.0.0.1" in done.stdout:
        return enter, ""
    return [], "no mount namespace: " + (done.stderr.strip() or "the names do not resolve")


def with_standin(arguments):
    standin = str(pathlib.Path(arguments.build, "cli/standin").resolve())
    environment = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY")}
    environment |= {"STANDIN_HOME": f"{arguments.folder}/home", "SSL_CERT_FILE": f"{arguments.folder}/ca.pem"}
    add = [standin, "add", "bench", "--env", "BENCH_TOKEN"]
    for host in ("localhost", NAMES):
        add += ["--origin", f"{host}:{arguments.port}"]
    for command in ([standin, "init"], add):
        done = subprocess.run(command, env=environment, input=SECRET, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: error: {' '.join(command)}: {done.stderr}")
    enter, arguments.no_names = names_are_ours(arguments)
    measured = pathlib.Path(arguments.folder, "measured")
    for keys, versions in parts(arguments):
        inside = [sys.executable, "-B", __file__, "--inside", json.dumps(vars(arguments) | {"part": [list(keys), versions]})]
        # Not captured by the kernel: that would lead the direct loads through the proxy, too. scripts/bench --capture
        # tells what it costs.
        run = [standin, "run", "--capture", "env", "--with", "bench", "--", *inside]
        done = subprocess.run([*enter, *run], env=environment, check=False)
        if done.returncode != 0 or not measured.exists():
            sys.exit("bench: error: standin run did not end well")
        measured.unlink()
    if "start" in arguments.keys:
        wrapped = [standin, "run", "--with", "bench", "--", shutil.which("true")]
        start.measure(wrapped, [shutil.which("true")], environment, arguments.starts)


def with_engine(arguments):
    roots = f"{arguments.folder}/authority.pem"
    environment = os.environ | {
        "PROBE_STANDIN": PLACEHOLDER,
        "PROBE_SECRET": SECRET,
        "PROBE_ROOTS": f"{arguments.folder}/ca.pem",
        "PROBE_CA_OUT": roots,
    }
    enter, arguments.no_names = names_are_ours(arguments)
    command = [*enter, f"{arguments.build}/tests/bench/proxy_probe"]
    command += [f"{host}:{arguments.port}" for host in ("localhost", NAMES)]
    for keys, versions in parts(arguments):
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as proxy:
            arguments.watch = proxy.pid  # what enters the namespace is replaced by the proxy
            url = proxy.stdout.readline().strip()
            Bench(arguments, ["--roots", roots, "--token", PLACEHOLDER, "--proxy", url]).run(keys, versions)
            proxy.stdin.close()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="scripts/bench")
    parser.add_argument("--build", default="build-release", help=argparse.SUPPRESS)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--engine", action="store_true", help="the proxy alone: no policy, no audit, no vault")
    parser.add_argument("--h2", action="store_true", help="HTTP/2 on both sides of the proxy, and direct")
    parser.add_argument("--both", action="store_true", help="HTTP/1.1 and HTTP/2, row by row")
    parser.add_argument("--only", metavar="KEYS", help=f"of {','.join(KEYS)}")
    parser.add_argument("--quick", action="store_true", help="less of everything")
    for name, (normal, quick, what) in AMOUNTS.items():
        parser.add_argument(f"--{name}", type=type(normal), help=f"{what} ({normal}; quick: {quick})")
    arguments = parser.parse_args()
    for name, (normal, quick, _) in AMOUNTS.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, quick if arguments.quick else normal)
    arguments.versions = report.VERSIONS if arguments.both else ["h2" if arguments.h2 else "h1"]
    arguments.keys = arguments.only.split(",") if arguments.only else KEYS
    if unknown := sorted(set(arguments.keys) - set(KEYS)):
        parser.error(f"--only knows {','.join(KEYS)}, not {','.join(unknown)}")
    return arguments


def main():
    arguments = parse()
    arguments.watch = 0
    if arguments.inside:
        return measure_inside(argparse.Namespace(**json.loads(arguments.inside)))
    report.heading(arguments.versions)
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
