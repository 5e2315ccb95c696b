// What is open in a conversation: one card for each question, whatever kinds they are of.
import { useInterrupt } from "@copilotkit/react-core/v2";
import { Cards } from "./cards/Cards";
import { type Interrupt, kindOf } from "./protocol";

/** With a `kind`, only where the first of the questions is of that kind: it is all that `enabled` sees. */
export function OpenQuestions({ agentId, kind }: { agentId: string; kind?: string }) {
  return useInterrupt({
    agentId,
    renderInChat: false,
    enabled: (event) => !kind || kindOf(event.value as Interrupt) === kind,
    render: ({ interrupts, resolve, cancel }) => (
      <div data-hook={kind}>
        <Cards interrupts={interrupts as Interrupt[]} onAnswer={resolve} onDismiss={cancel} />
      </div>
    ),
  });
}
