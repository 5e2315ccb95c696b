// A chat with both patterns: the code decides to ask (useInterrupt), or the model does (useHumanInTheLoop).
import { CopilotChat, useInterrupt } from "@copilotkit/react-core/v2";
import { Cards } from "./cards/Cards";
import type { Interrupt } from "./protocol";
import { AGENT, kept } from "./studio";
import { useTimeSlots } from "./TimeSlots";

export function Chat() {
  const thread = kept("thread");
  useTimeSlots(AGENT);
  const card = useInterrupt({
    agentId: AGENT,
    renderInChat: false,
    render: ({ interrupts, resolve, cancel }) => (
      <Cards interrupts={interrupts as Interrupt[]} onAnswer={resolve} onDismiss={cancel} />
    ),
  });
  return (
    <main className="chat">
      {card}
      <CopilotChat agentId={AGENT} threadId={thread} />
    </main>
  );
}
