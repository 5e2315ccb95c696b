// What hitl-core tells a page about a request: `interrupt.metadata.request`. Fields that are at their default are absent.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type JsonSchema = {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  type?: string | string[];
  title?: string;
  description?: string;
  const?: Json;
  enum?: Json[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  format?: string;
  unit?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
};

export type Kind = "approval" | "input" | "choice" | "review" | "handoff";

export type Preview = {
  effect?: string;
  target?: string;
  affects?: string;
  leaves?: string;
  cost?: string;
  diff?: string;
  reversible?: boolean;
  warnings?: string[];
};

export type PauseRequest = {
  id: string;
  kind: Kind;
  title: string;
  level: string;
  action: { tool: string; arguments: Record<string, Json> };
  preview?: Preview;
  context?: { message?: string };
  because: { rule: string; version: string; why: string };
  allowed: string[];
  options?: { id: string; label?: string }[];
  asked?: { by: string; question: string; answer?: string }[];
  arguments_schema?: JsonSchema;
  deadline?: string;
};

/** The newest version of a shared draft, where a person has made one. */
export type Draft = { version: number; by: string; arguments: Record<string, Json>; note?: string };

export type Interrupt = {
  id: string;
  reason: string;
  message?: string;
  responseSchema?: JsonSchema;
  metadata?: { type?: string; request?: PauseRequest; refused?: string; draft?: Draft };
};

/** An answer to one interrupt, as a page posts it. */
export type Entry = { interruptId: string } & ({ status: "resolved"; payload: Json } | { status: "cancelled" });

export const requestOf = (interrupt: Interrupt): PauseRequest | undefined => interrupt.metadata?.request;

export const kindOf = (interrupt: Interrupt): string => interrupt.metadata?.type ?? interrupt.reason;
