// CopilotKit's documented cases, each in a section of its own.
import { useInterrupt } from "@copilotkit/react-core/v2";
import { type ReactNode, useEffect, useState } from "react";
import { Card } from "./cards/Card";
import { Messages } from "./Messages";
import { OpenQuestions } from "./OpenQuestions";
import { type Interrupt, requestOf } from "./protocol";
import { kept, useConversation } from "./studio";
import { useTimeSlots } from "./TimeSlots";

type Conversation = ReturnType<typeof useConversation>;

export function Cases() {
  return (
    <main className="cases">
      {/* A hook without the agent's name, or with another one, never fires. */}
      <Case title="Name the agent" id="named" says={["publish", "publish two", "channel", "announcement"]}>
        {() => <OpenQuestions agentId="named" />}
      </Case>
      {/* Two hooks share the questions of one agent. */}
      <Case title="Approval or question" id="either" says={["sequence", "headline", "publish"]}>
        {() => <><OpenQuestions agentId="either" kind="approval" /><OpenQuestions agentId="either" kind="input" /></>}
      </Case>
      <Case title="Department access" id="access" says={["record of finance", "record of sales"]}>
        {() => <DepartmentAccess />}
      </Case>
      <Case title="Time slots" id="slots" says={["slot", "two slots"]}>{() => <TimeSlots />}</Case>
      <Case title="Headless" id="headless" says={["publish"]}>{(conversation) => <Headless {...conversation} />}</Case>
    </main>
  );
}

function Case({ title, id, says, children }: {
  title: string;
  id: string;
  says: string[];
  children: (conversation: Conversation) => ReactNode;
}) {
  const conversation = useConversation(id, kept(id));
  return (
    <section data-case={id}>
      <h2>{title}</h2>
      <p className="actions">
        {says.map((text) => (
          <button key={text} disabled={!conversation.isReady || conversation.agent.isRunning} onClick={() => conversation.say(text)}>
            {text}
          </button>
        ))}
      </p>
      <Messages messages={conversation.agent.messages} />
      {conversation.isReady && children(conversation)}
    </section>
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
    <>
      <label><span>Your department</span>
        <select value={mine} onChange={(event) => setMine(event.target.value)}>
          {["finance", "sales", "admin"].map((each) => <option key={each}>{each}</option>)}
        </select>
      </label>
      {card}
    </>
  );
}

function TimeSlots() {
  useTimeSlots("slots");
  return null;
}

/** No hook at all: the events of the agent say what is open, and a run with `resume` answers it. */
function Headless({ agent, copilotkit }: Conversation) {
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
