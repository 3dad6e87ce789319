"""An HTTP/1.1 origin: one that does as it should, and one that does not."""
import asyncio
import socket
import struct

import answers
import websocket
from ledger import Request


class Gone(Exception):
    """The connection is over."""


def reset(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def head_of(status, fields):
    return f"HTTP/1.1 {status} Said\r\n".encode() + b"".join(f"{n}: {v}\r\n".encode() for n, v in fields) + b"\r\n"


async def push(writer, data):
    if writer.is_closing():  # what is written to such a one is dropped without a word
        raise Gone
    writer.write(data)
    await writer.drain()
    await asyncio.sleep(0)  # drain() lets nobody else run where there is room, not even who would tell that it is over


def chunk(piece):
    return b"%x\r\n%b\r\n" % (len(piece), piece)


async def read_head(reader):
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    return first, {n.lower(): v.strip() for n, _, v in (text.partition(":") for text in lines)}


async def read_body(reader, fields, body):
    """Into `body`, so that what came of a body that is cut off is there."""
    left = int(fields.get("content-length", 0))
    if "chunked" in fields.get("transfer-encoding", ""):
        while left := int(await reader.readuntil(b"\r\n"), 16):
            body += await reader.readexactly(left)
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return
    while left > 0:
        piece = await reader.read(min(left, 65536))
        if not piece:
            raise Gone
        body += piece
        left -= len(piece)


async def send(writer, answer):
    if isinstance(answer.body, bytes):
        head = head_of(answer.status, answer.fields + [("content-length", len(answer.body))])
        return await push(writer, head + answer.body)
    await push(writer, head_of(answer.status, answer.fields + [("transfer-encoding", "chunked")]))
    async for piece in answer.body:
        await push(writer, chunk(piece))
    return await push(writer, b"0\r\n\r\n")


class Misbehaviours:
    """By the first part of the path. Each ends the connection, where it does not say otherwise."""

    @staticmethod
    async def silence(request, reader, writer):
        await reader.read()

    @staticmethod
    async def close(request, reader, writer):
        writer.transport.abort()

    @staticmethod
    async def reset(request, reader, writer):
        await push(writer, head_of(200, [("content-length", 100000)]) + answers.line(request).encode() * 100)
        reset(writer)

    @staticmethod
    async def short(request, reader, writer):
        await push(writer, head_of(200, [("content-length", 100000)]) + answers.line(request).encode())

    @staticmethod
    async def long(request, reader, writer):
        text = answers.line(request).encode()
        await push(writer, head_of(200, [("content-length", len(text))]) + text + head_of(200, [("content-length", 6)]) + b"poison")
        return "kept"

    @staticmethod
    async def bad_chunk(request, reader, writer):
        await push(writer, head_of(200, [("transfer-encoding", "chunked")]) + chunk(b"begun") + b"zz\r\nwhat?\r\n0\r\n\r\n")

    @staticmethod
    async def garbage(request, reader, writer):
        await push(writer, b"\x00\xff\x16\x03garbage 200 OK\r\n\r\n")

    @staticmethod
    async def two_lengths(request, reader, writer):
        await push(writer, head_of(200, [("content-length", 5), ("transfer-encoding", "chunked")]) + b"0\r\n\r\n")

    @staticmethod
    async def bad_gzip(request, reader, writer):
        await send(writer, answers.Answer(200, [("content-encoding", "gzip")], b"\x1f\x8b\x08\x00" + b"damaged" * 1000))
        return "kept"

    @staticmethod
    async def crawl(request, reader, writer):
        for byte in head_of(200, [("content-length", 1000)]) + b"." * 1000:
            await push(writer, bytes([byte]))
            await asyncio.sleep(0.05 if byte != ord(".") else 1)

    @staticmethod
    async def interim(request, reader, writer):
        while True:
            await push(writer, head_of(103, [("link", "</x>; rel=preload")]))
            await asyncio.sleep(0.02)

    @staticmethod
    async def early(request, reader, writer):
        """Answers before it reads the body, and never does."""
        await send(writer, answers.Answer(413, [("connection", "close")], answers.line(request).encode()))


class Http1Origin:
    def __init__(self, name, ledger):
        self.name, self.ledger = name, ledger

    async def serve(self, reader, writer):
        try:
            while await self.one_request(reader, writer) == "kept":
                pass
        except (Gone, OSError, asyncio.IncompleteReadError):
            pass  # the proxy went, which is what some clients make it do
        finally:
            writer.close()

    async def one_request(self, reader, writer):
        first, fields = await read_head(reader)
        method, path, _ = first.split(" ")
        request = Request(self.name, method, path, fields)
        self.ledger.head_came(request)
        misbehaviour = getattr(Misbehaviours, request.kind, None)
        if request.kind != "early":
            await self.body(reader, request)
        if misbehaviour:
            return await misbehaviour(request, reader, writer)
        if request.kind == "ws":
            return await websocket.serve(request, reader, writer)
        await send(writer, answers.answer(request))
        return "kept"

    async def body(self, reader, request):
        whole = False
        try:
            await read_body(reader, request.fields, request.body)
            whole = True
        finally:
            self.ledger.body_ended(request, whole)
