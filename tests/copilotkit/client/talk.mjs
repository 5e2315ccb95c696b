// Real AG-UI clients, driven line by line: `node talk.mjs pinned|newest`, one JSON step a line on stdin
//   {"open": {"url", "threadId"}}  a page in a conversation of its own; the steps after it are its steps
//   {"say": text}  {"resume": [...]}  {"result": {"toolCallId", "content"}}  {"again": true}  {"tools": [...]}
//   {"read": url}  what another page, which has nothing yet, is told there of the same conversation
//   with any of them {"leave": type}: the connection is cut at the first event of this type
// and one JSON line back for each: the events that were heard, what is open, and what the client holds now. The client
// checks every event against its schemas and their order by itself; what it refuses comes back as `error`, what it only
// complains of as `warned`.
import { createInterface } from "node:readline";

const { HttpAgent } = await import(`agui-${process.argv[2]}`);
let agent, tools, warned;
console.warn = (...words) => void warned.push(words.join(" "));

async function run(talking, { leave, ...parameters }) {
  warned = [];
  const events = [];
  let outcome, interrupts = [], error;
  const listening = {
    onEvent: ({ event }) => { events.push(event); if (event.type === leave) talking.abortRun(); },
    onRunFinishedEvent: (ended) => { outcome = ended.outcome; interrupts = ended.interrupts ?? []; },
    onRunErrorEvent: ({ event }) => { error = event.message; },
    onRunFailed: ({ error: failed }) => { error = String(failed?.message ?? failed); },
  };
  try {
    await talking.runAgent({ tools, ...parameters }, listening);
  } catch (failed) {
    error = String(failed?.message ?? failed);
  }
  const { messages, state } = talking;
  return { heard: events.map((event) => event.type), events, outcome, interrupts, error, warned, messages, state };
}

const id = () => crypto.randomUUID();

async function step({ open, say, result, read, ...given }) {
  if (open) { agent = new HttpAgent(open); tools = []; return {}; }
  if (given.tools) { tools = given.tools; return {}; }
  if (read) return await run(new HttpAgent({ url: read, threadId: agent.threadId }), given);
  if (say) agent.addMessage({ id: id(), role: "user", content: say });
  if (result) agent.addMessage({ id: id(), role: "tool", ...result });
  return await run(agent, given);
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await step(JSON.parse(line)))}\n`);
}
