// Any request of hitl-core, rendered from its kind and its schemas. Copy the folder `cards` into a page of your own.
import { useState } from "react";
import type { Interrupt, Json, PauseRequest } from "../protocol";
import { requestOf } from "../protocol";
import { Fields } from "./Fields";

export type Answer = (payload: Json) => void;

export function Card({ interrupt, onAnswer, onDismiss }: {
  interrupt: Interrupt;
  onAnswer: Answer;
  onDismiss: () => void;
}) {
  const request = requestOf(interrupt);
  if (!request) return null;
  const Body = BODIES[request.kind];
  return (
    <section className="card" data-kind={request.kind} aria-label={request.title}>
      <h3>{request.title}</h3>
      {interrupt.metadata?.refused && <p role="alert">Not accepted: {interrupt.metadata.refused}</p>}
      {request.context?.message && <blockquote>The agent says: {request.context.message}</blockquote>}
      <Body request={request} onAnswer={onAnswer} />
      <footer>
        <small>
          Asked because: {request.because.why} (rule {request.because.rule})
          {request.deadline && <> · until {new Date(request.deadline).toLocaleString()}</>}
        </small>
        <button className="quiet" onClick={onDismiss}>Dismiss</button>
      </footer>
    </section>
  );
}

type BodyProps = { request: PauseRequest; onAnswer: Answer };

function Approval({ request, onAnswer }: BodyProps) {
  const [edited, setEdited] = useState<Record<string, Json> | null>(null);
  const [reason, setReason] = useState("");
  const { preview } = request;
  return (
    <>
      {preview?.effect && <p><strong>{preview.effect}</strong>{preview.target && <> · {preview.target}</>}</p>}
      {preview?.warnings?.map((warning) => <p key={warning} className="warning">{warning}</p>)}
      {preview?.diff && <pre>{preview.diff}</pre>}
      {edited ? (
        <Fields schema={request.arguments_schema ?? {}} value={edited} onChange={setEdited} />
      ) : (
        <dl>
          {Object.entries(request.action.arguments).map(([name, value]) => (
            <div key={name}><dt>{name}</dt><dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd></div>
          ))}
        </dl>
      )}
      <label><span>Reason</span><input value={reason} onChange={(event) => setReason(event.target.value)} /></label>
      <p className="actions">
        {edited ? (
          <button onClick={() => onAnswer({ approved: true, editedArgs: edited })}>Approve as edited</button>
        ) : (
          <button onClick={() => onAnswer({ approved: true })}>Approve</button>
        )}
        {request.allowed.includes("edit") && (
          <button onClick={() => setEdited(edited ? null : request.action.arguments)}>{edited ? "Undo edit" : "Edit"}</button>
        )}
        <button onClick={() => onAnswer({ approved: false, ...(reason && { reason }) })}>Reject</button>
      </p>
    </>
  );
}

function Question({ request, onAnswer }: BodyProps) {
  const [text, setText] = useState("");
  return (
    <form onSubmit={(event) => { event.preventDefault(); onAnswer({ answer: text }); }}>
      <p>{String(request.action.arguments["question"] ?? "")}</p>
      <label><span>Answer</span><input required value={text} onChange={(event) => setText(event.target.value)} /></label>
      <p className="actions"><button>Send</button></p>
    </form>
  );
}

function Choice({ request, onAnswer }: BodyProps) {
  return (
    <>
      <p>{String(request.action.arguments["question"] ?? "")}</p>
      <p className="actions">
        {request.options?.map((option) => (
          <button key={option.id} onClick={() => onAnswer({ option: option.id })}>{option.label ?? option.id}</button>
        ))}
      </p>
    </>
  );
}

function Review({ request, onAnswer }: BodyProps) {
  const [feedback, setFeedback] = useState("");
  return (
    <>
      <pre>{String(request.action.arguments["content"] ?? JSON.stringify(request.action.arguments, null, 2))}</pre>
      <label><span>What to change</span><input value={feedback} onChange={(event) => setFeedback(event.target.value)} /></label>
      <p className="actions">
        <button onClick={() => onAnswer({ accepted: true })}>Accept</button>
        <button disabled={!feedback} onClick={() => onAnswer({ accepted: false, feedback })}>Send back</button>
      </p>
    </>
  );
}

function Handoff({ request, onAnswer }: BodyProps) {
  const [text, setText] = useState("");
  return (
    <>
      <p>{request.preview?.effect ?? "The conversation is yours."}</p>
      <label><span>Say</span><input value={text} onChange={(event) => setText(event.target.value)} /></label>
      <p className="actions">
        <button disabled={!text} onClick={() => onAnswer({ text })}>Say it</button>
        <button onClick={() => onAnswer({ text, then: "hand_back" })}>Hand back</button>
        <button disabled={!text} onClick={() => onAnswer({ text, then: "finish" })}>Finish</button>
      </p>
    </>
  );
}

const BODIES = { approval: Approval, input: Question, choice: Choice, review: Review, handoff: Handoff };
