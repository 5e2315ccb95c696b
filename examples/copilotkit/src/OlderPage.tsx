// The wire of pages from before June 2026: the event `on_interrupt`, and one answer to it.
import { useInterrupt } from "@copilotkit/react-core/v2";
import { Card } from "./cards/Card";
import { type Interrupt, requestOf } from "./protocol";

/** What the event says: the first of the requests that wait is the one that an answer is taken for. */
type Value = { id: string; type: string; content: string; requests: [Interrupt, ...Interrupt[]] };

export function OlderPage({ agentId }: { agentId: string }) {
  return useInterrupt({
    agentId,
    renderInChat: false,
    enabled: (event) => "requests" in (event.value as object),
    render: ({ event, resolve }) => {
      const [first, ...more] = (event.value as Value).requests;
      const refusal = requestOf(first)?.allowed.includes("reject") ? "reject" : "cancel";
      return (
        <div className="cards">
          {more.length > 0 && <p className="count">The first of {more.length + 1}; the others come after it.</p>}
          {/* cancel() tells the server nothing on this wire: what dismisses is an answer, too */}
          <Card key={first.id} interrupt={first} onAnswer={resolve} onDismiss={() => resolve({ decision: { type: refusal } })} />
        </div>
      );
    },
  });
}
