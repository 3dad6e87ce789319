"""An HTTP/2 origin: one that does as it should, and one that does not (nothing of python3-h2 stops it)."""
import asyncio

import answers
import http1_origin
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (ConnectionTerminated, DataReceived, RequestReceived, StreamEnded, StreamReset, WindowUpdated)
from h2.exceptions import ProtocolError
from ledger import Request


class Http2Origin:
    """HTTP/1.1 for those who do not choose h2."""

    def __init__(self, name, ledger):
        self.name, self.ledger = name, ledger
        self.http1 = http1_origin.Http1Origin(name, ledger)
        self.refused = set()

    async def serve(self, reader, writer):
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            return await self.http1.serve(reader, writer)
        return await Connection(self, reader, writer).serve()


class Connection:
    def __init__(self, origin, reader, writer):
        self.origin, self.reader, self.writer = origin, reader, writer
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.open = {}
        self.tasks = {}
        self.window = asyncio.Event()

    async def serve(self):
        self.h2.initiate_connection()
        try:
            while True:
                self.writer.write(self.h2.data_to_send())
                data = await self.reader.read(65536)
                if not data:
                    break
                for event in self.h2.receive_data(data):
                    self.handle(event)
        except (OSError, ProtocolError):
            pass
        finally:
            for task in self.tasks.values():
                task.cancel()
            for request in self.open.values():
                self.origin.ledger.body_ended(request, False)
            self.writer.close()

    def handle(self, event):
        if isinstance(event, RequestReceived):
            fields = dict(event.headers)
            request = Request(self.origin.name, fields[":method"], fields[":path"], fields)
            self.origin.ledger.head_came(request)
            self.open[event.stream_id] = request
            if request.kind == "early":
                self.begin(event.stream_id, request)
        elif isinstance(event, DataReceived):
            if event.stream_id in self.open:
                self.open[event.stream_id].body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded) and event.stream_id in self.open:
            request = self.open.pop(event.stream_id)
            self.origin.ledger.body_ended(request, True)
            if request.kind != "early":
                self.begin(event.stream_id, request)
        elif isinstance(event, StreamReset):
            if request := self.open.pop(event.stream_id, None):
                self.origin.ledger.body_ended(request, False)
            if task := self.tasks.pop(event.stream_id, None):
                task.cancel()
        elif isinstance(event, (WindowUpdated, ConnectionTerminated)):
            self.window.set()

    def begin(self, stream, request):
        self.tasks[stream] = asyncio.create_task(self.respond(stream, request))
        self.tasks[stream].add_done_callback(lambda _: self.tasks.pop(stream, None))

    async def respond(self, stream, request):
        try:
            misbehaviour = getattr(self, "do_" + request.kind, None)
            await (misbehaviour(stream, request) if misbehaviour else self.send(stream, answers.answer(request)))
            self.flush()
        except (OSError, ProtocolError):
            pass  # the stream or the connection ended meanwhile

    def flush(self):
        self.writer.write(self.h2.data_to_send())

    async def send(self, stream, answer):
        fields = [(":status", str(answer.status)), *answer.fields]
        if isinstance(answer.body, bytes):
            fields.append(("content-length", str(len(answer.body))))
        self.h2.send_headers(stream, fields)
        if isinstance(answer.body, bytes):
            await self.send_data(stream, answer.body)
        else:
            async for piece in answer.body:
                await self.send_data(stream, piece)
        self.h2.end_stream(stream)

    async def send_data(self, stream, data):
        while data:
            size = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(data))
            if size <= 0:
                self.window.clear()
                await self.window.wait()
                continue
            self.h2.send_data(stream, data[:size])
            data = data[size:]
            if self.writer.is_closing():
                return
            self.flush()
            await self.writer.drain()

    # -- what no origin should do

    async def do_silence(self, stream, request):
        await asyncio.Event().wait()

    async def do_rst(self, stream, request):
        self.h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)

    async def do_reset(self, stream, request):
        """In the middle of its body."""
        self.h2.send_headers(stream, [(":status", "200"), ("content-length", "100000")])
        await self.send_data(stream, answers.line(request).encode())
        self.h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)

    async def do_short(self, stream, request):
        """Its DATA ends before its Content-Length does."""
        self.h2.send_headers(stream, [(":status", "200"), ("content-length", "100000")])
        await self.send_data(stream, answers.line(request).encode())
        self.h2.end_stream(stream)

    async def do_refuse(self, stream, request):
        """Says once that it did not look at it."""
        if request.number in self.origin.refused:
            self.origin.refused.discard(request.number)
            return await self.send(stream, answers.answer(request))
        self.origin.refused.add(request.number)
        return self.h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)

    async def do_goaway(self, stream, request):
        self.h2.close_connection(ErrorCodes.NO_ERROR, last_stream_id=stream)
        self.flush()
        self.writer.close()

    async def do_goaway_hang(self, stream, request):
        """Neither new streams nor an answer."""
        self.h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM, last_stream_id=0)

    async def do_drop(self, stream, request):
        self.h2.send_headers(stream, [(":status", "200")])
        self.flush()
        await self.writer.drain()
        http1_origin.reset(self.writer)

    async def do_garbage(self, stream, request):
        self.writer.write(b"\x00\x00\x05\x01\x04\x00\x00\x00" + bytes([stream & 255]) + b"\xff\xff\xff\xff\xff")

    async def do_bad_gzip(self, stream, request):
        await self.send(stream, answers.Answer(200, [("content-encoding", "gzip")], b"\x1f\x8b\x08\x00" + b"bad" * 99))

    async def do_early(self, stream, request):
        await self.send(stream, answers.Answer(413, [], answers.line(request).encode()))

    async def do_crawl(self, stream, request):
        self.h2.send_headers(stream, [(":status", "200")])
        while not self.writer.is_closing():
            await self.send_data(stream, b".")
            await asyncio.sleep(1)
