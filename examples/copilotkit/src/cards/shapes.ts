// What kind of field a JSON Schema asks for. A reference is followed inside the schema only.
import type { Json, JsonSchema } from "../protocol";

export type Shape = {
  kind: "text" | "long" | "date" | "number" | "boolean" | "choice" | "several" | "group" | "list" | "json";
  schema: JsonSchema;
  nullable: boolean;
};

type Group = Record<string, Json>;

const LONG = 120;

export const isGroup = (value: Json | undefined): value is Group =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The field for a value of this schema; JSON as text where no other fits, or the value is of another type. */
export function shapeOf(given: JsonSchema, value: Json | undefined, root: JsonSchema): Shape {
  const { schema, nullable } = plain(given, root);
  const kind = kindOf(schema, value, root);
  const fits = value === undefined || (value === null && nullable) || isOf(kind, value);
  return { kind: fits ? kind : "json", schema, nullable };
}

/** The schema behind references and single branches, and whether null is one of what it allows. */
function plain(given: JsonSchema, root: JsonSchema): { schema: JsonSchema; nullable: boolean } {
  let schema = given;
  let nullable = false;
  for (let depth = 0; depth < 8; depth++) {
    const parts = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
    const real = parts.filter((each) => each.type !== "null");
    const behind = schema.$ref ? referred(schema.$ref, root) : real.length === 1 ? real[0] : undefined;
    nullable ||= !schema.$ref && real.length === 1 && real.length < parts.length;
    if (!behind) break;
    const { title, description } = schema;
    schema = { ...behind, ...(title && { title }), ...(description && { description }) };
  }
  if (!Array.isArray(schema.type)) return { schema, nullable };
  const types = schema.type.filter((each) => each !== "null");
  return { schema: types.length === 1 ? { ...schema, type: types[0] } : schema, nullable: schema.type.includes("null") };
}

function referred(reference: string, root: JsonSchema): JsonSchema | undefined {
  const name = /^#\/\$defs\/(.+)$/.exec(reference)?.[1];
  return name === undefined ? undefined : root.$defs?.[name];
}

function kindOf(schema: JsonSchema, value: Json | undefined, root: JsonSchema): Shape["kind"] {
  if (schema.enum || schema.const !== undefined) return "choice";
  switch (schema.type) {
    case "string":
      return schema.format === "date" ? "date" : isLong(value, schema) ? "long" : "text";
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "object":
      return schema.properties ? "group" : "json";
    case "array":
      return !schema.items ? "json" : canTick(plain(schema.items, root).schema, value) ? "several" : "list";
    default:
      return Object.keys(schema).every((key) => key === "title" || key === "description") ? ofValue(value) : "json";
  }
}

const isLong = (value: Json | undefined, schema: JsonSchema) =>
  (typeof value === "string" && (value.length > LONG || value.includes("\n"))) || (schema.maxLength ?? 0) > 2 * LONG;

/** A list is boxes to tick where all that can be in it is known, and nothing is in it twice. */
const canTick = (items: JsonSchema, value: Json | undefined) =>
  !!items.enum && (!Array.isArray(value) || (new Set(value).size === value.length && value.every((each) => items.enum?.includes(each))));

/** Without a schema a value keeps the type that it has. */
function ofValue(value: Json | undefined): Shape["kind"] {
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "number") return "number";
  if (isGroup(value) || Array.isArray(value)) return "json";
  return isLong(value, {}) ? "long" : "text";
}

function isOf(kind: Shape["kind"], value: Json): boolean {
  switch (kind) {
    case "group":
      return isGroup(value);
    case "list":
    case "several":
      return Array.isArray(value);
    case "choice":
    case "json":
      return true;
    case "date":
    case "long":
      return typeof value === "string";
    case "text":
      return typeof value === "string" || value === null;
    default:
      return typeof value === kind;
  }
}

/** What stands in a field that nobody has filled in: a box that is not ticked says no. Undefined is left out. */
export function blank(given: JsonSchema, root: JsonSchema = given): Json | undefined {
  const { kind, schema } = shapeOf(given, undefined, root);
  if (kind === "boolean") return false;
  if (kind === "several" || kind === "list") return [];
  if (kind === "choice" && schema.const !== undefined) return schema.const;
  return kind === "group" ? blanks(schema, root) : undefined;
}

/** The same for all that a group needs. */
export function blanks(schema: JsonSchema, root: JsonSchema = schema): Group {
  const needed = (schema.required ?? []).map((name) => [name, blank(schema.properties?.[name] ?? {}, root)] as const);
  return Object.fromEntries(needed.filter((each): each is [string, Json] => each[1] !== undefined));
}

/** `min_age` and the title that was made from it are "Min age"; a title of its own stands as it is. */
export function labelOf(name: string, schema: JsonSchema): string {
  const words = name.replaceAll("_", " ").trim();
  const own = schema.title && schema.title.toLowerCase() !== words.toLowerCase() ? schema.title : words;
  return own.charAt(0).toUpperCase() + own.slice(1);
}

/** What the schema says of a value, in words. */
export function hintOf(schema: JsonSchema): string {
  const bounds = [
    ["at least #", schema.minimum],
    ["more than #", schema.exclusiveMinimum],
    ["at most #", schema.maximum],
    ["less than #", schema.exclusiveMaximum],
    ["at least # of them", schema.minItems],
    ["at most # of them", schema.maxItems],
  ] as const;
  const said = bounds.flatMap(([words, bound]) => (bound === undefined ? [] : words.replace("#", String(bound))));
  return [schema.description, said.join(", ")].filter(Boolean).join(" · ");
}

/** Whether a browser keeps every number in it as it is; it has doubles only, and would send others back changed. */
export function isKept(value: Json): boolean {
  if (typeof value === "number") return !Number.isInteger(value) || Number.isSafeInteger(value);
  return typeof value !== "object" || value === null || Object.values(value).every(isKept);
}
