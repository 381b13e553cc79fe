from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import BenchError
from bench.processes import Cores, CpuTime, driver, free_port, on_cores, parse_ps, parse_stat, running, tree_seconds

BURN = """
import os, sys, time
from http.server import HTTPServer, SimpleHTTPRequestHandler
if (child := os.fork()) == 0:
    while time.process_time() < 0.2: pass
    os._exit(0)
os.waitpid(child, 0)
HTTPServer(("127.0.0.1", int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()
"""


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=15))
def test_a_stat_line_is_read_whatever_the_process_is_called(name: str) -> None:
    line = f"42 ({name}) S 7 42 42 0 -1 4194560 100 0 0 0 150 50 25 25 20 0 1 0 12345 1000 200\n"
    assert parse_stat(line, ticks_per_second=100) == CpuTime(42, 7, 2.5)


@pytest.mark.parametrize(
    ("used", "seconds"),
    [("0:01.23", 1.23), ("00:00:02", 2), ("1:01:00", 3660), ("2-00:00:01", 172801), ("75:30", 4530)],
)
def test_a_line_of_ps_is_read(used: str, seconds: float) -> None:
    process = parse_ps(f"  42     7 {used}")
    assert (process.pid, process.parent) == (42, 7)
    assert process.seconds == pytest.approx(seconds)


def test_a_time_ps_never_wrote_is_an_error() -> None:
    with pytest.raises(BenchError, match="'soon'"):
        parse_ps("1 1 soon")


@given(st.lists(st.integers(0, 50), max_size=30), st.randoms(use_true_random=False))
def test_a_tree_counts_every_process_below_its_root_once(parents: list[int], order: object) -> None:
    everything = [CpuTime(1, 0, 1.0)]
    for pid, parent in enumerate(parents, start=2):
        everything.append(CpuTime(pid, 1 + parent % (pid - 1), 1.0))
    shuffled = sorted(everything, key=lambda process: hash((process, id(order))))
    assert tree_seconds([*shuffled, CpuTime(99, 0, 5.0)], 1) == len(everything)


def test_a_process_that_is_gone_has_no_time() -> None:
    with pytest.raises(BenchError, match="7 is gone"):
        tree_seconds([CpuTime(1, 0, 1.0)], 7)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no core affinity here")
def test_what_runs_on_chosen_cores_leaves_ours_as_they_were() -> None:
    before = os.sched_getaffinity(0)
    with on_cores(frozenset(list(before)[:1])):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_the_subject_shares_its_core_with_nobody_where_there_are_two() -> None:
    subject, rest = Cores.choose()
    assert subject is None or rest is None or (len(subject) == 1 and not subject & rest)


def test_a_server_is_ready_its_cpu_is_known_with_that_of_its_children_and_it_is_stopped(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-c", BURN, str(port)]
    with running("burner", command, port=port, ready=url, folder=tmp_path, cores=None) as server:
        assert server.process.poll() is None
        if Path("/proc/self/stat").exists():  # ps forgets children that ended
            assert server.cpu_seconds() >= 0.19
    assert server.process.poll() is not None


def test_a_server_that_ends_early_is_an_error_that_shows_what_it_said(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    with (
        pytest.raises(BenchError, match=r"(?s)broken: ended with 1 before it was ready.*no such thing"),
        running("broken", command, port=1, ready="http://127.0.0.1:1/", folder=tmp_path, cores=None),
    ):
        pass


def test_the_driver_tells_why_a_job_failed_and_takes_the_next() -> None:
    job = {"port": free_port(), "key": "key", "scenario": "whole", "seconds": 0.05}
    with driver(None) as drives:
        for _ in range(2):
            with pytest.raises(BenchError, match="cannot connect"):
                drives.run(job)


def test_a_run_that_is_told_to_end_takes_its_servers_with_it(tmp_path: Path) -> None:
    port = free_port()
    program = f"""
import sys, time
from pathlib import Path
from bench.processes import end_what_runs_when_told_to, running
end_what_runs_when_told_to()
command = [sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"]
ready, folder = "http://127.0.0.1:{port}/", Path({str(tmp_path)!r})
with running("files", command, port={port}, ready=ready, folder=folder, cores=None) as server:
    print(server.process.pid, flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout
        server = int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)
