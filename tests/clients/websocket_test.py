#!/usr/bin/env python3
"""What becomes of secrets in the messages of WebSockets, with aiohttp at both ends.

    websocket_test.py STANDIN TEST_ORIGIN [TestCase.test]

On a stage (stage.py) as a user without rights. The server is https://ws.origin.test:8443: it says what it got and, where
it was asked to compress, sends all of it compressed.
"""
import json
import os
import subprocess
import sys
import unittest

import stage

TOKEN = "ghp_" + "Ab3" * 12
OTHER = "other-" + "Cd4" * 8
URL = "https://ws.origin.test:8443"
SERVER = """
import asyncio, json, os, ssl, sys
from aiohttp import WSMsgType, web

sent = {}

def tell(**what):
    print(json.dumps(what), flush=True)

async def talk(request):
    ws = web.WebSocketResponse(compress=True)
    await ws.prepare(request)
    tell(compress=ws.compress)
    async for message in ws:
        tell(kind=message.type.name, data=message.data if message.type == WSMsgType.TEXT else message.data.hex())
        if message.type == WSMsgType.TEXT:
            await ws.send_str("you said " + message.data)
        else:
            await ws.send_bytes(message.data)
    return ws

async def take(request):
    sent["token"] = request.headers["Authorization"].split()[1]
    return web.Response(text="taken")

async def leak(request):
    ws = web.WebSocketResponse(compress=True)
    await ws.prepare(request)
    async for message in ws:
        await ws.send_str("it is " + sent.get("token", "unknown"))
    return ws

app = web.Application()
app.add_routes([web.get("/talk", talk), web.get("/leak", leak), web.get("/take", take)])
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(sys.argv[1], sys.argv[2])
web.run_app(app, host=sys.argv[3], port=8443, ssl_context=tls, print=lambda *_: tell(ready=True))
"""
# Says each of its arguments, and prints what it hears.
CLIENT = """
import aiohttp, asyncio, os, sys

async def main():
    url, compress, *messages = sys.argv[1:]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, compress=int(compress)) as ws:
            for message in messages:
                await ws.send_str(message.replace("TOKEN", os.environ["API_TOKEN"]))
                print(await ws.receive_str())
                await ws.send_bytes(message.encode())
                assert await ws.receive_bytes() == message.encode()
asyncio.run(main())
"""
# Opens a WebSocket before anything was sent that is secret, and goes on with it when it was.
EARLY_CLIENT = """
import aiohttp, asyncio, os, sys

async def main():
    url, compress = sys.argv[1:]
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with session.ws_connect(url + "/leak", compress=int(compress)) as ws:
            async def ask():
                await ws.send_str("?")
                print(await ws.receive_str())
            await ask()
            async with session.get(url + "/take", headers={"Authorization": "Bearer " + os.environ["API_TOKEN"]}) as answer:
                print(await answer.text())
            await ask()
asyncio.run(main())
"""


def make_certificate(folder):
    """A server's, of an authority of its own: the files of the authority, the chain and the key."""
    at = {name: os.path.join(folder, name) for name in ("ws-ca.pem", "ws-ca.key", "ws.pem", "ws.key", "ws.csr", "ws.ext")}
    with open(at["ws.ext"], "w") as file:
        file.write("subjectAltName=DNS:ws.origin.test\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
    for command in (
            ["req", "-x509", *key, "-keyout", at["ws-ca.key"], "-out", at["ws-ca.pem"], "-subj", "/CN=ws authority", "-days", "2"],
            ["req", *key, "-keyout", at["ws.key"], "-out", at["ws.csr"], "-subj", "/CN=ws"],
            ["x509", "-req", "-in", at["ws.csr"], "-CA", at["ws-ca.pem"], "-CAkey", at["ws-ca.key"], "-CAcreateserial",
             "-out", at["ws.pem"], "-extfile", at["ws.ext"], "-days", "2"]):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return at["ws-ca.pem"], at["ws.pem"], at["ws.key"]


class WebSockets(stage.OnStage):
    names = ("api.origin.test",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        authority, chain, key = make_certificate(cls.folder)
        os.chmod(authority, 0o644)
        cls.environment["SSL_CERT_FILE"] = authority
        cls.server = subprocess.Popen([sys.executable, "-c", SERVER, chain, key, stage.ADDRESS], stdout=subprocess.PIPE,
                                      text=True)
        cls.addClassCleanup(cls.end_server)
        cls.told()
        cls.standin("add", "talk", "--origin", "ws.origin.test:8443", "--site", "ws-text", "--env", "API_TOKEN", secret=TOKEN)
        cls.standin("add", "head", "--origin", "ws.origin.test:8443", "--env", "API_TOKEN", secret=OTHER)

    @classmethod
    def end_server(cls):
        cls.server.terminate()
        cls.server.wait(60)
        cls.server.stdout.close()

    @classmethod
    def told(cls):
        """What the server tells next."""
        return json.loads(cls.server.stdout.readline())

    def run_client(self, credential, client, *arguments):
        done = self.standin("run", "--with", credential, "--", "sh", "-c", 'echo "$API_TOKEN"; exec "$@"', "sh", sys.executable,
                            "-c", client, *arguments, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def test_text_is_swapped_and_what_comes_back_is_scrubbed(self):
        for compress in (0, 15):
            with self.subTest(compress=compress):
                used = len(self.records("use"))
                stand_in, *heard = self.run_client("talk", CLIENT, URL + "/talk", str(compress), "I am TOKEN", "again: TOKEN", "x" * 9000)
                self.assertEqual(heard, [f"you said I am {stand_in}", f"you said again: {stand_in}", "you said " + "x" * 9000])
                self.assertEqual(bool(self.told()["compress"]), compress != 0)
                for said in ("I am TOKEN", "again: TOKEN", "x" * 9000):
                    self.assertEqual(self.told(), {"kind": "TEXT", "data": said.replace("TOKEN", TOKEN)})
                    self.assertEqual(self.told(), {"kind": "BINARY", "data": said.encode().hex()})
                uses = self.records("use")[used:]
                self.assertEqual([(use["credential"], use["site"], use["path"]) for use in uses], [("talk", "ws-text", "/talk")])
        self.assertEqual(self.standin("audit", "verify").returncode, 0)

    def test_text_is_inert_without_the_site(self):
        stand_in, heard = self.run_client("head", CLIENT, URL + "/talk", "15", "I am TOKEN")
        self.assertEqual(heard, f"you said I am {stand_in}")
        self.assertTrue(self.told()["compress"])
        self.assertEqual(self.told(), {"kind": "TEXT", "data": f"I am {stand_in}"})
        self.told()

    def test_secret_that_another_request_sends_is_scrubbed_from_a_connection_that_was_open(self):
        for compress in ("0", "15"):
            with self.subTest(compress=compress):
                stand_in, before, taken, after = self.run_client("head", EARLY_CLIENT, URL, compress)
                self.assertIn(before, ("it is unknown", f"it is {OTHER}"))  # of the run before: this one has sent nothing
                self.assertEqual((taken, after), ("taken", f"it is {stand_in}"))


if __name__ == "__main__":
    stage.enter("api.origin.test", "ws.origin.test")
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
