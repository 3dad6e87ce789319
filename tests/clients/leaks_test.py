#!/usr/bin/env python3
"""Looks for secrets where none may be: in all that a run writes, says, and has in its processes.

    leaks_test.py STANDIN TEST_ORIGIN [TestCase.test]

The clients are curl and a shell; the origins are tests/test_origin.cc.
"""
import base64
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

STANDIN, TEST_ORIGIN = (os.path.abspath(p) for p in sys.argv[1:3])
RANDOM = os.urandom(8).hex()
# Every one has bytes that the encoders change.
SECRETS = {name: f"{name}+{RANDOM}/ä={name}~?&%41" for name in
           ("header", "basic", "query", "path", "form", "json", "trace", "elsewhere", "untrusted", "unreachable")}
SECRETS["unusable"] = f"unusable{RANDOM}\nunusable/+=ä"

# Writes what its process, its shell and (where it may) standin's first process have in memory.
DUMP = """
import os, sys
def ids():
    shell = os.getppid()
    broker = int(open(f"/proc/{shell}/stat").read().rsplit(")", 1)[1].split()[1])
    guardian = int(open(f"/proc/{broker}/stat").read().rsplit(")", 1)[1].split()[1])
    return [os.getpid(), shell] + ([guardian] if os.geteuid() == 0 else [])
for pid in ids():
    with open(f"/proc/{pid}/mem", "rb", 0) as memory, open(f"{sys.argv[1]}/memory-{pid}", "wb") as out:
        for line in open(f"/proc/{pid}/maps"):
            if "rw" not in line.split()[1] or "[v" in line: continue
            begin, end = (int(x, 16) for x in line.split()[0].split("-"))
            try:
                memory.seek(begin)
                out.write(memory.read(end - begin))
            except OSError: pass
"""


def forms_of(secret):
    """The bytes by which a secret can be told: raw, percent-encoded, in base64 at each of its three offsets, in hex."""
    raw = secret.encode()
    percent = urllib.parse.quote(raw, safe="")
    forms = {raw, percent.encode(), urllib.parse.quote(raw, safe="~").encode(), raw.hex().encode()}
    forms |= {form.lower() for form in (percent.encode(),)}
    for lead in range(3):
        encoded = base64.b64encode(b"-" * lead + raw)
        forms.add(encoded[4 if lead else 0:len(encoded) // 4 * 4 - 4])
    return forms


class Origin:
    """A running test_origin, and what it got."""

    def __init__(self, folder, name, host="localhost"):
        self.ca = os.path.join(folder, name + "-ca.pem")
        self.process = subprocess.Popen([TEST_ORIGIN, "--names", host, "--ca-out", self.ca],
                                        stdout=subprocess.PIPE, text=True)
        self.authority = f"{host}:{int(self.process.stdout.readline())}"
        self.url = f"https://{self.authority}"
        self.got = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.got.put(json.loads(line))

    def next(self):
        return self.got.get(timeout=30)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.process.stdout.close()


class Leaks(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="standin-leaks-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.written = os.path.join(self.folder, "written")  # all that is looked through
        os.mkdir(self.written)
        self.origins = {name: self.make_origin(name) for name in ("origin", "other")}
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": self.written,
                            "STANDIN_HOME": os.path.join(self.written, "home"),
                            "SSL_CERT_FILE": self.roots(*self.origins.values())}
        self.key = base64.b64encode(os.urandom(32)).decode()
        self.environment["STANDIN_KEY"] = self.key
        self.standin("init")

    def make_origin(self, name, host="localhost"):
        origin = Origin(self.folder, name, host)
        self.addCleanup(origin.stop)
        return origin

    def roots(self, *origins):
        path = os.path.join(self.folder, "roots.pem")
        with open(path, "w") as out:
            for origin in origins:
                with open(origin.ca) as ca:
                    out.write(ca.read())
        return path

    def standin(self, *words, secret=None, check=True, **more):
        done = subprocess.run([STANDIN, *words], input=secret.encode() if secret else None, capture_output=True,
                              check=False, timeout=120, env=self.environment | more)
        if check:
            self.assertEqual(done.returncode, 0, f"{words}: {done.stderr.decode()}")
        return done

    def add(self, name, authority, *flags):
        self.standin("add", name, "--origin", authority, "--env", "TOKEN_" + name.upper(), *flags, secret=SECRETS[name])

    def run_shell(self, script, **more):
        return self.standin("run", "--all", "--", "sh", "-uc", "ask() { curl -sS -o /dev/null -w '%{http_code} ' \"$@\"; }\n" + script, **more)

    def assert_nowhere(self, secrets, said):
        places = {"what it said": said}
        for folder, _, names in os.walk(self.written):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    places[path] = file.read()
        for name, secret in secrets.items():
            for form in forms_of(secret):
                for place, text in places.items():
                    self.assertFalse(form in text, f"secret {name}, as {form!r}, is in {place}")

    def test_no_secret_is_in_anything_that_a_run_writes_says_or_has_in_memory(self):
        here, other = self.origins["origin"], self.origins["other"]
        untrusted = self.make_origin("untrusted")
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.add("unreachable", f"localhost:{closed.getsockname()[1]}", "--site", "query:key")
            unreachable = f"https://localhost:{closed.getsockname()[1]}"
        self.add("header", here.authority)
        self.add("basic", here.authority, "--site", "basic")
        self.add("query", here.authority, "--site", "query:key")
        self.add("path", here.authority, "--site", "path")
        self.add("form", here.authority, "--site", "form:secret")
        self.add("json", here.authority, "--site", "json:/secret")
        self.add("trace", here.authority)
        self.add("unusable", here.authority)
        self.add("elsewhere", other.authority)
        self.add("untrusted", untrusted.authority)
        dump = os.path.join(self.folder, "dump.py")
        with open(dump, "w") as out:
            out.write(DUMP)
        done = self.run_shell(f"""
            ask -H "Authorization: Bearer $TOKEN_HEADER" {here.url}/status/200
            ask -u "user:$TOKEN_BASIC" {here.url}/status/200
            ask "{here.url}/status/200?key=$TOKEN_QUERY&more=1"
            ask {here.url}/bytes/$TOKEN_PATH
            echoed() {{ curl -sS -w '%{{http_code}} ' -o {self.written}/echo-$# -D {self.written}/echo-head-$# "$@"; }}
            echoed "{here.url}/echo?identity" --data-urlencode "secret=$TOKEN_FORM"
            echoed "{here.url}/echo?gzip" --compressed -H "Authorization: Bearer $TOKEN_HEADER" -H "Content-Type: application/json" \
                -d '{{"secret":"'$TOKEN_JSON'"}}'
            ask -X TRACE -H "X-Api-Key: $TOKEN_TRACE" {here.url}/status/200
            ask -H "X-Api-Key: $TOKEN_UNUSABLE" {here.url}/status/200
            ask -H "X-Api-Key: $TOKEN_ELSEWHERE" {here.url}/status/200
            ask -H "X-Api-Key: $TOKEN_UNTRUSTED" {untrusted.url}/status/200
            ask "{unreachable}/?key=$TOKEN_UNREACHABLE"
            echo
            cp -r "$(dirname "$SSL_CERT_FILE")" {self.written}/run-folder
            env > {self.written}/environment
            cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline > {self.written}/processes 2>/dev/null
            python3 {dump} {self.written}
            """)
        said = done.stdout + done.stderr
        self.assertEqual(done.stdout.split(), b"200 200 200 200 200 200 403 502 403 502 502".split(), done.stderr.decode())
        # What was looked for has really been sent, or this would find nothing in any case.
        got = [here.next() for _ in range(6)]
        self.assertIn(SECRETS["header"], str(got[0]))
        self.assertIn(base64.b64encode(b"user:" + SECRETS["basic"].encode()).decode(), str(got[1]))
        self.assertIn(urllib.parse.quote(SECRETS["query"], safe="~"), got[2]["target"])
        self.assertIn(urllib.parse.quote(SECRETS["path"], safe="~"), got[3]["target"])
        self.assertEqual(got[4]["body"], "secret=" + urllib.parse.quote(SECRETS["form"], safe="~"))
        self.assertEqual(json.loads(got[5]["body"]), {"secret": SECRETS["json"]})
        self.assertTrue(here.got.empty() and other.got.empty() and untrusted.got.empty())
        self.standin("audit", "verify")
        said += self.standin("audit", "--json").stdout + self.standin("show", "header", "--json").stdout
        memory = [name for name in os.listdir(self.written) if name.startswith("memory-")]
        self.assertEqual(len(memory), 3 if os.geteuid() == 0 else 2)
        echoes = [name for name in os.listdir(self.written) if name.startswith("echo-")]
        self.assertEqual(len(echoes), 4)
        for name in echoes:
            self.assertGreater(os.path.getsize(os.path.join(self.written, name)), 40, "nothing was sent back")
        for name in (*memory, "environment", "processes"):
            with open(os.path.join(self.written, name), "rb") as file:
                self.assertIn(self.written.encode(), file.read(), "what was to be looked through is not there")
        self.assert_nowhere(SECRETS | {"key of the vault": self.key}, said)

    def test_nothing_is_sent_while_the_log_cannot_be_written_and_it_goes_on_when_it_can(self):
        here = self.origins["origin"]
        self.add("header", here.authority)
        audit = os.path.join(self.written, "home", "audit")
        ask = f'ask -H "Authorization: Bearer $TOKEN_HEADER" {here.url}/status/200'
        done = self.run_shell(f"{ask}; cp -a {audit} {audit}.kept; rm -r {audit}; touch {audit}; {ask}; {ask}; rm {audit};"
                              f"mv {audit}.kept {audit}; {ask}")
        self.assertEqual(done.stdout.split(), b"200 503 503 200".split())
        self.assertIn(b"the audit log at", done.stderr)
        self.assertEqual([here.next()["target"], here.next()["target"], here.got.empty()], ["/status/200"] * 2 + [True])
        self.standin("audit", "verify")
        events = [json.loads(line)["event"] for line in self.standin("audit", "--json").stdout.splitlines()]
        self.assertEqual(events[-8:], ["run_started", "use", "use_done", "refused", "refused", "use", "use_done", "run_ended"])
        self.assert_nowhere(SECRETS, done.stdout + done.stderr)

    def test_a_run_within_a_run_swaps_for_both(self):
        host = socket.gethostname()  # not "localhost", for which no proxy is asked
        origin = self.make_origin("nested", host)
        self.environment["SSL_CERT_FILE"] = self.roots(origin)
        self.add("header", origin.authority)
        inner = {"STANDIN_HOME": os.path.join(self.written, "inner"), "STANDIN_KEY": self.key}
        self.standin("init", **inner)
        self.standin("add", "other", "--origin", origin.authority, "--env", "OTHER", secret="inner-secret", **inner)
        done = self.run_shell(f"""
            export STANDIN_HOME={inner["STANDIN_HOME"]} STANDIN_KEY={self.key}
            {STANDIN} run --all -- sh -uc 'curl -sS -o /dev/null -w "%{{http_code}}" \\
                -H "Authorization: Bearer $OTHER" -H "X-Api-Key: $TOKEN_HEADER" {origin.url}/status/200'""")
        self.assertEqual(done.stdout, b"200", done.stderr.decode())
        # In lower case: HTTP/2 has brought them here.
        fields = dict((name.lower(), value) for name, value in origin.next()["headers"])
        self.assertEqual((fields["authorization"], fields["x-api-key"]), ("Bearer inner-secret", SECRETS["header"]))
        for words in ({}, inner):
            self.standin("audit", "verify", **words)
            self.assertIn(b'"use_done"', self.standin("audit", "--json", **words).stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
