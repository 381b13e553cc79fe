"""Where the policies in force come from: read, compiled aside, and taken only if everything about them is right.

`load()` and `reload()` read all files, compile all policies, hold them against each other and run the examples of
every rule that is new or changed, and the cases of every policy that is, or whose cases are. What fails leaves
everything as it was; what was tried is remembered, so the same mistake is told once. Files that change while they are
read are read again, so no set is ever half old and half new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from guardproxy.core.choice import Choice, PolicySet
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.cases import Case, cases_path, read_cases
from guardproxy.policyfile.catalogue import Catalogue, Wanted, load_policies
from guardproxy.policyfile.compile import CompiledRule, compile_rules
from guardproxy.policyfile.examples import run_examples
from guardproxy.policyfile.history import History, Kept
from guardproxy.policyfile.sources import KeptSources, Sources, Stamp, content_of, stamp_of

ATTEMPTS: Final = 5


class Loaded(NamedTuple):
    """Policies to put in force. `pinned`: they are a kept revision. `kept`: why they could not be kept, if so."""

    policies: PolicySet
    pinned: bool
    not_kept: str | None = None


Play = Callable[[Sequence[tuple[Choice, Sequence[Case]]]], Sequence[str]]
"""Plays the cases of policies: what does not hold, each as `file:line:column: what`."""


class PolicyStore:
    """Reads what settings name. Every method may take as long as reading, compiling and playing takes; none awaits.

    `check` raises `ConfigurationError` for policies that are right by themselves and cannot be used here. `play` None:
    cases are not played.
    """

    def __init__(
        self,
        wanted: Wanted,
        history: History | None,
        now_ms: Callable[[], int],
        check: Callable[[PolicySet], None] | None = None,
        play: Play | None = None,
    ) -> None:
        self._wanted = wanted
        self._history = history
        self._now_ms = now_ms
        self._check = check
        self._play = play
        self._shown: frozenset[tuple[str, str]] | None = None
        self._stamps: dict[Path, Stamp | None] = {}
        self._tried: Mapping[Path, object] = {}
        self._rules: frozenset[str] = frozenset()

    def load(self) -> Loaded:
        """The policies as they are now. Raises `ConfigurationError`, one line per problem."""
        sources = self._sources()
        for _ in range(ATTEMPTS):
            try:
                catalogue = load_policies(self._wanted, sources)
                if self._check is not None:
                    self._check(catalogue.policies)
                self._run_new_examples(catalogue)
                self._play_new_cases(catalogue, sources)
            finally:
                self._remember(sources)
            if not sources.changed():
                return self._kept(catalogue, sources)
            sources = self._sources()
        raise ConfigurationError("the policy files keep changing while they are read; nothing was taken from them")

    def reload(self) -> Loaded | None:
        """The policies anew; None if nothing has another content than at the last attempt, whatever came of that.

        Raises `ConfigurationError`, one line per problem.
        """
        before = self.look()
        if self._content() == self._tried:
            self._stamps = dict(before)
            return None
        return self.load()

    def kept(self) -> Sequence[Kept]:
        """The revisions that can be put in force again, the last in force first; none where nothing is kept."""
        return self._history.revisions() if self._history is not None else ()

    def pin(self, revision: str | None = None) -> str:
        """Pin a kept revision, by default the one before the present; which one. It is in force after a reload.

        Raises `ConfigurationError` where nothing is kept, for a revision that is not, and for one that cannot be used
        here any more.
        """
        history = self._kept_history()
        target = revision or history.before()
        policies = load_policies(self._wanted, history.sources_of(target)).policies
        if self._check is not None:
            self._check(policies)
        history.pin(target)
        return target

    def release(self) -> None:
        """Let the files decide again. Raises `ConfigurationError` where nothing is kept."""
        self._kept_history().release()

    def _kept_history(self) -> History:
        if self._history is None:
            raise ConfigurationError("nothing is kept: name a directory under policies.state in guardproxy.yaml")
        return self._history

    def look(self) -> Mapping[Path, Stamp | None]:
        """The stamps of everything that was read or asked for, as they are now: equal as long as nothing changes."""
        return {path: stamp_of(path) for path in self._stamps}

    def changed(self) -> bool:
        """Whether anything may be different from the last attempt. Cheap."""
        return self.look() != self._stamps

    def _sources(self) -> Sources:
        if self._history is None:
            return Sources()
        try:
            pinned = self._history.pinned()
            return self._history.sources_of(pinned) if pinned else Sources()
        except ConfigurationError:
            self._stamps = dict(self.look())  # told once, and again when the pin changes
            raise

    def _remember(self, sources: Sources) -> None:
        self._stamps = dict(sources.stamps)
        if self._history is not None:
            self._stamps[self._history.pin_file] = stamp_of(self._history.pin_file)
        content = self._content()
        # What changed since it was read was not what was tried.
        self._tried = {} if sources.changed() else content

    def _content(self) -> Mapping[Path, object]:
        """What everything that was asked for holds now: the bytes of files, the names in directories."""
        return {path: content_of(path) for path in self._stamps}

    def _kept(self, catalogue: Catalogue, sources: Sources) -> Loaded:
        policies, pinned = catalogue.policies, bool(self._history and self._history.pinned())
        if self._history is None or pinned:
            return Loaded(policies, pinned)
        revisions = {name: choice.policy.revision for name, choice in policies.named.items()}
        try:
            self._history.keep(policies.revision, revisions, sources.files, self._now_ms())
        except OSError as error:
            return Loaded(policies, pinned, f"{self._history.directory}: {error.strerror}")
        return Loaded(policies, pinned)

    def _run_new_examples(self, catalogue: Catalogue) -> None:
        """The examples of rules that were not there before. Those of the first load are `guardproxy check`'s."""
        rules = dict(_rules(catalogue))
        if self._rules:
            failures = run_examples(rule for digest, rule in rules.items() if digest not in self._rules)
            if failures:
                raise ConfigurationError("\n".join(map(str, failures)))
        self._rules = frozenset(rules)

    def _play_new_cases(self, catalogue: Catalogue, sources: Sources) -> None:
        """The cases of policies that are not what they were. Those of the first load are `guardproxy test`'s, and those
        of a kept revision held when it was taken.
        """
        if self._play is None or isinstance(sources, KeptSources):
            return
        shown, new = set(), []
        for name, document in catalogue.documents.items():
            file, choice = cases_path(Path(document.file.name)), catalogue.policies.named[name]
            if sources.is_there(file):
                cases = read_cases(file, sources)
                state = choice.policy.revision, hashlib.sha256(sources.files[file.absolute()]).hexdigest()
                shown.add(state)
                if self._shown is not None and state not in self._shown:
                    new.append((choice, cases))
        failures = self._play(new) if new else ()
        if failures:
            raise ConfigurationError("\n".join(failures))
        self._shown = frozenset(shown)


def _rules(catalogue: Catalogue) -> Iterator[tuple[str, CompiledRule]]:
    for document in catalogue.documents.values():
        for rule in compile_rules(document):
            written = rule.document.written.model_dump_json(by_alias=True)
            yield hashlib.sha256(written.encode()).hexdigest(), rule
