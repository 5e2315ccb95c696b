"""Every promise of the protocol in one sentence; `docs/protocol/1.0.md` has the full text of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROMISES: Final[Mapping[str, str]] = {
    "P01": "Nothing gated runs before a valid decision, or a policy rule that lets it run.",
    "P02": "Approve runs the action once, with exactly the arguments that were shown.",
    "P03": "Edit runs the action once, with the edited arguments.",
    "P04": "A rejected action never runs, and the reason reaches the model.",
    "P05": "Respond: the tool does not run and the person's words are its result.",
    "P06": "A question goes out and a free text comes back.",
    "P07": "Of a choice, only an option that was offered is accepted.",
    "P08": "Review: a person accepts a draft, edits it, or sends it back, for as many rounds as it takes.",
    "P09": "Handoff: a person takes the conversation for several turns, then hands it back or ends it.",
    "P10": "At level human_leads the agent only proposes; a person does it and reports the outcome.",
    "P11": "At level notify the action runs without waiting and the notice arrives.",
    "P12": "Veto window: the action runs after its delay unless somebody vetoes it.",
    "P13": "What a person did is made known to the agent, or kept from it, as configured.",
    "P14": "Collaborate: an agent and people change one draft in turns, and exactly the version that people take runs.",
    "P15": "Ask-back: a person asks the agent before deciding; it answers and calls again, and nothing runs till then.",
    "P20": "The first valid answer wins.",
    "P21": "An answer to a request that is unknown, expired, cancelled or superseded is refused by name.",
    "P22": "An invalid answer lists all its faults, and the request stays open.",
    "P23": "An answer that carries another digest than the request's is refused.",
    "P24": "Whoever may not decide is refused, and it is recorded.",
    "P25": "Several requests answered in one gesture are each decided by itself, and only what may be is let run so.",
    "P26": "A comment, a person's or a machine's, is shown to whoever decides, and is no vote.",
    "P27": "A call that people keep rejecting is refused in the end, and nobody is asked about it again.",
    "P30": "Parallel pauses are all visible at once and can be answered in any order.",
    "P31": "The right answer reaches the right call.",
    "P32": "A pause inside a sub-agent reaches the same inbox, with its lineage.",
    "P40": "Killed while paused: a new process lists the same requests and resumes.",
    "P41": "Killed after the answer and before the resume: the run resumes once.",
    "P42": "Killed inside a tool: the call is in doubt and never silently run again.",
    "P43": "Of two workers, one resumes.",
    "P44": "If the app changed under an open pause, that is an error by name and nothing runs.",
    "P50": "At its deadline a request gets its declared outcome and the run goes on.",
    "P51": "An answer after the deadline is refused.",
    "P52": "Reminders and escalation change who is asked, never what was asked.",
    "P60": "A stop: nothing new starts, open requests are frozen, unused approvals are blocked.",
    "P61": "Lifting a stop is a separate, recorded act.",
    "P62": "Cancelling a run closes its requests, and what waits in it never runs.",
    "P63": "Steer: guidance from a person reaches the model at the next safe point.",
    "P64": "Undo runs the tools' declared undo, newest first, and is itself recorded.",
    "P65": "An approval that has not been used can be revoked.",
    "P66": "A rewind takes a run back to its last pause and asks again; what its tools did stays done.",
    "P67": "A person can replace an output or a result: what it was is kept, and the agent is told.",
    "P70": "Every step is in the trail, sealed.",
    "P71": "Each allowed action has an outcome in the end.",
    "P72": "Who watches a run hears what happens in it, and changes nothing by watching.",
    "P73": "A secret argument is masked wherever it is stored or shown, and reaches the tool whole.",
    "P74": "Who is erased is named nowhere any more and stays one person, and the trail verifies.",
    "P75": "What was said in a thread is kept once and in order, and goes with its run.",
    "P76": "What an agent says, calls and gets back is told under ids that last over a pause.",
    "P80": "An action that no rule is about asks, and so does one whose rule could not be checked.",
    "P81": "The rule and the policy's version are on the request.",
    "P82": "A limit on what begins in a time holds, also for actions that begin at once.",
    "P83": "A standing grant lets run what it covers, as often as it says, and nothing else.",
    "P90": "What an adapter cannot do is refused by name and has no effect.",
    "P91": "An adapter answers for every capability.",
    "P92": "The native pauses of an unchanged app are lifted and lowered correctly, or refused, never guessed.",
}

NOT_YET: Final[Mapping[str, str]] = {}
"""Promises that this release does not carry and that cannot be asked for: nothing tries them."""

IN_PART: Final[Mapping[str, str]] = {}
"""Promises that this release carries in part: that part is tried."""
