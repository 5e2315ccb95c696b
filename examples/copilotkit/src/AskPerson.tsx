// The other way round: a page that knows `useHumanInTheLoop` alone is asked everything by calls of its one tool.
import { useAgent, useHumanInTheLoop } from "@copilotkit/react-core/v2";
import { z } from "zod";
import { Card } from "./cards/Card";
import type { Json, JsonSchema, PauseRequest } from "./protocol";
import { readyToSend } from "./studio";

/** The tool that `mount_copilotkit(…, asks_with="ask_person")` looks for; no model is told of it. */
export function useAskPerson(agentId: string) {
  const { agent } = useAgent({ agentId });
  useHumanInTheLoop({
    agentId,
    name: "ask_person",
    description: "Ask the person at the page.",
    parameters: z.object({ title: z.string(), request: z.any(), schema: z.any() }),
    render: ({ status, args, respond, toolCallId }) => {
      if (status !== "executing") return <></>;
      const request = args.request as PauseRequest;
      // The echo says which call this card was for.
      const answer = (payload: Json) => void readyToSend(agent).then(() => respond({ ...(payload as object), tool_call_id: toolCallId }));
      const refusal = request.allowed.includes("reject") ? "reject" : "cancel";
      return (
        <Card
          interrupt={{ id: toolCallId, reason: "", responseSchema: args.schema as JsonSchema, metadata: { request } }}
          onAnswer={answer}
          onDismiss={() => answer({ decision: { type: refusal } })}
        />
      );
    },
  });
}
