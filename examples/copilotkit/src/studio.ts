// The agent of these pages, and what each of them needs of it.
import type { AbstractAgent, Message } from "@ag-ui/client";
import { useAgent, useCopilotKit } from "@copilotkit/react-core/v2";
import { useCallback, useEffect, useRef } from "react";

export const RUNTIME = "/copilotkit";
export const AGENT = "studio";

/**
 * An agent of this page's own, in one conversation of the studio's. `agentId` is what hooks of this page name it by; they
 * belong into components that are rendered once it `isReady`: before that there is no such agent, and they would throw.
 */
export function useConversation(agentId: string, threadId: string, runtimeAgentId = AGENT) {
  const { copilotkit } = useCopilotKit();
  const { agent, isReady } = useAgent({ agentId, runtimeAgentId, threadId });
  useConnected(agent, threadId, isReady);
  const say = useSay(agent);
  return { agent, copilotkit, isReady, say };
}

/** Says something in a conversation, as its user: as soon as what is under way has ended. */
export function useSay(agent: AbstractAgent) {
  const { copilotkit } = useCopilotKit();
  return async (content: string) => {
    await readyToSend(agent);
    await rested(agent);
    agent.addMessage({ id: crypto.randomUUID(), role: "user", content });
    await copilotkit.runAgent({ agent });
  };
}

// Milliseconds. Two connections at once, or one while a run ends, take each other's messages away.
const SOON = 50;
const RETRY = 2000;
const UNHEARD = 1000;

/**
 * Shows what there is, and what others change: an answer in another browser, in the inbox, in a terminal. It listens before it
 * looks for the first time, so that nothing is missed between the two. What they change while the page is at work itself is
 * looked at after that, and what came to nothing because the server was away is looked at until it is back.
 */
export function useConnected(agent: AbstractAgent, threadId: string, isReady: boolean) {
  const { copilotkit } = useCopilotKit();
  const missed = useRef(false);
  const connect = useCallback(async () => {
    missed.current = agent.isRunning || sending.has(agent);
    if (missed.current) return;
    const notes = notesIn(agent.messages);
    agent.threadId = threadId;
    agent.pendingInterrupts = []; // a page that keeps those of before may not ask what is open now
    const connects = copilotkit.connectAgent({ agent }).finally(() => connecting.delete(agent));
    connecting.set(agent, connects);
    await connects;
    if (notes.length) agent.setMessages(withNotes(agent.messages, notes));
  }, [agent, copilotkit, threadId]);
  useEffect(() => {
    if (!isReady) return;
    let later: ReturnType<typeof setTimeout> | undefined;
    const look = (after: number) => { clearTimeout(later); later = setTimeout(() => void connect(), after); };
    const leave = listenTo(threadId, () => look(SOON));
    look(UNHEARD); // where nothing is heard, or nothing may be
    const { unsubscribe } = agent.subscribe({
      onRunInitialized: () => { if (!connecting.has(agent)) sending.delete(agent); },
      onRunFinalized: () => { if (missed.current) look(SOON); },
      onRunFailed: () => look(RETRY),
    });
    return () => { clearTimeout(later); unsubscribe(); leave(); };
  }, [agent, threadId, connect, isReady]);
}

const connecting = new WeakMap<AbstractAgent, Promise<unknown>>();

// What has something to send, until its run has begun: of two calls of tools the first answer waits for the second.
const sending = new WeakSet<AbstractAgent>();

/** Returns when something can be sent: to connect takes away what the server does not know, so the page does not until then. */
export async function readyToSend(agent: AbstractAgent) {
  sending.add(agent);
  await connecting.get(agent);
}

/** Returns when the agent does not run. A run tells its end to those only who were there when it began. */
async function rested(agent: AbstractAgent) {
  while (agent.isRunning) await new Promise((later) => setTimeout(later, SOON));
}

// What a page is told beside the conversation ("that was answered already") is no part of it. To connect would take it away.
type Note = { after: string; note: Message };

const isNote = (message: Message) => message.id.startsWith("note:");

function notesIn(messages: Message[]): Note[] {
  const said = (place: number) => messages.slice(0, place).findLast((each) => !isNote(each))?.id ?? "";
  return messages.flatMap((note, place) => (isNote(note) ? [{ after: said(place), note }] : []));
}

/** The notes where they stood, each once; what is told anew stays where it is told. */
function withNotes(messages: Message[], notes: Note[]): Message[] {
  const told = new Set(messages.filter(isNote).map((each) => each.content));
  const left = notes.filter(({ note }) => !told.has(note.content));
  const of = (id: string) => left.filter(({ after }) => after === id).map(({ note }) => note);
  return [...of(""), ...messages.flatMap((each) => [each, ...of(each.id)])];
}

// One stream for all conversations of the page: a browser has six connections to a server, and each stream takes one.
const listeners = new Map<string, Set<() => void>>();
const tags = new Map<string, string>();
let source: EventSource | undefined;
let opening: ReturnType<typeof setTimeout> | undefined;

function listenTo(threadId: string, changed: () => void): () => void {
  const heard = listeners.get(threadId) ?? new Set();
  if (!heard.size) reopenSoon();
  listeners.set(threadId, heard.add(changed));
  return () => {
    heard.delete(changed);
    if (heard.size) return;
    listeners.delete(threadId);
    tags.delete(threadId);
    reopenSoon();
  };
}

function reopenSoon() {
  clearTimeout(opening);
  opening = setTimeout(() => {
    source?.close();
    if (!listeners.size) return;
    const asked = new URLSearchParams([...listeners.keys()].map((each) => ["thread", each]));
    source = new EventSource(`${RUNTIME}/agent/${AGENT}/changes?${asked}`);
    source.addEventListener("changed", (event) => {
      const { threadId, tag } = JSON.parse(event.data as string) as { threadId: string; tag: string };
      if (tags.get(threadId) === tag) return; // the first is news, too: what was read before may be older
      tags.set(threadId, tag);
      listeners.get(threadId)?.forEach((changed) => changed());
    });
  }, 50);
}

/** An id that the address of the page keeps, so that the conversation is the same after it was loaded again. */
export function kept(name: string): string {
  const address = new URL(location.href);
  const known = address.searchParams.get(name);
  if (known) return known;
  const made = crypto.randomUUID();
  address.searchParams.set(name, made);
  history.replaceState(null, "", address);
  return made;
}

export const PEOPLE = ["anybody", "ann", "bob"];

/** Who the cookie says is here; the first where it says nobody whom the server knows. */
export function person(): string {
  const said = /(?:^|; )person=([^;]*)/.exec(document.cookie)?.[1] ?? "";
  return PEOPLE.includes(said) ? said : PEOPLE[0]!;
}

export function becomes(name: string) {
  remember(name);
  location.reload();
}

export function remember(name: string) {
  document.cookie = `person=${name}; path=/; samesite=strict`;
}
