#!/usr/bin/env python3
"""Keeps scripts/bench from rotting: a tiny run of each kind. end_to_end_test.py BUILD_FOLDER"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TINY = ["--seconds", "0.05", "--pairs", "1", "--bytes", "300000", "--names", "3", "--events", "3", "--tunnels", "5", "--starts", "1"]
SHARED = [
    "idle tunnels", "keep-alive, 1 connection", "keep-alive, 64 connections", "new connections, 1 at a time",
    "new connections, 8 at once", "name never seen before", "293 KiB down", "293 KiB up", "events, every 10 ms",
]  # fmt: skip
HTTP2_ALONE = ["1 connection, 64 streams", "143 MB down"]


class Bench(unittest.TestCase):
    build = ""

    def bench(self, *options):
        command = [sys.executable, "-B", HERE / "end_to_end.py", "--build", self.build, *TINY, *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def rows(self, *options):
        done = self.bench(*options)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def expect_row(self, table, title):
        row = re.search(rf"^(?:5 )?{re.escape(title)} .*\n(?:  skipped: .*)?", table, re.MULTILINE)
        self.assertTrue(row, f"no row of {title!r} in:\n{table}")
        self.assertRegex(row[0], r"/s |us |MiB/1000|  skipped: no (mount namespace|unshare): .", table)

    def test_both_versions_fill_each_row(self):
        table = self.rows("--both")
        for title in SHARED:
            self.expect_row(table, title + ", HTTP/1.1")
            self.expect_row(table, title + ", HTTP/2")
        for title in HTTP2_ALONE:
            self.expect_row(table, title + ", HTTP/2")
            self.assertNotIn(title + ", HTTP/1.1", table)
        self.assertRegex(table, r"(?m)^start: true [0-9.]+ ms, standin run -- true [0-9.]+ ms, added ")

    def test_the_proxy_alone_is_measured_without_a_run(self):
        table = self.rows("--engine")
        for title in SHARED:
            self.expect_row(table, title)
        self.assertNotIn("start:", table)

    def test_only_the_rows_that_were_asked_for_are_measured(self):
        table = self.rows("--only", "keep1,down", "--h2")
        self.assertEqual(len(table.splitlines()), 4, table)
        self.assertNotEqual(self.bench("--only", "keep2").returncode, 0)

    def test_a_processor_time_is_that_of_the_proxy(self):
        times = re.findall(r"(\d+) us *$", self.rows("--only", "keep1,new1", "--seconds", "0.2"), re.MULTILINE)
        self.assertEqual(len(times), 2)
        for time in times:
            self.assertGreater(int(time), 5)

    def test_a_load_that_is_refused_is_no_figure(self):
        program = f"{self.build}/tests/bench/end_to_end"
        with tempfile.TemporaryDirectory() as folder:
            command = [program, "origin", "--folder", folder, "--token", "right"]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as origin:
                port = origin.stdout.readline().strip()
                for version in ([], ["--h2"]):
                    load = [program, "load", "--port", port, "--roots", f"{folder}/ca.pem", "--pattern", "down", "--bytes", "9"]
                    right = subprocess.run([*load, "--token", "right", *version], capture_output=True, text=True, check=False)
                    wrong = subprocess.run([*load, "--token", "wrong", *version], capture_output=True, text=True, check=False)
                    self.assertEqual((right.returncode, right.stderr), (0, ""))
                    self.assertEqual((wrong.returncode, wrong.stdout), (1, ""))
                    self.assertIn("status is 401", wrong.stderr)
                origin.stdin.close()


if __name__ == "__main__":
    Bench.build = sys.argv.pop(1)
    unittest.main()
