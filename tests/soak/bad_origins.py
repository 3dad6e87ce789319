"""Clients that do as they should, of origins that do not: what was not whole must not look it, a request that failed
does not spoil the next one, and who is let down leaves."""
import asyncio

from door import Cut
from http1_client import Http1Client
from http2_client import Http2Client
from well_behaved import CEILING, Requests

ENDS_1 = {  # what it may come to where the origin ends it in time; "cut": the answer broke off
    "close": {502}, "reset": {502, "cut"}, "short": {502, "cut"}, "bad_chunk": {502, "cut"}, "garbage": {502},
    "two_lengths": {502}, "bad_gzip": {502, "cut"}, "early": {413, 502, "cut"}, "long": {200}}
# In HTTP/2 the others of a connection fail with it, before an answer or in one.
ENDS_2 = {"rst": {502, "cut"}, "reset": {502, "cut"}, "short": {502, "cut"}, "refuse": {200, 502}, "goaway": {502},
          "drop": {502, "cut"}, "garbage": {502, "cut"}, "bad_gzip": {502, "cut"}, "early": {413, 502, "cut"}}
ENDLESS_1 = ("silence", "crawl", "interim")
ENDLESS_2 = ("silence", "crawl", "goaway_hang")


class BadOrigins:
    def __init__(self, soak):
        self.soak, self.door = soak, soak.door
        self.requests = Requests(soak)

    def turns(self):
        kinds = [self.http1_turn(kind) for kind in ENDS_1] + [self.http2_turn(kind) for kind in ENDS_2]
        kinds += [self.http1_patience(kind) for kind in ENDLESS_1] + [self.http2_patience(kind) for kind in ENDLESS_2]
        # For half a minute the proxy tries to reach one that is silent, though its client has gone: a short soak does not
        # wait for that.
        return kinds + [self.expired] + [self.silent] * (self.soak.seconds >= 60)

    async def outcome(self, ask, kind):
        """(status or "cut", what came). One that hangs is a finding."""
        number = self.soak.number()
        body = bytes(100000) if kind == "early" else None
        fields = {"X-Id": number} | self.requests.bearer
        try:
            async with asyncio.timeout(CEILING):
                response = await ask("POST" if body else "GET", f"/{kind}/{number}", fields, body)
        except Cut as cut:
            return "cut", cut
        except TimeoutError:
            return "nothing", b""
        if response.status == 200 and not response.body.startswith(number.encode()):
            return "another's", response.body[:100]
        return response.status, response.body[:100]

    def expect(self, where, kind, got, allowed):
        if got[0] not in allowed:
            self.soak.findings.add(f"{kind} of {where} came to {got[0]}: {got[1]!r}")

    def http1_turn(self, kind):
        async def turn():
            async with await self.door.open("bad1") as connection:
                ask = Http1Client(connection, self.door.authority("bad1")).ask
                for _ in range(3):
                    got = await self.outcome(ask, kind)
                    self.expect("an HTTP/1.1 origin", kind, got, ENDS_1[kind])
                    if got[0] == "cut" or kind == "early":
                        return
                    await self.requests.one(ask, self.requests.echo)
        turn.__name__ = "origin_" + kind
        return turn

    def http2_turn(self, kind):
        async def turn():
            async with await self.door.open("bad2", "h2") as connection:
                async with Http2Client(connection, self.door.authority("bad2")) as client:
                    for _ in range(3):
                        self.expect("an HTTP/2 origin", kind, await self.outcome(client.ask, kind), ENDS_2[kind] | {502, "cut"})
        turn.__name__ = "h2_origin_" + kind
        return turn

    def http1_patience(self, kind):
        """It never ends: who waited long enough goes."""
        async def turn():
            async with await self.door.open("bad1") as connection:
                async with asyncio.timeout(self.soak.hold()):
                    await self.outcome(Http1Client(connection, self.door.authority("bad1")).ask, kind)
        turn.__name__ = "origin_" + kind
        return turn

    def http2_patience(self, kind):
        async def turn():
            async with await self.door.open("bad2", "h2") as connection:
                async with Http2Client(connection, self.door.authority("bad2")) as client:
                    async with asyncio.timeout(self.soak.hold()):
                        await self.outcome(client.ask, kind)
        turn.__name__ = "h2_origin_" + kind
        return turn

    async def expired(self):
        async with await self.door.open("expired") as connection:
            got = await self.outcome(Http1Client(connection, self.door.authority("expired")).ask, "echo")
            self.expect("an origin with an expired certificate", "echo", got, {502})

    async def silent(self):
        """It accepts, and says nothing, not even TLS."""
        async with await self.door.open("silent") as connection:
            async with asyncio.timeout(self.soak.hold()):
                await self.outcome(Http1Client(connection, self.door.authority("silent")).ask, "echo")
