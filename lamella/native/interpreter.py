"""The LLVM text of the virtual machine.

`@execute` runs a program as one thread of the team; `@execute.profiled` also adds up the time of
each instruction; `@worker` is the life of a thread of the team; `@run` is what Python calls. The
shared structures are rows of int64 words, filled in by team.py and machine.py.
"""

from __future__ import annotations

from . import sync
from .assembler import ALIGNMENT, MAX_LOOP_DEPTH, OPCODES, OPERANDS
from .bodies import BODIES

# Words of the team. What different threads write lies on different cache lines.
TEAM = {
    "job": 0,  # int32, changes when there is work
    "job.sleepers": 16,
    "arrived": 32,  # int32, threads that have reached the barrier
    "stop": 33,  # int32, 1 when the program shall stop at the barrier being entered
    "generation": 48,  # int32, changes by 2 when all have arrived; bit 0: stop
    "generation.sleepers": 64,
    "threads": 80,
    "program": 81,  # null: the thread shall end
    "pointers": 82,
    "params": 83,
    "scratch": 84,
    "claims": 96,  # one for each thread, CLAIM_WORDS apart: see @claim
}
CLAIM_WORDS = 16


def team_words(threads: int) -> int:
    """The size of the team's memory."""
    return TEAM["claims"] + CLAIM_WORDS * threads


# Words of a program.
PROGRAM = {"code": 0, "slots": 1, "host": 2, "scratch": 3, "ticks": 4, "counts": 5}
PROGRAM_WORDS = 8

#: Words in front of a thread's table: chain.py uses the last two.
BEFORE_TABLE = 8

FINISHED, FAILED = 0, 1
COPY_BYTES = 4096
HOST_DONE = 1  # what the host function answers when it did not raise

# @share: where thread t's part of nbytes begins, in whole blocks of COPY_BYTES.
# @barrier: waits for all T threads; all of them get the same answer, 1 when one said stop.
# @claim: the next chunk of those dealt to thread `whose`, or -1 if all have been claimed. A claim
# is (number of the CALL_ANY in this run) << 32 | next chunk. All threads count alike: an older
# number means that nobody has begun, a newer one that all is done.
HELPERS = """
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define internal i64 @share(i64 %nbytes, i64 %t, i64 %T) {
  %up = add i64 %nbytes, $copy.last
  %blocks = udiv i64 %up, $copy.bytes
  %before = mul i64 %blocks, %t
  %first = udiv i64 %before, %T
  %start = mul i64 %first, $copy.bytes
  %bounded = call i64 @llvm.umin.i64(i64 %start, i64 %nbytes)
  ret i64 %bounded
}

define internal i64 @claim(
    ptr %team, i64 %T, i64 %whose, i32 %number, i64 %chunks) noinline {
entry:
  %before = mul i64 %chunks, %whose
  %last = add i64 %T, -1
  %from = add i64 %before, %last
  %to = add i64 %from, %chunks
  %lo = udiv i64 %from, %T
  %hi = udiv i64 %to, %T
  %far = mul i64 %whose, $claim.words
  %index = add i64 %far, $team.claims
  %claim = getelementptr i64, ptr %team, i64 %index
  %first = load atomic i64, ptr %claim monotonic, align 8
  br label %try
try:
  %seen = phi i64 [%first, %entry], [%found, %take]
  %high = lshr i64 %seen, 32
  %seen.number = trunc i64 %high to i32
  %since = sub i32 %number, %seen.number
  %newer = icmp slt i32 %since, 0
  br i1 %newer, label %none, label %look
look:
  %older = icmp sgt i32 %since, 0
  %low = and i64 %seen, 4294967295
  %chunk = select i1 %older, i64 %lo, i64 %low
  %left = icmp ult i64 %chunk, %hi
  br i1 %left, label %take, label %none
take:
  %next = add i64 %chunk, 1
  %wide = zext i32 %number to i64
  %tag = shl i64 %wide, 32
  %mine = or i64 %tag, %next
  %pair = cmpxchg ptr %claim, i64 %seen, i64 %mine monotonic monotonic
  %found = extractvalue {i64, i1} %pair, 0
  %won = extractvalue {i64, i1} %pair, 1
  br i1 %won, label %done, label %try
done:
  ret i64 %chunk
none:
  ret i64 -1
}

define internal i32 @barrier(ptr %team, i64 %T, i32 %stop) noinline {
  %arrived = getelementptr i64, ptr %team, i64 $team.arrived
  %stop.word = getelementptr i64, ptr %team, i64 $team.stop
  %generation = getelementptr i64, ptr %team, i64 $team.generation
  %sleepers = getelementptr i64, ptr %team, i64 $team.generation.sleepers
  %old = load atomic i32, ptr %generation monotonic, align 4
  %tell = icmp ne i32 %stop, 0
  br i1 %tell, label %telling, label %arrive
telling:
  store atomic i32 1, ptr %stop.word monotonic, align 4
  br label %arrive
arrive:
  %before = atomicrmw add ptr %arrived, i32 1 acq_rel
  %now = add i32 %before, 1
  %T32 = trunc i64 %T to i32
  %last = icmp eq i32 %now, %T32
  br i1 %last, label %release, label %wait
release:
  store atomic i32 0, ptr %arrived monotonic, align 4
  %bit = load atomic i32, ptr %stop.word monotonic, align 4
  %even = and i32 %old, -2
  %next = add i32 %even, 2
  %released = or i32 %next, %bit
  call void @change(ptr %generation, ptr %sleepers, i32 %released)
  ret i32 %bit
wait:
  %new = call i32 @wait(ptr %generation, ptr %sleepers, i32 %old)
  %answer = and i32 %new, 1
  ret i32 %answer
}
"""

EXECUTE = """
define internal i64 @$name(
    ptr %team, ptr %program, ptr %pointers, ptr %params, ptr %scratch, i64 %t, i64 %T) {
entry:
  %code.place = getelementptr ptr, ptr %program, i64 $program.code
  %code = load ptr, ptr %code.place
  %slots.place = getelementptr i64, ptr %program, i64 $program.slots
  %slots = load i64, ptr %slots.place
  %room = add i64 %slots, $table.before
  %memory = alloca ptr, i64 %room, align $alignment
  call void @llvm.memset.p0.i64(ptr %memory, i8 0, i64 $table.before.bytes, i1 false)
  %table = getelementptr ptr, ptr %memory, i64 $table.before
  %table.bytes = shl i64 %slots, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %table, ptr %pointers, i64 %table.bytes, i1 false)
  %indices = alloca [$depth x i64]
  %limits = alloca [$depth x i64]
  %pc.cell = alloca i64
  store i64 0, ptr %pc.cell
  %shared.calls = alloca i32
  store i32 0, ptr %shared.calls
  %t32 = trunc i64 %t to i32
  %T32 = trunc i64 %T to i32
  $start
  br label %dispatch
goto:
  $measure
  br label %dispatch
dispatch:
  %pc = load i64, ptr %pc.cell
  %opcode.place = getelementptr i64, ptr %code, i64 %pc
  %opcode = load i64, ptr %opcode.place
  switch i64 %opcode, label %unknown [
    $cases
  ]
$bodies
unknown:
  unreachable
finished:
  ret i64 $finished
failed:
  ret i64 $failed
}
"""

START = """
  %ticks.place = getelementptr ptr, ptr %program, i64 $program.ticks
  %ticks = load ptr, ptr %ticks.place
  %counts.place = getelementptr ptr, ptr %program, i64 $program.counts
  %counts = load ptr, ptr %counts.place
  %clock = alloca i64
  %begin = call i64 @$clock()
  store i64 %begin, ptr %clock
"""

MEASURE = """
  %now = call i64 @$clock()
  %since = load i64, ptr %clock
  %took = sub i64 %now, %since
  %sum.place = getelementptr i64, ptr %ticks, i64 %pc
  %sum = load i64, ptr %sum.place
  %sum.new = add i64 %sum, %took
  store i64 %sum.new, ptr %sum.place
  %count.place = getelementptr i64, ptr %counts, i64 %pc
  %count = load i64, ptr %count.place
  %count.new = add i64 %count, 1
  store i64 %count.new, ptr %count.place
  %again = call i64 @$clock()
  store i64 %again, ptr %clock
"""

# The caller is thread 0; without a team it does everything itself.
RUN = """
define i64 @$name(ptr %team, ptr %program, ptr %pointers, ptr %params, ptr %scratch) {
  %alone = icmp eq ptr %team, null
  br i1 %alone, label %single, label %several
single:
  %answer = call i64 @$execute(
    ptr null, ptr %program, ptr %pointers, ptr %params, ptr %scratch, i64 0, i64 1)
  ret i64 %answer
several:
  %program.place = getelementptr ptr, ptr %team, i64 $team.program
  store ptr %program, ptr %program.place
  %pointers.place = getelementptr ptr, ptr %team, i64 $team.pointers
  store ptr %pointers, ptr %pointers.place
  %params.place = getelementptr ptr, ptr %team, i64 $team.params
  store ptr %params, ptr %params.place
  %scratch.place = getelementptr ptr, ptr %team, i64 $team.scratch
  store ptr %scratch, ptr %scratch.place
  %stop = getelementptr i64, ptr %team, i64 $team.stop
  store i32 0, ptr %stop
  %T.place = getelementptr i64, ptr %team, i64 $team.threads
  %T = load i64, ptr %T.place
  %claims = getelementptr i64, ptr %team, i64 $team.claims
  %claims.words = mul i64 %T, $claim.words
  %claims.bytes = shl i64 %claims.words, 3
  call void @llvm.memset.p0.i64(ptr %claims, i8 0, i64 %claims.bytes, i1 false)
  call void @start(ptr %team)
  %together = call i64 @$execute(
    ptr %team, ptr %program, ptr %pointers, ptr %params, ptr %scratch, i64 0, i64 %T)
  ret i64 %together
}
"""

WORKER = """
define void @start(ptr %team) {
  %job = getelementptr i64, ptr %team, i64 $team.job
  %sleepers = getelementptr i64, ptr %team, i64 $team.job.sleepers
  %old = load atomic i32, ptr %job monotonic, align 4
  %new = add i32 %old, 1
  call void @change(ptr %job, ptr %sleepers, i32 %new)
  ret void
}

define void @worker(ptr %team, i64 %t) {
entry:
  %job = getelementptr i64, ptr %team, i64 $team.job
  %sleepers = getelementptr i64, ptr %team, i64 $team.job.sleepers
  %T.place = getelementptr i64, ptr %team, i64 $team.threads
  %T = load i64, ptr %T.place
  %program.place = getelementptr ptr, ptr %team, i64 $team.program
  %pointers.place = getelementptr ptr, ptr %team, i64 $team.pointers
  %params.place = getelementptr ptr, ptr %team, i64 $team.params
  %scratch.place = getelementptr ptr, ptr %team, i64 $team.scratch
  br label %next
next:
  %done = phi i32 [0, %entry], [%new, %work]
  %new = call i32 @wait(ptr %job, ptr %sleepers, i32 %done)
  %program = load ptr, ptr %program.place
  %end = icmp eq ptr %program, null
  br i1 %end, label %leave, label %work
work:
  %pointers = load ptr, ptr %pointers.place
  %params = load ptr, ptr %params.place
  %scratch = load ptr, ptr %scratch.place
  %answer = call i64 @execute(
    ptr %team, ptr %program, ptr %pointers, ptr %params, ptr %scratch, i64 %t, i64 %T)
  br label %next
leave:
  ret void
}
"""

TICKS = """
define i64 @ticks() {
  %now = call i64 @$clock()
  ret i64 %now
}
"""

EXPORTS = ("run", "run_profiled", "worker", "start", "ticks")


def text() -> str:
    """The whole module; it exports the functions of EXPORTS."""
    clock = f"llvm.{_clock()}"
    parts = (
        sync.text(),
        HELPERS,
        f"declare i64 @{clock}()",
        TICKS,
        _execute("execute", "", ""),
        _execute("execute_profiled", START, MEASURE),
        WORKER,
        RUN.replace("$name", "run").replace("$execute", "execute"),
        RUN.replace("$name", "run_profiled").replace("$execute", "execute_profiled"),
    )
    return _filled("\n".join(parts), {"clock": clock})


def _clock() -> str:
    """A counter of constant rate that user code may read; profile finds out its rate."""
    return "readcyclecounter" if sync.machine() == "x86_64" else "readsteadycounter"


def _execute(name: str, start: str, measure: str) -> str:
    values = {
        "name": name,
        "start": start,
        "measure": measure,
        "cases": "\n    ".join(f"i64 {k}, label %{op}" for op, k in OPCODES.items()),
        "bodies": "\n".join(map(_instruction, OPERANDS)),
    }
    return _filled(EXECUTE, values)


def _instruction(name: str) -> str:
    """The basic blocks of one instruction."""
    operands = [operand for operand in OPERANDS[name] if not operand.startswith("*")]
    lines = [f"{name}:"]
    for k, operand in enumerate(operands, 1):
        lines += [
            f"  %.{operand}.position = add i64 %pc, {k}",
            f"  %.{operand}.word = getelementptr i64, ptr %code, i64 %.{operand}.position",
            f"  %.{operand} = load i64, ptr %.{operand}.word",
        ]
    lines += [f"  %.next = add i64 %pc, {len(operands) + 1}", BODIES[name].strip("\n")]
    if not lines[-1].splitlines()[-1].lstrip().startswith("br "):
        lines += ["  store i64 %.next, ptr %pc.cell", "  br label %goto"]
    text = "\n".join(lines).replace("%.", f"%{name}.")
    return "\n".join(name + line if line.startswith(".") else line for line in text.splitlines())


def _filled(text: str, values: dict[str, str]) -> str:
    """Replace $words: the given ones, then the constants of this file."""
    constants = {f"team.{name}": str(k) for name, k in TEAM.items()}
    constants |= {f"program.{name}": str(k) for name, k in PROGRAM.items()}
    constants |= {
        "claim.words": str(CLAIM_WORDS),
        "copy.bytes": str(COPY_BYTES),
        "copy.last": str(COPY_BYTES - 1),
        "alignment": str(ALIGNMENT),
        "table.before": str(BEFORE_TABLE),
        "table.before.bytes": str(8 * BEFORE_TABLE),
        "depth": str(MAX_LOOP_DEPTH),
        "host.done": str(HOST_DONE),
        "finished": str(FINISHED),
        "failed": str(FAILED),
    }
    for words in (values, constants):
        for word in sorted(words, key=len, reverse=True):
            text = text.replace(f"${word}", words[word])
    return text
