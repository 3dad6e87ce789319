"""What the well-behaved origins answer, whatever the version of HTTP: every answer has its request's number."""
import asyncio
import gzip
import hashlib

BIG_BYTES = 64 << 20
ZIPPED_LINES = 600
EVENTS = 4


class Answer:
    """`body` is bytes, or an asynchronous iterator of them (which then has no length)."""

    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body


def line(request, what=""):
    return f"{request.number} {request.authorization}{what}\n"


async def events(request):
    for i in range(EVENTS):
        yield f"data: {i} {line(request)}\n".encode()
        await asyncio.sleep(0.02)


async def big(request):
    piece = (line(request) * 1000).encode()[:32768]
    for _ in range(BIG_BYTES // len(piece)):
        yield piece


def answer(request):
    fields = [("x-id", request.number), ("x-echo", request.authorization)]
    if request.kind == "sse":
        return Answer(200, fields + [("content-type", "text/event-stream")], events(request))
    if request.kind == "big":
        return Answer(200, fields, big(request))
    if request.kind == "zip":
        text = "".join(line(request, f" {i}") for i in range(ZIPPED_LINES))
        return Answer(200, fields + [("content-encoding", "gzip")], gzip.compress(text.encode(), 1))
    if request.kind == "upload":
        digest = hashlib.sha256(request.body).hexdigest()
        return Answer(200, fields, line(request, f" {len(request.body)} {digest}").encode())
    if request.kind in ("form", "json"):
        return Answer(200, fields, line(request).encode() + request.body)
    return Answer(200, fields, line(request).encode())
