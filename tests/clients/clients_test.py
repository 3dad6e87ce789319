#!/usr/bin/env python3
"""Real clients under `standin run`, each against a local TLS origin.

    clients_test.py STANDIN TEST_ORIGIN NODE_MODULES_PARENT PEAK_KIB [TestCase.test]

Each test is a claim. The origin is tests/test_origin.cc; what it got is compared with what the client was given.
"""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from origin import Origin, field
from repository import make_repository

STANDIN, _, NODE_HOME = (os.path.abspath(p) for p in sys.argv[1:4])
PEAK_LIMIT_KIB = int(sys.argv[4])
SANITIZED = PEAK_LIMIT_KIB > 100_000  # then every byte takes thirty times as long
HERE = os.path.dirname(os.path.abspath(__file__))
SECRET = "ghp_" + hashlib.sha256(os.urandom(16)).hexdigest()[:36]
OTHER_SECRET = "ntn_" + hashlib.sha256(os.urandom(16)).hexdigest()[:46]


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="standin-clients-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        repository = os.path.join(cls.folder, "git", "demo.git")
        make_repository(repository, "hello", "hello\n")
        cls.origin = Origin(cls.folder, "origin", "--cgi-git", os.path.dirname(repository))
        cls.addClassCleanup(cls.origin.stop)
        cls.other = Origin(cls.folder, "other")
        cls.addClassCleanup(cls.other.stop)
        cls.stranger = Origin(cls.folder, "stranger")
        cls.addClassCleanup(cls.stranger.stop)
        roots = os.path.join(cls.folder, "roots.pem")
        with open(roots, "w") as out:
            for origin in (cls.origin, cls.other, cls.stranger):
                with open(origin.ca) as ca:
                    out.write(ca.read())
        # A person's environment, not this test's: nothing of it names a proxy or other roots.
        cls.environment = {k: v for k, v in os.environ.items()
                           if "proxy" not in k.lower() and "CERT" not in k and "CA_" not in k and "SSL" not in k}
        cls.environment |= {"STANDIN_HOME": os.path.join(cls.folder, "home"), "SSL_CERT_FILE": roots,
                            "PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_TERMINAL_PROMPT": "0", "HOME": cls.folder}
        cls.standin("init")
        cls.standin("add", "github", "--origin", cls.origin.authority, secret=SECRET)
        cls.standin("add", "other", "--origin", cls.other.authority, "--env", "OTHER_TOKEN", secret=OTHER_SECRET)

    @classmethod
    def standin(cls, *words, secret=None, check=True, **more):
        return subprocess.run([STANDIN, *words], input=secret, capture_output=True, text=True, check=check,
                              timeout=120, env=cls.environment | more)

    def run_with(self, *command, with_=("github",), **more):
        flags = [word for name in with_ for word in ("--with", name)]
        done = self.standin("run", *flags, "--", *command, check=False, **more)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")
        self.assertNotIn(SECRET, done.stdout + done.stderr)
        return done.stdout

    def shell(self, script, **more):
        return self.run_with("sh", "-ec", script, **more)

    def assert_secret_arrived(self, value="Bearer " + SECRET):
        request = self.origin.next()
        self.assertEqual(field(request, "authorization"), [value])
        return request

    def uses(self, *words):
        out = self.standin("audit", "--json", *words).stdout
        return [json.loads(line) for line in out.splitlines() if json.loads(line)["event"] == "use"]

    # -- the clients

    def test_curl_sends_the_real_token_in_a_header(self):
        before = len(self.uses())
        self.shell(f'curl -fsS -o /dev/null -H "Authorization: Bearer $GITHUB_TOKEN" {self.origin.url}/user')
        self.assertEqual(self.assert_secret_arrived()["target"], "/user")
        use = self.uses()[-1]
        self.assertEqual(len(self.uses()), before + 1)
        self.assertEqual((use["credential"], use["site"], use["method"], use["path"], use["origin"]),
                         ("github", "header:authorization", "GET", "/user", self.origin.url))  # HTTP/2's names

    def test_git_clones_with_basic_credentials(self):
        self.shell(f'cd "$(mktemp -d)" && git clone -q "https://x-access-token:$GITHUB_TOKEN@{self.origin.authority}'
                   '/demo.git" && cat demo/hello && rm -r "$PWD"')
        authorized = [r for r in self.origin.all() if field(r, "authorization")]
        expected = "Basic " + base64.b64encode(f"x-access-token:{SECRET}".encode()).decode()
        self.assertTrue(authorized)
        for request in authorized:
            self.assertEqual(field(request, "authorization"), [expected])
        self.assertEqual(self.uses()[-1]["site"], "basic")

    def test_python_urllib(self):
        self.run_with("/usr/bin/python3", "-c", f"""
import os, urllib.request
r = urllib.request.Request("{self.origin.url}/urllib", headers={{"Authorization": "Bearer " + os.environ["GITHUB_TOKEN"]}})
assert urllib.request.urlopen(r).status == 200
""")
        self.assertEqual(self.assert_secret_arrived()["target"], "/urllib")

    def test_python_requests(self):
        self.run_with("/usr/bin/python3", "-c", f"""
import os, requests
s = requests.Session()
s.headers["Authorization"] = "Bearer " + os.environ["GITHUB_TOKEN"]
for i in range(3):
    assert s.get("{self.origin.url}/requests").status_code == 200
""")
        for _ in range(3):
            self.assert_secret_arrived()

    def test_notion_mcp_server_spoken_to_by_the_official_sdk(self):
        # The provider's variables and the token's shape; only the origin is the test's.
        self.standin("add", "notion", "--origin", self.other.authority, secret=OTHER_SECRET)
        self.addCleanup(self.standin, "remove", "notion")
        server = os.path.join(NODE_HOME, "node_modules/@notionhq/notion-mcp-server/bin/cli.mjs")
        done = subprocess.run(
            ["node", os.path.join(HERE, "mcp_client.mjs"), "API-get-self", "{}", "--",
             STANDIN, "run", "--with", "notion", "--", "node", server],
            cwd=NODE_HOME, env=self.environment | {"BASE_URL": self.other.url}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(json.loads(done.stdout.splitlines()[-1])["tools"], 5)
        request = self.other.next()
        self.assertEqual(field(request, "authorization"), ["Bearer " + OTHER_SECRET])
        self.assertEqual(request["target"], "/v1/users/me")
        use = self.uses("--credential", "notion")[-1]
        self.assertEqual(use["path"], "/v1/users/me")

    # -- the promises

    def test_nothing_the_child_can_see_holds_the_secret(self):
        seen = self.shell('cat /proc/self/environ /proc/self/cmdline /proc/$PPID/cmdline | tr "\\0" "\\n";'
                          'for p in /proc/[0-9]*; do cat $p/environ $p/cmdline 2>/dev/null | tr "\\0" "\\n" || true; done;'
                          'cat "$SSL_CERT_FILE" "$NODE_EXTRA_CA_CERTS"')
        self.assertNotIn(SECRET, seen)
        token = [l for l in seen.splitlines() if l.startswith("GITHUB_TOKEN=")][0].split("=")[1]
        self.assertTrue(token.startswith("ghp_standin") and len(token) == len(SECRET), token)

    def test_another_bound_origin_gets_403_and_no_secret(self):
        out = self.shell(f'curl -sS -D - -H "Authorization: Bearer $GITHUB_TOKEN" {self.other.url}/steal',
                         with_=("github", "other"))
        self.assertIn(" 403 ", out)
        self.assertIn("standin-error: wrong_origin", out)
        self.assertTrue(self.other.silent())
        last = self.standin("audit", "--json", "--outcome", "refused").stdout.splitlines()[-1]
        self.assertEqual(json.loads(last)["reason"], "wrong_origin")

    def test_an_unbound_origin_gets_inert_text(self):
        token = self.shell(f'curl -fsS -o /dev/null -H "Authorization: Bearer $GITHUB_TOKEN" {self.stranger.url}/; '
                           'printf %s "$GITHUB_TOKEN"')
        self.assertEqual(field(self.stranger.next(), "authorization"), ["Bearer " + token])

    def test_the_log_verifies_until_one_byte_is_changed(self):
        self.shell(f'curl -fsS -o /dev/null -H "Authorization: Bearer $GITHUB_TOKEN" {self.origin.url}/audited')
        self.assert_secret_arrived()
        self.assertEqual(self.standin("audit", "verify").returncode, 0)
        folder = os.path.join(self.folder, "home", "audit")
        copy = tempfile.mkdtemp(dir=self.folder)
        shutil.copytree(folder, os.path.join(copy, "audit"))
        newest = os.path.join(copy, "audit", sorted(os.listdir(folder))[-1])
        with open(newest, "r+b") as log:
            data = log.read()
            at = data.rindex(b"/audited") + 1
            log.seek(at)
            log.write(bytes([data[at] ^ 1]))
        done = self.standin("audit", "verify", check=False, STANDIN_AUDIT_DIR=os.path.join(copy, "audit"))
        self.assertEqual(done.returncode, 1)

    def test_rotation_reaches_a_running_child(self):
        new = "ghp_" + "Z9" * 18
        self.addCleanup(self.standin, "rotate", "github", secret=SECRET)
        with tempfile.TemporaryDirectory(dir=self.folder) as pipes:
            go = os.path.join(pipes, "go")
            os.mkfifo(go)
            ask = f'curl -fsS -o /dev/null -H "Authorization: Bearer $GITHUB_TOKEN" {self.origin.url}/'
            child = subprocess.Popen([STANDIN, "run", "--with", "github", "--", "sh", "-ec", f"{ask}; read x < {go}; {ask}"],
                                     env=self.environment)
            self.assert_secret_arrived()
            self.standin("rotate", "github", secret=new)
            with open(go, "w") as f:
                f.write("\n")
            self.assert_secret_arrived("Bearer " + new)
            self.assertEqual(child.wait(), 0)

    def test_a_gibibyte_each_way_in_constant_memory(self):
        size = 1 << (26 if SANITIZED else 30)
        auth = '-H "Authorization: Bearer $GITHUB_TOKEN"'
        out = self.shell(f"""
curl -fsS {auth} {self.origin.url}/bytes/{size} | sha256sum | cut -d" " -f1
curl -fsS {auth} {self.origin.url}/sha256/{size}; echo
head -c {size} /dev/zero | curl -fsS -T - {auth} -X POST {self.origin.url}/upload; echo
grep VmHWM /proc/$PPID/status
""")
        lines = [line for line in out.splitlines() if line]
        self.assertIn(lines[0], lines[1])
        zeros = hashlib.sha256()
        for _ in range(size >> 20):
            zeros.update(bytes(1 << 20))
        upload = json.loads(lines[2])
        self.assertEqual((upload["sha256"], upload.get("length", upload.get("body_length"))), (zeros.hexdigest(), size))
        peak = int(lines[-1].split()[1])
        print(f"peak memory of the broker: {peak} KiB", file=sys.stderr)
        self.assertLess(peak, PEAK_LIMIT_KIB)
        self.origin.all()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[5:]], verbosity=2)
