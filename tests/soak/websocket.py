"""RFC 6455, as much of it as a soak needs: short messages, no extension."""
import base64
import hashlib
import os

import answers

KEY = base64.b64encode(b"0123456789abcdef").decode()
TEXT, CLOSE = 1, 8


def frame(opcode, text, masked):
    mask = os.urandom(4)
    head = bytes([0x80 | opcode])
    size = len(text) if len(text) < 126 else 126
    head += bytes([size | (0x80 if masked else 0)]) + (len(text).to_bytes(2, "big") if size == 126 else b"")
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)) if masked else head + text


async def read_message(reader):
    """(opcode, text); its fragments joined."""
    message, opcode = b"", None
    while True:
        first, second = await reader.readexactly(2)
        size = second & 127
        if size >= 126:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
        mask = await reader.readexactly(4) if second & 128 else bytes(4)
        piece = await reader.readexactly(size)
        message += bytes(b ^ mask[i % 4] for i, b in enumerate(piece))
        opcode = opcode or first & 15
        if first & 128:
            return opcode, message


async def serve(request, reader, writer):
    """Sends each text back, behind the secret it was opened with."""
    accept = base64.b64encode(hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    writer.write(("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  f"X-Id: {request.number}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").encode())
    while True:
        opcode, text = await read_message(reader)
        writer.write(frame(opcode, text if opcode == CLOSE else answers.line(request).encode() + text, masked=False))
        await writer.drain()
        if opcode == CLOSE:
            return
