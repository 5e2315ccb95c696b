// A chat with both patterns: the code decides to ask (useInterrupt), or the model does (useHumanInTheLoop).
import { CopilotChat, useAgent } from "@copilotkit/react-core/v2";
import { OpenQuestions } from "./OpenQuestions";
import { Says } from "./Says";
import { AGENT, kept, useConnected, useSay } from "./studio";
import { useTimeSlots } from "./TimeSlots";

const FIRST = ["publish", "publish two", "sequence", "channel", "campaign", "slot"];
// CopilotKit's own buttons have no names that a screen reader could say.
const NAMED = { sendButton: { "aria-label": "Send" }, addMenuButton: { "aria-label": "Add attachments" } };

export function Chat() {
  const thread = kept("thread");
  const { agent, isReady } = useAgent({ agentId: AGENT });
  const say = useSay(agent);
  useTimeSlots(AGENT);
  useConnected(agent, thread, isReady); // the chat has connected by itself, perhaps before it was heard what changes
  return (
    <main className="chat">
      <h1 className="sr">Chat</h1>
      {agent.messages.length === 0 && <Says texts={FIRST} disabled={!isReady || agent.isRunning} onSay={say} />}
      <h2 className="sr">Questions</h2>
      <OpenQuestions agentId={AGENT} />
      <div className="talk"><CopilotChat agentId={AGENT} threadId={thread} input={NAMED} /></div>
    </main>
  );
}
