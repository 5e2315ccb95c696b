// The wire of pages from before June 2026: the event `on_interrupt`, and one answer to it.
import { useInterrupt } from "@copilotkit/react-core/v2";
import { useMemo } from "react";
import { Cards } from "./cards/Cards";
import { useKept } from "./OpenQuestions";
import { type Entry, type Interrupt, type Json, requestOf } from "./protocol";

/** What the event says: the first of the requests that wait is the one that an answer is taken for. */
type Value = { id: string; type: string; content: string; requests: [Interrupt, ...Interrupt[]] };

export function OlderPage({ agentId }: { agentId: string }) {
  const asked = useInterrupt({
    agentId,
    renderInChat: false,
    enabled: (event) => "requests" in (event.value as object),
    render: ({ event, resolve }) => <OneByOne requests={(event.value as Value).requests} resolve={resolve} />,
  });
  return useKept(agentId, asked);
}

function OneByOne({ requests, resolve, ready }: { requests: Value["requests"]; resolve: (payload: Json) => unknown; ready?: boolean }) {
  const [first, ...more] = requests;
  const asked = useMemo(() => [first], [first]);
  const refusal = requestOf(first)?.allowed.includes("reject") ? "reject" : "cancel";
  // cancel() tells the server nothing on this wire: what dismisses is an answer, too
  const payloadOf = (entry: Entry): Json => (entry.status === "resolved" ? entry.payload : { decision: { type: refusal } });
  return (
    <>
      {more.length > 0 && <p className="count">The first of {more.length + 1}; the others come after it.</p>}
      <Cards interrupts={asked} onAnswers={(entries) => entries.forEach((each) => void resolve(payloadOf(each)))} ready={ready} />
    </>
  );
}
