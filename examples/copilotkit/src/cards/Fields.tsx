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
          <Field schema={schema.properties?.[name] ?? {}} value={value[name] ?? null} onChange={(typed) => set(name, typed)} />
        </label>
      ))}
    </>
  );
}

function Field({ schema, value, onChange }: { schema: JsonSchema; value: Json; onChange: (value: Json) => void }) {
  if (schema.enum) {
    return (
      <select value={String(value)} onChange={(event) => onChange(event.target.value)}>
        {schema.enum.map((each) => <option key={String(each)}>{String(each)}</option>)}
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
        step={schema.type === "integer" ? 1 : "any"}
        min={schema.minimum}
        max={schema.maximum}
        value={typeof value === "number" ? value : ""}
        onChange={(event) => onChange(event.target.value === "" ? null : event.target.valueAsNumber)}
      />
    );
  }
  if (schema.type === "string" || typeof value === "string") {
    return <input value={typeof value === "string" ? value : ""} onChange={(event) => onChange(event.target.value)} />;
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
