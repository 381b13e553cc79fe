"""The blocks of a stream, from their beginning to their end, and the order in which their frames go out."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from guardproxy.core.inspection import OutputGuard
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.messages.beside import Beside
from guardproxy.surfaces.messages.block import JOINED, SIGNATURE, Block, goes_on
from guardproxy.surfaces.messages.calls import HELD_IN, Call, is_held
from guardproxy.surfaces.messages.cleaning import Cleaner
from guardproxy.surfaces.messages.conversation import AnswerSteps, call_of
from guardproxy.surfaces.messages.cut import ENDED
from guardproxy.surfaces.messages.events import Edited, own_delta, own_event
from guardproxy.surfaces.messages.leaves import is_call
from guardproxy.surfaces.messages.line import Line

# What one stream may make us keep: characters of calls with the bytes that wait behind them, and blocks.
MOST_KEPT: Final = 8 * 1024 * 1024
MOST_BLOCKS: Final = 10_000


class BlockFlow:
    """Takes the events of blocks after their own members were looked at; gives the frames that may go out.

    `characters`: how many of text were released. `named`: events of our own get their type as a name.
    """

    def __init__(self, guard: OutputGuard, cleaner: Cleaner) -> None:
        self.blocks: dict[int, Block] = {}
        self.line = Line()
        self.characters = 0
        self.named = True
        self.beside = Beside(guard, cleaner)
        self._guard = guard
        self._cleaner = cleaner
        self._undecided: list[Block] = []  # calls that ended with no JSON: they may have been cut off
        self._runs = {member: guard.run() for member in JOINED}
        self._waiting: list[Block] = []  # blocks whose texts wait for the next ones
        self._kept = 0
        self._steps = AnswerSteps() if guard.judges_calls else None

    def open(self, index: int, *, announced: bool) -> Block:
        """A new block. Raises `UpstreamUnavailable` for one that is there or comes before another, and for too many."""
        if index in self.blocks:
            raise UpstreamUnavailable("the upstream began a block twice", reason="bad_event")
        if self.blocks and index < next(reversed(self.blocks)):
            raise UpstreamUnavailable("the upstream began a block before one it had begun", reason="bad_event")
        if len(self.blocks) >= MOST_BLOCKS:
            raise _too_large()
        block = self.blocks[index] = Block(index, self._guard, announced=announced, runs=self._runs)
        return block

    def open_blocks(self) -> Iterator[int]:
        """The blocks of which the client knows the beginning only."""
        return (block.index for block in self.blocks.values() if block.is_open and block.index not in self.line)

    def begin(self, index: int, edited: Edited) -> list[bytes]:
        """The announcement of a block."""
        before = self._decide(cut=False)  # the model went on after those calls
        content = edited.document["content_block"]
        before += self._let_go(content)
        block = self.open(index, announced=True)
        held = is_held(content)
        if self._steps is not None:
            self._note(self._steps, block, content, whole=not held)
        changed = block.begin(content, self._cleaner) or edited.changed
        if self._guard.blocked:
            del self.blocks[index]
            return [*before, *self._settled()]
        edited = edited._replace(changed=changed)
        self.line.begin(index, waits=held)
        if held:
            block.call = Call(edited)
            return [*before, *self._settled()]
        return [*before, *self.line.add(index, [edited.frame()]), *self._settled()]

    def begin_known(self, index: int, content: dict[str, Any]) -> bool:
        """A block that goes out with the beginning of the message; whether anything was changed."""
        block = self.open(index, announced=False)
        if self._steps is not None:
            self._note(self._steps, block, content, whole=True)
        return block.begin(content, self._cleaner)

    def grow(self, index: int, edited: Edited) -> list[bytes]:
        """A delta."""
        block = self.blocks.get(index)
        if block is None:  # nobody announced it
            block = self.open(index, announced=False)
            self.line.begin(index, waits=False)
        delta = edited.document["delta"]
        kind = delta.get("type")
        if isinstance(kind, str) and kind in HELD_IN:
            self._hold(block, edited, HELD_IN[kind])
            return []
        if block.ended or block.call is not None:
            raise goes_on()
        if kind == "signature_delta" and isinstance(delta.get(SIGNATURE), str) and delta[SIGNATURE]:
            return self._sign(block, edited)
        changed = self._grow_texts(block, edited.document) or edited.changed
        frames = self.line.add(index, [edited._replace(changed=changed).frame()])
        return [*frames, *self._settled()] if self._waiting else frames

    def end(self, index: int, stop: Edited) -> list[bytes]:
        """A block has ended."""
        block = self.blocks.get(index)
        if block is None:
            return [stop.frame()]
        before = self._finish_texts(block)
        if self._guard.blocked:
            return self.line.add(index, before)
        call = block.call
        if call is None:
            block.ended = True
            if block.waits:
                return self._wait(block, before, stop)
            return self.line.add(index, [*before, stop.frame()])
        if call.ended:
            return []
        call.rest, call.stop, call.ended = before, stop, True
        if call.is_complete:
            return self._settle(block, call)
        self._undecided.append(block)
        return []

    def end_all(self, reason: Any) -> list[bytes]:
        """The message has ended for that reason, or its stream has. Calls are shown now or never."""
        ended = isinstance(reason, str) and reason in ENDED
        frames = self._decide(cut=not ended)
        for block in self.blocks.values():
            if self._guard.blocked is None and not block.ended:
                rest = self._finish_texts(block)
                if block.call is not None:
                    block.call.rest += rest
                elif block.waits:
                    frames += self._wait(block, rest)
                else:
                    frames += self.line.add(block.index, rest)
        for run in self._runs.values():
            run.finish()
        frames += self._settled()
        for block in self.blocks.values():
            call = block.call
            if call is not None and not call.ended and self._guard.blocked is None:
                call.ended = True
                if ended and call.is_complete:
                    frames += self._settle(block, call)
                else:
                    self._guard.cut_calls += 1
        return frames

    def _grow_texts(self, block: Block, document: dict[str, Any]) -> bool:
        """More of a block's texts; whether anything was changed. A citation is looked at whole."""
        delta = document["delta"]
        changed = self._cleaner.names(delta, block.path)
        texts = [name for name, value in delta.items() if isinstance(value, str) and name not in ("type", SIGNATURE)]
        unheard_of = [name for name, value in delta.items() if isinstance(value, (dict, list)) and name != "citation"]
        changed = self._cleaner.members(delta, block.path, [*texts, *unheard_of]) or changed
        for member in texts:
            text = delta[member]
            delta[member] = block.channel(member, str(delta.get("type"))).feed(text)
            self.characters += len(delta[member])
            changed = changed or delta[member] != text
        return self.beside.edit(document, unheard_of, ("delta",)) or changed

    def _sign(self, block: Block, edited: Edited) -> list[bytes]:
        """A signature ends the texts it signs."""
        before = self._finish_texts(block)
        if block.waits:
            return self._wait(block, before, edited)
        return self.line.add(block.index, [*before, *self._signed(block, edited)])

    def _signed(self, block: Block, edited: Edited) -> list[bytes]:
        """The frame of a signature, if it may go out over texts that are decided."""
        delta = edited.document["delta"]
        changed = self._cleaner.members(delta, block.path, (SIGNATURE,)) or edited.changed
        shown = block.sign(delta, self._cleaner) and self._guard.blocked is None
        return [edited._replace(changed=changed).frame()] if shown else []

    def _wait(self, block: Block, frames: list[bytes], *behind: Edited) -> list[bytes]:
        """A text of the block has ended, and waits for the next one. `behind`: what comes behind it."""
        block.behind += behind
        if block in self._waiting:
            return self.line.add(block.index, frames)
        self._waiting.append(block)
        return self.line.hold(block.index, frames)

    def _let_go(self, content: dict[str, Any]) -> list[bytes]:
        """A block begins. What cannot wait for the next text of its kind, which may never come, is decided.

        A text behind thinking would wait as long as the thinking does, so thinking goes on only in the very next block.
        """
        if not self._waiting:
            return []
        for member, run in self._runs.items():
            if not isinstance(content.get(member), str) and (member == "thinking" or self._guard.sequential):
                run.let_go()
        return self._settled()

    def _settled(self) -> list[bytes]:
        """Blocks whose texts are decided now, with what waited behind them."""
        frames: list[bytes] = []
        while self._waiting and (self._waiting[0].stopped or not self._waiting[0].waits):
            block = self._waiting[0]
            told = self._own_deltas(block, block.take())
            if block.stopped:
                return [*frames, *self.line.stop(block.index, told)]
            del self._waiting[0]
            behind, block.behind = block.behind, []
            for event in behind:
                told += self._signed(block, event) if "delta" in event.document else [event.frame()]
            frames += self.line.settle(block.index, told)
        if self._waiting and self._kept + self.line.size > MOST_KEPT:
            raise _too_large()
        return frames

    def _hold(self, block: Block, edited: Edited, member: str) -> None:
        if block.ended or (block.call is not None and block.call.ended):
            raise goes_on()
        if block.call is None:
            block.call = Call(None)
        delta = edited.document["delta"]
        text = delta.get(member)
        changed = self._cleaner.members(delta, block.path, (member,) if isinstance(text, str) else ())
        self._kept += len(text) if isinstance(text, str) else 0
        if self._kept + self.line.size > MOST_KEPT:
            raise _too_large()
        block.call.take(edited._replace(changed=changed or edited.changed))

    def _decide(self, *, cut: bool) -> list[bytes]:
        """Calls that ended with no JSON: the model wrote them so, or they were cut off."""
        waiting, self._undecided = self._undecided, []
        frames: list[bytes] = []
        for block in waiting:
            call = block.call
            if call is None or self._guard.blocked is not None:
                continue
            if not cut and not call.is_cut:
                frames += self._settle(block, call)
                continue
            if not cut:  # the model means to have ended it
                self._judge(block, call)
            self._guard.cut_calls += 1
            if call.known and call.stop is not None:
                block.ended = True
                frames += self.line.add(block.index, [*call.rest, call.stop.frame()])
        return frames

    def _settle(self, block: Block, call: Call) -> list[bytes]:
        """A call is whole; unless the policy stops it, it goes out."""
        self._judge(block, call)
        if self._guard.blocked is not None:
            return []
        frames, characters = call.release(self._cleaner, (*block.path, "input"))
        if self._guard.blocked is not None:
            return []
        block.ended = True
        self.characters += characters
        return self.line.settle(block.index, frames)

    def _note(self, steps: AnswerSteps, block: Block, content: dict[str, Any], *, whole: bool) -> None:
        """A block begins, of which nothing was hidden yet. `whole`: what it is to rules about tools counts now."""
        if whole:
            self._guard.judge(steps.of(content, block.path))
        block.told = deepcopy(content)

    def _judge(self, block: Block, call: Call) -> None:
        """Hold a whole call against the rules about tools, also one that nobody announced as such.

        Where its beginning brought another input than the events after it, clients may act on either.
        """
        steps = self._steps
        if steps is None or not (is_call(block.told) or call.brings_input):
            return
        told = block.told if is_call(block.told) else {"type": "tool_use", "name": block.told.get("name")}
        text = call.text
        if text and told.get("input"):
            self._guard.judge([call_of(told, block.path)])
        self._guard.judge(steps.of({**told, "input": text} if text else told, block.path))

    def _finish_texts(self, block: Block) -> list[bytes]:
        frames = self._own_deltas(block, block.finish())
        return [*frames, *(own_event(document, named=self.named) for document in self.beside.rest(block.index))]

    def _own_deltas(self, block: Block, told: list[tuple[str, str, str]]) -> list[bytes]:
        self.characters += sum(len(text) for _, _, text in told)
        return [own_delta(block.index, kind, member, text, named=self.named) for kind, member, text in told]


def _too_large() -> UpstreamUnavailable:
    return UpstreamUnavailable("the upstream's answer is too large to be looked at", reason="too_large")
