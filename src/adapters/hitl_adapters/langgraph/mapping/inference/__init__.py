"""From what a node's source does with an answer to a codec, or to the reason why nothing certain follows.

    source ─► scan: statements, expressions, calls ─► events ─► verdicts ─► answers, records ─► a codec, or Unclear

Nothing is run; what cannot be followed is noted as opaque. In the order of the flow:

what is read      sites        the door: the places of a graph, all read once; the codec for one pause
                  source       from a node to the syntax trees of the functions behind it
                  reach        which tools may pause at all
how it is read    scan         one reading of one function, and into which others it goes
                  statements   what runs in which order, and where an answer leaves the function
                  expressions  which values come from an answer; patterns: the same of `match`
                  calls        `interrupt()` itself, methods of an answer, functions that it is given to
what was seen     events       what was done with which part of which answer (Site, Ref, Event, Use)
                  branches     what the two ways after a test speak of
what follows      payloads     whether a call in the source can have made this pause
                  verdicts     what one part of an answer takes for a yes and for a no
                  answers      the answer as a whole becomes a codec; records: the answer as a dict

What is certain: every name of the answer says that truth is a yes, or says nothing while the code behind a no speaks of
refusing; a word that is a refusal and nothing else; or a consent that is compared with, so that a refusal is none of
the words the code knows. A word like "cancel" may be what is to be done, so it is never a no, and a
question that asks whether something is wrong is none that a yes goes on from. Whatever cannot be shown is Unclear, and
Unclear refuses. What remains: code that says one thing and does another is believed.
"""

from .answers import infer
from .events import Site
from .reach import may_pause, named_in, pauses_itself
from .sites import Place, Sites, subgraphs_of, tools_of
from .source import wrappers_of
from .statements import swallowing
from .verdicts import Unclear

__all__ = [
    "Place",
    "Site",
    "Sites",
    "Unclear",
    "infer",
    "may_pause",
    "named_in",
    "pauses_itself",
    "subgraphs_of",
    "swallowing",
    "tools_of",
    "wrappers_of",
]
