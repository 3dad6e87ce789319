"""HTTP/1.1 over a connection of the door."""
import asyncio

from door import Cut


class Response:
    def __init__(self, status, fields, body=b""):
        self.status, self.fields, self.body = status, fields, body

    def field(self, name):
        return self.fields.get(name)


def head(method, path, authority, fields):
    return (f"{method} {path} HTTP/1.1\r\nHost: {authority}\r\n"
            + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n").encode()


async def read_head(reader):
    while True:
        raw = await reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
        status = int(first.split(" ")[1])
        if status >= 200 or status == 101:
            fields = (line.partition(":") for line in lines)
            return Response(status, {name.lower(): value.strip() for name, _, value in fields})


async def read_response(reader):
    """Throws Cut where it is not whole."""
    try:
        response = await read_head(reader)
        if "chunked" in response.fields.get("transfer-encoding", ""):
            pieces = []
            while size := int(await reader.readuntil(b"\r\n"), 16):
                pieces.append(await reader.readexactly(size))
                await reader.readexactly(2)
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
            response.body = b"".join(pieces)
        elif "content-length" in response.fields:
            response.body = await reader.readexactly(int(response.fields["content-length"]))
        else:
            response.body = await reader.read()
        return response
    except (asyncio.IncompleteReadError, OSError) as error:
        raise Cut(repr(error)) from error


class Http1Client:
    """Asks one after the other on one connection. A body is bytes, or a list of pieces, which go as chunks."""

    def __init__(self, connection, authority):
        self.connection, self.authority = connection, authority

    def request(self, method, path, fields, body=None):
        fields = dict(fields)
        if isinstance(body, list):
            fields["Transfer-Encoding"] = "chunked"
            text = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in body) + b"0\r\n\r\n"
        else:
            text = body or b""
            if body is not None:
                fields["Content-Length"] = len(body)
        return head(method, path, self.authority, fields) + text

    async def ask(self, method, path, fields, body=None):
        try:
            await self.connection.send(self.request(method, path, fields, body))
        except OSError as error:
            raise Cut(repr(error)) from error
        return await read_response(self.connection.reader)
