"""The order of equations: what overwrites a donated input comes after everything that reads it."""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from lamella.program import Equation, Program, Value


def schedule(program: Program, donated: Mapping[int, int]) -> Program:
    """`program` with its equations reordered; donated maps an input's number to an output's.

    Order by age, except that the producer of a donated output waits for the other readers of the
    input that it will overwrite, unless it is needed first.
    """
    equations = program.equations
    producer = {v: i for i, eq in enumerate(equations) for v in eq.results}
    needs = [{producer[v] for v in eq.operands if v in producer} for eq in equations]
    waits: list[set[int]] = [set() for _ in equations]
    readers = _readers(equations)
    for i, j in donated.items():
        writer = producer.get(program.outputs[j])
        if writer is not None:
            waits[writer] |= readers.get(program.inputs[i], set()) - {writer}
    order = _topological(needs, waits)
    ordered = [equations[i] for i in order]
    return Program(program.inputs, ordered, program.outputs, program.constants)


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


def _topological(needs: list[set[int]], waits: list[set[int]]) -> list[int]:
    """Oldest first among those whose needs are met; waits count while anything else can run."""
    users: dict[int, list[int]] = {}
    for i, before in enumerate(needs):
        for j in before | waits[i]:
            users.setdefault(j, []).append(i)
    done: set[int] = set()
    ready = [i for i, before in enumerate(needs) if not before]
    queued = set(ready)
    held: set[int] = set()  # those that only wait
    order: list[int] = []
    heapq.heapify(ready)
    while ready or held:
        if ready:
            i = heapq.heappop(ready)
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
                heapq.heappush(ready, j)
            elif j in held and waits[j] <= done:
                held.remove(j)
                heapq.heappush(ready, j)
    return order
