"""Chains: kernels with the same chunks, run chunk by chunk instead of one after the other.

What one kernel hands to the next is then as large as a chunk, and still in the cache. A chain is a
kernel itself. Its ids: how many kernels, then for each its address, how many ids it has, its ids.
"""

from __future__ import annotations

from .jit import compile_kernels

_TEXT = """
define void @kernel(ptr %table, ptr %ids, i64 %lo, i64 %hi) {
entry:
  %count = load i64, ptr %ids
  %first = getelementptr i64, ptr %ids, i64 1
  br label %chunk
chunk:
  %c = phi i64 [%lo, %entry], [%end, %done]
  %end = add i64 %c, 1
  br label %link
link:
  %k = phi i64 [0, %chunk], [%k.next, %link]
  %here = phi ptr [%first, %chunk], [%next, %link]
  %function = load ptr, ptr %here
  %length.place = getelementptr i64, ptr %here, i64 1
  %length = load i64, ptr %length.place
  %its = getelementptr i64, ptr %here, i64 2
  call void %function(ptr %table, ptr %its, i64 %c, i64 %end)
  %next = getelementptr i64, ptr %its, i64 %length
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %count
  br i1 %more, label %link, label %done
done:
  %again = icmp slt i64 %end, %hi
  br i1 %again, label %chunk, label %leave
leave:
  ret void
}
"""


def chain_address() -> int:
    """The address of the kernel that runs chains."""
    return compile_kernels({_TEXT: lambda: _TEXT})[_TEXT]
