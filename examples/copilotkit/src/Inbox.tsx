// What waits for a decision in runs that no page has started: one card a conversation.
import { useEffect, useState } from "react";
import { Messages } from "./Messages";
import { OpenQuestions } from "./OpenQuestions";
import { AGENT, RUNTIME, useConversation } from "./studio";

type Waiting = { threadId: string; titles: string[] };

export function Inbox() {
  const [waiting, setWaiting] = useState<Waiting[] | null>(null);
  useEffect(() => {
    const look = async () => setWaiting(await (await fetch(`${RUNTIME}/agent/${AGENT}/waiting`)).json() as Waiting[]);
    void look();
    const timer = setInterval(look, 5000);
    return () => clearInterval(timer);
  }, []);
  if (!waiting) return <main><p>Looking…</p></main>;
  return (
    <main className="inbox">
      <h2>Waiting for a decision</h2>
      {waiting.length === 0 && <p>Nothing waits.</p>}
      {waiting.map((each) => <Conversation key={each.threadId} thread={each.threadId} />)}
    </main>
  );
}

function Conversation({ thread }: { thread: string }) {
  const id = `inbox-${thread}`;
  const { agent, isReady } = useConversation(id, thread);
  return (
    <article data-thread={thread}>
      <Messages messages={agent.messages} />
      {isReady && <OpenQuestions agentId={id} />}
    </article>
  );
}
