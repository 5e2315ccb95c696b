// Any request of hitl-core, rendered from its kind and its schemas. Copy the folder `cards` into a page of your own.
import { useState } from "react";
import type { Interrupt, Json, JsonSchema, PauseRequest } from "../protocol";
import { requestOf } from "../protocol";
import { blank, Fields } from "./Fields";

export type Answer = (payload: Json) => void;

export function Card({ interrupt, onAnswer, onDismiss }: {
  interrupt: Interrupt;
  onAnswer: Answer;
  onDismiss: () => void;
}) {
  const request = requestOf(interrupt);
  if (!request) return null;
  const Body = request.allowed.includes("report") ? Report : BODIES[request.kind];
  return (
    <section className="card" data-kind={request.kind} aria-label={request.title}>
      <h3>{request.title}</h3>
      {interrupt.metadata?.refused && <p role="alert">Not accepted: {interrupt.metadata.refused}</p>}
      {request.context?.message && <blockquote>The agent says: {request.context.message}</blockquote>}
      <Body request={request} schema={interrupt.responseSchema ?? {}} onAnswer={onAnswer} />
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

type BodyProps = { request: PauseRequest; schema: JsonSchema; onAnswer: Answer };

function Approval({ request, onAnswer }: BodyProps) {
  const [edited, setEdited] = useState<Record<string, Json> | null>(null);
  const [reason, setReason] = useState("");
  return (
    <>
      <Effect request={request} />
      {edited ? (
        <Fields schema={request.arguments_schema ?? {}} value={edited} onChange={setEdited} />
      ) : (
        <Arguments given={request.action.arguments} />
      )}
      <label><span>Reason</span><input value={reason} onChange={(event) => setReason(event.target.value)} /></label>
      <p className="actions">
        {edited ? (
          <button onClick={() => onAnswer({ approved: true, editedArgs: edited })}>Approve as edited</button>
        ) : request.allowed.includes("approve") && (
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

/** What an action does, and what to look out for. */
function Effect({ request: { preview } }: Pick<BodyProps, "request">) {
  return (
    <>
      {preview?.effect && <p><strong>{preview.effect}</strong>{preview.target && <> · {preview.target}</>}</p>}
      {preview?.warnings?.map((warning) => <p key={warning} className="warning">{warning}</p>)}
      {preview?.diff && <pre>{preview.diff}</pre>}
    </>
  );
}

function Arguments({ given }: { given: Record<string, Json> }) {
  return (
    <dl>
      {Object.entries(given).map(([name, value]) => (
        <div key={name}><dt>{name}</dt><dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd></div>
      ))}
    </dl>
  );
}

/** The fields of the answer's schema. It is validated by the server, which asks again with what is wrong. */
function Question({ request, schema, onAnswer }: BodyProps) {
  const [said, setSaid] = useState(() => blank(schema));
  const { question, ...others } = request.action.arguments;
  return (
    <form onSubmit={(event) => { event.preventDefault(); onAnswer(said); }}>
      {question !== undefined && <p>{String(question)}</p>}
      <Arguments given={others} />
      <Fields schema={schema} value={said} onChange={setSaid} />
      <p className="actions"><button>Send</button></p>
    </form>
  );
}

/** A person carries the action out, and says what came of it. */
function Report({ request, schema, onAnswer }: BodyProps) {
  const [said, setSaid] = useState(() => blank(schema));
  return (
    <form onSubmit={(event) => { event.preventDefault(); onAnswer(said); }}>
      <Effect request={request} />
      <Arguments given={request.action.arguments} />
      <Fields schema={schema} value={said} onChange={setSaid} />
      <p className="actions"><button>Report</button></p>
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
