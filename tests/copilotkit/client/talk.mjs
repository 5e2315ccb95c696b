// Real AG-UI clients, driven line by line: `node talk.mjs pinned|newest`, one JSON step a line on stdin
//   {"page", "open": {"url", "threadId", "headers"}, "tools"}  a page in a conversation; what names it later is its step
//   {"page", "add": [messages], "resume": [...], "forwardedProps": {...}}  it posts
//   {"page", "connect": url}  it is loaded again, and told there what was said
//   with "leave": type  the page hangs up behind the first event of this type
//   with "loose": true  it has forgotten what is open, as a page that was stuck is told to
// and one JSON line back for each: the events that were heard, what is open, and what the client holds now. The client
// checks every event against its schemas and their order by itself; what it refuses comes back as `error`, what it only
// complains of as `warned`.
import { createInterface } from "node:readline";

const { HttpAgent } = await import(`agui-${process.argv[2]}`);
const pages = new Map();
let warned;
console.warn = (...words) => void warned.push(words.join(" "));

const connected = globalThis.fetch;

// The same answer, of which nothing comes any more behind the first event of a type.
function cutBehind(type) {
  return async (...asked) => {
    const answer = await connected(...asked);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let come = "", over = false;
    const body = new ReadableStream({
      async pull(into) {
        if (over) { await reader.cancel(); into.error(new DOMException("hung up", "AbortError")); return; }
        while (!come.includes("\n\n")) {
          const { done, value } = await reader.read();
          if (done) { into.close(); return; }
          come += value;
        }
        const end = come.indexOf("\n\n") + 2, event = come.slice(0, end);
        come = come.slice(end);
        over = JSON.parse(event.slice("data: ".length)).type === type;
        into.enqueue(new TextEncoder().encode(event));
      },
    }, { highWaterMark: 0 });
    return new Response(body, { status: answer.status, headers: answer.headers });
  };
}

async function run({ agent, tools }, { leave, ...parameters }) {
  warned = [];
  globalThis.fetch = leave ? cutBehind(leave) : connected;
  const events = [];
  let outcome, interrupts = [], error;
  const listening = {
    onEvent: ({ event }) => void events.push(event),
    onRunFinishedEvent: (ended) => { outcome = ended.outcome; interrupts = ended.interrupts ?? []; },
    onRunErrorEvent: ({ event }) => { error = event.message; },
    onRunFailed: ({ error: failed }) => { error = String(failed?.message ?? failed); },
  };
  try {
    await agent.runAgent({ tools, ...parameters }, listening);
  } catch (failed) {
    error = String(failed?.message ?? failed);
  }
  if (leave) error = undefined;
  const { messages, state } = agent;
  return { heard: events.map((event) => event.type), events, outcome, interrupts, error, warned, messages, state };
}

async function step({ page: name, open, tools, connect, add, loose, ...given }) {
  if (open) { pages.set(name, { open, tools: tools ?? [], agent: new HttpAgent(open) }); return {}; }
  const page = pages.get(name);
  if (connect) {
    page.agent = new HttpAgent({ ...page.open, url: connect });
    const came = await run(page, given);
    page.agent.url = page.open.url;
    return came;
  }
  for (const message of add ?? []) page.agent.addMessage(message);
  if (loose) page.agent.pendingInterrupts = [];
  return await run(page, given);
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await step(JSON.parse(line)))}\n`);
}
