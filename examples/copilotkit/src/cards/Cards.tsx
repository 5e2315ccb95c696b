// All questions that are open at once. The page sends them together, so each keeps what was answered until the last is.
import { useState } from "react";
import type { Interrupt, Json } from "../protocol";
import { Card } from "./Card";

export function Cards({ interrupts, onAnswer, onDismiss }: {
  interrupts: Interrupt[];
  onAnswer: (payload: Json, interruptId: string) => unknown;
  onDismiss: (interruptId: string) => unknown;
}) {
  const [answered, setAnswered] = useState<ReadonlySet<string>>(new Set());
  const done = (id: string) => setAnswered((before) => new Set(before).add(id));
  const open = interrupts.filter((each) => !answered.has(each.id) || each.metadata?.refused);
  return (
    <div className="cards">
      {interrupts.length > 1 && <p>{open.length} of {interrupts.length} still to be answered.</p>}
      {open.map((each) => (
        <Card
          key={`${each.id} ${each.metadata?.refused ?? ""}`}
          interrupt={each}
          onAnswer={(payload) => { done(each.id); onAnswer(payload, each.id); }}
          onDismiss={() => { done(each.id); onDismiss(each.id); }}
        />
      ))}
    </div>
  );
}
