// An action that waits for a yes: as it is, with other arguments, or not at all. A shared draft can be sent back, too.
import { type KeyboardEvent, useId, useRef, useState } from "react";
import type { Json } from "../protocol";
import type { BodyProps } from "./Card";
import { Arguments, Effect } from "./Effect";
import { Fields } from "./Fields";
import { isKept } from "./shapes";

export function Approval({ request, draft, onAnswer }: BodyProps) {
  const [edited, setEdited] = useState<Record<string, Json> | null>(null);
  const [words, setWords] = useState("");
  const editing = useRef<HTMLButtonElement>(null);
  const offers = (reply: string) => request.allowed.includes(reply);
  const given = draft?.arguments ?? request.action.arguments;
  const mayEdit = offers("edit") && isKept(given);
  const leave = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !edited) return;
    setEdited(null);
    editing.current?.focus();
  };
  return (
    <div onKeyDown={leave}>
      {draft ? <p className="effect">Version {draft.version}, by {draft.by}{draft.note && <>: {draft.note}</>}</p> : <Effect request={request} />}
      {edited ? (
        <div className="form"><Fields schema={request.arguments_schema ?? {}} value={edited} onChange={setEdited} /></div>
      ) : (
        <Arguments given={given} schema={request.arguments_schema} />
      )}
      {offers("edit") && !mayEdit && <p>It has a number that a browser cannot keep: edit it in the inbox.</p>}
      <Words offers={offers} value={words} onChange={setWords} />
      <p className="actions">
        {edited ? (
          <button className="main" onClick={() => onAnswer({ approved: true, editedArgs: edited })}>Approve as edited</button>
        ) : draft ? (
          <button className="main" onClick={() => onAnswer({ approved: true, version: draft.version, arguments: given })}>
            Accept version {draft.version}
          </button>
        ) : offers("approve") && (
          <button className="main" onClick={() => onAnswer({ approved: true })}>Approve</button>
        )}
        {mayEdit && (
          <button ref={editing} onClick={() => setEdited(edited ? null : given)}>{edited ? "Undo edit" : "Edit"}</button>
        )}
        {offers("revise") && (
          <button disabled={!words} onClick={() => onAnswer({ decision: { type: "revise", feedback: words } })}>Send back</button>
        )}
        {offers("ask") && (
          <button disabled={!words} onClick={() => onAnswer({ decision: { type: "ask", question: words } })}>Ask the agent</button>
        )}
        {offers("reject") && (
          <button className="no" onClick={() => onAnswer({ approved: false, ...(words && { reason: words }) })}>Reject</button>
        )}
      </p>
    </div>
  );
}

/** What goes to the agent beside a no; a question and feedback need it. */
function Words({ offers, value, onChange }: {
  offers: (reply: string) => boolean;
  value: string;
  onChange: (value: string) => void;
}) {
  const id = useId();
  const what = ["Reason", offers("ask") && "question", offers("revise") && "what to change"].filter(Boolean) as string[];
  const label = what.length < 2 ? what[0] : `${what.slice(0, -1).join(", ")} or ${what.at(-1)}`;
  return (
    <div className="field">
      <label htmlFor={id}>{label} <span className="unit">for the agent</span></label>
      <input id={id} value={value} onChange={(event) => onChange(event.target.value)} />
    </div>
  );
}
