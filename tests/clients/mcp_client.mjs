// Speaks to an MCP server over stdio with the official SDK: mcp_client.mjs TOOL ARGUMENTS-JSON -- COMMAND...
// Prints the number of tools and the tool's answer as one JSON line, and leaves the server running until stdin ends.
import { once } from "node:events";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(path.join(process.cwd(), "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = await load("@modelcontextprotocol/sdk/client/stdio.js");

const [tool, args, , command, ...rest] = process.argv.slice(2);
const transport = new StdioClientTransport({ command, args: rest, env: process.env, stderr: "inherit" });
const client = new Client({ name: "standin-test", version: "1.0.0" });
await client.connect(transport);
const { tools } = await client.listTools();
const answer = await client.callTool({ name: tool, arguments: JSON.parse(args) });
console.log(JSON.stringify({ tools: tools.length, answer }));
process.stdin.resume();
await once(process.stdin, "end");
await client.close();
