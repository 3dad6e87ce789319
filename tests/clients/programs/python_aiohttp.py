import asyncio
import os
import sys

import aiohttp


async def main():
    headers = {"Authorization": "Bearer " + os.environ["GITHUB_TOKEN"]}
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as session:
        async with session.get(sys.argv[1]) as response:
            print(await response.text())


asyncio.run(main())
