import asyncio
import os
import ssl
import sys
from urllib.parse import urlsplit


async def main():
    url = urlsplit(sys.argv[1])
    reader, writer = await asyncio.open_connection(url.hostname, url.port or 443, ssl=ssl.create_default_context())
    writer.write(f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n"
                 f"Authorization: Bearer {os.environ['GITHUB_TOKEN']}\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    assert answer.startswith("HTTP/1.1 200 "), answer
    print(answer)


asyncio.run(main())
