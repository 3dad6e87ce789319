"""Clients that do as they should, of origins that do: every answer has to come, in time, and be the right one."""
import asyncio
import hashlib
import time

import answers
import websocket
from http1_client import Http1Client, head, read_head, read_response
from http2_client import Http2Client

CEILING = 30  # seconds: nothing here takes one, so what takes thirty hangs


class Wrong(Exception):
    """An answer is not that of its request."""


def expect(what, got, expected):
    if got != expected:
        raise Wrong(f"{what} is {got!r:.300}, not {expected!r:.300}")


class Requests:
    """Each kind of request, and what has to come back: what its origin echoes is the stand-in again."""

    def __init__(self, soak):
        self.soak = soak
        self.bearer = {"Authorization": "Bearer " + soak.stand_in["token"]}
        self.kinds = {self.echo: 8, self.form: 4, self.json: 4, self.zip: 2, self.upload: 2, self.sse: 2, self.plain: 2}

    def pick(self):
        return self.soak.random.choices(list(self.kinds), list(self.kinds.values()))[0]

    async def one(self, ask, kind=None):
        kind = kind or self.pick()
        number = self.soak.number()
        began = time.monotonic()
        try:
            async with asyncio.timeout(CEILING):
                await kind(ask, number)
        except TimeoutError:
            raise Wrong(f"had no answer within {CEILING} s") from None
        self.soak.answered(kind.__name__, time.monotonic() - began)

    async def get(self, ask, kind, number, fields):
        response = await ask("GET", f"/{kind}/{number}", {"X-Id": number} | fields)
        self.sound(response, number)
        return response

    @staticmethod
    def sound(response, number):
        expect("status", (response.status, response.body[:200] if response.status != 200 else b""), (200, b""))
        expect("x-id", response.field("x-id"), number)

    def line(self, number, what=""):
        return f"{number} {self.bearer['Authorization']}{what}\n"

    async def echo(self, ask, number):
        response = await self.get(ask, "echo", number, self.bearer)
        expect("body", response.body, self.line(number).encode())
        expect("x-echo", response.field("x-echo"), self.bearer["Authorization"])

    async def plain(self, ask, number):
        """Without a stand-in: no secret goes, and none may come."""
        response = await self.get(ask, "echo", number, {})
        expect("body", response.body, f"{number} \n".encode())

    async def zip(self, ask, number):
        response = await self.get(ask, "zip", number, self.bearer | {"Accept-Encoding": "gzip"})
        expect("content-encoding", response.field("content-encoding"), None)
        expect("body", response.body, "".join(self.line(number, f" {i}") for i in range(answers.ZIPPED_LINES)).encode())

    async def sse(self, ask, number):
        response = await self.get(ask, "sse", number, self.bearer)
        expect("body", response.body, "".join(f"data: {i} {self.line(number)}\n" for i in range(answers.EVENTS)).encode())

    async def upload(self, ask, number):
        body = bytes(self.soak.random.randbytes(self.soak.random.randrange(200000)))
        pieces = body if self.soak.random.random() < 0.5 else [body[i:i + 30000] for i in range(0, len(body), 30000)]
        response = await ask("POST", f"/upload/{number}", {"X-Id": number} | self.bearer, pieces)
        self.sound(response, number)
        expect("body", response.body, self.line(number, f" {len(body)} {hashlib.sha256(body).hexdigest()}").encode())

    async def form(self, ask, number):
        body = f"a={number}&client_secret={self.soak.stand_in['form']}&b=c".encode()
        fields = {"X-Id": number, "Content-Type": "application/x-www-form-urlencoded"}
        await self.body_with_a_secret(ask, "form", number, fields, body)

    async def json(self, ask, number):
        body = ('{"auth": {"token": "%s"}, "n": "%s"}' % (self.soak.stand_in["json"], number)).encode()
        await self.body_with_a_secret(ask, "json", number, {"X-Id": number, "Content-Type": "application/json"}, body)

    async def body_with_a_secret(self, ask, kind, number, fields, body):
        response = await ask("POST", f"/{kind}/{number}", fields, body)
        self.sound(response, number)
        expect("body", response.body, f"{number} \n".encode() + body)


class WellBehaved:
    """Endless conversations, each until the soak stops."""

    def __init__(self, soak):
        self.soak, self.requests = soak, Requests(soak)

    def conversations(self):
        return [self.kept] * 6 + [self.kept_to_h2] * 2 + [self.h2] * 3 + [self.h2_to_http1] + [
            self.new, self.pipelined, self.websocket, self.tunnelled]

    async def kept_by(self, origin):
        async with await self.soak.door.open(origin, what="well-behaved") as connection:
            client = Http1Client(connection, self.soak.door.authority(origin))
            for _ in range(self.soak.random.randrange(10, 60)):
                await self.requests.one(client.ask)
                await self.soak.pause(0.08)
                if self.soak.stopping:
                    return

    async def kept(self):
        await self.kept_by("good1")

    async def kept_to_h2(self):
        await self.kept_by("good2")

    async def new(self):
        async with await self.soak.door.open("good1", what="well-behaved") as connection:
            await self.requests.one(Http1Client(connection, self.soak.door.authority("good1")).ask, self.requests.echo)
        await self.soak.pause(0.2)

    async def tunnelled(self):
        """To an origin of no credential: the stand-in is only text there, and comes back as it went."""
        async with await self.soak.door.open("unbound", what="well-behaved") as connection:
            ask = Http1Client(connection, self.soak.door.authority("unbound")).ask
            for _ in range(5):
                await self.requests.one(ask, self.soak.random.choice([self.requests.echo, self.requests.upload]))
                await self.soak.pause(0.2)

    async def h2_by(self, origin):
        async with await self.soak.door.open(origin, "h2", what="well-behaved") as connection:
            async with Http2Client(connection, self.soak.door.authority(origin)) as client:
                async with asyncio.TaskGroup() as streams:
                    for _ in range(4):
                        streams.create_task(self.streams_of(client))

    async def streams_of(self, client):
        for _ in range(self.soak.random.randrange(5, 30)):
            await self.requests.one(client.ask)
            await self.soak.pause(0.15)
            if self.soak.stopping:
                return

    async def h2(self):
        await self.h2_by("good2")

    async def h2_to_http1(self):
        await self.h2_by("good1")

    async def pipelined(self):
        """Several heads and bodies in one write: the answers come in their order."""
        async with await self.soak.door.open("good1", what="well-behaved") as connection:
            client = Http1Client(connection, self.soak.door.authority("good1"))
            numbers = [self.soak.number() for _ in range(self.soak.random.randrange(2, 9))]
            async with asyncio.timeout(CEILING):
                await connection.send(b"".join(
                    client.request("POST", f"/upload/{n}", {"X-Id": n} | self.requests.bearer, n.encode()) for n in numbers))
                for number in numbers:
                    response = await read_response(connection.reader)
                    self.requests.sound(response, number)
                    digest = hashlib.sha256(number.encode()).hexdigest()
                    expect("body", response.body, self.requests.line(number, f" {len(number)} {digest}").encode())
                    self.soak.answered("pipelined", 0)
        await self.soak.pause(0.5)

    async def websocket(self):
        async with await self.soak.door.open("good1", what="well-behaved") as connection:
            number = self.soak.number()
            fields = {"X-Id": number, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": 13,
                      "Sec-WebSocket-Key": websocket.KEY} | self.requests.bearer
            async with asyncio.timeout(CEILING):
                await connection.send(head("GET", f"/ws/{number}", self.soak.door.authority("good1"), fields))
                response = await read_head(connection.reader)
                expect("status", response.status, 101)
                for i in range(5):
                    await connection.send(websocket.frame(websocket.TEXT, f"message {i}".encode(), masked=True))
                    expect("message", await websocket.read_message(connection.reader),
                           (websocket.TEXT, self.requests.line(number).encode() + f"message {i}".encode()))
                    self.soak.answered("websocket", 0)
                await connection.send(websocket.frame(websocket.CLOSE, b"\x03\xe8", masked=True))
                expect("close", await websocket.read_message(connection.reader), (websocket.CLOSE, b"\x03\xe8"))
        await self.soak.pause(0.5)
