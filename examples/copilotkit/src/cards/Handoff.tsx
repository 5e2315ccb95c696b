// A conversation that is a person's for a while: they speak in the agent's place, give it back, or end it.
import { useId, useState } from "react";
import type { Json } from "../protocol";
import type { BodyProps } from "./Card";
import { isGroup } from "./shapes";

export function Handoff({ request, onAnswer }: BodyProps) {
  const [text, setText] = useState("");
  const id = useId();
  return (
    <form onSubmit={(event) => { event.preventDefault(); if (text) onAnswer({ text }); }}>
      <p className="effect">{request.preview?.effect ?? "The conversation is yours until you hand it back."}</p>
      <Said given={request.action.arguments} />
      <div className="field">
        <label htmlFor={id}>Say <span className="unit">in the agent's place</span></label>
        <input id={id} value={text} onChange={(event) => setText(event.target.value)} />
      </div>
      <p className="actions">
        <button className="main" disabled={!text}>Say it</button>
        <button type="button" onClick={() => onAnswer({ text, then: "hand_back" })}>Hand back</button>
        <button type="button" disabled={!text} onClick={() => onAnswer({ text, then: "finish" })}>Finish</button>
      </p>
    </form>
  );
}

/** What was said before, as the frameworks hand it over: a conversation, or a message and what the person said to it. */
function Said({ given: { conversation, message, said } }: { given: Record<string, Json> }) {
  const before = Array.isArray(conversation) ? conversation : [message ?? "", ...(Array.isArray(said) ? said : [])];
  const lines = before.filter((each) => !isGroup(each) || each["role"] !== "tool").map(lineOf).filter(Boolean);
  return lines.length === 0 ? null : <ol className="said">{lines.map((line, index) => <li key={index}>{line}</li>)}</ol>;
}

const lineOf = (said: Json) => (isGroup(said) ? `${String(said["role"] ?? said["source"])}: ${String(said["text"])}` : String(said));
