// What an action does, and the arguments that it would be done with.
import type { Json, JsonSchema, PauseRequest } from "../protocol";
import { isGroup, labelOf, shapeOf } from "./shapes";

/** What the tool's own code says of these arguments; nothing here is the agent's prose. */
export function Effect({ request: { preview } }: { request: PauseRequest }) {
  if (!preview) return null;
  const facts = { Affects: preview.affects, "Leaves the house": preview.leaves, Cost: preview.cost };
  return (
    <>
      {preview.effect && <p className="effect">{preview.effect}{preview.target && <> · {preview.target}</>}</p>}
      {preview.reversible === false && <p className="warning">Cannot be taken back.</p>}
      {preview.warnings?.map((warning) => <p key={warning} className="warning">{warning}</p>)}
      {Object.entries(facts).map(([name, fact]) => fact && <p key={name}>{name}: {fact}</p>)}
      {preview.diff && <pre>{preview.diff}</pre>}
    </>
  );
}

export function Arguments({ given, schema = {}, root = schema }: {
  given: Record<string, Json>;
  schema?: JsonSchema;
  root?: JsonSchema;
}) {
  const names = Object.keys(given);
  if (names.length === 0) return null;
  return (
    <dl>
      {names.map((name) => {
        const value = given[name] ?? null;
        const { schema: own } = shapeOf(schema.properties?.[name] ?? {}, value, root);
        return (
          <div key={name}>
            <dt>{labelOf(name, schema.properties?.[name] ?? {})}</dt>
            <dd><Value value={value} schema={own} root={root} /></dd>
          </div>
        );
      })}
    </dl>
  );
}

function Value({ value, schema, root }: { value: Json; schema: JsonSchema; root: JsonSchema }) {
  if (isGroup(value)) return <Arguments given={value} schema={schema} root={root} />;
  if (Array.isArray(value) && value.some((each) => typeof each === "object")) {
    const { schema: item } = shapeOf(schema.items ?? {}, undefined, root);
    return <ol>{value.map((each, index) => <li key={index}><Value value={each} schema={item} root={root} /></li>)}</ol>;
  }
  if (Array.isArray(value)) return <>{value.join(", ") || "none"}</>;
  if (value === null) return <span className="unit">none</span>;
  if (typeof value === "boolean") return <>{value ? "yes" : "no"}</>;
  return <>{String(value)}{schema.unit && <> <span className="unit">{schema.unit}</span></>}</>;
}
