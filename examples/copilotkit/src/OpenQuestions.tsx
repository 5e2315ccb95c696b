// What is open in a conversation: one card for each question, whatever kinds they are of.
import { useAgent, useInterrupt } from "@copilotkit/react-core/v2";
import { cloneElement, type ReactElement, useRef, useState } from "react";
import { Cards } from "./cards/Cards";
import { type Entry, type Interrupt, kindOf } from "./protocol";

/** With a `kind`, only where the first of the questions is of that kind: it is all that `enabled` sees. */
export function OpenQuestions({ agentId, kind }: { agentId: string; kind?: string }) {
  const place = useRef<HTMLDivElement>(null);
  const asked = useInterrupt({
    agentId,
    renderInChat: false,
    enabled: (event) => !kind || kindOf(event.value as Interrupt) === kind,
    render: ({ interrupts, resolve, cancel }) => {
      const answer = (entries: Entry[]) => {
        place.current?.focus(); // the button that had it is gone
        for (const each of entries) {
          void (each.status === "resolved" ? resolve(each.payload, each.interruptId) : cancel(each.interruptId));
        }
      };
      return <Cards interrupts={interrupts as Interrupt[]} onAnswers={answer} />;
    },
  });
  return <div className="open" ref={place} tabIndex={-1} data-hook={kind}>{useKept(agentId, asked)}</div>;
}

/**
 * The hook forgets its questions whenever a run or a connection begins. What stands there stays until it has ended, so that
 * nobody loses what they are typing because others have answered something else.
 */
export function useKept(agentId: string, asked: ReactElement | null) {
  const { agent } = useAgent({ agentId });
  const [last, setLast] = useState(asked);
  if (asked !== last && (asked || !agent.isRunning)) setLast(asked);
  return asked ?? (agent.isRunning && last ? cloneElement(last as ReactElement<{ ready: boolean }>, { ready: false }) : null);
}
