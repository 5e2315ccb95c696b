// What hitl-core tells a page about a request: `interrupt.metadata.request`. Fields that are at their default are absent.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type JsonSchema = {
  type?: string;
  title?: string;
  description?: string;
  enum?: Json[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
};

export type Kind = "approval" | "input" | "choice" | "review" | "handoff";

export type PauseRequest = {
  id: string;
  kind: Kind;
  title: string;
  level: string;
  action: { tool: string; arguments: Record<string, Json> };
  preview?: { effect?: string; target?: string; cost?: string; diff?: string; reversible?: boolean; warnings?: string[] };
  context?: { message?: string };
  because: { rule: string; version: string; why: string };
  allowed: string[];
  options?: { id: string; label?: string }[];
  arguments_schema?: JsonSchema;
  deadline?: string;
};

export type Interrupt = {
  id: string;
  reason: string;
  message?: string;
  responseSchema?: JsonSchema;
  metadata?: { type?: string; request?: PauseRequest; refused?: string };
};

export const requestOf = (interrupt: Interrupt): PauseRequest | undefined => interrupt.metadata?.request;

export const kindOf = (interrupt: Interrupt): string => interrupt.metadata?.type ?? interrupt.reason;
