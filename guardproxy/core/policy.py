"""A policy, compiled and frozen: what to look for, what follows, and what a request may be.

`policyfile` makes it from YAML. A running exchange keeps the policy it started with until its last byte.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.core.quota import Charging, Quota
from guardproxy.core.scope import allows_name
from guardproxy.core.separation.terms import Separation
from guardproxy.core.tools.rules import ToolRules
from guardproxy.core.verdict import Action, Severity
from guardproxy.match.scanner import DetectorScanner, Span

MATCHING_WORK_PER_CHARACTER: Final = 3


class Detector(Protocol):
    """One technique, holding all the rules that use it. It finds; it never judges."""

    @property
    def work(self) -> int:
        """The steps of work that all texts have cost so far (`guardproxy.match.work`)."""

    @property
    def accelerated(self) -> bool:
        """Whether it tells well what is clean, whatever names and ids stand in it: asking once costs least then."""

    def accelerate(self) -> None:
        """Pass over clean text more quickly from now on, if that is possible. May take seconds, beside what goes on."""

    def may_match(self, text: str) -> bool:
        """False only if no rule can match in the text, nor in a part cut out of it where no letter stands. Cheap."""

    def scan(self, text: str) -> Sequence[Span]:
        """All spans of a whole text: those of `scanner()`, in its order where several begin with one character."""

    def scan_in_steps(self, text: str) -> Generator[None, None, Sequence[Span]]:
        """`scan` that stops after each slice of a long text, and after so much work; of spans with one start and rule
        only the longest.
        """

    def scanner(self) -> DetectorScanner:
        """A fresh scanner for one text that arrives in pieces."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a finding of this rule means. `id` is `<pack>.<name>`; `placeholder` replaces a redacted match.

    A rule in shadow lets everything pass: its `action` is ALLOW, and `shadow` is what it would do. `meaning` is a
    digest of what it looks for: two rules of one id may be compared only if they look for the same.
    """

    id: str
    title: str
    severity: Severity
    action: Action
    applies_to: frozenset[Provenance]
    placeholder: str
    shadow: Action = Action.ALLOW
    meaning: str = ""

    @property
    def looks(self) -> bool:
        """Whether anything follows from a finding, be it only a word in the log."""
        return max(self.action, self.shadow) is not Action.ALLOW

    @property
    def pack(self) -> str:
        return self.id.partition(".")[0]


class OperatorMessages(StrEnum):
    """Whose keys may send system and developer messages."""

    OPERATOR_KEYS = "operator_keys"
    ANY_KEY = "any_key"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Context:
    """Who may speak as whom. Roles no API documents are refused unless `unknown_roles` is ALLOW (read as user text).

    `separation` is None for a policy that says no more than this.
    """

    operator_messages: OperatorMessages = OperatorMessages.OPERATOR_KEYS
    unknown_roles: Action = Action.BLOCK
    separation: Separation | None = None


BLOCK_MESSAGE: Final = "This answer was stopped by a policy of the proxy."
"""What an answer says that a rule stopped while it streamed."""


class AnswerFields(StrEnum):
    """How the fields of a streamed choice of a chat (reasoning, content, refusal) follow each other, and whether a text
    that clients join with the next one waits for that.

    ORDERED: a field ends where the next begins, a text waits. INTERLEAVED: the upstream may return to any field at any
    time, a text waits. SEQUENTIAL: a field ends where the next begins, and a text where something else than text does.
    """

    ORDERED = "ordered"
    INTERLEAVED = "interleaved"
    SEQUENTIAL = "sequential"


class OnBlock(StrEnum):
    """How a streamed answer ends that the policy stops after its first byte.

    FINISH: with a refusal and `finish_reason: content_filter`, which every client notices
    (`length` where a hard limit ends it). ERROR: with an error event,
    which clients raise.
    """

    FINISH = "finish"
    ERROR = "error"


class Unknown(StrEnum):
    """What becomes of a member of a request, or an event of a stream, that nobody here has heard of."""

    PASS = "pass"  # noqa: S105 - no password
    STRIP = "strip"
    REJECT = "reject"


class ParameterRules(NamedTuple):
    """Which members of a request may go on. Names as in `surfaces.parameter_tables`; `deny` comes before `allow`.

    A name allows or denies all that stands below it, too.
    """

    unknown: Unknown = Unknown.PASS
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()


class ServerState(StrEnum):
    """What a request may refer to that is stored on the server: nothing, what its key made through us, anything."""

    DENY = "deny"
    OWN = "own"
    ALLOW = "allow"


class SurfaceRules(NamedTuple):
    """What a policy says about one surface.

    `uninspected`: it passes without a look. `block` False: in requests, rules that block only flag; None: what the
    surface itself is for decides.
    """

    open: bool = True
    uninspected: bool = False
    block: bool | None = None


_OPEN = SurfaceRules()


class Excess(StrEnum):
    """A request that asks for longer or more answers than it may is refused, or gets what it may."""

    REFUSE = "refuse"
    CAP = "cap"


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one request may be. None: no limit. Characters are code points over all texts of the request.

    `inputs` are prompts or texts that are answered one by one, `choices` the answers to each. `output_tokens`, of each
    answer, is written into requests that name no cap of their own; `excess` is about those that name a higher one.
    `mcp_servers`: those a request may name, by URL, or by id for connectors and tunnels.
    `matching_work`: the steps that a character of a request, or of an answer, may cost (`guardproxy.core.allowance`).
    """

    body_bytes: int = 20 * 1024 * 1024
    messages: int | None = None
    text_characters: int | None = None
    tools: int | None = None
    inputs: int | None = None
    choices: int | None = None
    output_tokens: int | None = None
    matching_work: int | None = MATCHING_WORK_PER_CHARACTER
    images: int | None = None
    files: int | None = None
    models: tuple[str, ...] = ()
    mcp_servers: tuple[str, ...] = ()
    excess: Excess = Excess.REFUSE

    def allows_server(self, name: str) -> bool:
        """Whether a request may have the upstream ask this server: one of `mcp_servers`, with `*` for any text."""
        return allows_name(self.mcp_servers, name)

    def allows_model(self, name: str) -> bool:
        """Whether a request may ask for this model; `*` in `models` is any text, and none there is any model."""
        return not self.models or allows_name(self.models, name)


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy. `revision` is a hash of everything that went into it.

    `detectors[provenance]` look at the texts of that provenance. `masking` are the detectors of every redacting rule,
    whatever it applies to: no excerpt a reviewer sees may hold what any rule would hide. `shadow`: the policy only
    tells what it would do; nothing is refused or hidden because of it. Its rules and quotas are in shadow mode, too.

    Facts that follow and are asked for in every exchange. `watched`: the provenances any rule looks at.
    `redacts_answers`: text of the model can be replaced, so copies of it in other encodings must not pass.
    `keeps_apart`: requests are set apart as `context` says; for a policy in shadow it is only told what would be.
    `recording`: the same policy, but rules that block only flag.
    """

    name: str
    revision: str
    rules: Mapping[str, Rule] = field(default_factory=dict)
    detectors: Mapping[Provenance, tuple[Detector, ...]] = field(default_factory=dict)
    masking: tuple[Detector, ...] = ()
    context: Context = field(default_factory=Context)
    opaque: Mapping[OpaqueKind, Action] = field(default_factory=dict)
    limits: RequestLimits = field(default_factory=RequestLimits)
    quotas: tuple[Quota, ...] = ()
    on_block: OnBlock = OnBlock.FINISH
    block_message: str = BLOCK_MESSAGE
    parameters: ParameterRules = field(default_factory=ParameterRules)
    server_state: ServerState = ServerState.DENY
    surfaces: Mapping[str, SurfaceRules] = field(default_factory=dict)
    other_surfaces: SurfaceRules = _OPEN
    tools: ToolRules | None = None
    on_limit: OnBlock = OnBlock.FINISH
    unknown_events: Unknown = Unknown.PASS
    shadow: bool = False
    charging: Charging = field(default_factory=Charging)
    answer_fields: AnswerFields = AnswerFields.ORDERED
    redacts_answers: bool = field(init=False)
    keeps_apart: bool = field(init=False)
    watched: frozenset[Provenance] = field(init=False)
    recording: Policy = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        watched = frozenset(provenance for provenance, detectors in self.detectors.items() if detectors)
        object.__setattr__(self, "watched", watched)
        hiding = (rule for rule in self.rules.values() if rule.action >= Action.REDACT)
        object.__setattr__(self, "redacts_answers", any(Provenance.MODEL in rule.applies_to for rule in hiding))
        object.__setattr__(self, "keeps_apart", self.context.separation is not None)
        object.__setattr__(self, "recording", self)
        recording = copy(self)
        object.__setattr__(recording, "rules", {name: _flagging(rule) for name, rule in self.rules.items()})
        object.__setattr__(recording, "recording", recording)
        object.__setattr__(self, "recording", recording)

    def with_masks_of(self, other: Policy) -> Policy:
        """The same policy, but in its excerpts is also masked what the other one hides."""
        recording = copy(self.recording)
        both = recording if self.recording is self else copy(self)
        for each in (both, recording):
            object.__setattr__(each, "masking", (*self.masking, *other.masking))
            object.__setattr__(each, "recording", recording)
        return both

    def surface(self, name: str) -> SurfaceRules:
        """What the policy says about a surface that we inspect, by name or about all it does not name."""
        return self.surfaces.get(name, self.other_surfaces)

    def detectors_for(self, provenance: Provenance) -> tuple[Detector, ...]:
        return self.detectors.get(provenance, ())


def _flagging(rule: Rule) -> Rule:
    return replace(rule, action=Action.FLAG) if rule.action is Action.BLOCK else rule
