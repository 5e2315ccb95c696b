// CopilotKit's documented cases, each in a section of its own.
import { useInterrupt } from "@copilotkit/react-core/v2";
import { type ReactNode, useEffect, useState } from "react";
import { Card } from "./cards/Card";
import { Cards } from "./cards/Cards";
import { Messages } from "./Messages";
import { type Interrupt, kindOf, requestOf } from "./protocol";
import { kept, useConversation } from "./studio";
import { useTimeSlots } from "./TimeSlots";

export function Cases() {
  return (
    <main className="cases">
      <NamedAgent />
      <ApprovalOrQuestion />
      <DepartmentAccess />
      <TimeSlotPicker />
      <Headless />
    </main>
  );
}

function Case({ title, id, says, children }: {
  title: string;
  id: string;
  says: string[];
  children: (conversation: ReturnType<typeof useConversation>) => ReactNode;
}) {
  const conversation = useConversation(id, kept(id));
  return (
    <section data-case={id}>
      <h2>{title}</h2>
      <p className="actions">
        {says.map((text) => (
          <button key={text} disabled={!conversation.isReady} onClick={() => conversation.say(text)}>{text}</button>
        ))}
      </p>
      <Messages messages={conversation.agent.messages} />
      {children(conversation)}
    </section>
  );
}

/** The agent is named: a hook without its `agentId`, or with another, never fires. */
function NamedAgent() {
  const card = useInterrupt({
    agentId: "named",
    renderInChat: false,
    render: ({ interrupts, resolve, cancel }) => (
      <Cards interrupts={interrupts as Interrupt[]} onAnswer={resolve} onDismiss={cancel} />
    ),
  });
  return <Case title="Name the agent" id="named" says={["publish", "publish two", "channel"]}>{() => card}</Case>;
}

/** Two hooks share the interrupts of one agent; `enabled` sees the first of those that are open at once. */
function ApprovalOrQuestion() {
  const render = (heading: string) => ({ interrupts, resolve, cancel }: {
    interrupts: unknown[];
    resolve: (payload: unknown, id: string) => unknown;
    cancel: (id: string) => unknown;
  }) => (
    <div data-hook={heading}>
      <Cards interrupts={interrupts as Interrupt[]} onAnswer={resolve} onDismiss={cancel} />
    </div>
  );
  const approval = useInterrupt({
    agentId: "either",
    renderInChat: false,
    enabled: (event) => kindOf(event.value as Interrupt) === "approval",
    render: render("approval"),
  });
  const question = useInterrupt({
    agentId: "either",
    renderInChat: false,
    enabled: (event) => kindOf(event.value as Interrupt) === "input",
    render: render("question"),
  });
  return (
    <Case title="Approval or question" id="either" says={["sequence", "headline", "publish"]}>
      {() => <>{approval}{question}</>}
    </Case>
  );
}

/** The handler answers by itself where nobody needs to be asked; its value reaches `render` as `result`. */
function DepartmentAccess() {
  const [mine, setMine] = useState("finance");
  const card = useInterrupt({
    agentId: "access",
    renderInChat: false,
    handler: ({ interrupt, resolve }) => {
      const wanted = requestOf(interrupt as Interrupt)?.action.arguments["department"];
      if (wanted !== mine && mine !== "admin") return { wanted: String(wanted) };
      void resolve({ approved: true }, interrupt?.id);
      return { wanted: "" };
    },
    render: ({ interrupt, result, resolve, cancel }) =>
      !interrupt || !result?.wanted ? <></> : (
        <section className="card" data-kind="access" aria-label="Access">
          <p>The record of {result.wanted} is not yours ({mine}).</p>
          <p className="actions">
            <button onClick={() => void resolve({ approved: true }, interrupt.id)}>Request access</button>
            <button onClick={() => void cancel(interrupt.id)}>Cancel</button>
          </p>
        </section>
      ),
  });
  return (
    <Case title="Department access" id="access" says={["record of finance", "record of sales"]}>
      {() => (
        <>
          <label><span>Your department</span>
            <select value={mine} onChange={(event) => setMine(event.target.value)}>
              {["finance", "sales", "admin"].map((each) => <option key={each}>{each}</option>)}
            </select>
          </label>
          {card}
        </>
      )}
    </Case>
  );
}

function TimeSlotPicker() {
  useTimeSlots("slots");
  return <Case title="Time slots" id="slots" says={["slot", "two slots"]}>{() => null}</Case>;
}

/** No hook at all: the events of the agent say what is open, and a run with `resume` answers it. */
function Headless() {
  return (
    <Case title="Headless" id="headless" says={["publish"]}>
      {({ agent, copilotkit }) => <HeadlessCards agent={agent} copilotkit={copilotkit} />}
    </Case>
  );
}

function HeadlessCards({ agent, copilotkit }: Pick<ReturnType<typeof useConversation>, "agent" | "copilotkit">) {
  const [open, setOpen] = useState<Interrupt[]>([]);
  useEffect(() => {
    const { unsubscribe } = agent.subscribe({
      onRunStartedEvent: () => setOpen([]),
      onRunFinishedEvent: (ended) => setOpen("interrupts" in ended ? (ended.interrupts as Interrupt[]) : []),
    });
    return unsubscribe;
  }, [agent]);
  const answer = (interruptId: string, entry: { status: "resolved"; payload: unknown } | { status: "cancelled" }) =>
    void copilotkit.runAgent({ agent, resume: [{ interruptId, ...entry }] });
  return (
    <>
      {open.map((each) => (
        <Card
          key={each.id}
          interrupt={each}
          onAnswer={(payload) => answer(each.id, { status: "resolved", payload })}
          onDismiss={() => answer(each.id, { status: "cancelled" })}
        />
      ))}
    </>
  );
}
