#!/usr/bin/env python3
"""The soak's origins, in one process: `origins.py FOLDER` prints their ports as JSON, and ends with its input."""
import asyncio
import json
import logging
import os
import ssl
import sys

from http1_origin import Http1Origin
from http2_origin import Http2Origin
from ledger import Ledger


def tls(folder, certificate, *protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "certificates", certificate + ".pem"))
    context.set_alpn_protocols(list(protocols))
    return context


async def say_nothing(reader, writer):
    await reader.read()
    writer.close()


async def serve(folder):
    ledger = Ledger(os.path.join(folder, "ledger"))
    http1 = tls(folder, "sound", "http/1.1")
    http2 = tls(folder, "sound", "h2", "http/1.1")
    origins = {  # those whose name begins with `good` never give a reason to fail
        "good1": (Http1Origin("good1", ledger).serve, http1),
        "good2": (Http2Origin("good2", ledger).serve, http2),
        "bad1": (Http1Origin("bad1", ledger).serve, http1),
        "bad2": (Http2Origin("bad2", ledger).serve, http2),
        "expired": (Http1Origin("expired", ledger).serve, tls(folder, "expired", "http/1.1")),
        "silent": (say_nothing, None),
        "unbound": (Http1Origin("unbound", ledger).serve, http1),  # of no credential: its TLS is relayed unread
    }
    ports = {}
    for name, (handler, context) in origins.items():
        server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context, backlog=1024)
        ports[name] = server.sockets[0].getsockname()[1]
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)  # nothing is ever written there
    print(json.dumps(ports), flush=True)
    await ended.wait()
    mine = asyncio.current_task()
    serving = [task for task in asyncio.all_tasks() if task is not mine]
    for task in serving:
        task.cancel()  # what came of its body is written down
    await asyncio.gather(*serving, return_exceptions=True)
    ledger.close()


if __name__ == "__main__":
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # what it says of connections that broke
    asyncio.run(serve(sys.argv[1]))
