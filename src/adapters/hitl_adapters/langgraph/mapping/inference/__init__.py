"""From what a node's source does with an answer to a codec, or to the reason why nothing certain follows.

    source ─► scan: statements, expressions, calls ─► events ─► verdicts ─► answers, records ─► a codec, or Unclear

Nothing is run. `sites` finds the places of a graph and reads them; what cannot be followed is noted as opaque.

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
