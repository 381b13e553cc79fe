"""How much CPU guardproxy costs, as a ratio to a bare proxy: `python -m bench`, which is `make bench`.

The figure is CPU time of the proxy's process (user + system, with its children) for one request or one streamed chunk.
Rates and latencies of a shared machine say more about its other work than about the proxy; CPU time hardly does, and
what is left of the noise is taken out by measuring the subjects in turn (A B C A B C ...) and comparing each slice
only to the slice of the *floor* in the same round. The floor is the cheapest honest proxy one writes with the
same libraries: aiohttp on uvloop, passing everything through.

Everything runs on 127.0.0.1, for a stated time: an upstream (`upstream`), a driver (`load`), and the subjects, each in
its own process, the subject alone on its core where the system allows. A reply that is not complete and right ends the
run with an error: there is no number for a proxy that failed.

Behind the proxies comes the engine by itself: `bench.engine`.
"""


class BenchError(Exception):
    """The run cannot give an honest number. The message says why."""
