// The agent of these pages, and what each of them needs of it.
import { useAgent, useCopilotKit } from "@copilotkit/react-core/v2";
import { useCallback, useEffect } from "react";

export const RUNTIME = "/copilotkit";
export const AGENT = "studio";

/** An agent of this page's own, in one conversation of the studio's. `agentId` is what hooks of this page name it by. */
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
  useEffect(() => {
    const source = new EventSource(`${RUNTIME}/agent/${AGENT}/changes/${threadId}`);
    let first = true;
    source.addEventListener("changed", () => { if (!first) void changed(); first = false; });
    return () => source.close();
  }, [threadId, changed]);
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
