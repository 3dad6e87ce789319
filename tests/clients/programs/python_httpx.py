import os
import sys

import httpx

response = httpx.get(sys.argv[1], headers={"Authorization": "Bearer " + os.environ["GITHUB_TOKEN"]})
response.raise_for_status()
print(response.text)
