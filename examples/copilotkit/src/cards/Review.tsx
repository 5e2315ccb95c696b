// A text that people accept as it is, accept with their own changes, or send back with what to do about it.
import { type KeyboardEvent, useId, useRef, useState } from "react";
import type { BodyProps } from "./Card";

export function Review({ request, onAnswer }: BodyProps) {
  const { content, ...others } = request.action.arguments;
  const isText = typeof content === "string";
  const text = isText ? content : JSON.stringify(request.action.arguments, null, 2);
  const [edited, setEdited] = useState<string | null>(null);
  const [feedback, setFeedback] = useState("");
  const editing = useRef<HTMLButtonElement>(null);
  const id = useId();
  const leave = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || edited === null) return;
    setEdited(null);
    editing.current?.focus();
  };
  const acceptEdited = () => onAnswer({ decision: { type: "edit", arguments: { ...others, content: edited } } });
  const sendBack = () => onAnswer({ accepted: false, feedback });
  return (
    <form onKeyDown={leave} onSubmit={(event) => { event.preventDefault(); if (feedback) sendBack(); }}>
      {edited === null ? <blockquote className="draft">{text}</blockquote> : (
        <div className="field">
          <label htmlFor={`${id}-text`}>Text</label>
          <textarea id={`${id}-text`} rows={6} value={edited} onChange={(event) => setEdited(event.target.value)} />
        </div>
      )}
      <div className="field">
        <label htmlFor={id}>What to change <span className="unit">for the agent</span></label>
        <input id={id} value={feedback} onChange={(event) => setFeedback(event.target.value)} />
      </div>
      <p className="actions">
        {edited === null ? (
          <button type="button" className="main" onClick={() => onAnswer({ accepted: true })}>Accept</button>
        ) : (
          <button type="button" className="main" onClick={acceptEdited}>Accept as edited</button>
        )}
        {isText && request.allowed.includes("edit") && (
          <button ref={editing} type="button" onClick={() => setEdited(edited === null ? text : null)}>
            {edited === null ? "Edit" : "Undo edit"}
          </button>
        )}
        <button disabled={!feedback}>Send back</button>
      </p>
    </form>
  );
}
