"""Programs on the virtual machine: every instruction, on one thread and several."""

import ctypes
import gc
import os
import threading
import time

import numpy as np
import pytest
from toy_kernels import kernel

from lamella import native
from lamella.native import Code, Machine

N = 60


def addresses(*arrays):
    return np.array([a.ctypes.data for a in arrays], np.uintp)


def run(code, *arrays, params=None, **options):
    """Run once on a table of these arrays."""
    Machine(code, slots=max(len(arrays), code.slots), **options).run(
        np.concatenate([addresses(*arrays), np.zeros(code.slots, np.uintp)])[
            : max(len(arrays), code.slots)
        ],
        None if params is None else np.array(params, np.int64),
    )


def test_call_runs_every_chunk_once(threads):
    for n in (0, 1, 2, 3, 5, N):
        x, y = np.arange(N), np.zeros(N, np.int64)
        code = Code()
        code.call(kernel("increment"), n, [0, 1])
        run(code, x, y)
        np.testing.assert_array_equal(y, np.where(np.arange(N) < n, x + 1, 0))


def release(code):
    """Let any thread take any chunk of the last instruction, a CALL."""
    code.release(len(code.instructions) - 1)


@pytest.mark.parametrize("released", [False, True])
def test_a_chain_runs_its_kernels_chunk_by_chunk(threads, released):
    """y += x, then x += 1, then y += x again, each element of its own chunk."""
    for n in (1, 2, 5, N):
        x, y = np.arange(N), np.zeros(N, np.int64)
        code = Code()
        calls = [(kernel(name), ids) for name, ids in (
            ("accumulate", [0, 1]), ("increment", [0, 0]), ("accumulate", [0, 1]))]  # fmt: skip
        code.chain(native.chain_address(), n, calls)
        if released:
            release(code)
        run(code, x, y)
        done = np.arange(N) < n
        np.testing.assert_array_equal(x, np.arange(N) + done)
        np.testing.assert_array_equal(y, np.where(done, 2 * np.arange(N) + 1, 0))


@pytest.mark.parametrize("released", [False, True])
def test_a_chain_hands_on_in_memory_of_each_thread(threads, released):
    """z = x + 1 is never an array: its slot has no address, y += z reads it chunk by chunk."""
    for n in (1, 2, 5, N):
        x, y = np.arange(N), np.zeros(N, np.int64)
        code = Code()
        with code.loop(count=2):
            calls = [(kernel("increment"), [0, 2]), (kernel("accumulate"), [2, 1])]
            code.chain(native.chain_address(), n, calls, handed={2: x.itemsize})
            if released:
                release(code)
            code.barrier()
        run(code, x, y)
        np.testing.assert_array_equal(y, np.where(np.arange(N) < n, 2 * (x + 1), 0))


@pytest.mark.parametrize("released", [False, True])
def test_a_chain_tells_its_kernels_what_the_next_chunk_reads(threads, released):
    """The first kernel asks for the next block of one array, the second for that of another."""
    x, y, first, second = (np.zeros(N, np.int64) for _ in range(4))
    code = Code()
    calls = [(kernel("asks"), [0, 2]), (kernel("asks"), [1, 3])]
    code.chain(native.chain_address(), N, calls, fetched={0: 8, 1: 8})
    if released:
        release(code)
    run(code, x, y, first, second)
    np.testing.assert_array_equal(first, 8 * (np.arange(N) + 1))
    np.testing.assert_array_equal(second, first)


def test_released_chunks_run_once(threads):
    """Neither the calls of a row nor the rounds of a loop take a chunk from each other."""
    for n in (1, 2, 3, 7, N):
        x, y, z = (np.zeros(N, np.int64) for _ in range(3))
        code = Code()
        with code.loop(count=300):
            for target in (0, 1, 2):
                code.call(kernel("increment"), n, [target, target])
                release(code)
            code.barrier()
        machine = Machine(code, slots=3)
        for _ in range(3):
            machine.run(addresses(x, y, z))
        for a in (x, y, z):
            np.testing.assert_array_equal(a, np.where(np.arange(N) < n, 900, 0))


@pytest.mark.parametrize("threads", [2], indirect=True)
def test_a_free_thread_takes_the_chunks_of_a_busy_one(threads):
    """Chunk 0 waits for all the others, its own thread's among them."""
    for released in (False, True):
        done, seen = np.zeros(N, np.int64), np.zeros(1, np.int64)
        code = Code()
        code.call(kernel("wait for all"), N, [0, 1])
        if released:
            release(code)
        run(code, done, seen)
        assert done.all()
        assert (seen[0] == N - 1) == released


def test_barrier_orders_writes_before_reads(threads):
    """1,000 rotations through two buffers: each step reads what other threads wrote."""
    x, y = np.arange(N), np.zeros(N, np.int64)
    code = Code()
    with code.loop(count=1000):
        code.call(kernel("rotate"), N, [0, 1])
        code.barrier()
        code.swap(0, 1)
    run(code, x, y)
    np.testing.assert_array_equal(x, np.roll(np.arange(N), -1000))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_loop_count_from_a_parameter(threads, count):
    x, y = np.zeros(N, np.int64), np.zeros(N, np.int64)
    code = Code()
    with code.loop(cell=1), code.loop(count=3):
        code.call(kernel("increment"), N, [0, 0])
    run(code, x, y, params=[99, count])
    np.testing.assert_array_equal(x, 3 * count)


@pytest.mark.parametrize("reverse", [False, True])
def test_offset_walks_over_rows(threads, reverse):
    """A cumulative sum over rows, forwards or backwards, as a scan has it."""
    rows = np.arange(5 * N).reshape(5, N) % 13
    carry, sums = np.zeros(N, np.int64), np.zeros((6, N), np.int64)
    code = Code()
    with code.loop(count=5) as i:
        code.offset(3, 0, i, stride=8 * N, reverse=reverse)
        code.offset(4, 2, i, stride=8 * N, offset=8 * N)
        code.call(kernel("accumulate"), N, [3, 1])
        code.barrier()
        code.copy(4, 1, 8 * N)
        code.barrier()
    run(code, rows, carry, sums)
    expected = np.cumsum(rows[::-1] if reverse else rows, axis=0)
    np.testing.assert_array_equal(sums[1:], expected)
    np.testing.assert_array_equal(sums[0], 0)


def test_while_loop(threads):
    """while x < 10: x += 1; total += x"""
    x, below, total = np.array([3]), np.zeros(1, np.int64), np.zeros(1, np.int64)
    code = Code()
    again = code.label()
    end = code.new_label()
    code.call(kernel("below ten"), 1, [0, 1])
    code.barrier()
    code.jump_if_false(1, end)
    code.call(kernel("increment"), 1, [0, 0])
    code.call(kernel("accumulate"), 1, [0, 2])
    code.barrier()
    code.jump(again)
    code.place(end)
    run(code, x, below, total)
    assert x[0] == 10
    assert total[0] == sum(range(4, 11))


@pytest.mark.parametrize(("index", "branch"), [(-5, 0), (0, 0), (1, 1), (2, 2), (9, 2)])
def test_switch_clamps(threads, index, branch):
    which, out = np.array([index], np.int32), np.zeros(1, np.int64)
    code = Code()
    cases, end = [code.new_label() for _ in range(3)], code.new_label()
    code.switch(0, cases)
    for k, case in enumerate(cases):
        code.place(case)
        with code.loop(count=k):
            code.call(kernel("increment"), 1, [1, 1])
        code.jump(end)
    code.place(end)
    run(code, which, out)
    assert out[0] == branch


def test_a_jump_may_leave_a_loop(threads):
    x, below = np.array([5]), np.zeros(1, np.int64)
    code = Code()
    end = code.new_label()
    with code.loop(count=100):
        code.call(kernel("below ten"), 1, [0, 1])
        code.barrier()
        code.jump_if_false(1, end)
        code.call(kernel("increment"), 1, [0, 0])
        code.barrier()
    code.place(end)
    run(code, x, below)
    assert x[0] == 10


@pytest.mark.parametrize("nbytes", [0, 1, 4095, 4096, 4097, 50_001])
def test_copy_and_zero_every_byte_and_no_more(threads, nbytes):
    source = np.random.default_rng(0).integers(1, 255, 60_000, np.uint8)
    copied, zeroed = np.zeros_like(source), source.copy()
    code = Code()
    code.copy(1, 0, nbytes)
    code.zero(2, nbytes)
    run(code, source, copied, zeroed)
    assert (copied[:nbytes] == source[:nbytes]).all()
    assert not copied[nbytes:].any()
    assert not zeroed[:nbytes].any()
    assert (zeroed[nbytes:] == source[nbytes:]).all()


def test_scratch_is_private_and_aligned(threads):
    """Each thread sums its own chunks in its scratch; the sums end up in one row per thread."""
    x, sums = np.arange(N), np.zeros(N, np.int64)
    seen = []
    code = Code()
    code.scratch(2, 100)
    code.scratch(3, 8 * N, at=128)
    code.call(kernel("increment"), N, [0, 3])
    code.call(kernel("increment"), N, [3, 1])
    code.host(seen.append, [2, 3])
    run(code, x, sums)
    np.testing.assert_array_equal(sums, x + 2)
    first, second = seen[0]
    assert first % 64 == 0
    assert second == first + 128


def test_host_gets_addresses_and_its_writes_are_seen(threads):
    x, y = np.zeros(N, np.int64), np.zeros(N, np.int64)
    calls = []

    def fill(pointers):
        calls.append(pointers)
        time.sleep(0.01)  # others must wait, past spinning and yielding
        (ctypes.c_int64 * N).from_address(pointers[0])[:] = [len(calls)] * N

    code = Code()
    with code.loop(count=3):
        code.barrier()
        code.host(fill, [0])
        code.barrier()
        code.call(kernel("accumulate"), N, [0, 1])
    run(code, x, y)
    assert calls == [(x.ctypes.data,)] * 3
    np.testing.assert_array_equal(y, 1 + 2 + 3)


@pytest.mark.parametrize("error", [ValueError("no data"), KeyboardInterrupt(), SystemExit(3)])
def test_host_exception_stops_the_program(threads, error):
    x = np.zeros(N, np.int64)
    calls = []

    def fail(pointers):
        calls.append(1)
        if len(calls) == 3:
            raise error

    code = Code()
    with code.loop(count=1000):
        code.call(kernel("increment"), N, [0, 0])
        code.barrier()
        code.host(fail)
        code.barrier()
    machine = Machine(code, 1)
    for _ in range(20):
        calls.clear()
        x[:] = 0
        with pytest.raises(type(error)) as raised:
            machine.run(addresses(x))
        assert raised.value is error
        assert "fail" in [entry.name for entry in raised.traceback]
        assert (x == 3).all()


def test_host_exception_without_a_barrier_after_it(threads):
    def fail(pointers):
        raise LookupError

    code = Code()
    code.host(fail)
    with pytest.raises(LookupError):
        run(code, np.zeros(1))


def test_run_inside_host_runs_on_the_caller(threads):
    x = np.zeros(N, np.int64)
    inner = Code()
    inner.call(kernel("increment"), N, [0, 0])
    inner.barrier()
    inside = Machine(inner, 1)
    outer = Code()
    outer.host(lambda pointers: inside.run(addresses(x)))
    outer.barrier()
    outer.call(kernel("increment"), N, [0, 0])
    run(outer, x)
    assert (x == 2).all()


def test_callers_from_several_threads(threads):
    """Concurrent callers take turns, whatever machine they run."""
    code = Code()
    with code.loop(cell=0):
        code.call(kernel("increment"), N, [0, 0])
        code.barrier()
    machines = [Machine(code, 1), Machine(code, 1, serial=True)]
    results = [np.zeros(N, np.int64) for _ in range(6)]

    def caller(k):
        for _ in range(50):
            machines[k % 2].run(addresses(results[k]), np.array([20]))

    callers = [threading.Thread(target=caller, args=(k,)) for k in range(6)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert all((result == 1000).all() for result in results)


def test_the_table_is_the_callers(threads):
    x, y = np.zeros(N, np.int64), np.ones(N, np.int64)
    pointers = addresses(x, y)
    before = pointers.copy()
    code = Code()
    code.swap(0, 1)
    code.call(kernel("increment"), N, [0, 0])
    machine = Machine(code, 2)
    machine.run(pointers)
    machine.run(pointers)
    np.testing.assert_array_equal(pointers, before)
    assert (x == 0).all()
    assert (y == 3).all()


def test_a_changed_array_of_pointers_is_seen():
    x, y = np.zeros(N, np.int64), np.zeros(N, np.int64)
    code = Code()
    code.call(kernel("increment"), N, [0, 0])
    machine = Machine(code, 1)
    pointers = addresses(x)
    machine.run(pointers)
    pointers[0] = y.ctypes.data
    machine.run(pointers)
    machine.run(addresses(y))
    assert (x == 1).all()
    assert (y == 2).all()


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc")
def test_memory_is_flat_over_many_runs():
    def resident():
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    x = np.zeros(N, np.int64)
    code = Code()
    code.scratch(1, 1 << 16)
    code.call(kernel("increment"), N, [0, 0])
    code.host(lambda pointers: None, [0])
    machine = Machine(code, 2)
    pointers = np.array([x.ctypes.data, 0], np.uintp)
    for count in (1000, 10_000):
        for _ in range(count):
            machine.run(pointers.copy(), np.array([1]))
        gc.collect()
        if count == 1000:
            before = resident()
    assert resident() - before < 1 << 20


def test_profile_counts_and_times(threads):
    x = np.zeros(N, np.int64)
    code = Code()
    with code.loop(count=5):
        code.call(kernel("increment"), N, [0, 0], name="increment")
        code.barrier()
    code.host(lambda pointers: time.sleep(0.02))
    machine = Machine(code, 1)
    timings = machine.profile(addresses(x))
    assert [t.count for t in timings[:5]] == [1, 5, 5, 5, 1]
    assert timings[1].text == "CALL increment(0, 0), 60 chunks"
    assert 15e6 < timings[4].nanoseconds < 500e6
    assert (x == 5).all()
    machine.run(addresses(x))
    assert (x == 10).all()


def test_listing():
    code = Code()
    end = code.new_label()
    with code.loop(cell=0) as i:
        code.offset(2, 0, i, stride=64, offset=4)
        code.jump_if_false(1, end)
    code.place(end)
    machine = Machine(code, 3)
    assert machine.listing().splitlines() == [
        "   0  FOR r0 = 0 .. params[0] - 1",
        "   5    OFFSET 2 = 0 + 4 + r0 * 64",
        "  11    JUMP_IF_FALSE 1 -> 17",
        "  14  END r0",
        "  17  STOP",
    ]


def test_listing_of_a_released_call():
    code = Code()
    code.call(0, 8, [0], name="add")
    release(code)
    assert code.listing() == "   0  CALL_ANY add(0), 8 chunks"


def test_mistakes_are_refused():
    code = Code()
    code.copy(4, 5, 8)
    with pytest.raises(ValueError, match="slots is 5, the code needs 6"):
        Machine(code, 5)
    with pytest.raises(ValueError, match="chunks"):
        code.call(1, -1, [])
    with pytest.raises(ValueError, match="slot -1"):
        code.zero(-1, 8)
    with pytest.raises(ValueError, match="r0 is not"):
        code.offset(0, 1, 0, stride=4)
    with pytest.raises(ValueError, match="either"):
        code.loop().__enter__()

    code = Code()
    code.jump(code.new_label())
    with pytest.raises(ValueError, match="never placed"):
        Machine(code, 0)

    code = Code()
    inside = code.new_label()
    code.jump(inside)
    with code.loop(count=2):
        code.place(inside)
    with pytest.raises(ValueError, match="into the loop"):
        Machine(code, 0)


@pytest.mark.parametrize(
    "pointers", [np.zeros(1, np.uintp), np.zeros(2, np.int32), np.zeros(4, np.uintp)[::2], [1, 2]]
)
def test_wrong_pointers_are_refused(pointers):
    code = Code()
    code.zero(1, 0)
    with pytest.raises(ValueError, match="pointers must be"):
        Machine(code, 2).run(pointers)


def test_missing_params_are_refused():
    code = Code()
    with code.loop(cell=0):
        code.barrier()
    machine = Machine(code, 0)
    for params in (None, np.zeros(0, np.int64), np.zeros(1, np.int32)):
        with pytest.raises(ValueError, match="params"):
            machine.run(np.zeros(0, np.uintp), params)


def test_num_threads_is_checked(monkeypatch):
    for wrong in (0, -1, 2.5, "many", 10**6):
        with pytest.raises(ValueError, match="integer from 1 to 512"):
            native.set_num_threads(wrong)
