// A form from a JSON Schema: numbers stay numbers, and what no field fits is edited as JSON.
import type { Json, JsonSchema } from "../protocol";

type Arguments = Record<string, Json>;

export function Fields({ schema, value, onChange }: {
  schema: JsonSchema;
  value: Arguments;
  onChange: (value: Arguments) => void;
}) {
  const names = Object.keys(schema.properties ?? value);
  const set = (name: string, typed: Json) => onChange({ ...value, [name]: typed });
  return (
    <>
      {names.map((name) => (
        <label key={name}>
          <span>{schema.properties?.[name]?.title ?? name}</span>
          <Field
            schema={schema.properties?.[name] ?? {}}
            value={value[name] ?? null}
            required={schema.required?.includes(name)}
            onChange={(typed) => set(name, typed)}
          />
        </label>
      ))}
    </>
  );
}

/** What a form has before anybody has typed: a box that is not ticked says no. */
export function blank(schema: JsonSchema): Arguments {
  const boxes = (schema.required ?? []).filter((name) => schema.properties?.[name]?.type === "boolean");
  return Object.fromEntries(boxes.map((name) => [name, false]));
}

const takesAnything = (schema: JsonSchema) => Object.keys(schema).every((key) => key === "title" || key === "description");

function Field({ schema, value, required, onChange }: {
  schema: JsonSchema;
  value: Json;
  required?: boolean;
  onChange: (value: Json) => void;
}) {
  if (schema.enum) {
    const chosen = schema.enum.indexOf(value);
    return (
      <select
        required={required}
        value={chosen < 0 ? "" : chosen}
        onChange={(event) => onChange(schema.enum?.[Number(event.target.value)] ?? null)}
      >
        {chosen < 0 && <option value="">…</option>}
        {schema.enum.map((each, index) => <option key={index} value={index}>{String(each)}</option>)}
      </select>
    );
  }
  if (schema.type === "boolean") {
    return <input type="checkbox" checked={value === true} onChange={(event) => onChange(event.target.checked)} />;
  }
  if (schema.type === "integer" || schema.type === "number") {
    return (
      <input
        type="number"
        required={required}
        step={schema.type === "integer" ? 1 : "any"}
        min={schema.minimum}
        max={schema.maximum}
        value={typeof value === "number" ? value : ""}
        onChange={(event) => onChange(event.target.value === "" ? null : event.target.valueAsNumber)}
      />
    );
  }
  if (schema.type === "string" || typeof value === "string" || (value === null && takesAnything(schema))) {
    const text = typeof value === "string" ? value : "";
    return <input required={required} value={text} onChange={(event) => onChange(event.target.value)} />;
  }
  return (
    <textarea
      defaultValue={JSON.stringify(value, null, 2)}
      onBlur={(event) => {
        try {
          onChange(JSON.parse(event.target.value) as Json);
          event.target.setCustomValidity("");
        } catch {
          event.target.setCustomValidity("This is not JSON.");
          event.target.reportValidity();
        }
      }}
    />
  );
}
