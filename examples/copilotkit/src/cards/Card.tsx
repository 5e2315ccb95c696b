// Any request of hitl-core, rendered from its kind and its schemas. Copy the folder `cards` into a page of your own.
import { useId } from "react";
import type { Draft, Interrupt, Json, JsonSchema, PauseRequest } from "../protocol";
import { requestOf } from "../protocol";
import { Approval } from "./Approval";
import "./cards.css";
import { Handoff } from "./Handoff";
import { Choice, Question, Report } from "./Question";
import { Review } from "./Review";

export type Answer = (payload: Json) => void;

/** What the inside of a card is given. `schema` is that of the answer. */
export type BodyProps = { request: PauseRequest; schema: JsonSchema; draft?: Draft; onAnswer: Answer };

const BODIES = { approval: Approval, input: Question, choice: Choice, review: Review, handoff: Handoff };

export function Card({ interrupt, onAnswer, onDismiss }: {
  interrupt: Interrupt;
  onAnswer: Answer;
  onDismiss: () => void;
}) {
  const id = useId();
  const request = requestOf(interrupt);
  if (!request) return null;
  const Body = request.allowed.includes("report") ? Report : BODIES[request.kind];
  return (
    <div className="card" role="group" data-kind={request.kind} aria-labelledby={id}>
      <h3 id={id}>{request.title}</h3>
      {interrupt.metadata?.refused && <p role="alert">Not accepted: {interrupt.metadata.refused}</p>}
      {/* of a conversation that was handed over it is the last line, and stands there */}
      {request.context?.message && request.kind !== "handoff" && <blockquote>The agent says: {request.context.message}</blockquote>}
      {request.asked?.map((each) => (
        <blockquote key={each.question}>{each.by} asked: {each.question}{each.answer && <><br />The agent: {each.answer}</>}</blockquote>
      ))}
      <Body request={request} schema={interrupt.responseSchema ?? {}} draft={interrupt.metadata?.draft} onAnswer={onAnswer} />
      <footer>
        <small>
          Asked because: {request.because.why} <span className="unit">({request.because.rule})</span>
          {request.deadline && <> · until {new Date(request.deadline).toLocaleString()}</>}
        </small>
        <button className="quiet" onClick={onDismiss}>Dismiss</button>
      </footer>
    </div>
  );
}
