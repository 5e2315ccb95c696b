// What waits for a decision in runs that no page has started: one card a conversation.
import { useEffect, useState } from "react";
import { Messages } from "./Messages";
import { OpenQuestions } from "./OpenQuestions";
import { AGENT, RUNTIME, useConversation } from "./studio";

type Waiting = { threadId: string; titles: string[] };

export function Inbox() {
  // What was answered here stays, so that its outcome can be read.
  const [seen, setSeen] = useState<ReadonlyMap<string, Waiting>>(new Map());
  const [waiting, setWaiting] = useState<number>();
  const [fault, setFault] = useState("");
  useEffect(() => {
    const look = async () => {
      const response = await fetch(`${RUNTIME}/agent/${AGENT}/waiting`).catch(() => undefined);
      if (!response?.ok) return setFault("The server does not say what waits. This page asks again by itself.");
      const found = (await response.json()) as Waiting[];
      setFault("");
      setWaiting(found.length);
      setSeen((before) => new Map([...before, ...found.map((each) => [each.threadId, each] as const)]));
    };
    void look();
    const timer = setInterval(look, 5000);
    return () => clearInterval(timer);
  }, []);
  return (
    <main className="inbox">
      <h1>Inbox</h1>
      {fault && <p role="alert">{fault}</p>}
      <p role="status">{waiting === undefined ? "Looking…" : waiting === 0 ? "Nothing waits for you." : `${waiting} waiting for you.`}</p>
      {[...seen.values()].map((each) => <Conversation key={each.threadId} thread={each.threadId} titles={each.titles} />)}
    </main>
  );
}

function Conversation({ thread, titles }: { thread: string; titles: string[] }) {
  const id = `inbox-${thread}`;
  const { agent, isReady } = useConversation(id, thread);
  return (
    <article data-thread={thread}>
      <h2>{[...new Set(titles)].join(", ")} <small>in {thread.slice(0, 8)}</small></h2>
      <Messages messages={agent.messages} />
      {isReady && <OpenQuestions agentId={id} />}
    </article>
  );
}
