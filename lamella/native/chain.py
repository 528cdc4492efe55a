"""Chains: kernels with the same chunks, run chunk by chunk instead of one after the other.

What one kernel hands to the next is then as large as a chunk, and still in the cache. What nobody
else reads is only ever in the cache: all chunks of a thread have it in the same place, its own
memory, instead of each in a block of an array. A chain is a kernel itself. Its ids: how many arrays
are handed on like this, for each its slot and the bytes of a block; how many kernels, for each its
address, how many ids it has, its ids.
"""

from __future__ import annotations

from .jit import compile_kernels

_TEXT = """
define internal void @move(ptr %table, ptr %ids, i64 %blocks) {
entry:
  %count = load i64, ptr %ids
  br label %head
head:
  %k = phi i64 [0, %entry], [%k.next, %array]
  %here = phi ptr [%ids, %entry], [%block.place, %array]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %array, label %leave
array:
  %slot.place = getelementptr i64, ptr %here, i64 1
  %block.place = getelementptr i64, ptr %here, i64 2
  %slot = load i64, ptr %slot.place
  %block = load i64, ptr %block.place
  %cell = getelementptr ptr, ptr %table, i64 %slot
  %old = load ptr, ptr %cell
  %bytes = mul i64 %block, %blocks
  %new = getelementptr i8, ptr %old, i64 %bytes
  store ptr %new, ptr %cell
  %k.next = add i64 %k, 1
  br label %head
leave:
  ret void
}

define void @kernel(ptr %table, ptr %ids, i64 %lo, i64 %hi) {
entry:
  %handed = load i64, ptr %ids
  %words = shl i64 %handed, 1
  %count.index = add i64 %words, 1
  %count.place = getelementptr i64, ptr %ids, i64 %count.index
  %count = load i64, ptr %count.place
  %first = getelementptr i64, ptr %count.place, i64 1
  br label %chunk
chunk:
  %c = phi i64 [%lo, %entry], [%end, %done]
  %end = add i64 %c, 1
  %back = sub i64 0, %c
  call void @move(ptr %table, ptr %ids, i64 %back)
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
  call void @move(ptr %table, ptr %ids, i64 %c)
  %again = icmp slt i64 %end, %hi
  br i1 %again, label %chunk, label %leave
leave:
  ret void
}
"""


def chain_address() -> int:
    """The address of the kernel that runs chains."""
    return compile_kernels({_TEXT: lambda: _TEXT})[_TEXT]
