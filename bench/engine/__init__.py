"""What looking for all rules of both packs costs, by itself: `python -m bench engine`.

The packs `secrets` and `pii` together, as they apply to a model's text, in this process, on one thread. The text is
what every Python installation carries (`bench.ordinary_text`), and no text is read twice while it is measured: an
engine that remembers what it has seen gains from it only what it would gain in use. Before that it reads other text of
the same kind to warm up; each table says how much.

Times are CPU time of this process, except for single chunks, which are too short for that clock: of them the median
counts, which other work on the machine hardly moves. Ratios are taken between what was measured in turns.
"""
