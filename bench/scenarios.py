"""What is sent and what must come back: the load that `upstream` and `load` agree on.

Each request carries a *tag* of eight letters, new for every request and echoed at the start of the reply. So no
prompt and no reply is ever seen twice (a guard that remembers texts gains nothing here), and a reply that went to the
wrong request is noticed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle, islice
from string import ascii_lowercase
from typing import Any, Final

TAG_LENGTH: Final = 8
MODEL: Final = "bench-model"
TAG_MARK: Final = "My reference is "

PROSE: Final = (
    "The old ferry leaves the harbour a little after sunrise, when the light is still low and the water is calm. "
    "Most mornings there are only a few people on board: a baker with warm loaves for the island, two teachers who "
    "mark essays at the same table by the window, and a fisherman who never sits down. The crossing takes about "
    "forty minutes, long enough to drink a cup of tea and to watch the gulls follow the wake. On the island the road "
    "climbs between stone walls, past gardens with beans and late roses, until it reaches the school. The children "
    "know the sound of the engine and can tell from it how strong the wind will be in the afternoon. In winter the "
    "boat sometimes stays in port for a week, and then lessons are held by radio, the shop sells what it has, and "
    "everybody visits everybody else. Nobody calls this a hardship. When the weather turns, the first boat brings "
    "letters, oranges and the piano tuner, who stays for three days because every house wants him to play as well. "
    "People ask whether a bridge would not be easier. It would, the baker says, but a bridge has no bell, and it does "
    "not wait for you when you are late. So the plan is discussed each spring, politely, over a long lunch, and each "
    "spring it is put away again with the good plates. The ferry is painted, the ropes are changed, and the timetable "
    "is copied by hand onto the board at the pier, in the same round letters as the year before. "
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of load: `clients` connections kept alive, each sending its next request when the reply is complete; or,
    with a `rate`, so many requests a second at moments that do not depend on replies, on whatever connection is free.

    Sizes are characters (all ASCII, so also bytes). A streamed reply has `chunks` content events, `gap_s` apart.
    In one round the subjects take `turns` each, and `seconds` are shared out among them. `judged`: targets hold for it.
    """

    name: str
    title: str
    prompt: int
    clients: int
    reply: int = 0
    chunks: int = 0
    gap_s: float = 0.0
    turns: int = 4
    judged: bool = True
    rate: float = 0.0

    @property
    def streamed(self) -> bool:
        return self.chunks > 0

    @property
    def unit(self) -> str:
        """What one figure is about: `request`, or `chunk` where the reply is a stream."""
        return "chunk" if self.streamed else "request"


# The gap keeps the floor's core about a quarter busy. A subject that cannot keep up reads several events at once, which
# makes each of them look cheap: 10 ms leave room for a subject four times as dear as the floor.
SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario("whole", "1 KB prompt, 600 B JSON reply, 32 connections", prompt=1000, clients=32, reply=300),
        Scenario(
            "stream", "200 chunks, 10 ms apart, 50 streams", prompt=1000, clients=50, chunks=200, gap_s=0.01, turns=1
        ),
        Scenario(
            "whole32k",
            "32 KB prompt, 4 KB JSON reply, 16 connections",
            prompt=32_000,
            clients=16,
            reply=3700,
            judged=False,
        ),
        Scenario(
            "paced",
            "1 KB prompt, 600 B JSON reply, 300 a second",
            prompt=1000,
            clients=32,
            reply=300,
            judged=False,
            rate=300.0,
        ),
    )
}


def prose(characters: int) -> str:
    """That many characters of ordinary English."""
    return "".join(islice(cycle(PROSE), characters))


def tags() -> Iterator[str]:
    """Words of eight letters, none twice in a run, starting anywhere."""
    total = len(ascii_lowercase) ** TAG_LENGTH
    for number in count(random.randrange(total)):
        letters = []
        for _ in range(TAG_LENGTH):
            number, letter = divmod(number, len(ascii_lowercase))
            letters.append(ascii_lowercase[letter])
        yield "".join(letters)


def chunk_texts(chunks: int) -> list[str]:
    """The content of a stream after its tag, cut the same way each time into pieces of 4 to 12 characters."""
    cut = random.Random(chunks)
    letters = cycle(PROSE)
    return ["".join(islice(letters, cut.randint(4, 12))) for _ in range(chunks - 1)]


def reply_text(scenario: Scenario) -> str:
    """The content of a complete reply, after its tag."""
    return "".join(chunk_texts(scenario.chunks)) if scenario.streamed else prose(scenario.reply)


def request_parts(scenario: Scenario) -> tuple[bytes, bytes]:
    """The request body before and after the tag."""
    mark = "\0"
    text = f"{TAG_MARK}{mark}. {prose(scenario.prompt)}"[: scenario.prompt]
    body: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": text}]}
    if scenario.streamed:
        body["stream"] = True
    before, _, after = json.dumps(body, separators=(",", ":")).partition(json.dumps(mark)[1:-1])
    return before.encode(), after.encode()
