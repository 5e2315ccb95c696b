import "@copilotkit/react-core/v2/styles.css";
import "./studio.css";
import { CopilotKitProvider } from "@copilotkit/react-core/v2";
import { useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { Cases } from "./Cases";
import { Chat } from "./Chat";
import { Inbox } from "./Inbox";
import { becomes, person, RUNTIME } from "./studio";

const PAGES = { chat: Chat, inbox: Inbox, cases: Cases };

const listen = (changed: () => void) => {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
};

function Studio() {
  const hash = useSyncExternalStore(listen, () => location.hash.slice(1));
  const Page = PAGES[hash as keyof typeof PAGES] ?? Chat;
  return (
    <>
      <header>
        <nav>{Object.keys(PAGES).map((name) => <a key={name} href={`#${name}`}>{name}</a>)}</nav>
        <label><span>You are</span>
          <select value={person()} onChange={(event) => becomes(event.target.value)}>
            {["anybody", "ann", "bob"].map((name) => <option key={name}>{name}</option>)}
          </select>
        </label>
      </header>
      <Page />
    </>
  );
}

// Both of the ways in which a page talks to its runtime: a route for each call, or one for all.
const single = new URLSearchParams(location.search).has("single");

createRoot(document.getElementById("root")!).render(
  <CopilotKitProvider runtimeUrl={RUNTIME} useSingleEndpoint={single} enableInspector={false}>
    <Studio />
  </CopilotKitProvider>,
);
