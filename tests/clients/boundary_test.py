#!/usr/bin/env python3
"""What becomes of secrets in request bodies, and in what an origin sends back, with clients that people run.

    boundary_test.py STANDIN TEST_ORIGIN PEAK_KIB [TestCase.test]

On a stage (stage.py) as a user without rights, with https://api.origin.test and https://loose.test there.
"""
import base64
import hashlib
import json
import subprocess
import sys
import unittest
import urllib.parse

import stage
from origin import field

PEAK_LIMIT_KIB = int(sys.argv[3])
# The token is a raw field's; the others have bytes that each place encodes in another way.
TOKEN = "ghp_" + "Ab3" * 12
CLIENT_SECRET = 's+e/c=r&e t%"\\ ä'
JSON_SECRET = 'j"s\\o/n ä'
LOOSE = "loose-" + "Cd4" * 8
API, LOOSE_ORIGIN = "https://api.origin.test", "https://loose.test"
UPLOAD_BYTES = 200 << 20

# Each asks for $URL with $API_TOKEN as a bearer, and prints the body as its user gets it.
CURL = 'curl -sS --compressed -H "Authorization: Bearer $API_TOKEN" '
ECHO_CLIENTS = {
    "curl --http1.1": ("sh", "-c", CURL + '--http1.1 "$URL"'),
    "curl --http2": ("sh", "-c", CURL + '--http2 "$URL"'),
    "Python requests": ("/usr/bin/python3", "-c", """
import os, requests
print(requests.get(os.environ["URL"], headers={"Authorization": "Bearer " + os.environ["API_TOKEN"]}).text, end="")
"""),
    "Node fetch": ("node", "-e", """
fetch(process.env.URL, {headers: {Authorization: `Bearer ${process.env.API_TOKEN}`}})
    .then(r => r.text()).then(t => process.stdout.write(t));
"""),
}
# Reads the events of /steps, and asks for the next one when it has one: none may wait for what comes after it.
EVENT_CLIENTS = {
    "curl --http1.1": ("sh", "-c", CURL + """-N --http1.1 "$URL/steps/$NAME?3" | while read -r data i rest; do
        [ "$data" = data: ] || continue
        echo "$i $rest"
        curl -sS "$URL/step/$NAME/$i"
    done"""),
    "curl --http2": ("sh", "-c", CURL + """-N --http2 "$URL/steps/$NAME?3" | while read -r data i rest; do
        [ "$data" = data: ] || continue
        echo "$i $rest"
        curl -sS "$URL/step/$NAME/$i"
    done"""),
    "Python requests": ("/usr/bin/python3", "-c", """
import os, requests
url, name = os.environ["URL"], os.environ["NAME"]
r = requests.get(f"{url}/steps/{name}?3", headers={"Authorization": "Bearer " + os.environ["API_TOKEN"]}, stream=True)
for line in r.iter_lines(chunk_size=1):
    if line.startswith(b"data: "):
        print(line[6:].decode())
        requests.get(f"{url}/step/{name}/{line.split()[1].decode()}")
"""),
    "Node fetch": ("node", "-e", """
(async () => {
  const {URL: url, NAME: name, API_TOKEN: token} = process.env;
  const r = await fetch(`${url}/steps/${name}?3`, {headers: {Authorization: `Bearer ${token}`}});
  let text = "";
  for await (const piece of r.body) {
    text += Buffer.from(piece).toString();
    for (let end; (end = text.indexOf("\\n\\n")) >= 0; text = text.slice(end + 2)) {
      const event = text.slice(6, end);
      console.log(event);
      await fetch(`${url}/step/${name}/${event.split(" ")[0]}`);
    }
  }
})();
"""),
}
# Posts a text with the value of a variable in it, compressed.
COMPRESSED_POST = {
    "requests": """
import gzip, os, requests, sys
url, variable, kind, before, after = sys.argv[1:]
body = gzip.compress((before + os.environ[variable] + after).encode())
requests.post(url, data=body, headers={"Content-Type": kind, "Content-Encoding": "gzip"}).raise_for_status()
""",
    "aiohttp": """
import aiohttp, asyncio, os, sys
url, variable, kind, before, after = sys.argv[1:]
async def main():
    async with aiohttp.ClientSession(trust_env=True, raise_for_status=True) as session:
        body = (before + os.environ[variable] + after).encode()
        async with session.post(url, data=body, headers={"Content-Type": kind}, compress="deflate") as response:
            await response.read()
asyncio.run(main())
""",
}


def stand_in_of(printed):
    return printed.splitlines()[0]


class Boundary(stage.OnStage):
    names = ("api.origin.test", "loose.test")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.standin("add", "api", "--origin", "api.origin.test", "--env", "API_TOKEN", secret=TOKEN)
        cls.standin("add", "oauth", "--origin", "api.origin.test", "--site", "form:client_secret", "--env", "CLIENT_SECRET",
                    secret=CLIENT_SECRET)
        cls.standin("add", "json", "--origin", "api.origin.test", "--site", "json:/auth/token", "--env", "JSON_SECRET",
                    secret=JSON_SECRET)
        cls.standin("add", "loose", "--origin", "loose.test", "--no-scrub", "--env", "API_TOKEN", secret=LOOSE)

    def run_with(self, name, *command, **more):
        done = self.standin("run", "--with", name, "--", *command, check=False, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def shell(self, name, script, **more):
        return self.run_with(name, "sh", "-ec", script, **more)

    def requests(self):
        """What came, by path."""
        return {request["target"].split("?")[0]: request for request in self.origin.all()}

    def assert_verified(self):
        self.assertEqual(self.standin("audit", "verify").returncode, 0)

    # -- what comes back

    def test_each_client_reads_its_stand_in_where_the_origin_wrote_the_secret(self):
        for client, command in ECHO_CLIENTS.items():
            for coding in ("identity", "gzip", "br"):
                with self.subTest(client=client, coding=coding):
                    out = self.run_with("api", "sh", "-ec", 'echo "$API_TOKEN"; exec "$@"', "sh", *command,
                                        URL=f"{API}/echo?{coding}")
                    self.assertEqual(field(self.origin.next(), "authorization"), ["Bearer " + TOKEN])
                    self.assertEqual(out.splitlines()[1:], ["Bearer " + stand_in_of(out)])

    def test_http2_is_spoken_with_who_asks_for_it(self):
        for flag, version in (("--http1.1", "1.1"), ("--http2", "2")):
            out = self.shell("api", f'{CURL} {flag} -o /dev/null -w "%{{http_version}}" {API}/echo?identity')
            self.assertEqual(out, version)

    def test_fields_are_scrubbed_and_what_is_untrue_of_a_decoded_body_is_not_said(self):
        for flag in ("--http1.1", "--http2"):
            out = self.shell("api", f'echo "$API_TOKEN"; {CURL} {flag} -o /dev/null -D - {API}/echo?gzip')
            fields = {name.lower(): value for name, value in
                      (line.split(": ", 1) for line in out.splitlines() if ": " in line)}
            self.assertEqual(fields["x-echo"], "Bearer " + stand_in_of(out))
            for name in ("content-encoding", "content-digest"):
                self.assertNotIn(name, fields)
            self.assertIn(fields.get("content-length"), (None, str(len("Bearer " + stand_in_of(out)) + 1)))

    def test_a_later_request_without_the_token_is_scrubbed_too(self):
        out = self.shell("api", f"""echo "$API_TOKEN"
            {CURL} {API}/echo?identity -o /dev/null
            curl -sS {API}/echo?identity -d 'I know it: {TOKEN}'""")
        self.origin.next()
        self.assertEqual(self.origin.next()["body"], f"I know it: {TOKEN}")
        self.assertEqual(out.splitlines()[1], f"I know it: {stand_in_of(out)}")

    def test_base64_of_basic_is_scrubbed(self):
        out = self.shell("api", f'echo "$API_TOKEN"; curl -sS -u "user:$API_TOKEN" {API}/echo?gzip --compressed')
        self.assertEqual(field(self.origin.next(), "authorization"),
                         ["Basic " + base64.b64encode(f"user:{TOKEN}".encode()).decode()])
        echoed = base64.b64decode(out.splitlines()[1].split()[1] + "==").decode()
        self.assertNotIn(TOKEN, echoed)
        self.assertTrue(echoed.startswith("user:"), echoed)
        self.assertIn(stand_in_of(out), echoed)

    def test_each_event_comes_without_waiting_for_the_next(self):
        for number, (client, command) in enumerate(EVENT_CLIENTS.items()):
            with self.subTest(client=client):
                out = self.run_with("api", "sh", "-ec", 'echo "$API_TOKEN"; exec "$@"', "sh", *command,
                                    URL=API, NAME=f"steps{number}")
                self.assertEqual(out.splitlines()[1:], [f"{i} Bearer {stand_in_of(out)}" for i in (1, 2, 3)])

    def test_codings_that_cannot_be_read_are_not_asked_for(self):
        self.shell("api", f'{CURL} -o /dev/null -H "Accept-Encoding: dcz, gzip, br;q=0.5" {API}/echo?identity')
        self.assertEqual(field(self.origin.next(), "accept-encoding"), ["gzip, br;q=0.5"])

    def test_a_response_that_cannot_be_read_is_refused(self):
        for flag in ("--http1.1", "--http2"):
            out = self.shell("api", f'{CURL} {flag} --suppress-connect-headers -D - {API}/echo?other'.replace("--compressed", ""))
            self.assertIn(" 502", out.splitlines()[0])
            self.assertIn("response_unreadable", out)
            self.assertNotIn(TOKEN, out)
        self.assert_verified()

    # -- what goes out in bodies

    def test_oauth_client_credentials_by_curl(self):
        out = self.shell("oauth", f"""echo "$CLIENT_SECRET"
            curl -sS {API}/token -o /dev/null -d grant_type=client_credentials -d client_id=me \\
                --data-urlencode "client_secret=$CLIENT_SECRET" --data-urlencode "note=$CLIENT_SECRET\"""")
        request = self.requests()["/token"]
        body = (f"grant_type=client_credentials&client_id=me&client_secret={urllib.parse.quote(CLIENT_SECRET, safe='')}"
                f"&note={stand_in_of(out)}")
        self.assertEqual(request["body"], body)
        self.assertEqual(field(request, "content-length"), [str(len(body))])
        self.assertEqual(field(request, "transfer-encoding"), [])
        use = self.records("use")[-1]
        self.assertEqual((use["credential"], use["site"], use["method"], use["path"], use["origin"]),
                         ("oauth", "form:client_secret", "POST", "/token", API))
        self.assert_verified()

    def test_form_and_multipart_by_requests(self):
        out = self.run_with("oauth", "/usr/bin/python3", "-c", f"""
import os, requests
s = os.environ["CLIENT_SECRET"]
print(s)
requests.post("{API}/form", data={{"client_secret": s, "other": s}}).raise_for_status()
requests.post("{API}/parts", data={{"client_secret": s, "other": s}}, files={{"client_secret": ("a.txt", s)}}).raise_for_status()
""")
        inert, requests = stand_in_of(out), self.requests()
        self.assertEqual(dict(urllib.parse.parse_qsl(requests["/form"]["body"])),
                         {"client_secret": CLIENT_SECRET, "other": inert})
        body = requests["/parts"]["body"]
        self.assertEqual(field(requests["/parts"], "content-length"), [str(len(body.encode()))])
        values = [part.split("\r\n\r\n")[1].rsplit("\r\n", 1)[0] for part in body.split("--" + body.split("\r\n")[0][2:])[1:-1]]
        self.assertEqual(values, [CLIENT_SECRET, inert, inert])  # a file is no field of a form

    def test_json_by_node_and_curl(self):
        out = self.run_with("json", "node", "-e", f"""
const t = process.env.JSON_SECRET;
console.log(t);
fetch("{API}/node", {{method: "POST", headers: {{"Content-Type": "application/json"}},
    body: JSON.stringify({{token: t, auth: {{token: t, tokens: [t], note: {{token: t}}}}}})}}).then(r => r.text());
""")
        inert = stand_in_of(out)
        self.assertEqual(json.loads(self.requests()["/node"]["body"]),
                         {"token": inert, "auth": {"token": JSON_SECRET, "tokens": [inert], "note": {"token": inert}}})
        for flag in ("--http1.1", "--http2"):
            self.shell("json", f"""printf '{{"auth": {{"token": "%s"}}}}' "$JSON_SECRET" |
                curl -sS {flag} -H "Content-Type: application/json" -o /dev/null --data-binary @- {API}/curl""")
            self.assertEqual(json.loads(self.requests()["/curl"]["body"]), {"auth": {"token": JSON_SECRET}})
        self.assertEqual({use["site"] for use in self.records("use") if use["credential"] == "json"}, {"json:/auth/token"})
        self.assert_verified()

    def test_compressed_form_and_json_are_swapped_and_go_on_decoded(self):
        for credential, variable, kind, before, after, secret in (
                ("oauth", "CLIENT_SECRET", "application/x-www-form-urlencoded", "a=b&client_secret=", "&c=d",
                 urllib.parse.quote(CLIENT_SECRET, safe="")),
                ("json", "JSON_SECRET", "application/json", '{"auth": {"token": "', '"}}', json.dumps(JSON_SECRET, ensure_ascii=False)[1:-1])):
            for client in ("requests", "aiohttp"):
                with self.subTest(credential=credential, client=client):
                    self.run_with(credential, "/usr/bin/python3", "-c", COMPRESSED_POST[client], f"{API}/gzip", variable, kind,
                                  before, after)
                    request = self.requests()["/gzip"]
                    self.assertEqual(request["body"], before + secret + after)
                    self.assertEqual(field(request, "content-encoding"), [])
        self.assert_verified()

    def test_compressed_body_that_is_damaged_is_refused_and_told_once(self):
        out = self.shell("oauth", f"""printf 'no gzip' | curl -sS -H 'Content-Encoding: gzip' --data-binary @- \\
            -o /dev/null -w '%{{http_code}}' {API}/damaged""")
        self.assertEqual(out, "400")
        told = [record for record in self.records("refused") if record["path"] == "/damaged"]
        self.assertEqual([record["reason"] for record in told], ["bad_request"])
        self.assertEqual(self.requests(), {})

    def test_secret_that_json_cannot_carry_is_refused_and_told_once(self):
        add = 'printf "no utf-8: \\377" | "$0" add binary --origin api.origin.test --site json:/key --env BINARY'
        subprocess.run(stage.as_a_user("sh", "-c", add, stage.STANDIN), check=True, env=self.environment, cwd=self.home,
                       capture_output=True)
        out = self.shell("binary", f"""curl -sS -H 'Content-Type: application/json' -o /dev/null -w '%{{http_code}}' \\
            -d '{{"key": "'"$BINARY"'"}}' {API}/binary""")
        self.assertEqual(out, "502")
        told = [record for record in self.records("refused") if record["path"] == "/binary"]
        self.assertEqual([(record["credential"], record["reason"]) for record in told], [("binary", "secret_unusable")])
        self.assertEqual(self.requests(), {})
        self.assert_verified()

    def test_what_a_body_carried_is_scrubbed_from_its_answer(self):
        out = self.shell("oauth", f"""echo "$CLIENT_SECRET"
            curl -sS --data-urlencode "client_secret=$CLIENT_SECRET" {API}/echo?identity""")
        self.assertIn("client_secret=" + urllib.parse.quote(CLIENT_SECRET, safe=""), self.origin.next()["body"])
        self.assertEqual(out.splitlines()[1], "client_secret=" + stand_in_of(out))

    def test_chunked_upload(self):
        for flag in ("--http1.1", "--http2"):
            out = self.shell("oauth", f"""echo "$CLIENT_SECRET"
                printf 'a=b&client_secret=%s&c=%s' "$CLIENT_SECRET" "$CLIENT_SECRET" |
                curl -sS {flag} -X POST -T - -H "Content-Type: application/x-www-form-urlencoded" -o /dev/null {API}/chunks""")
            self.assertEqual(self.requests()["/chunks"]["body"],
                             f"a=b&client_secret={urllib.parse.quote(CLIENT_SECRET, safe='')}&c={stand_in_of(out)}")

    def test_large_upload_with_a_field_among_it_goes_in_bounded_memory(self):
        out = self.shell("oauth", f"""echo "$CLIENT_SECRET"
            (printf 'a=b&client_secret=%s&file=' "$CLIENT_SECRET"; head -c {UPLOAD_BYTES} /dev/zero | tr '\\0' z) > body
            curl -sS -H "Content-Type: application/x-www-form-urlencoded" -H Expect: -T body -X POST {API}/upload
            rm body; echo; grep VmHWM /proc/$PPID/status""")
        lines = [line for line in out.splitlines() if line]
        sent = hashlib.sha256(f"a=b&client_secret={urllib.parse.quote(CLIENT_SECRET, safe='')}&file=".encode())
        for _ in range(UPLOAD_BYTES >> 20):
            sent.update(b"z" * (1 << 20))
        self.assertEqual(json.loads(lines[1])["sha256"], sent.hexdigest())
        peak = int(lines[-1].split()[1])
        print(f"peak memory of the broker: {peak} KiB", file=sys.stderr)
        self.assertLess(peak, PEAK_LIMIT_KIB)

    # -- --no-scrub

    def test_no_scrub_leaves_responses_as_they_are_until_scrub_takes_it_back(self):
        self.addCleanup(self.standin, "edit", "loose", "--no-scrub")
        self.assertIn("responses may have the secret", self.standin("show", "loose").stdout)
        self.assertIs(json.loads(self.standin("show", "loose", "--json").stdout)["scrub"], False)
        ask = f'{CURL} -D - "{LOOSE_ORIGIN}/echo?$CODING"'
        out = self.shell("loose", ask, CODING="gzip")
        self.assertIn("Bearer " + LOOSE, out.splitlines()[-1])
        self.assertIn("content-encoding: gzip", out.lower())
        out = self.shell("loose", ask.replace("--compressed", ""), CODING="other")
        self.assertIn("Bearer " + LOOSE, out.splitlines()[-1])

        self.standin("edit", "loose", "--scrub")
        self.assertNotIn("responses may have the secret", self.standin("show", "loose").stdout)
        self.assertIs(json.loads(self.standin("show", "loose", "--json").stdout)["scrub"], True)
        self.assertNotIn(LOOSE, self.shell("loose", ask, CODING="gzip"))
        self.assertIn("response_unreadable", self.shell("loose", ask.replace("--compressed", ""), CODING="other"))


if __name__ == "__main__":
    stage.enter("api.origin.test", "loose.test")
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
