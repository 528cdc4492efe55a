"""The LLVM text of waiting: spin briefly, then yield the processor, then sleep.

On a machine with other work a pure spin holds up the very thread it waits for, so a waiter spins
for some microseconds, yields for some milliseconds, and then sleeps in the kernel (futex on Linux,
short naps elsewhere). A word that is waited for has beside it the number of its sleepers, so that
a change costs a system call only when somebody sleeps.
"""

from __future__ import annotations

import platform
import sys

SPINS = 100
YIELDS = 2000
NAP_MICROSECONDS = 50

FUTEX_CALLS = {"x86_64": 202, "aarch64": 98, "riscv64": 98}
FUTEX_WAIT_PRIVATE, FUTEX_WAKE_PRIVATE = 128, 129

DECLARATIONS = """
declare i32 @sched_yield()
declare i32 @usleep(i32)
declare i64 @syscall(i64, ...)
"""

# @wait returns the first value of the word at %word that is not %old.
WAIT = """
define internal i32 @wait(ptr %word, ptr %sleepers, i32 %old) noinline {
entry:
  br label %spin
spin:
  %spins = phi i32 [0, %entry], [%spins.next, %pause]
  %spun = load atomic i32, ptr %word acquire, align 4
  %spun.changed = icmp ne i32 %spun, %old
  br i1 %spun.changed, label %done, label %pause
pause:
  $PAUSE
  %spins.next = add i32 %spins, 1
  %spins.more = icmp ult i32 %spins.next, $SPINS
  br i1 %spins.more, label %spin, label %yield
yield:
  %yields = phi i32 [0, %pause], [%yields.next, %give]
  %seen = load atomic i32, ptr %word acquire, align 4
  %seen.changed = icmp ne i32 %seen, %old
  br i1 %seen.changed, label %done, label %give
give:
  %ignored = call i32 @sched_yield()
  %yields.next = add i32 %yields, 1
  %yields.more = icmp ult i32 %yields.next, $YIELDS
  br i1 %yields.more, label %yield, label %sleep
sleep:
  %counted = atomicrmw add ptr %sleepers, i32 1 seq_cst
  %last = load atomic i32, ptr %word seq_cst, align 4
  %last.changed = icmp ne i32 %last, %old
  br i1 %last.changed, label %awake, label %nap
nap:
  $SLEEP
  br label %awake
awake:
  %uncounted = atomicrmw sub ptr %sleepers, i32 1 seq_cst
  %woken = load atomic i32, ptr %word acquire, align 4
  %woken.changed = icmp ne i32 %woken, %old
  br i1 %woken.changed, label %done, label %sleep
done:
  %new = phi i32 [%spun, %spin], [%seen, %yield], [%woken, %awake]
  ret i32 %new
}

define internal void @change(ptr %word, ptr %sleepers, i32 %new) {
  store atomic i32 %new, ptr %word seq_cst, align 4
  %count = load atomic i32, ptr %sleepers seq_cst, align 4
  %any = icmp ne i32 %count, 0
  br i1 %any, label %wake, label %done
wake:
  $WAKE
  br label %done
done:
  ret void
}
"""


def text() -> str:
    """Declarations, @wait and @change for this platform."""
    futex = FUTEX_CALLS.get(machine()) if sys.platform.startswith("linux") else None
    wait, wake = f"%napped = call i32 @usleep(i32 {NAP_MICROSECONDS})", ""
    if futex is not None:
        call = f"call i64 (i64, ...) @syscall(i64 {futex}, ptr %word"
        wait = f"%napped = {call}, i64 {FUTEX_WAIT_PRIVATE}, i32 %old, ptr null)"
        wake = f"%woke = {call}, i64 {FUTEX_WAKE_PRIVATE}, i64 {2**31 - 1})"
    pauses = {
        "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
        "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
    }
    declare, pause = pauses.get(machine(), ("", ""))
    body = WAIT.replace("$PAUSE", pause).replace("$SLEEP", wait).replace("$WAKE", wake)
    body = body.replace("$SPINS", str(SPINS)).replace("$YIELDS", str(YIELDS))
    return DECLARATIONS + declare + "\n" + body


def machine() -> str:
    """The architecture, by the name LLVM has for it."""
    name = platform.machine().lower()
    return {"arm64": "aarch64", "amd64": "x86_64"}.get(name, name)
