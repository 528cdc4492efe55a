"""The order of equations: what overwrites a donated input comes after everything that reads it."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from lamella.program import Equation, Program, Value

#: An equation that reads and writes so few bytes may be first whenever it can.
SMALL = 1 << 16


def schedule(program: Program, donated: Mapping[int, int]) -> Program:
    """`program` with its equations reordered; donated maps an input's number to an output's.

    The producer of a donated output waits for the other readers of the input that it will
    overwrite, unless it is needed first. Then it comes at once: the update of a layer's weights
    reads its gradients while they are in the cache, and their memory is free for the next layer.
    All else is in order of age.
    """
    equations = program.equations
    producer = {v: i for i, eq in enumerate(equations) for v in eq.results}

    def shared(v: Value) -> Value:
        """The Value whose memory `v` is, through reshapes."""
        while v in producer and "alias" in equations[producer[v]].primitive.traits:
            v = equations[producer[v]].operands[0]
        return v

    needs = [{producer[v] for v in eq.operands if v in producer} for eq in equations]
    waits: list[set[int]] = [set() for _ in equations]
    readers = _readers(equations)
    for i, j in donated.items():
        writer = producer.get(shared(program.outputs[j]))
        if writer is not None:
            waits[writer] |= readers.get(program.inputs[i], set()) - {writer}
    order = _topological(needs, waits, _ranks(program, donated))
    ordered = [equations[i] for i in order]
    return Program(program.inputs, ordered, program.outputs, program.constants)


def _ranks(program: Program, donated: Mapping[int, int]) -> list[int]:
    """0 for updates, which take no memory, and for the small equations that they wait for."""
    written = {program.outputs[j] for j in donated.values()}
    for eq in reversed(program.equations):
        if "alias" in eq.primitive.traits and eq.results[0] in written:
            written.add(eq.operands[0])

    def is_early(eq: Equation) -> bool:
        moved = sum(v.type.nbytes for v in (*eq.operands, *eq.results))
        return bool(written) and (written.issuperset(eq.results) or moved <= SMALL)

    return [0 if is_early(eq) else 1 for eq in program.equations]


def _readers(equations: list[Equation]) -> dict[Value, set[int]]:
    """Who reads an array, also through reshapes, which share its memory."""
    readers: dict[Value, set[int]] = {}
    for i, eq in enumerate(equations):
        for v in eq.operands:
            readers.setdefault(v, set()).add(i)
    for eq in reversed(equations):
        if "alias" in eq.primitive.traits:
            readers[eq.operands[0]] |= readers.get(eq.results[0], set())
    return readers


def _topological(needs: list[set[int]], waits: list[set[int]], ranks: Sequence[int]) -> list[int]:
    """By rank, then oldest first, among those whose needs are met; waits count while anything else
    can run."""
    users: dict[int, list[int]] = {}
    for i, before in enumerate(needs):
        for j in before | waits[i]:
            users.setdefault(j, []).append(i)
    done: set[int] = set()
    ready = [(ranks[i], i) for i, before in enumerate(needs) if not before]
    queued = {i for _, i in ready}
    held: set[int] = set()  # those that only wait
    order: list[int] = []
    heapq.heapify(ready)
    while ready or held:
        if ready:
            _, i = heapq.heappop(ready)
            if not waits[i] <= done:
                held.add(i)
                continue
        else:
            i = min(held)
            held.remove(i)
        order.append(i)
        done.add(i)
        for j in users.get(i, ()):
            if j not in queued and needs[j] <= done:
                queued.add(j)
                heapq.heappush(ready, (ranks[j], j))
            elif j in held and waits[j] <= done:
                held.remove(j)
                heapq.heappush(ready, (ranks[j], j))
    return order
