"""Clients that do what none should, of origins that do as they should. They expect nothing but to be dropped."""
import asyncio

import http1_client
import websocket
from http1_client import Http1Client, read_response
from http2_client import Http2Client


class BadClients:
    """Each function is one bad turn; its connection goes away with it, and with the soak's end in any case."""

    def __init__(self, soak):
        self.soak, self.door = soak, soak.door
        self.bearer = {"Authorization": "Bearer " + soak.stand_in["token"]}

    def turns(self):
        return [self.dials_alone, self.connects_alone, self.half_a_connect, self.wrong_password, self.half_a_hello,
                self.no_tls_after_connect, self.hello_and_reset, self.slow_head, self.stops_reading,
                self.resets_in_a_request_body, self.resets_in_a_response, self.half_an_upload, self.no_request,
                self.pipelines_and_goes, self.drops_a_websocket, self.bad_websocket, self.bad_requests,
                self.h2_resets_streams, self.h2_opens_no_window, self.h2_goes_away, self.h2_preface_alone,
                self.h2_garbage, self.h2_half_a_body, self.h2_closes_with_streams, self.h2_stops_reading, self.h2_floods,
                self.tunnel_stops_reading, self.tunnel_resets]

    def http1(self, connection):
        return Http1Client(connection, self.door.authority("good1"))

    def fields(self, number):
        return {"X-Id": number} | self.bearer

    async def until_closed(self, connection):
        """Reads what comes, for as long as a bad turn lasts."""
        try:
            async with asyncio.timeout(self.soak.hold()):
                while await connection.reader.read(65536):
                    pass
        except (TimeoutError, OSError):
            pass

    # -- before there is a request

    async def dials_alone(self):
        async with await self.door.dial() as connection:
            await self.until_closed(connection)

    async def half_a_connect(self):
        head = self.door.connect_head("good1")
        async with await self.door.dial() as connection:
            await connection.send(head[:self.soak.random.randrange(1, len(head))])
            await self.until_closed(connection)

    async def wrong_password(self):
        async with await self.door.dial() as connection:
            await connection.send(self.door.connect_head("good1").replace(b"Basic ", b"Basic AAAA"))
            await self.until_closed(connection)

    async def connects_alone(self):
        async with await self.door.tunnel("good1") as connection:
            await self.until_closed(connection)

    async def half_a_hello(self):
        hello = self.door.client_hello()
        async with await self.door.tunnel("good1") as connection:
            await connection.send(hello[:self.soak.random.randrange(1, len(hello))])
            await self.until_closed(connection)

    async def hello_and_reset(self):
        async with await self.door.tunnel("good2") as connection:
            await connection.send(self.door.client_hello())
            if self.soak.random.random() < 0.5:
                await connection.reader.read(100)
            connection.reset()

    async def no_tls_after_connect(self):
        async with await self.door.tunnel("good1") as connection:
            await connection.send(b"\x16\x03\x01" + self.soak.random.randbytes(200))
            await self.until_closed(connection)

    async def no_request(self):
        async with await self.door.open("good1") as connection:
            await self.until_closed(connection)

    # -- to an origin of no credential

    async def tunnel_stops_reading(self):
        number = self.soak.number()
        async with await self.door.open("unbound") as connection:
            await connection.send(self.http1(connection).request("GET", f"/big/{number}", self.fields(number)))
            await asyncio.sleep(self.soak.hold())

    async def tunnel_resets(self):
        number = self.soak.number()
        async with await self.door.open("unbound") as connection:
            await connection.send(self.http1(connection).request("GET", f"/big/{number}", self.fields(number)))
            await connection.reader.read(65536)
            connection.reset()

    # -- in HTTP/1.1

    async def slow_head(self):
        number = self.soak.number()
        async with await self.door.open("good1") as connection:
            async with asyncio.timeout(self.soak.hold()):
                for byte in self.http1(connection).request("GET", f"/echo/{number}", self.fields(number)):
                    await connection.send(bytes([byte]))
                    await asyncio.sleep(1)

    async def stops_reading(self):
        number = self.soak.number()
        async with await self.door.open("good1") as connection:
            await connection.send(self.http1(connection).request("GET", f"/big/{number}", self.fields(number)))
            await asyncio.sleep(self.soak.hold())

    async def resets_in_a_request_body(self):
        number = self.soak.number()
        async with await self.door.open("good1") as connection:
            request = self.http1(connection).request("POST", f"/upload/{number}", self.fields(number), bytes(300000))
            await connection.send(request[:self.soak.random.randrange(200, len(request))])
            connection.reset()

    async def half_an_upload(self):
        """With a secret in the half that goes."""
        number = self.soak.number()
        body = f"client_secret={self.soak.stand_in['form']}&a=".encode()
        fields = {"X-Id": number, "Content-Type": "application/x-www-form-urlencoded", "Content-Length": 100000}
        async with await self.door.open("good1") as connection:
            await connection.send(http1_client.head("POST", f"/form/{number}", self.door.authority("good1"), fields) + body)
            await self.until_closed(connection)

    async def resets_in_a_response(self):
        number = self.soak.number()
        async with await self.door.open("good1") as connection:
            await connection.send(self.http1(connection).request("GET", f"/big/{number}", self.fields(number)))
            for _ in range(self.soak.random.randrange(20)):
                await connection.reader.read(65536)
            connection.reset()

    async def pipelines_and_goes(self):
        async with await self.door.open("good1") as connection:
            numbers = [self.soak.number() for _ in range(20)]
            await connection.send(b"".join(
                self.http1(connection).request("GET", f"/zip/{n}", self.fields(n)) for n in numbers))
            if self.soak.random.random() < 0.5:
                await read_response(connection.reader)
            connection.reset()

    async def bad_requests(self):
        """None of them may reach the origin."""
        host = self.door.authority("good1")
        for text in (f"GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                     f"GET / HTTP/1.1\r\nHost: {host}\r\nX : y\r\n\r\n", "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
                     f"GET / HTTP/1.1\r\nHost: {host}\r\nX: {'x' * 70000}\r\n\r\n", "\x00\x01\x02\r\n\r\n"):
            async with await self.door.open("good1") as connection:
                await connection.send(text.encode())
                response = await http1_client.read_head(connection.reader)
                if response.status < 400:
                    self.soak.findings.add(f"a bad request was answered {response.status}: {text[:60]!r}")

    async def drops_a_websocket(self):
        number = self.soak.number()
        fields = self.fields(number) | {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": 13,
                                        "Sec-WebSocket-Key": websocket.KEY}
        async with await self.door.open("good1") as connection:
            await connection.send(http1_client.head("GET", f"/ws/{number}", self.door.authority("good1"), fields))
            await http1_client.read_head(connection.reader)
            text = websocket.frame(websocket.TEXT, b"never whole" * 9, masked=True)
            await connection.send(text + text[:self.soak.random.randrange(len(text))])
            if self.soak.random.random() < 0.5:
                return connection.reset()
            await self.until_closed(connection)

    async def bad_websocket(self):
        number = self.soak.number()
        fields = self.fields(number) | {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": 13,
                                        "Sec-WebSocket-Key": websocket.KEY}
        async with await self.door.open("good1") as connection:
            await connection.send(http1_client.head("GET", f"/ws/{number}", self.door.authority("good1"), fields))
            await http1_client.read_head(connection.reader)
            await connection.send(b"\xf7\xff" + self.soak.random.randbytes(500))
            await self.until_closed(connection)

    # -- in HTTP/2

    async def h2_client(self, act, origin="good2", opens_window=True):
        async with await self.door.open(origin, "h2") as connection:
            async with Http2Client(connection, self.door.authority(origin), opens_window) as client:
                await act(connection, client)

    async def h2_resets_streams(self):
        async def act(connection, client):
            for _ in range(20):
                number = self.soak.number()
                stream, _ = client.begin("GET", f"/sse/{number}", self.fields(number), ends=True)
                await client.flush()
                if self.soak.random.random() < 0.7:
                    await asyncio.sleep(0.02)
                if stream in client.answers:
                    client.h2.reset_stream(stream, 8)
                    await client.flush()
        await self.h2_client(act, self.soak.random.choice(["good1", "good2"]))

    async def h2_opens_no_window(self):
        async def act(connection, client):
            for _ in range(4):
                number = self.soak.number()
                client.begin("GET", f"/big/{number}", self.fields(number), ends=True)
            await client.flush()
            await asyncio.sleep(self.soak.hold())
        await self.h2_client(act, self.soak.random.choice(["good1", "good2"]), opens_window=False)

    async def h2_stops_reading(self):
        """Its windows are wide open, but nobody empties the socket."""
        async with await self.door.open("good2", "h2") as connection:
            client = Http2Client(connection, self.door.authority("good2"))
            client.h2.initiate_connection()
            client.h2.increment_flow_control_window(1 << 30)
            for _ in range(4):
                number = self.soak.number()
                stream, answer = client.begin("GET", f"/big/{number}", self.fields(number), ends=True)
                answer.cancel()
                client.h2.increment_flow_control_window(1 << 30, stream)
            await client.flush()
            await asyncio.sleep(self.soak.hold())

    async def h2_floods(self):
        """Many small frames that make work, as fast as they are taken; until the proxy has had enough."""
        ping, settings = bytes([0, 0, 8, 6, 0, 0, 0, 0, 0]) + bytes(8), bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
        continuation = bytes([0, 0, 0, 9, 0, 0, 0, 0, 1])
        first, then = self.soak.random.choice(
            [(b"", ping), (b"", settings), (bytes([0, 0, 0, 1, 0, 0, 0, 0, 1]), continuation)])
        async with await self.door.open("good2", "h2") as connection:
            await connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + first)
            async with asyncio.timeout(self.soak.hold()):
                while not connection.reader.at_eof():
                    await connection.send(then * 200)
                    await asyncio.sleep(0)

    async def h2_goes_away(self):
        async def act(connection, client):
            for _ in range(4):
                number = self.soak.number()
                client.begin("GET", f"/zip/{number}", self.fields(number), ends=True)
            client.h2.close_connection()
            await client.flush()
        await self.h2_client(act)

    async def h2_closes_with_streams(self):
        async def act(connection, client):
            for _ in range(8):
                number = self.soak.number()
                client.begin("GET", f"/sse/{number}", self.fields(number), ends=True)
            await client.flush()
            await asyncio.sleep(0.03)
            connection.reset()
        await self.h2_client(act, self.soak.random.choice(["good1", "good2"]))

    async def h2_half_a_body(self):
        async def act(connection, client):
            number = self.soak.number()
            fields = {"X-Id": number, "Content-Type": "application/json"}
            stream, _ = client.begin("POST", f"/json/{number}", fields, ends=False)
            client.h2.send_data(stream, ('{"auth": {"token": "%s"}, ' % self.soak.stand_in["json"]).encode())
            await client.flush()
            await asyncio.sleep(self.soak.hold() / 4)
        await self.h2_client(act)

    async def h2_preface_alone(self):
        async with await self.door.open("good2", "h2") as connection:
            await connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[:self.soak.random.randrange(1, 25)])
            await self.until_closed(connection)

    async def h2_garbage(self):
        async with await self.door.open("good2", "h2") as connection:
            await connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
                                  + self.soak.random.randbytes(2000))
            await self.until_closed(connection)
