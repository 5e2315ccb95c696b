// A chat with both patterns: the code decides to ask (useInterrupt), or the model does (useHumanInTheLoop).
import { CopilotChat } from "@copilotkit/react-core/v2";
import { OpenQuestions } from "./OpenQuestions";
import { AGENT, kept } from "./studio";
import { useTimeSlots } from "./TimeSlots";

export function Chat() {
  const thread = kept("thread");
  useTimeSlots(AGENT);
  return (
    <main className="chat">
      <OpenQuestions agentId={AGENT} />
      <CopilotChat agentId={AGENT} threadId={thread} />
    </main>
  );
}
