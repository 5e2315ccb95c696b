// CopilotKit's documented cases, each in a section of its own.
import { useInterrupt } from "@copilotkit/react-core/v2";
import { type ReactNode, useEffect, useState } from "react";
import { Cards } from "./cards/Cards";
import { Messages } from "./Messages";
import { useAskPerson } from "./AskPerson";
import { OlderPage } from "./OlderPage";
import { OpenQuestions } from "./OpenQuestions";
import { type Interrupt, requestOf } from "./protocol";
import { Says } from "./Says";
import { AGENT, kept, useConversation } from "./studio";
import { useTimeSlots } from "./TimeSlots";

type Conversation = ReturnType<typeof useConversation>;

export function Cases() {
  return (
    <main className="cases">
      <h1>Cases</h1>
      <Case title="Name the agent" id="named" says={["publish", "publish two", "headline", "channel", "announcement", "campaign"]}
        about="A hook without the agent's name, or with another one, never fires. One card renders every kind of question."
      >
        {() => <OpenQuestions agentId="named" />}
      </Case>
      <Case title="Approval or question" id="either" says={["sequence", "headline", "publish"]}
        about="Two hooks share the questions of one agent, by their type."
      >
        {() => <><OpenQuestions agentId="either" kind="approval" /><OpenQuestions agentId="either" kind="input" /></>}
      </Case>
      <Case title="Department access" id="access" says={["record of finance", "record of sales"]}
        about="A handler answers by itself where nobody has to be asked."
      >
        {() => <DepartmentAccess />}
      </Case>
      <Case title="Time slots" id="slots" says={["slot", "two slots"]}
        about="The model asks by calling a tool of the page, which has the times."
      >
        {() => <TimeSlots />}
      </Case>
      <Case title="Headless" id="headless" says={["publish", "publish two"]}
        about="No hook: events of the agent say what is open, and a run that resumes answers it."
      >
        {(conversation) => <Headless {...conversation} />}
      </Case>
      <Case title="Several people" id="several" says={["replace"]}
        about="Taking a version down is Bob's to decide: open this address in a second browser, and be Bob there."
      >
        {() => <OpenQuestions agentId="several" />}
      </Case>
      <Case title="A person takes over" id="person" says={["a person"]}
        about="The agent hands the conversation to a person, where the framework has a place for one."
      >
        {() => <OpenQuestions agentId="person" />}
      </Case>
      <Case title="Older pages" id="old" of="older" says={["publish", "publish two"]}
        about="Pages from before June 2026 know the event on_interrupt alone."
      >
        {() => <OlderPage agentId="old" />}
      </Case>
      <Case title="Only tools" id="tools" says={["publish", "headline"]}
        about="A page that knows tools alone is asked everything by a call of one."
      >
        {() => <OnlyTools />}
      </Case>
    </main>
  );
}

function Case({ title, id, of = AGENT, says, about, children }: {
  title: string;
  id: string;
  of?: string;
  says: string[];
  about: string;
  children: (conversation: Conversation) => ReactNode;
}) {
  const conversation = useConversation(id, kept(id), of);
  return (
    <section className="case" data-case={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      <p className="about">{about}</p>
      <Says texts={says} disabled={!conversation.isReady} onSay={conversation.say} />
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
        <div className="card" role="group" data-kind="access" aria-label="Access">
          <h3>The record of {result.wanted} is not yours ({mine}).</h3>
          <p className="actions">
            <button className="main" onClick={() => void resolve({ approved: true }, interrupt.id)}>Request access</button>
            <button onClick={() => void cancel(interrupt.id)}>Cancel</button>
          </p>
        </div>
      ),
  });
  return (
    <>
      <label className="choose"><span>Your department</span>
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

function OnlyTools() {
  useAskPerson("tools");
  return null;
}

/** No hook at all: the events of the agent say what is open, and a run that resumes answers it. */
function Headless({ agent, copilotkit }: Conversation) {
  const [open, setOpen] = useState<Interrupt[]>([]);
  useEffect(() => {
    const { unsubscribe } = agent.subscribe({
      onRunStartedEvent: () => setOpen([]),
      onRunFinishedEvent: (ended) => setOpen("interrupts" in ended ? (ended.interrupts as Interrupt[]) : []),
    });
    return unsubscribe;
  }, [agent]);
  return open.length === 0 ? null : (
    <Cards interrupts={open} onAnswers={(resume) => void copilotkit.runAgent({ agent, resume })} />
  );
}
