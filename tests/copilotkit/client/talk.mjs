// A real AG-UI client, driven line by line: `node talk.mjs pinned|newest URL THREAD`, one JSON step a line on stdin
//   {"say": text}  {"resume": [...]}  {"result": {"toolCallId", "content"}}  {"again": true}  {"tools": [...]}
// and one JSON line back for each: what was heard, what is open, and what the client holds now. The client checks every
// event against its schemas and their order by itself; whatever it refuses comes back as `error`.
import { createInterface } from "node:readline";

const [which, url, threadId] = process.argv.slice(2);
const { HttpAgent } = await import(`agui-${which}`);
const agent = new HttpAgent({ url, threadId });
let tools = [];

async function run(parameters) {
  const heard = [];
  let outcome, interrupts = [], error;
  const listening = {
    onEvent: ({ event }) => void heard.push(event.type),
    onRunFinishedEvent: (ended) => { outcome = ended.outcome; interrupts = ended.interrupts ?? []; },
    onRunErrorEvent: ({ event }) => { error = event.message; },
    onRunFailed: ({ error: failed }) => { error = String(failed?.message ?? failed); },
  };
  try {
    await agent.runAgent({ tools, ...parameters }, listening);
  } catch (failed) {
    error = String(failed?.message ?? failed);
  }
  return { heard, outcome, interrupts, error, messages: agent.messages, state: agent.state };
}

const id = () => crypto.randomUUID();

async function step(given) {
  if (given.tools) { tools = given.tools; return {}; }
  if (given.say) agent.addMessage({ id: id(), role: "user", content: given.say });
  if (given.result) agent.addMessage({ id: id(), role: "tool", ...given.result });
  return await run(given.resume ? { resume: given.resume } : {});
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await step(JSON.parse(line)))}\n`);
}
