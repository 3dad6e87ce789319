import axios from "axios";

const headers = { Authorization: `Bearer ${process.env.GITHUB_TOKEN}` };
console.log((await axios.get(process.argv[2], { headers, responseType: "text" })).data);
