"""The clients of docs/clients.md, what is expected of each in both modes, and the page that says so."""
import dataclasses
import os

MODES = {"env": "proxy variables only", "auto": "kernel capture (default)"}  # --capture, and its column
KERNEL_CAPTURE = True  # False: this version has none, and auto means env

WORKS = "works"
AROUND = "goes around"
FAILS = "fails"
NOT_YET = "not built yet"

# What runs a program, by its extension; one without was compiled.
INTERPRETERS = {".sh": ["sh", "-e"], ".mjs": ["node"], ".py": ["/usr/bin/python3"], ".rb": ["ruby"], ".php": ["php"],
                ".pl": ["perl"]}


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    program: str  # of programs/, as install.sh has made it; a .class is run by name
    variables: str  # what comes of it with the proxy variables alone
    kernel: str  # and with kernel capture
    needs: str | None  # the variable, set by standin, that is enough for it to trust the run's authority

    def expected(self, mode):
        return self.kernel if mode == "auto" and KERNEL_CAPTURE else self.variables

    def command(self, programs):
        stem, extension = os.path.splitext(self.program)
        if extension == ".class":
            return ["java", "-XX:TieredStopAtLevel=1", "-cp", programs, stem]
        return [*INTERPRETERS.get(extension, []), os.path.join(programs, self.program)]


SERVER_GITHUB = Client("@modelcontextprotocol/server-github by npx", "", WORKS, WORKS, "NODE_EXTRA_CA_CERTS")

CLIENTS = [
    SERVER_GITHUB,
    Client("curl", "curl.sh", WORKS, WORKS, "CURL_CA_BUNDLE"),
    Client("wget", "wget.sh", WORKS, WORKS, "WGETRC"),
    Client("git clone, the token in the URL", "git.sh", WORKS, WORKS, "GIT_SSL_CAINFO"),
    Client("gh api", "gh.sh", WORKS, WORKS, "SSL_CERT_FILE"),
    Client("Node 20 fetch", "node_fetch_builtin.mjs", WORKS, WORKS, "NODE_EXTRA_CA_CERTS"),
    Client("Node 20 node:https", "node_https.mjs", WORKS, WORKS, "NODE_EXTRA_CA_CERTS"),
    Client("Node 20 node-fetch", "node_fetch.mjs", WORKS, WORKS, "NODE_EXTRA_CA_CERTS"),
    Client("Node 20 got", "got.mjs", WORKS, WORKS, "NODE_EXTRA_CA_CERTS"),
    Client("Node 20 undici", "undici.mjs", WORKS, WORKS, "NODE_EXTRA_CA_CERTS"),
    Client("Node 20 axios", "axios.mjs", WORKS, WORKS, "NODE_EXTRA_CA_CERTS"),
    Client("Python urllib", "python_urllib.py", WORKS, WORKS, "SSL_CERT_FILE"),
    Client("Python requests", "python_requests.py", WORKS, WORKS, "REQUESTS_CA_BUNDLE"),
    Client("Python httpx", "python_httpx.py", WORKS, WORKS, "SSL_CERT_FILE"),
    Client("Python aiohttp", "python_aiohttp.py", AROUND, WORKS, "SSL_CERT_FILE"),
    Client("Python asyncio.open_connection", "python_asyncio.py", AROUND, WORKS, "SSL_CERT_FILE"),
    Client("Go http.DefaultClient, static", "go_default", WORKS, WORKS, "SSL_CERT_FILE"),
    Client("Go http.Transport{}, static", "go_transport", AROUND, WORKS, "SSL_CERT_FILE"),
    Client("Java HttpClient", "JavaHttpClient.class", AROUND, WORKS, "JAVA_TOOL_OPTIONS"),
    Client("Java HttpURLConnection", "JavaUrlConnection.class", AROUND, WORKS, "JAVA_TOOL_OPTIONS"),
    Client("Ruby Net::HTTP", "ruby_net_http.rb", WORKS, WORKS, "SSL_CERT_FILE"),
    Client("PHP curl extension", "php_curl.php", WORKS, WORKS, "PHP_INI_SCAN_DIR"),
    Client("PHP file_get_contents", "php_stream.php", AROUND, WORKS, "PHP_INI_SCAN_DIR"),
    Client("Perl HTTP::Tiny", "perl_http_tiny.pl", WORKS, WORKS, "SSL_CERT_FILE"),
    Client("Perl LWP", "perl_lwp.pl", WORKS, WORKS, "PERL_LWP_SSL_CA_FILE"),
    Client("C with OpenSSL, static", "static_openssl", AROUND, WORKS, "SSL_CERT_FILE"),
    Client("C++ with Boost.Asio", "boost_asio", AROUND, WORKS, "SSL_CERT_FILE"),
]

HEAD = """# Clients

What comes of each client that `standin run` starts: it *works* (the origin gets the secret, the client its answer, and
the log has the use), it *goes around* standin and brings the origin a stand-in, which is worth a 401, or it *fails* and
brings it nothing; *needs* names the one variable, of those that standin sets, by which it trusts the run's authority. A
test runs every client both ways, holds it to this list, and writes it: `tests/clients/clients_table_test.py STANDIN
TEST_ORIGIN CLIENTS_HOME --write`.
"""


def page():
    columns = ["client", *MODES.values(), "needs"]
    rows = [columns, ["---"] * len(columns)]
    for client in CLIENTS:
        kernel = client.kernel if KERNEL_CAPTURE else NOT_YET
        rows.append([client.name, client.variables, kernel, f"`{client.needs}`" if client.needs else NOT_YET])
    return HEAD + "\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)
