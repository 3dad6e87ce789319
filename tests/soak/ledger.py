"""What origins saw of real secrets, a line a request: the other side of the audit log's books."""
import urllib.parse
import json

SECRETS = {  # each is one credential of the vault; letters and digits alone, so that every place has it as it is
    "token": "ghp_" + "Soak0123456789abcdef" * 2,
    "form": "formsecret" + "Zy9" * 10,
    "json": "jsonsecret" + "Xw8" * 10,
}


class Request:
    """One request as an origin got it, in either version of HTTP."""

    def __init__(self, origin, method, path, fields):
        self.origin, self.method, self.path, self.fields = origin, method, path, fields
        parts = path.split("/") + ["", ""]
        self.kind, self.number = parts[1], parts[2]
        self.body = bytearray()

    @property
    def authorization(self):
        return self.fields.get("authorization", "")


class Ledger:
    """A file of `ORIGIN CREDENTIAL NUMBER METHOD`, and of `wrong ...` where a request is not what a client sent."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")
        self.requests = 0

    def wrong(self, request, what):
        self.file.write(f"wrong {request.origin} {request.method} {request.path}: {what}\n")

    def head_came(self, request):
        self.requests += 1
        if request.fields.get("x-id") != request.number:
            self.wrong(request, f"has the x-id {request.fields.get('x-id')!r}")
        if SECRETS["token"] in request.authorization:
            self._saw(request, "token")
        due = request.authorization == "Bearer " + SECRETS["token"]
        if request.authorization and due == (request.origin == "unbound"):
            self.wrong(request, f"has the authorization {request.authorization!r}")

    def body_ended(self, request, whole):
        """Also where it was cut off: what did arrive, did."""
        for name in ("form", "json"):
            if SECRETS[name].encode() in request.body:
                self._saw(request, name)
        if whole and request.kind == "form":
            self._expect(request, urllib.parse.parse_qs(request.body.decode()).get("client_secret"), [SECRETS["form"]])
        if whole and request.kind == "json":
            self._expect(request, json.loads(request.body)["auth"]["token"], SECRETS["json"])

    def _expect(self, request, got, expected):
        if got != expected:
            self.wrong(request, f"has {got!r} where the secret should be")

    def _saw(self, request, credential):
        self.file.write(f"{request.origin} {credential} {request.number} {request.method}\n")

    def close(self):
        self.file.write(f"end {self.requests}\n")
        self.file.close()
