#!/usr/bin/env python3
"""broker/node_preload.cjs in real Node programs, with a proxy that demands a password and an origin that only the
proxy can find.

    node_preload_test.py STANDIN TEST_ORIGIN [TestCase.test]
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from connect_proxy import ConnectProxy
from origin import Origin

HERE = os.path.dirname(os.path.abspath(__file__))
PRELOAD = os.path.join(HERE, "..", "..", "broker", "node_preload.cjs")
# npm brings one along.
UNDICI = os.path.join(os.path.dirname(os.path.realpath(shutil.which("npm") or "/none")), "..", "node_modules", "undici")

GET = """
const get = (what, options = {}) => new Promise((done, fail) => what.get(url, options, (answer) => {
  answer.resume().on('end', () => done(answer.statusCode));
}).on('error', fail));
"""


class NodePreload(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="standin-node-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.origin = Origin(cls.folder, "origin", names="origin.test,localhost,127.0.0.1")
        cls.addClassCleanup(cls.origin.stop)
        cls.plain = Origin(cls.folder, "plain", "--plain")
        cls.addClassCleanup(cls.plain.stop)

    def setUp(self):
        self.proxy = ConnectProxy({"origin.test": self.origin.port, "plain.test": self.plain.port,
                                   "other.test": self.origin.port})
        self.addCleanup(self.proxy.stop)
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": self.folder, "NODE_EXTRA_CA_CERTS": self.origin.ca,
            "NODE_OPTIONS": f"--require {PRELOAD}", "HTTPS_PROXY": self.proxy.url, "HTTP_PROXY": self.proxy.url,
            "NO_PROXY": "localhost,127.0.0.1,::1,[::1]"}

    def node(self, script, *, esm=False, fails=False, words=(), **more):
        source = "const url = 'https://origin.test/x';\n" + script
        path = os.path.join(self.folder, "main.mjs" if esm else "main.cjs")
        with open(path, "w") as out:
            out.write(source)
        # The origin ends idle connections after 30 s: one that holds up the program's end is seen.
        done = subprocess.run(["node", *words, path], env=self.environment | more, capture_output=True, text=True,
                              timeout=25)
        self.assertEqual(done.returncode != 0, fails, done.stderr)
        return done.stdout.strip()

    def assert_led(self, *authorities):
        self.assertEqual(self.proxy.take(), list(authorities or ["origin.test:443"]))

    def assert_direct(self):
        self.assertEqual(self.proxy.take(), [])

    # -- http and https

    def test_https_goes_through_the_proxy(self):
        self.assertEqual(self.node(GET + "get(require('node:https')).then(console.log)"), "200")
        self.assert_led()

    def test_http_goes_through_the_proxy(self):
        self.assertEqual(self.node("require('http').get('http://plain.test/', (a) => console.log(a.resume().statusCode))"), "200")
        self.assert_led("plain.test:80")

    def test_an_agent_that_keeps_connections_keeps_its_tunnel_and_lets_the_program_end(self):
        out = self.node(GET + """
const https = require('https');
const agent = new https.Agent({ keepAlive: true });
(async () => { for (let i = 0; i < 3; ++i) console.log(await get(https, { agent })); })();""")
        self.assertEqual(out, "200\n200\n200")
        self.assert_led()

    def test_a_tls_session_is_resumed_by_the_agents_own_cache(self):
        out = self.node(GET + """
const https = require('https');
const agent = new https.Agent({ keepAlive: false });
(async () => { for (let i = 0; i < 2; ++i) console.log(await get(https, { agent })); })();""")
        self.assertEqual(out, "200\n200")
        self.assert_led("origin.test:443", "origin.test:443")
        while not self.origin.silent():
            last = self.origin.next()
        self.assertTrue(last["resumed"])

    def test_a_derived_agent_has_its_connection_at_once(self):
        out = self.node(GET + """
const https = require('https');
class Derived extends https.Agent {
  createConnection(options) {
    const connection = super.createConnection(options);
    connection.setNoDelay(true);
    connection.once('secureConnect', () => console.log('secure', connection.authorized));
    return connection;
  }
}
const agent = new Derived({ keepAlive: true });
(async () => { for (let i = 0; i < 2; ++i) console.log(await get(https, { agent })); })();""")
        self.assertEqual(out, "secure true\n200\n200")
        self.assert_led()

    def test_a_derived_agent_carries_large_bodies_both_ways(self):
        out = self.node("""
const https = require('https');
class Derived extends https.Agent { createConnection(o, c) { return super.createConnection(o, c); } }
const agent = new Derived();
const request = https.request('https://origin.test/upload', { method: 'POST', agent }, (answer) => {
  answer.setEncoding('utf8').on('data', (text) => console.log(JSON.parse(text).length)).on('end', () => https.get('https://origin.test/bytes/5000000', { agent }, (big) => {
    let size = 0;
    big.on('data', (piece) => { size += piece.length; }).on('end', () => console.log(size));
  }));
});
request.end(Buffer.alloc(3000000, 7));""")
        self.assertEqual(out, "3000000\n5000000")

    def test_an_upgrade_gets_its_socket(self):
        out = self.node("""
const key = Buffer.alloc(16, 1).toString('base64');
require('https').get('https://origin.test/ws', { headers: { Connection: 'Upgrade', Upgrade: 'websocket',
  'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': key } }).on('upgrade', (answer, socket) => {
  socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  socket.once('data', (frame) => { console.log(answer.statusCode, frame.subarray(2).toString()); socket.destroy(); });
});""")
        self.assertEqual(out, "101 hi")
        self.assert_led()

    def test_a_refusal_is_a_clear_error(self):
        out = self.node("require('https').get('https://refused.test/').on('error', (e) => console.log(e.message, e.code))")
        self.assertEqual(out, "the proxy refused to connect to refused.test:443: 403 Forbidden (egress_denied) "
                              "ERR_PROXY_TUNNEL")

    def test_a_derived_agent_is_told_of_a_refusal(self):
        out = self.node("""
const https = require('https');
class Derived extends https.Agent { createConnection(o) { return super.createConnection(o); } }
https.get('https://refused.test/', { agent: new Derived() }).on('error', (e) => console.log(e.code));""")
        self.assertEqual(out, "ERR_PROXY_TUNNEL")

    def test_a_certificate_for_another_name_is_refused_by_nodes_own_check(self):
        out = self.node("""
require('https').get('https://other.test/').on('error', (e) => console.log(e.code));
fetch('https://other.test/').catch((e) => console.log(e.cause.code));""")
        self.assertEqual(out, "ERR_TLS_CERT_ALTNAME_INVALID\nERR_TLS_CERT_ALTNAME_INVALID")

    # -- fetch and undici

    def test_fetch_goes_through_the_proxy(self):
        self.assertEqual(self.node("fetch(url).then((a) => a.json()).then((a) => console.log(a.target))"), "/x")
        self.assert_led()

    def test_fetch_after_another_part_of_undici_was_used(self):
        self.assertEqual(self.node("""
const request = new Request(url, { headers: new Headers({ a: 'b' }) });
fetch(request).then((a) => console.log(a.status, request instanceof Request, a instanceof Response))"""),
                         "200 true true")
        self.assert_led()

    def test_fetch_says_why_it_was_refused(self):
        out = self.node("fetch('https://refused.test/').catch((e) => console.log(e.message, '|', e.cause.message))")
        self.assertEqual(out, "fetch failed | the proxy refused to connect to refused.test:443: 403 Forbidden "
                              "(egress_denied)")

    @unittest.skipUnless(os.path.isdir(UNDICI), "npm's undici is not installed")
    def test_undici_of_npm_goes_through_the_proxy(self):
        out = self.node(f"""
const undici = require('{UNDICI}');
undici.request(url).then(async (a) => {{ await a.body.text(); console.log(a.statusCode); }})
  .then(() => undici.fetch(url)).then((a) => console.log(a.status)).then(() => fetch(url))
  .then((a) => console.log(a.status));""")
        self.assertEqual(out, "200\n200\n200")
        self.assertIn("origin.test:443", self.proxy.take())

    @unittest.skipUnless(os.path.isdir(UNDICI), "npm's undici is not installed")
    def test_a_dispatcher_of_the_programs_own_is_left_alone(self):
        own = ConnectProxy({"origin.test": self.origin.port})
        self.addCleanup(own.stop)
        out = self.node(f"""
const undici = require('{UNDICI}');
undici.setGlobalDispatcher(new undici.ProxyAgent({{ uri: '{own.url}', requestTls: {{
  ca: require('fs').readFileSync(process.env.NODE_EXTRA_CA_CERTS) }} }}));
undici.request(url).then(async (a) => {{ await a.body.text(); console.log(a.statusCode); }});""")
        self.assertEqual(out, "200")
        self.assertEqual(own.take(), ["origin.test:443"])
        self.assert_direct()

    # -- what is left alone

    def test_what_no_proxy_names_is_direct(self):
        for no_proxy in ("localhost", "*", "127.0.0.0/8,localhost", "x.test .localhost", f"localhost:{self.origin.port}"):
            self.assertEqual(self.node(f"""
const url2 = '{self.origin.url}';
require('https').get(url2, (a) => {{ a.resume(); console.log(a.statusCode); fetch(url2).then((b) => console.log(b.status)); }})""",
                                       NO_PROXY=no_proxy), "200\n200")
            self.assert_direct()

    def test_an_address_within_a_network_of_no_proxy_is_direct(self):
        self.assertEqual(self.node(f"fetch('https://127.0.0.1:{self.origin.port}').then((a) => console.log(a.status))",
                                   NO_PROXY="10.0.0.0/8,127.0.0.0/8"), "200")
        self.assert_direct()

    def test_a_unix_socket_is_left_alone(self):
        out = self.node("""
const http = require('http');
const socketPath = require('path').join(process.env.HOME, 'socket');
const server = http.createServer((_, answer) => answer.end('unix')).listen(socketPath, () => {
  http.get({ socketPath, host: 'origin.test' }, (a) => a.on('data', (t) => console.log(`${t}`)).on('end', () => server.close()));
});""")
        self.assertEqual(out, "unix")
        self.assert_direct()

    def test_a_tunnel_of_the_programs_own_is_left_alone(self):
        own = ConnectProxy({"origin.test": self.origin.port})
        self.addCleanup(own.stop)
        out = self.node(f"""
const auth = 'Basic ' + Buffer.from('standin:p:w/%').toString('base64');
require('http').request({{ host: '127.0.0.1', port: {own.port}, method: 'CONNECT', path: 'origin.test:443',
  headers: {{ 'Proxy-Authorization': auth }} }}).on('connect', (a, s) => {{ console.log(a.statusCode); s.destroy(); }}).end();""",
                        NO_PROXY="none.test")
        self.assertEqual((out, own.take()), ("200", ["origin.test:443"]))
        self.assert_direct()

    def test_nothing_changes_without_a_proxy_or_with_one_of_another_kind(self):
        for url in ("", "socks5://127.0.0.1:1", "no url"):
            out = self.node("""
console.log(require('https').Agent.prototype.createConnection.name, Object.getOwnPropertySymbols(globalThis).length);
""", HTTPS_PROXY=url, HTTP_PROXY=url)
            self.assertEqual(out, self.node("""
console.log(require('https').Agent.prototype.createConnection.name, Object.getOwnPropertySymbols(globalThis).length);
""", NODE_OPTIONS=""))

    def test_it_does_nothing_where_node_does_it_itself(self):
        for version, led in (("22.21.0", False), ("24.5.0", False), ("26.0.0", False), ("22.20.0", True),
                             ("24.4.1", True), ("23.11.0", True)):
            fake = os.path.join(self.folder, "version.cjs")
            with open(fake, "w") as out:
                out.write(f"Object.defineProperty(process.versions, 'node', {{ value: '{version}' }});")
            out = self.node("console.log(Symbol.for('undici.globalDispatcher.1') in globalThis)",
                            NODE_USE_ENV_PROXY="1", NODE_OPTIONS=f"--require {fake} --require {PRELOAD}")
            self.assertEqual(out, str(led).lower(), version)

    # -- wherever a program begins

    def test_an_es_module_is_led(self):
        self.assertEqual(self.node("""
import { get } from 'node:https';
get(url, (a) => { a.resume(); console.log(a.statusCode); });
console.log((await fetch(url)).status);""", esm=True), "200\n200")
        self.assert_led("origin.test:443", "origin.test:443")

    def test_a_worker_is_led(self):
        self.assertEqual(self.node("""
const { Worker } = require('worker_threads');
new Worker(`fetch('${url}').then((a) => require('https').get('${url}', (b) => {
  b.resume(); console.log(a.status, b.statusCode); }))`, { eval: true });"""), "200 200")
        self.assert_led("origin.test:443", "origin.test:443")

    def test_a_child_process_is_led(self):
        self.assertEqual(self.node("""
require('child_process').execFileSync(process.execPath, ['-e', `fetch('${url}').then((a) => console.log(a.status))`],
  { stdio: 'inherit' });"""), "200")
        self.assert_led()

    def test_a_program_of_a_run_within_a_run_is_led_once(self):
        inner = os.path.join(self.folder, "inner.cjs")
        shutil.copy(PRELOAD, inner)
        out = self.node("""
console.log(process.moduleLoadList.filter((name) => name.includes('undici')).length);
fetch(url).then((a) => require('https').get(url, (b) => { b.resume(); console.log(a.status, b.statusCode); }));""",
                        NODE_OPTIONS=f"--require {PRELOAD} --require {inner}")
        self.assertEqual(out, "0\n200 200")
        self.assert_led("origin.test:443", "origin.test:443")

    def test_nodes_test_runner_is_led(self):
        out = self.node("""
require('node:test')('t', async () => { require('assert').equal((await fetch(url)).status, 200); });""",
                        words=("--test",))
        self.assertIn("# pass 1", out)
        self.assert_led()

    def test_a_program_that_connects_to_nothing_loads_no_undici_and_ends(self):
        self.assertEqual(self.node("""
console.log(process.moduleLoadList.filter((name) => name.includes('undici')).length);"""), "0")


if __name__ == "__main__":
    del sys.argv[1:3]
    unittest.main()
