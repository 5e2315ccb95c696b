// What people are asked to say: words of their own, an answer of some shape, one of several, or what they have done.
import { useState } from "react";
import type { BodyProps } from "./Card";
import { Arguments, Effect } from "./Effect";
import { Fields } from "./Fields";
import { blanks } from "./shapes";

/** The fields of the answer's schema. It is validated by the server, which asks again with what is wrong. */
export function Question({ request, schema, onAnswer }: BodyProps) {
  const { question, ...others } = request.action.arguments;
  return (
    <>
      {question !== undefined && question !== request.title && <p className="effect">{String(question)}</p>}
      <Arguments given={others} schema={request.arguments_schema} />
      <Answers schema={schema} button="Send" onAnswer={onAnswer} />
    </>
  );
}

/** A person carries the action out, and says what came of it. */
export function Report({ request, schema, onAnswer }: BodyProps) {
  return (
    <>
      <Effect request={request} />
      <Arguments given={request.action.arguments} schema={request.arguments_schema} />
      <Answers schema={schema} button="Report" onAnswer={onAnswer} />
    </>
  );
}

function Answers({ schema, button, onAnswer }: Pick<BodyProps, "schema" | "onAnswer"> & { button: string }) {
  const [said, setSaid] = useState(() => blanks(schema));
  return (
    <form className="form" onSubmit={(event) => { event.preventDefault(); onAnswer(said); }}>
      <Fields schema={schema} value={said} onChange={setSaid} />
      <p className="actions"><button className="main">{button}</button></p>
    </form>
  );
}

export function Choice({ request, onAnswer }: BodyProps) {
  const { question } = request.action.arguments;
  return (
    <>
      {question !== undefined && question !== request.title && <p className="effect">{String(question)}</p>}
      <p className="actions">
        {request.options?.map((option) => (
          <button key={option.id} onClick={() => onAnswer({ option: option.id })}>{option.label ?? option.id}</button>
        ))}
      </p>
    </>
  );
}
