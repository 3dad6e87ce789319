#!/usr/bin/env python3
"""`standin run` as its hosts use it: started without a terminal, killed without ceremony, on a CI machine.

    hosts_test.py STANDIN TEST_ORIGIN [TestCase.test]

Needs no client but curl and a shell. Each test is a claim.
"""
import base64
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

from origin import Origin, field

STANDIN = os.path.abspath(sys.argv[1])
SECRET = "s3cret/+=" + os.urandom(12).hex()
NOBODY = 65534
PR_SET_CHILD_SUBREAPER = 36


def all_children_end():
    """Waits for every process that a test left behind: as a subreaper we are the parent of them all."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(60)  # a process that stays is the end of this test
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        signal.alarm(0)


class Host(unittest.TestCase):
    """A folder, a vault in it with the credential `api`, and nothing of the caller's environment."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="standin-hosts-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.chmod(self.folder, 0o755)
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": self.folder} | self.home()
        self.user = {}

    def home(self):
        return {"STANDIN_HOME": os.path.join(self.folder, "home")}

    def make_vault(self, origin="api.example.com"):
        self.standin("init")
        self.standin("add", "api", "--origin", origin, "--env", "API_TOKEN", secret=SECRET)

    def standin(self, *words, secret="", check=True, **more):
        done = subprocess.run([STANDIN, *words], input=secret, capture_output=True, text=True, check=False, timeout=120,
                              env=self.environment | more, cwd=self.folder, **self.user)
        if check:
            self.assertEqual(done.returncode, 0, f"{words}: {done.stderr}")
        return done

    def start(self, *command):
        return subprocess.Popen([STANDIN, "run", "--with", "api", "--", *command], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment, cwd=self.folder,
                                **self.user)


class McpHost(Host):
    def setUp(self):
        super().setUp()
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        if os.geteuid() == 0:  # as most people are not
            os.chown(self.folder, NOBODY, NOBODY)
            self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        self.make_vault()

    def talk(self, server, line=b'{"jsonrpc":"2.0","id":1,"method":"initialize"}\n'):
        server.stdin.write(line)
        server.stdin.flush()
        self.assertEqual(server.stdout.readline(), line)

    def finish(self, server, status):
        """Nothing more on stdout, nothing at all on stderr, no process, no file of the run."""
        out, err = server.communicate(timeout=60)
        all_children_end()
        self.assertEqual((server.returncode, out, err), (status, b"", b""))
        run = os.path.join(self.folder, "home", "run")
        self.assertEqual(os.listdir(run), [])

    def test_speaks_with_the_server_and_nobody_else_does(self):
        server = self.start("cat")
        for _ in range(3):
            self.talk(server)
        self.finish(server, 0)  # by closing stdin

    def test_that_sends_term_ends_it_all(self):
        server = self.start("cat")
        self.talk(server)
        server.terminate()
        server.wait(60)  # closing stdin would end it, too
        self.finish(server, 128 + signal.SIGTERM)

    def test_that_sends_kill_leaves_no_process(self):
        server = self.start("sh", "-c", "sleep 1000 & setsid sleep 1000 & exec cat")
        self.talk(server)
        server.kill()
        self.finish(server, -signal.SIGKILL)

    def test_whose_server_sends_things_into_the_background_leaves_none(self):
        server = self.start("sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & exec cat")
        self.talk(server)
        self.finish(server, 0)

    def test_that_closes_stdin_before_anything_gets_the_servers_own_status(self):
        done = subprocess.run(["/bin/sh", "-c", '"$0" run --with api -- sh -c "read x; exit 3" <&-', STANDIN],
                              capture_output=True, env=self.environment, cwd=self.folder, timeout=60, **self.user)
        self.assertEqual((done.returncode, done.stdout), (3, b""))

    def test_without_a_stdout_gets_the_servers_own_status(self):
        done = subprocess.run(["/bin/sh", "-c", '"$0" run --with api -- sh -c "exit 4" >&-', STANDIN],
                              capture_output=True, env=self.environment, cwd=self.folder, timeout=60, **self.user)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (4, b"", b""))

    def test_starts_several_at_once(self):
        servers = [self.start("cat") for _ in range(4)]
        for server in servers:
            self.talk(server)
        for server in servers:
            out, err = server.communicate(timeout=60)
            self.assertEqual((server.returncode, out, err), (0, b"", b""))
        all_children_end()
        self.assertEqual(self.standin("audit", "verify").stdout, "intact: 10 records of 4 runs in 1 file\n")


class CiHost(Host):
    """The key in a variable; no HOME, no XDG, no terminal; root where CI runs as root."""

    KEY = base64.b64encode(os.urandom(32)).decode()

    def home(self):
        return {"STANDIN_HOME": os.path.join(self.folder, "home"), "STANDIN_KEY": self.KEY}

    def test_needs_nothing_but_a_key_and_a_folder(self):
        self.assertIn("the value of STANDIN_KEY", self.standin("init").stdout)
        self.standin("add", "api", "--origin", "api.example.com", "--env", "API_TOKEN", secret=SECRET)
        done = self.standin("run", "--with", "api", "--egress", "locked", "--", "env")
        self.assertEqual(done.stderr, "")
        self.assertIn("\nAPI_TOKEN=standin_", "\n" + done.stdout)
        for what in (SECRET, self.KEY, "\nSTANDIN_"):
            self.assertNotIn(what, "\n" + done.stdout)
        self.assertIn("run_ended", self.standin("audit").stdout)
        self.assertEqual(self.standin("audit", "verify").stdout, "intact: 4 records of 1 run in 1 file\n")
        self.assertNotIn("fail", self.standin("doctor").stdout)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "home", "config")))

    def test_that_leaves_the_token_in_its_environment_runs_the_job_without_it(self):
        self.standin("init")
        self.environment |= {"TOKEN_OF_CI": SECRET, "DSN": f"pg://u:{SECRET}@h/{SECRET}", "OTHER": "as it is"}
        self.standin("add", "api", "--origin", "api.example.com", "--env", "API_TOKEN", "--from", "env:TOKEN_OF_CI")
        done = self.standin("run", "--with", "api", "--", "env")
        child = dict(line.split("=", 1) for line in done.stdout.splitlines())
        token = child["API_TOKEN"]
        self.assertEqual((child["TOKEN_OF_CI"], child["DSN"], child["OTHER"]),
                         (token, f"pg://u:{token}@h/{token}", "as it is"))
        self.assertNotIn(SECRET, done.stdout + done.stderr)
        self.assertIn('standin: warning: the variable "TOKEN_OF_CI" holds the secret of "api"', done.stderr)
        self.assertEqual(done.stderr.count("warning"), 2)

    def test_whose_variable_is_overwritten_anyway_is_told_nothing(self):
        self.standin("init")
        self.environment["API_TOKEN"] = SECRET
        self.standin("add", "api", "--origin", "api.example.com", "--env", "API_TOKEN", "--from", "env:API_TOKEN")
        done = self.standin("run", "--with", "api", "--", "printenv", "API_TOKEN")
        self.assertTrue(done.stdout.startswith("standin_"))
        self.assertEqual(done.stderr, "")

    def test_with_two_secrets_in_one_variable_keeps_both_from_the_job(self):
        self.make_vault()
        other = SECRET[::-1]
        self.standin("add", "other", "--origin", "other.example", "--env", "OTHER", secret=other)
        self.environment |= {"BOTH": f"{other}:{SECRET}:{other}"}
        done = self.standin("run", "--all", "--", "sh", "-c", 'test "$BOTH" = "$OTHER:$API_TOKEN:$OTHER"')
        self.assertEqual(done.stderr.count("warning"), 2)

    def test_with_a_short_secret_changes_no_value_that_has_it_by_chance(self):
        self.standin("init")
        self.standin("add", "pin", "--origin", "api.example.com", "--env", "PIN", secret="1234")
        done = self.standin("run", "--all", "--", "printenv", "PORT", PORT="12345")
        self.assertEqual((done.stdout, done.stderr), ("12345\n", ""))

    def test_that_puts_the_token_in_an_argument_is_warned(self):
        self.make_vault()
        done = self.standin("run", "--with", "api", "--", "true", "-H", "Authorization: Bearer " + SECRET)
        self.assertIn('warning: argument 2 of the command holds the secret of "api"\nstandin: hint: ', done.stderr)
        self.assertNotIn(SECRET, done.stderr)

    def test_keeps_its_vault_in_the_users_folder_where_nothing_says_otherwise(self):
        self.environment |= {"HOME": self.folder}
        del self.environment["STANDIN_HOME"]
        self.make_vault()
        self.standin("run", "--all", "--", "true")
        self.assertTrue(os.path.exists(os.path.join(self.folder, ".local", "share", "standin", "vault")))
        self.assertTrue(os.listdir(os.path.join(self.folder, ".local", "state", "standin", "audit")))

    def test_with_the_wrong_key_runs_nothing(self):
        self.make_vault()
        other = base64.b64encode(os.urandom(32)).decode()
        done = self.standin("run", "--all", "--", "touch", "ran", check=False, STANDIN_KEY=other)
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("does not open", done.stderr)
        self.assertIn("\nstandin: hint: ", done.stderr)
        self.assertNotIn(other, done.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "ran")))

    def expect_somebody_elses(self):
        done = self.standin("run", "--all", "--", "touch", os.path.join(self.folder, "ran"), check=False)
        self.assertEqual(done.returncode, 125)
        self.assertIn("belongs to another user", done.stderr)
        self.assertIn("hint: run standin as that user, or set STANDIN_HOME", done.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "ran")))

    def test_uses_no_vault_or_key_of_somebody_elses(self):
        self.make_vault()
        if os.geteuid() != 0:  # who can't give files away, but finds root's
            self.environment["STANDIN_KEY_FILE"] = "/etc/passwd"
            return self.expect_somebody_elses()
        data = os.path.join(self.folder, "home", "data")
        os.chown(os.path.join(data, "vault"), NOBODY, NOBODY)
        self.expect_somebody_elses()  # not even as root
        os.chown(os.path.join(data, "vault"), 0, 0)
        for folder in (os.path.dirname(data), data):
            os.chmod(folder, 0o755)
        self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        self.expect_somebody_elses()


class BadCertificates(Host):
    """An origin that is not who it says it is gets no request at all, and the child is told why."""

    def expect_refused(self, why, *flaw, names="localhost", trusted=True):
        origin = Origin(self.folder, "bad", *flaw, names=names)
        try:
            self.make_vault(origin.authority)
            if trusted:
                self.environment["SSL_CERT_FILE"] = origin.ca
            done = self.standin("run", "--with", "api", "--", "sh", "-c",
                                f'curl -sS -w "\\n%{{http_code}} %header{{standin-error}}" -H "Authorization: Bearer $API_TOKEN" '
                                f'-d secret=$API_TOKEN {origin.url}/')
        finally:
            origin.stop()
        body, _, result = done.stdout.rpartition("\n")
        self.assertIn(result, ("502 upstream_tls", "502 %header{standin-error}"))  # curl before 7.84 leaves it so
        error = json.loads(body)["error"]
        self.assertEqual(error["code"], "upstream_tls")
        self.assertIn(why, error["message"])
        self.assertIn(why, done.stderr)
        self.assertTrue(origin.silent(), "it got a request")
        self.assertNotIn(SECRET, done.stdout + done.stderr)
        records = [json.loads(line) for line in self.standin("audit", "--json").stdout.splitlines()]
        self.assertIn("upstream_tls", [r["reason"] for r in records if r["event"] == "refused"])
        self.assertEqual([r.get("reason") for r in records if r["event"] == "use_done"], ["upstream_tls"])

    def test_with_another_name(self):
        self.expect_refused("its certificate is for another name than localhost", names="elsewhere.example")

    def test_expired(self):
        self.expect_refused("its certificate has expired", "--flaw", "expired")

    def test_not_yet_valid(self):
        self.expect_refused("its certificate is not valid yet", "--flaw", "not-yet-valid")

    def test_self_signed(self):
        self.expect_refused("its certificate is self-signed", "--flaw", "self-signed")

    def test_from_an_unknown_authority(self):
        self.expect_refused("its certificate is from an unknown authority", "--flaw", "unknown-authority")

    def test_from_an_authority_that_nobody_trusts_here(self):
        self.expect_refused("its certificate is from an unknown authority", trusted=False)

    def test_that_is_no_servers(self):
        self.expect_refused("its certificate", "--flaw", "client-only")

    def test_the_same_way_with_a_good_one_brings_the_secret(self):
        """Otherwise the tests above would hold for a broker that sends nothing ever."""
        origin = Origin(self.folder, "good")
        self.addCleanup(origin.stop)
        self.make_vault(origin.authority)
        self.standin("run", "--with", "api", "--", "sh", "-c",
                     f'curl -fsS -H "Authorization: Bearer $API_TOKEN" {origin.url}/', SSL_CERT_FILE=origin.ca)
        self.assertEqual(field(origin.next(), "authorization"), ["Bearer " + SECRET])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
