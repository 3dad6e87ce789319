#!/usr/bin/env python3
"""Every client of docs/clients.md, led by proxy variables alone and by the kernel, against https://api.github.com.

    clients_table_test.py STANDIN TEST_ORIGIN CLIENTS_HOME [--only PART-OF-NAME] [--write]

That origin is tests/test_origin.cc, on a stage (stage.py). The clients are told, and what is expected of them, in
clients.py; --only runs some of them, and --write writes the page instead.
"""
import argparse
import base64
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

import clients
import stage
from origin import Origin, field
from repository import make_repository

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "..", "docs", "clients.md")
SECRET = "ghp_" + hashlib.sha256(os.urandom(16)).hexdigest()[:36]
PATIENCE = 60  # seconds, for any one client


class Run:
    """One client in one mode. `key` is in the path of each request it makes, `answer` in what the origin says to it."""

    def __init__(self, client, mode):
        self.client = client
        self.mode = mode
        self.key = re.sub(r"\W+", "-", client.name.lower()).strip("-") + "-" + mode
        self.answer = os.urandom(16).hex()
        self.said = ""
        self.status = None
        self.environment = ""  # of the client's processes

    def flags(self):
        """Kernel capture is the default: nobody has to ask for it."""
        return [] if self.mode == "auto" else ["--capture", self.mode]

    def outcome(self, requests, uses):
        """What came of it, or what was seen where that is nothing known."""
        mine = [request for request in requests if self.key in request["target"]]
        tokens = {token_of(value) for request in mine for value in field(request, "authorization")}
        used = [use for use in uses if self.key in use["path"]]
        answered = self.status == 0 and self.answer in self.said
        if tokens == {SECRET} and used and answered:
            return clients.WORKS
        if tokens == {self.stand_in()} and not used and answered:
            return clients.AROUND
        if not mine and not used and self.status not in (0, None) and not answered:
            return clients.FAILS
        return f"status {self.status}, {len(mine)} requests with {tokens}, {len(used)} uses, answered: {answered}"

    def variable(self, name):
        found = re.search(rf"(?:^|\0){name}=([^\0]*)\0", self.environment)
        return found[1] if found else ""

    def stand_in(self):
        return self.variable("GITHUB_TOKEN")


def token_of(authorization):
    scheme, _, value = authorization.partition(" ")
    return base64.b64decode(value).decode().partition(":")[2] if scheme == "Basic" else value


def processes_below(ancestor):
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat:
                parents[int(name)] = int(stat.read().rpartition(")")[2].split()[1])
        except OSError:
            pass  # it has ended
    below = {ancestor}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return below


def environments_of(processes):
    """Those of standin's children, which have a token, before those of its parents."""
    found = []
    for process in processes:
        try:
            with open(f"/proc/{process}/environ") as environment:
                found.append(environment.read())
        except OSError:
            pass  # it has ended, or lets nobody look
    return "".join(sorted(found, key=lambda text: "GITHUB_TOKEN=" not in text))


class Table(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="standin-table-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        os.chmod(cls.folder, 0o755)
        cls.home = os.path.join(cls.folder, "home")
        os.mkdir(cls.home)
        stage.give_to_the_user(cls.home)
        cls.runs = [Run(client, mode) for client in SELECTED for mode in clients.MODES]
        answers = os.path.join(cls.folder, "answers")
        for run in cls.runs:
            cls.prepare_answer(run, answers)
        origin = Origin(cls.folder, "origin", "--address", stage.ADDRESS, "--port", "443", "--answers", answers,
                        "--cgi-git", answers, names="api.github.com,github.com")
        cls.addClassCleanup(origin.process.kill)
        cls.environment = cls.environment_that_trusts(origin.ca)
        cls.standin("init")
        cls.standin("add", "github", secret=SECRET)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() + 2) as pool:
            list(pool.map(cls.run_client, cls.runs))
        origin.stop()
        requests = origin.all()
        log = map(json.loads, cls.standin("audit", "--json").stdout.splitlines())
        uses = [record for record in log if record["event"] == "use"]
        cls.outcomes = {run: run.outcome(requests, uses) for run in cls.runs}

    @classmethod
    def prepare_answer(cls, run, folder):
        if run.client.program == "git.sh":
            return make_repository(os.path.join(folder, run.key + ".git"), "answer", run.answer)
        path, answer = os.path.join(folder, "clients", run.key), {"answer": run.answer}
        if run.client is clients.SERVER_GITHUB:
            path = os.path.join(folder, "repos", run.key, "demo", "contents", "hello")
            answer = {"type": "file", "encoding": "base64", "content": base64.b64encode(run.answer.encode()).decode(),
                      "_links": {"self": "", "git": "", "html": ""}, "size": len(run.answer)} | dict.fromkeys(
                          ("name", "path", "sha", "url", "html_url", "git_url", "download_url"), "hello")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            json.dump(answer, f)

    @classmethod
    def environment_that_trusts(cls, authority):
        """A person's, whose clients trust the origin as they do any public one, and ask no other for anything."""
        store = os.path.join(cls.folder, "origin.p12")
        subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "origin", "-file", authority, "-keystore", store,
                        "-storetype", "PKCS12", "-storepass", "changeit"], check=True, capture_output=True)
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": cls.home, "TMPDIR": cls.home, "LANG": "C.UTF-8",
                "STANDIN_HOME": os.path.join(cls.home, "standin"),
                "SSL_CERT_FILE": authority, "NODE_EXTRA_CA_CERTS": authority,
                "JAVA_TOOL_OPTIONS": f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword=changeit",
                "GIT_TERMINAL_PROMPT": "0", "NPM_CONFIG_UPDATE_NOTIFIER": "false"}

    @classmethod
    def standin(cls, *words, secret=None):
        return subprocess.run(stage.as_a_user(STANDIN, *words), input=secret, capture_output=True, text=True, check=True,
                              timeout=PATIENCE, env=cls.environment)

    @classmethod
    def run_client(cls, run):
        command, watch = (cls.mcp_host(run) if run.client is clients.SERVER_GITHUB else cls.program(run))
        with subprocess.Popen(stage.as_a_user(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, cwd=CLIENTS_HOME, env=cls.environment) as process:
            patience = threading.Timer(PATIENCE, process.kill)
            patience.start()
            watch(process)
            process.stdin.close()
            run.said += process.stdout.read()
            run.status = process.wait()
            patience.cancel()

    @classmethod
    def program(cls, run):
        kept = os.path.join(cls.home, run.key)
        command = [STANDIN, "run", *run.flags(), "--with", "github", "--",
                   "sh", "-c", 'cat /proc/self/environ >"$0" && exec "$@"', kept,
                   *run.client.command(os.path.join(CLIENTS_HOME, "programs")),
                   "https://api.github.com/clients/" + run.key]

        def watch(process):
            run.said = process.stdout.read()
            if os.path.exists(kept):  # else it was never started, and standin has said why
                with open(kept) as environment:
                    run.environment = environment.read()

        return command, watch

    @classmethod
    def mcp_host(cls, run):
        """As an MCP host does it: the host is outside, the server inside, and between them what the README says."""
        arguments = json.dumps({"owner": run.key, "repo": "demo", "path": "hello"})
        command = ["node", os.path.join(HERE, "mcp_client.mjs"), "get_file_contents", arguments, "--",
                   STANDIN, "run", *run.flags(), "--", "npx", "-y", "@modelcontextprotocol/server-github"]

        def watch(process):
            while not run.said.endswith("}\n") and (line := process.stdout.readline()):
                run.said += line
            run.environment = environments_of(processes_below(process.pid))  # until stdin ends they are there

        return command, watch

    def check_column(self, mode):
        for run in self.runs:
            if run.mode == mode:
                with self.subTest(run.client.name):
                    self.assertEqual(self.outcomes[run], run.client.expected(mode), run.said)

    def test_with_the_proxy_variables_alone_each_comes_to_what_is_expected(self):
        self.check_column("env")

    def test_by_default_each_comes_to_what_is_expected(self):
        self.check_column("auto")

    def test_no_client_has_the_secret(self):
        for run in self.runs:
            with self.subTest(run.key):
                self.assertRegex(run.stand_in(), r"^ghp_standin\w{29}$")
                self.assertNotIn(SECRET, run.environment)
                self.assertNotIn(SECRET, run.said)

    def test_each_gets_the_variable_that_it_needs_from_standin(self):
        for run in self.runs:
            if run.client.needs:
                with self.subTest(run.key):
                    self.assertIn("/standin/run/", run.variable(run.client.needs))

    def test_no_file_of_the_user_has_the_secret(self):
        for folder, _, files in os.walk(self.home):
            for file in files:
                with open(os.path.join(folder, file), "rb") as f:
                    self.assertNotIn(SECRET.encode(), f.read(), file)

    def test_the_log_has_all_runs_and_verifies(self):
        self.assertIn(f" of {len(self.runs)} runs ", self.standin("audit", "verify").stdout)

    def test_the_page_says_what_is_expected(self):
        with open(PAGE) as page:
            self.assertEqual(page.read(), clients.page(), "write it again with --write")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("standin", type=os.path.abspath)
    parser.add_argument("origin")
    parser.add_argument("clients_home", type=os.path.abspath)
    parser.add_argument("--only", default="")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.write:
        with open(PAGE, "w") as page:
            page.write(clients.page())
        sys.exit()
    STANDIN, CLIENTS_HOME = arguments.standin, arguments.clients_home
    SELECTED = [client for client in clients.CLIENTS if arguments.only in client.name]
    stage.enter("api.github.com", "github.com")
    unittest.main(argv=sys.argv[:1], verbosity=2)
