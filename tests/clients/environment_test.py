#!/usr/bin/env python3
"""The variables of `standin run` in the real clients that they are for.

    environment_test.py STANDIN TEST_ORIGIN [TestCase.test]

Each client gets an answer of two origins, or the test fails: a bound one, whose certificate is the run's own, and
one that is only relayed and trusted by a root of the parent's. A client that is not installed is skipped.
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from origin import Origin

STANDIN = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
JAVAS = sorted({os.path.realpath(path) for path in glob.glob("/usr/lib/jvm/*/bin/java")})
PATH = "/usr/local/bin:/usr/bin:/bin"


def needs(program):
    return unittest.skipUnless(shutil.which(program, path=PATH), f"{program} is not installed")


class Run(unittest.TestCase):
    """A vault, two origins, and what both got."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="standin-environment-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.bound = Origin(cls.folder, "bound")
        cls.addClassCleanup(cls.bound.stop)
        cls.relayed = Origin(cls.folder, "relayed")
        cls.addClassCleanup(cls.relayed.stop)
        cls.roots = os.path.join(cls.folder, "corp.pem")
        with open(cls.roots, "w") as out:
            for origin in (cls.bound, cls.relayed):
                with open(origin.ca) as ca:
                    out.write(ca.read())
        # A path with a space in it: each variable that quotes is tried with one.
        cls.environment = {"PATH": PATH, "HOME": cls.folder, "STANDIN_HOME": os.path.join(cls.folder, "my home"),
                           "SSL_CERT_FILE": cls.roots}
        cls.standin("init")
        cls.standin("add", "api", "--origin", cls.bound.authority, "--env", "API_TOKEN", secret="s3cret-0123456789")

    @classmethod
    def standin(cls, *words, secret="", **more):
        return subprocess.run([STANDIN, *words], input=secret, capture_output=True, text=True, check=True,
                              timeout=120, env=cls.environment | more, cwd=cls.folder)

    def run_with(self, *command, **more):
        try:
            # NO_PROXY has loopback, where all origins of a test are: without it they'd be reached directly.
            return self.standin("run", "--all", "--", "env", "NO_PROXY=", "no_proxy=", *command, **more)
        except subprocess.CalledProcessError as error:
            self.fail(f"{command}: {error.stdout}{error.stderr}")

    def assert_both_reached(self):
        for origin in (self.bound, self.relayed):
            self.assertEqual(origin.next()["method"], "GET")
            while not origin.silent():
                origin.next()

    @property
    def urls(self):
        return [self.bound.url, self.relayed.url]

    def each(self, *command, **more):
        for url in self.urls:
            self.run_with(*[word.replace("@URL@", url) for word in command], **more)
        self.assert_both_reached()


class Clients(Run):
    """Each with the variables that it reads."""

    @needs("curl")
    def test_curl(self):
        self.each("curl", "-fsS", "@URL@")

    @needs("wget")
    def test_wget(self):
        self.each("wget", "-qO", "/dev/null", "@URL@")

    @needs("ruby")
    def test_ruby(self):
        self.each("ruby", "-rnet/http", "-e", """
uri = URI('@URL@')
proxy = URI(ENV['https_proxy'])
Net::HTTP.start(uri.host, uri.port, proxy.host, proxy.port, proxy.user, proxy.password, use_ssl: true) do |http|
  exit http.get('/').code == '200'
end""")

    @needs("php")
    def test_php_curl(self):
        self.each("php", "-r", "$c = curl_init('@URL@'); curl_setopt($c, CURLOPT_RETURNTRANSFER, 1);"
                               "exit(curl_exec($c) && curl_getinfo($c, CURLINFO_RESPONSE_CODE) == 200 ? 0 : 1);")

    @needs("php")
    def test_php_streams(self):
        # They know no proxy by the environment.
        self.each("php", "-r", """
$proxy = parse_url(getenv('HTTPS_PROXY'));
$basic = base64_encode("{$proxy['user']}:{$proxy['pass']}");
$context = stream_context_create(['http' => ['proxy' => "tcp://{$proxy['host']}:{$proxy['port']}",
  'header' => "Proxy-Authorization: Basic $basic"], 'ssl' => ['peer_name' => 'localhost']]);
exit(file_get_contents('@URL@', false, $context) === false ? 1 : 0);""")

    @needs("perl")
    def test_perl_http_tiny(self):
        has_tls = subprocess.run(["perl", "-MIO::Socket::SSL", "-e1"], capture_output=True, check=False)
        if has_tls.returncode != 0:
            self.skipTest("Perl has no TLS")
        self.each("perl", "-MHTTP::Tiny", "-e", """
my $r = HTTP::Tiny->new(verify_SSL => 1)->get('@URL@');
print "$r->{status} $r->{content}\\n"; exit($r->{success} ? 0 : 1);""")

    @needs("go")
    def test_go(self):
        program = os.path.join(self.folder, "fetch.go")
        with open(program, "w") as out:
            out.write("""package main
import ("net/http"; "os")
func main() {
	for _, url := range os.Args[1:] {
		answer, err := http.Get(url)
		if err != nil { panic(err) }
		if answer.StatusCode != 200 { panic(answer.Status) }
	}
}""")
        binary = os.path.join(self.folder, "fetch")
        subprocess.run(["go", "build", "-o", binary, program], check=True, timeout=300, cwd=self.folder,
                       env=os.environ | {"GOFLAGS": "-mod=mod", "GO111MODULE": "off", "CGO_ENABLED": "0"})
        # Go goes around every proxy to "localhost", whatever NO_PROXY says: the way is its Transport's to test.
        self.run_with(binary, self.relayed.url)
        self.assertEqual(self.relayed.next()["method"], "GET")

    def test_python_urllib_and_requests(self):
        self.each("/usr/bin/python3", "-c", "import urllib.request; urllib.request.urlopen('@URL@')")
        self.each("/usr/bin/python3", "-c", "import requests; assert requests.get('@URL@').status_code == 200")

    @needs("git")
    def test_git_trusts_both(self):
        # Neither is a repository: what counts is that TLS was no reason to stop.
        for url in self.urls:
            done = self.run_with("sh", "-c", f"git ls-remote {url}/x 2>&1; true")
            self.assertNotIn("certificate", done.stdout)
        self.assert_both_reached()

    @needs("node")
    def test_node(self):
        self.each("node", "-e", "require('https').get('@URL@', (a) => process.exit(a.statusCode === 200 ? 0 : 1))",
                  NODE_EXTRA_CA_CERTS=self.relayed.ca)
        self.each("node", "-e", "fetch('@URL@').then((a) => process.exit(a.status === 200 ? 0 : 1))",
                  NODE_EXTRA_CA_CERTS=self.relayed.ca)


@unittest.skipUnless(JAVAS and shutil.which("javac") and shutil.which("keytool"), "no JDK is installed")
class Java(Run):
    """Java's variable, with each JVM that is installed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        subprocess.run(["javac", "--release", "11", "-d", cls.folder, os.path.join(HERE, "Fetch.java")], check=True)

    def fetch(self, *urls, **more):
        for java in JAVAS:
            done = self.run_with(java, "-cp", self.folder, "Fetch", *urls, **more)
            self.assertEqual(done.stdout.splitlines()[:-1], ["HttpURLConnection 200", "HttpClient 200"] * len(urls))
            self.kept = done.stdout.splitlines()[-1]
            self.warned = "standin: warning" in done.stderr
        return done

    def store(self, kind, *words, origin=None):
        path = os.path.join(self.folder, f"corp {kind}")
        self.addCleanup(os.remove, path)
        subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "corp", "-file", (origin or self.relayed).ca,
                        "-keystore", path, "-storetype", kind, "-storepass", "changeit", *words], check=True,
                       capture_output=True)
        return f"'-Djavax.net.ssl.trustStore={path}'"

    def test_both_clients_trust_the_run_and_the_parents_roots(self):
        self.fetch(*self.urls)
        self.assert_both_reached()

    def test_the_parents_options_are_kept(self):
        self.fetch(self.bound.url, JAVA_TOOL_OPTIONS="-Dkept='a  b'\"'s\"")
        self.assertEqual(self.kept, "kept a  b's")

    def test_the_parents_stores_are_merged(self):
        bound_only = {"SSL_CERT_FILE": self.bound.ca}
        for kind in ("JKS", "PKCS12"):
            options = self.store(kind) + " -Djavax.net.ssl.trustStorePassword=changeit"
            self.fetch(*self.urls, JAVA_TOOL_OPTIONS=options + " -Dkept=yes", **bound_only)
            self.assertEqual(self.kept, "kept yes")
            self.fetch(*self.urls, JAVA_TOOL_OPTIONS="", JDK_JAVA_OPTIONS=options, **bound_only)
            self.fetch(*self.urls, _JAVA_OPTIONS=options, **bound_only)
            self.assertFalse(self.warned)
        self.assert_both_reached()

    def test_a_store_that_cannot_be_read_stays_and_is_told(self):
        options = self.store("PKCS12") + " -Djavax.net.ssl.trustStorePassword="
        wrong = options + "wrong"
        done = self.run_with("printenv", "JAVA_TOOL_OPTIONS", JAVA_TOOL_OPTIONS=wrong)
        self.assertEqual(done.stdout, wrong + "\n")
        self.assertIn("standin: warning: Java won't trust this run: the trust store that JAVA_TOOL_OPTIONS names "
                      "can't be read\nstandin: hint: ", done.stderr)


if __name__ == "__main__":
    del sys.argv[1:3]
    unittest.main()
