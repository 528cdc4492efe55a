"""Chains: kernels with the same chunks, run chunk by chunk instead of one after the other.

What one kernel hands to the next is then as large as a chunk, and still in the cache. What nobody
else reads is only ever in the cache: all chunks of a thread have it in the same place, its own
memory, instead of each in a block of an array.

Meanwhile the kernels that compute have the next chunk's blocks of other arrays fetched: from where
on, and up to where, they find in the two words in front of the table.

A chain is a kernel itself. Its ids: two lists of (slot, bytes of a block), of the arrays that are
handed on and of those that are fetched, each behind its length; then how many kernels, for each its
address, how many ids it has, its ids.
"""

from __future__ import annotations

from .jit import compile_kernels

# @move: the slots of arrays that are handed on, by so many blocks.
# @ask: if all has been asked for, next is block %c of array %k of the list; the number of the array
# after it.
_TEXT = """
define internal void @move(ptr %table, ptr %list, i64 %blocks) {
entry:
  %count = load i64, ptr %list
  br label %head
head:
  %k = phi i64 [0, %entry], [%k.next, %array]
  %here = phi ptr [%list, %entry], [%block.place, %array]
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

define internal i64 @ask(ptr %table, ptr %list, i64 %k, i64 %c) {
entry:
  %count = load i64, ptr %list
  %left = icmp ult i64 %k, %count
  %from.cell = getelementptr ptr, ptr %table, i64 -1
  %to.cell = getelementptr ptr, ptr %table, i64 -2
  %from = load ptr, ptr %from.cell
  %to = load ptr, ptr %to.cell
  %done = icmp uge ptr %from, %to
  %next = and i1 %left, %done
  br i1 %next, label %array, label %leave
array:
  %pairs = shl i64 %k, 1
  %index = add i64 %pairs, 1
  %slot.place = getelementptr i64, ptr %list, i64 %index
  %block.place = getelementptr i64, ptr %slot.place, i64 1
  %slot = load i64, ptr %slot.place
  %block = load i64, ptr %block.place
  %cell = getelementptr ptr, ptr %table, i64 %slot
  %base = load ptr, ptr %cell
  %bytes = mul i64 %c, %block
  %from.new = getelementptr i8, ptr %base, i64 %bytes
  %to.new = getelementptr i8, ptr %from.new, i64 %block
  store ptr %from.new, ptr %from.cell
  store ptr %to.new, ptr %to.cell
  %k.next = add i64 %k, 1
  ret i64 %k.next
leave:
  ret i64 %k
}

define internal ptr @behind(ptr %list) {
  %count = load i64, ptr %list
  %pairs = shl i64 %count, 1
  %index = add i64 %pairs, 1
  %end = getelementptr i64, ptr %list, i64 %index
  ret ptr %end
}

define void @kernel(ptr %table, ptr %ids, i64 %lo, i64 %hi) {
entry:
  %fetched = call ptr @behind(ptr %ids)
  %kernels = call ptr @behind(ptr %fetched)
  %count = load i64, ptr %kernels
  %first = getelementptr i64, ptr %kernels, i64 1
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
  %a = phi i64 [0, %chunk], [%a.next, %link]
  %a.next = call i64 @ask(ptr %table, ptr %fetched, i64 %a, i64 %end)
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
  %to.cell = getelementptr ptr, ptr %table, i64 -2
  store ptr null, ptr %to.cell
  %again = icmp slt i64 %end, %hi
  br i1 %again, label %chunk, label %leave
leave:
  ret void
}
"""


def chain_address() -> int:
    """The address of the kernel that runs chains."""
    return compile_kernels({_TEXT: lambda: _TEXT})[_TEXT]
