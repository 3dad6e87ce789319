"""HTTP/2 over a connection of the door: any number of requests at once."""
import asyncio

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset, WindowUpdated)
from h2.exceptions import ProtocolError

from door import Cut
from http1_client import Response


class Http2Client:
    """`async with`: what is in flight at its end is Cut."""

    def __init__(self, connection, authority, opens_window=True):
        self.connection, self.authority, self.opens_window = connection, authority, opens_window
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.answers, self.responses = {}, {}
        self.window = asyncio.Event()
        self.over = None

    async def __aenter__(self):
        self.h2.initiate_connection()
        await self.flush()
        self.reading = asyncio.create_task(self.read())
        return self

    async def __aexit__(self, *_):
        self.reading.cancel()
        await asyncio.gather(self.reading, return_exceptions=True)

    async def flush(self):
        await self.connection.send(self.h2.data_to_send())

    async def read(self):
        try:
            while data := await self.connection.reader.read(65536):
                for event in self.h2.receive_data(data):
                    self.handle(event)
                await self.flush()
        except (OSError, ProtocolError) as error:
            self.over = repr(error)
        finally:
            self.over = self.over or "the connection ended"
            self.window.set()
            for answer in self.answers.values():
                if not answer.done():
                    answer.set_exception(Cut(self.over))
                    answer.exception()  # is not told of where nobody waits for it

    def handle(self, event):
        if isinstance(event, ResponseReceived):
            fields = dict(event.headers)
            self.responses[event.stream_id] = Response(int(fields[":status"]), fields)
        elif isinstance(event, DataReceived):
            if event.stream_id in self.responses:
                self.responses[event.stream_id].body += event.data
            if self.opens_window:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, (StreamEnded, StreamReset)):
            answer = self.answers.pop(event.stream_id, None)
            response = self.responses.pop(event.stream_id, None)
            self.window.set()
            if answer and not answer.done():
                if isinstance(event, StreamEnded):
                    answer.set_result(response)
                else:
                    answer.set_exception(Cut(f"RST_STREAM {event.error_code}"))
                    answer.exception()
        elif isinstance(event, ConnectionTerminated):
            self.over = f"GOAWAY {event.error_code}"
        elif isinstance(event, WindowUpdated):
            self.window.set()

    def begin(self, method, path, fields, ends):
        """(stream, future response)."""
        stream = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "https"), (":authority", self.authority), (":path", path)]
        self.h2.send_headers(stream, pseudo + [(n.lower(), str(v)) for n, v in fields.items()], end_stream=ends)
        self.answers[stream] = asyncio.get_running_loop().create_future()
        return stream, self.answers[stream]

    async def send_body(self, stream, body):
        while body and stream in self.answers:
            size = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(body))
            if size <= 0:
                if self.over:
                    return
                self.window.clear()
                await self.window.wait()
                continue
            self.h2.send_data(stream, body[:size])
            body = body[size:]
            await self.flush()
        if stream in self.answers:
            self.h2.end_stream(stream)

    async def ask(self, method, path, fields, body=None):
        if self.over:
            raise Cut(self.over)
        try:
            stream, answer = self.begin(method, path, fields, body is None)
            await self.flush()
            if body is not None:
                await self.send_body(stream, b"".join(body) if isinstance(body, list) else body)
                await self.flush()
        except (OSError, ProtocolError) as error:
            raise Cut(repr(error)) from error
        return await answer
