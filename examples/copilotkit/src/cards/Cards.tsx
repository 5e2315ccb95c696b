// All questions that are open at once. A page sends its answers together, so each is held here until the last is given.
import { useEffect, useState } from "react";
import type { Entry, Interrupt } from "../protocol";
import { requestOf } from "../protocol";
import { Card } from "./Card";

export type CardsProps = {
  interrupts: Interrupt[];
  onAnswers: (entries: Entry[]) => void;
  /** Whether answers can be sent now; what is given meanwhile is held. */
  ready?: boolean;
};

/** What is held outlives that others answer one of the questions: what is left is then complete, and is sent. */
export function Cards({ interrupts, onAnswers, ready = true }: CardsProps) {
  const [held, setHeld] = useState<ReadonlyMap<string, Entry>>(new Map());
  const [sent, setSent] = useState<Interrupt[]>();
  const refused = useRefused(interrupts);
  const answers = interrupts.flatMap((each) => held.get(each.id) ?? []);
  const complete = interrupts.length > 0 && answers.length === interrupts.length;
  useEffect(() => {
    if (!ready || !complete || interrupts === sent) return;
    setSent(interrupts);
    setHeld(new Map());
    onAnswers(answers);
  });
  const hold = (entry: Entry) => setHeld((before) => new Map(before).set(entry.interruptId, entry));
  const takeBack = (id: string) => setHeld((before) => new Map([...before].filter(([each]) => each !== id)));
  return (
    // What is sent is hidden and not gone: an answer that is refused is still there to be mended.
    <div className="cards" hidden={complete || interrupts === sent}>
      {interrupts.length > 1 && (
        <p className="count">{interrupts.length - answers.length} of {interrupts.length} still to be answered; they are sent together.</p>
      )}
      {interrupts.map((each) => (
        <div key={each.id}>
          {held.has(each.id) && (
            <p className="held">
              <span>Answered: {requestOf(each)?.title ?? each.message}</span>
              <button className="quiet" onClick={() => takeBack(each.id)}>Change</button>
            </p>
          )}
          <div hidden={held.has(each.id)}>
            <Card
              interrupt={refused(each)}
              onAnswer={(payload) => hold({ interruptId: each.id, status: "resolved", payload })}
              onDismiss={() => hold({ interruptId: each.id, status: "cancelled" })}
            />
          </div>
        </div>
      ))}
    </div>
  );
}

/** Why an answer was not taken is told once, and stands there until the question is answered or gone. */
function useRefused(interrupts: Interrupt[]) {
  const [told, setTold] = useState<ReadonlyMap<string, string>>(new Map());
  const news = interrupts.flatMap(({ id, metadata }) => (metadata?.refused ? [[id, metadata.refused] as const] : []));
  if (news.some(([id, why]) => told.get(id) !== why)) setTold(new Map([...told, ...news]));
  return (each: Interrupt): Interrupt => ({ ...each, metadata: { ...each.metadata, refused: told.get(each.id) } });
}
