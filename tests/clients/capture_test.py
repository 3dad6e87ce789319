#!/usr/bin/env python3
"""Kernel capture in whole runs: who is captured, by what, what the log says of it; runs in runs; deaths.

    capture_test.py STANDIN TEST_ORIGIN [TestCase.test]

On a stage (stage.py) as a user without rights, with https://api.origin.test and https://other.test there. The client is
Python with a TLS socket of its own: it knows nothing of proxies.
"""
import ctypes
import json
import os
import signal
import subprocess
import sys
import unittest

import stage
from origin import field
from stage import STANDIN

SECRET = "ghp_" + "Ab3" * 12
PR_SET_CHILD_SUBREAPER = 36
CLIENT = """
import os, socket, ssl, sys
host, path = sys.argv[1:3]
with ssl.create_default_context().wrap_socket(socket.create_connection((host, 443)), server_hostname=host) as s:
    s.sendall(f"GET {path} HTTP/1.1\\r\\nHost: {host}\\r\\nAuthorization: Bearer {os.environ.get('API_TOKEN')}\\r\\n\\r\\n".encode())
    print(s.recv(65536).split(b" ")[1].decode())
"""


class Capture(stage.OnStage):
    names = ("api.origin.test", "other.test")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = os.path.join(cls.folder, "client.py")
        with open(cls.client, "w") as file:
            file.write(CLIENT)
        cls.standin("add", "api", "--origin", "api.origin.test", "--env", "API_TOKEN", secret=SECRET)
        cls.standin("add", "other", "--origin", "other.test", "--env", "OTHER_TOKEN", secret="other-" + SECRET)

    def run_with(self, name, *command, options=()):
        return self.standin("run", *options, "--with", name, "--", *command, check=False)

    def ask(self, path, host="api.origin.test"):
        return ("/usr/bin/python3", self.client, host, path)

    def assert_swapped(self, path):
        requests = [request for request in self.origin.all() if request["target"] == path]
        self.assertEqual([field(request, "authorization") for request in requests], [["Bearer " + SECRET]])

    # -- the way

    def test_no_flag_is_needed_and_the_log_says_how_it_was_captured(self):
        done = self.run_with("api", *self.ask("/auto"))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "200\n", ""))
        self.assert_swapped("/auto")
        self.assertEqual(self.records("run_started")[-1]["reason"], "capture_kernel")

    def test_kernel_capture_can_be_insisted_on(self):
        self.assertEqual(self.run_with("api", *self.ask("/kernel"), options=("--capture", "kernel")).returncode, 0)
        self.assert_swapped("/kernel")

    def test_with_the_environment_alone_such_a_client_goes_around(self):
        done = self.run_with("api", *self.ask("/env"), options=("--capture", "env"))
        # It does not even trust what it meets there: its roots are the run's, and the origin's own are among them.
        self.assertEqual(done.returncode, 0, done.stderr)
        token = field(self.origin.all()[-1], "authorization")[0]
        self.assertNotIn(SECRET, token)
        self.assertTrue(token.startswith("Bearer ghp_standin") or "standin" in token, token)
        self.assertEqual(self.records("run_started")[-1]["reason"], "capture_environment: as asked for")

    def test_what_is_not_bound_is_relayed_and_the_log_has_the_address(self):
        done = self.run_with("api", *self.ask("/unbound", "other.test"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.origin.all()), 1)
        tunnel = self.records("tunnel")[-1]
        self.assertEqual((tunnel["origin"], tunnel["reason"]), ("https://other.test", "address " + stage.ADDRESS))

    def test_insisting_fails_inside_of_a_run_and_says_why(self):
        done = self.run_with("api", STANDIN, "run", "--capture", "kernel", "--with", "api", "--", "true")
        # STANDIN_* never reaches the child: the inner one has no vault to speak of, and is not even asked for it.
        self.assertEqual(done.returncode, 125)
        self.assertIn("standin: error: kernel capture can't be had: another supervisor", done.stderr)

    def test_metadata_is_out_of_reach_for_every_client(self):
        done = self.run_with("api", "/usr/bin/python3", "-c",
                             "import socket\ntry: socket.create_connection(('169.254.169.254', 80))\nexcept OSError as e: print(e.errno)")
        self.assertEqual(done.stdout, "13\n")
        self.assertIn("link-local or cloud metadata", done.stderr)
        refused = self.records("refused")[-1]
        self.assertEqual((refused["origin"], refused["reason"]), ("tcp://169.254.169.254:80", "egress_denied"))

    def test_setuid_command_does_with_its_environment_and_is_told(self):
        done = self.run_with("api", "su", "--version")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('standin: warning: "su" runs with the rights of another user', done.stderr)
        self.assertIn("rights of another user", self.records("run_started")[-1]["reason"])

    def test_doctor_tells_that_it_can(self):
        doctor = self.standin("doctor", "--json", check=False)
        found = {check["subject"]: check for check in json.loads(doctor.stdout)}
        self.assertEqual(found["kernel capture"]["level"], "ok")
        self.assertIn("sudo", found["setuid programs"]["text"])

    # -- runs in runs

    def inner(self, *words):
        """`standin run` as the command of another: with the vault, which a run does not hand on by itself."""
        home = f"STANDIN_HOME={self.environment['STANDIN_HOME']}"
        return ("env", home, f"SSL_CERT_FILE={self.origin.ca}", STANDIN, "run", *words)

    def test_run_inside_of_a_run_swaps_for_clients_that_know_proxies(self):
        curl = ("sh", "-c", 'curl -sS -o /dev/null -w "%{http_code}" -H "Authorization: Bearer $API_TOKEN" https://api.origin.test/nested')
        for words in (("--with", "api"), ("--capture", "env", "--with", "api")):
            done = self.run_with("other", *self.inner(*words, "--", *curl))
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "200", ""))
            self.assert_swapped("/nested")
        reasons = [record["reason"] for record in self.records("run_started")[-4:]]
        self.assertIn("capture_kernel", reasons)
        self.assertTrue(any("another supervisor" in reason for reason in reasons), reasons)

    def test_outer_run_captures_what_the_inner_can_not(self):
        done = self.run_with("api", *self.inner("--with", "other", "--", "sh", "-c", f'API_TOKEN="$OUTER" exec "$@"', "sh",
                                                *self.ask("/outer")))
        self.assertEqual(done.returncode, 0, done.stderr)
        request = self.origin.all()[-1]
        self.assertEqual(request["target"], "/outer")
        self.assertIn("https://api.origin.test", [record["origin"] for record in self.records("tunnel") + self.records("use")])

    # -- deaths

    def test_killing_standin_leaves_no_captured_process(self):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        command = stage.as_a_user(STANDIN, "run", "--with", "api", "--", "sh", "-c", "setsid sleep 1000 & echo up; exec sleep 1000")
        run = subprocess.Popen(command, env=self.environment, cwd=self.home, stdout=subprocess.PIPE, text=True)
        self.assertEqual(run.stdout.readline(), "up\n")
        run.send_signal(signal.SIGKILL)
        run.wait(60)
        self.assertEqual(run.stdout.read(), "")  # the pipe's end: nobody holds it any more
        run.stdout.close()


if __name__ == "__main__":
    stage.enter("api.origin.test", "other.test")
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
