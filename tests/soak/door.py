"""The way of every client here: CONNECT with the run's password, then TLS for the origin's name. Whatever comes is
searched for the secrets as it comes, in good company and in bad."""
import asyncio
import base64
import socket
import ssl
import struct
import urllib.parse

import ledger


class Cut(Exception):
    """The connection or the stream ended before the answer did."""


class WatchedReader(asyncio.StreamReader):
    def __init__(self, findings, what):
        super().__init__(limit=1 << 17)
        self.findings, self.what, self.tail = findings, what, b""

    def feed_data(self, data):
        text = self.tail + data
        for name, secret in ledger.SECRETS.items():
            if secret.encode() in text:
                self.findings.add(f"{self.what}: a client saw the secret of {name}")
        self.tail = text[-64:]
        super().feed_data(data)


class Connection:
    """Its socket, and at the end of `async with` nothing of it."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.writer.transport.abort()

    def reset(self):
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()


class Door:
    def __init__(self, environment, ports, findings):
        url = urllib.parse.urlsplit(environment["HTTPS_PROXY"])
        self.port, self.ports, self.findings = url.port, ports, findings
        self.password = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        self.roots = environment["SSL_CERT_FILE"]
        self.contexts = {protocol: self.context(protocol) for protocol in ("http/1.1", "h2")}

    def context(self, protocol):
        context = ssl.create_default_context(cafile=self.roots)
        context.set_alpn_protocols([protocol])
        return context

    def authority(self, origin):
        return f"localhost:{self.ports[origin]}"

    async def dial(self, what="dial"):
        loop = asyncio.get_running_loop()
        reader = WatchedReader(self.findings, what)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.create_connection(lambda: protocol, "127.0.0.1", self.port)
        return Connection(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    def connect_head(self, origin):
        host = self.authority(origin)
        return f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\nProxy-Authorization: Basic {self.password}\r\n\r\n".encode()

    async def tunnel(self, origin, what="tunnel"):
        connection = await self.dial(what)
        try:
            await connection.send(self.connect_head(origin))
            head = await connection.reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.split(b"\r\n")[0]:
                raise Cut(f"CONNECT was answered {head!r}")
            return connection
        except BaseException:
            connection.writer.transport.abort()
            raise

    async def open(self, origin, protocol="http/1.1", what="open"):
        connection = await self.tunnel(origin, what)
        try:
            await connection.writer.start_tls(self.contexts[protocol], server_hostname="localhost")
            return connection
        except BaseException:
            connection.writer.transport.abort()
            raise

    def client_hello(self):
        """The first flight of a handshake that nobody goes on with."""
        out = ssl.MemoryBIO()
        tls = self.contexts["http/1.1"].wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return out.read()
