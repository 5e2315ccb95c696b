// The model asks by calling a tool of the page: the times are the page's own, the agent never sees the calendar.
import { useAgent, useHumanInTheLoop } from "@copilotkit/react-core/v2";
import { z } from "zod";
import { readyToSend } from "./studio";

const FREE = ["Monday 10:00", "Tuesday 14:00", "Friday 9:00"];

export function useTimeSlots(agentId: string) {
  const { agent } = useAgent({ agentId });
  useHumanInTheLoop({
    agentId,
    name: "pick_time_slot",
    description: "Let the user pick a time for an appointment.",
    parameters: z.object({ purpose: z.string() }),
    render: ({ status, args, respond, toolCallId, result }) =>
      status === "executing" ? (
        <div className="card" role="group" data-kind="slot" aria-label={`A time for ${args.purpose}`}>
          <h3>A time for {args.purpose}</h3>
          <p className="actions">
            {FREE.map((slot) => (
              // The echo says which call this card was for: an answer that reaches another one is refused.
              <button key={slot} onClick={() => void readyToSend(agent).then(() => respond({ slot, tool_call_id: toolCallId }))}>{slot}</button>
            ))}
          </p>
        </div>
      ) : (
        <p><small>{status === "complete" ? picked(result) : "…"}</small></p>
      ),
  });
}

/** The result is what was answered, as JSON; of a call that somebody has refused elsewhere it is a text. */
function picked(result: unknown): string {
  const said = typeof result === "string" ? /"slot":\s*"([^"]*)"/.exec(result)?.[1] : undefined;
  return said ? `Picked: ${said}` : String(result ?? "");
}
