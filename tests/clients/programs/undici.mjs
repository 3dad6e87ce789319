import { request } from "undici";

const headers = { Authorization: `Bearer ${process.env.GITHUB_TOKEN}` };
const { statusCode, body } = await request(process.argv[2], { headers });
if (statusCode !== 200) throw new Error(statusCode);
console.log(await body.text());
