// The agent of these pages, and what each of them needs of it.
import { useAgent, useCopilotKit } from "@copilotkit/react-core/v2";
import { useCallback, useEffect } from "react";

export const RUNTIME = "/copilotkit";
export const AGENT = "studio";

/**
 * An agent of this page's own, in one conversation of the studio's. `agentId` is what hooks of this page name it by; they
 * belong into components that are rendered once it `isReady`: before that there is no such agent, and they would throw.
 */
export function useConversation(agentId: string, threadId: string) {
  const { copilotkit } = useCopilotKit();
  const { agent, isReady } = useAgent({ agentId, runtimeAgentId: AGENT, threadId });
  const connect = useCallback(async () => {
    if (agent.isRunning) return;
    agent.threadId = threadId;
    agent.pendingInterrupts = []; // a page that keeps those of before may not ask what is open now
    await copilotkit.connectAgent({ agent });
  }, [agent, copilotkit, threadId]);
  const say = (content: string) => {
    agent.addMessage({ id: crypto.randomUUID(), role: "user", content });
    void copilotkit.runAgent({ agent });
  };
  useEffect(() => { if (isReady) void connect(); }, [isReady, connect]);
  useChanges(threadId, connect);
  return { agent, copilotkit, isReady, say };
}

/** Calls back when others have changed a conversation: an answer in another browser, in the inbox, in a terminal. */
export function useChanges(threadId: string, changed: () => Promise<void>) {
  useEffect(() => listenTo(threadId, changed), [threadId, changed]);
}

// One stream for all conversations of the page: a browser has six connections to a server, and each stream takes one.
const listeners = new Map<string, Set<() => Promise<void>>>();
const tags = new Map<string, string>();
let source: EventSource | undefined;
let opening: ReturnType<typeof setTimeout> | undefined;

function listenTo(threadId: string, changed: () => Promise<void>): () => void {
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
      const known = tags.get(threadId);
      tags.set(threadId, tag);
      if (known && known !== tag) listeners.get(threadId)?.forEach((changed) => void changed());
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

export const person = (): string => /(?:^|; )person=([^;]*)/.exec(document.cookie)?.[1] ?? "anybody";

export function becomes(name: string) {
  document.cookie = `person=${name}; path=/; samesite=strict`;
  location.reload();
}
