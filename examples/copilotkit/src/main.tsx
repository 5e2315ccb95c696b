import "@copilotkit/react-core/v2/styles.css";
import "./studio.css";
import { CopilotKitProvider } from "@copilotkit/react-core/v2";
import { useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { Cases } from "./Cases";
import { Chat } from "./Chat";
import { Inbox } from "./Inbox";
import { becomes, PEOPLE, person, remember, RUNTIME } from "./studio";

const PAGES = { chat: Chat, inbox: Inbox, cases: Cases };
type Name = keyof typeof PAGES;

const listen = (changed: () => void) => {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
};

function Studio() {
  const hash = useSyncExternalStore(listen, () => location.hash.slice(1));
  const name: Name = hash in PAGES ? (hash as Name) : "chat";
  const Page = PAGES[name];
  return (
    <>
      <header>
        <strong>Studio</strong>
        <nav aria-label="Pages">
          {Object.keys(PAGES).map((each) => (
            <a key={each} href={`#${each}`} aria-current={each === name ? "page" : undefined}>{each}</a>
          ))}
        </nav>
        <label>
          <span>You are</span>
          <select value={person()} onChange={(event) => becomes(event.target.value)}>
            {PEOPLE.map((each) => <option key={each}>{each}</option>)}
          </select>
        </label>
      </header>
      <Page />
    </>
  );
}

// CopilotKit's own parts are dark where a class says so.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark", dark.matches);
dark.addEventListener("change", follow);
follow();

remember(person()); // a cookie that names somebody unknown would be refused

// Both of the ways in which a page talks to its runtime: a route for each call, or one for all.
const single = new URLSearchParams(location.search).has("single");

createRoot(document.getElementById("root")!).render(
  <CopilotKitProvider runtimeUrl={RUNTIME} useSingleEndpoint={single} enableInspector={false}>
    <Studio />
  </CopilotKitProvider>,
);
