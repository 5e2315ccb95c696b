// A form from a JSON Schema: groups, lists, choices, and numbers that stay numbers. What no field fits is edited as JSON.
import { useId } from "react";
import type { Json, JsonSchema } from "../protocol";
import { blank, hintOf, isGroup, labelOf, type Shape, shapeOf } from "./shapes";

type Group = Record<string, Json>;

/** `root` is the schema in which references point. A field that is emptied is null where that is allowed, else left out. */
export function Fields({ schema, value, onChange, root = schema }: {
  schema: JsonSchema;
  value: Group;
  onChange: (value: Group) => void;
  root?: JsonSchema;
}) {
  const names = Object.keys(schema.properties ?? value);
  const set = (name: string, typed: Json | undefined) => {
    const { [name]: _, ...others } = value;
    onChange(typed === undefined ? others : { ...value, [name]: typed });
  };
  return (
    <>
      {names.map((name) => (
        <Field
          key={name}
          label={labelOf(name, schema.properties?.[name] ?? {})}
          shape={shapeOf(schema.properties?.[name] ?? {}, value[name], root)}
          value={value[name]}
          required={!!schema.required?.includes(name)}
          root={root}
          onChange={(typed) => set(name, typed)}
        />
      ))}
    </>
  );
}

type FieldProps = {
  label: string;
  shape: Shape;
  value: Json | undefined;
  required: boolean;
  root: JsonSchema;
  onChange: (value: Json | undefined) => void;
};

function Field(props: FieldProps) {
  const { label, shape, value, root, onChange } = props;
  switch (shape.kind) {
    case "group":
      return (
        <fieldset>
          <legend>{label}</legend>
          <Fields schema={shape.schema} value={isGroup(value) ? value : {}} onChange={onChange} root={root} />
        </fieldset>
      );
    case "list":
      return <List {...props} />;
    case "several":
      return <Several {...props} />;
    case "boolean":
      return (
        <label className="tick">
          <input type="checkbox" checked={value === true} onChange={(event) => onChange(event.target.checked)} />
          <span>{label}</span>
        </label>
      );
    default:
      return <Line {...props} />;
  }
}

/** A field with its name above it, the unit behind it, and below it what the schema says. */
function Line(props: FieldProps) {
  const { label, shape: { schema, nullable }, required } = props;
  const id = useId();
  const hint = hintOf(schema);
  return (
    <div className="field">
      <label htmlFor={id}>
        {label}{schema.unit && <> <span className="unit">{schema.unit}</span></>}
        {!required && nullable && <> <span className="unit">optional</span></>}
      </label>
      <Input {...props} id={id} describedBy={hint ? `${id}-hint` : undefined} />
      {hint && <small id={`${id}-hint`}>{hint}</small>}
    </div>
  );
}

function Input({ shape: { kind, schema, nullable }, value, required, onChange, id, describedBy }: FieldProps & {
  id: string;
  describedBy?: string;
}) {
  const known = { id, "aria-describedby": describedBy, required: required && !nullable };
  const emptied = nullable ? null : undefined;
  if (kind === "choice") {
    const options = schema.enum ?? [schema.const ?? null];
    const chosen = options.findIndex((each) => each === value);
    return (
      <select {...known} value={chosen < 0 ? "" : chosen} onChange={(event) => onChange(options[Number(event.target.value)])}>
        {chosen < 0 && <option value="">…</option>}
        {options.map((each, index) => <option key={index} value={index}>{String(each)}</option>)}
      </select>
    );
  }
  if (kind === "number") {
    return (
      <input
        {...known}
        type="number"
        step={schema.type === "integer" ? 1 : "any"}
        min={schema.minimum}
        max={schema.maximum}
        value={typeof value === "number" ? value : ""}
        onChange={(event) => onChange(event.target.value === "" ? emptied : event.target.valueAsNumber)}
      />
    );
  }
  if (kind === "json") return <AsJson {...known} value={value} onChange={onChange} />;
  const text = typeof value === "string" ? value : "";
  const typed = (said: string) => onChange(said === "" && (nullable || kind === "date") ? emptied : said);
  return kind === "long" ? (
    <textarea {...known} rows={4} value={text} onChange={(event) => typed(event.target.value)} />
  ) : (
    <input {...known} type={kind === "date" ? "date" : "text"} value={text} onChange={(event) => typed(event.target.value)} />
  );
}

function AsJson({ value, onChange, ...known }: {
  id: string;
  required: boolean;
  value: Json | undefined;
  onChange: (value: Json) => void;
}) {
  return (
    <textarea
      {...known}
      className="code"
      rows={4}
      defaultValue={value === undefined ? "" : JSON.stringify(value, null, 2)}
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

function List({ label, shape: { schema }, value, root, onChange }: FieldProps) {
  const items = Array.isArray(value) ? value : [];
  const each = schema.items ?? {};
  const hint = hintOf(schema);
  return (
    <fieldset>
      <legend>{label}</legend>
      {hint && <small>{hint}</small>}
      {items.map((item, index) => (
        <div className="item" key={index}>
          <Field
            label={`${label} ${index + 1}`}
            shape={shapeOf(each, item ?? undefined, root)}
            value={item ?? undefined}
            required
            root={root}
            onChange={(typed) => onChange(items.map((before, place) => (place === index ? typed ?? null : before)))}
          />
          <button
            type="button"
            className="quiet"
            aria-label={`Remove ${label} ${index + 1}`}
            onClick={() => onChange(items.filter((_, place) => place !== index))}
          >
            Remove
          </button>
        </div>
      ))}
      <button type="button" aria-label={`Add to ${label}`} onClick={() => onChange([...items, blank(each, root) ?? null])}>Add</button>
    </fieldset>
  );
}

/** Boxes to tick; what is ticked keeps its order. */
function Several({ label, shape: { schema }, value, root, onChange }: FieldProps) {
  const ticked = Array.isArray(value) ? value : [];
  const options = shapeOf(schema.items ?? {}, undefined, root).schema.enum ?? [];
  const hint = hintOf(schema);
  return (
    <fieldset>
      <legend>{label}</legend>
      {hint && <small>{hint}</small>}
      <div className="ticks">
        {options.map((option) => (
          <label className="tick" key={String(option)}>
            <input
              type="checkbox"
              checked={ticked.includes(option)}
              onChange={({ target }) => onChange(target.checked ? [...ticked, option] : ticked.filter((each) => each !== option))}
            />
            <span>{String(option)}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
