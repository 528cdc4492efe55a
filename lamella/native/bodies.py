"""What each instruction of the virtual machine does, as LLVM text (see interpreter.py).

`%.x` is local to the instruction, `%.operand` is loaded before; `%pc` is where it stands and
`%.next` what comes after its operands. It ends by going on to `%.next`, unless it branches to %goto
with the position that it has stored in %pc.cell.
"""

BODIES = {
    "STOP": """
  %.alone = icmp eq i64 %T, 1
  br i1 %.alone, label %finished, label %.wait
.wait:
  %.stopped = call i32 @barrier(ptr %team, i64 %T, i32 0)
  br label %finished
""",
    "CALL": """
  %.ids = getelementptr i64, ptr %code, i64 %.next
  %.after = add i64 %.next, %.length
  store i64 %.after, ptr %pc.cell
  %.kernel = inttoptr i64 %.function to ptr
  %.alone = icmp eq i64 %T, 1
  br i1 %.alone, label %.whole, label %.part
.whole:
  br label %.bounded
.part:
  %.chunks32 = trunc i64 %.chunks to i32
  %.before = mul i32 %.chunks32, %t32
  %.up = add i32 %T32, -1  ; rounding up gives a single chunk to thread 0, where host code runs
  %.from = add i32 %.before, %.up
  %.to = add i32 %.from, %.chunks32
  %.lo32 = udiv i32 %.from, %T32
  %.hi32 = udiv i32 %.to, %T32
  %.lo.part = zext i32 %.lo32 to i64
  %.hi.part = zext i32 %.hi32 to i64
  br label %.bounded
.bounded:
  %.lo = phi i64 [0, %.whole], [%.lo.part, %.part]
  %.hi = phi i64 [%.chunks, %.whole], [%.hi.part, %.part]
  %.any = icmp ult i64 %.lo, %.hi
  br i1 %.any, label %.do, label %goto
.do:
  call void %.kernel(ptr %table, ptr %.ids, i64 %.lo, i64 %.hi)
  br label %goto
""",
    "CALL_ANY": """
  %.ids = getelementptr i64, ptr %code, i64 %.next
  %.after = add i64 %.next, %.length
  store i64 %.after, ptr %pc.cell
  %.kernel = inttoptr i64 %.function to ptr
  %.alone = icmp eq i64 %T, 1
  br i1 %.alone, label %.whole, label %.several
.whole:
  call void %.kernel(ptr %table, ptr %.ids, i64 0, i64 %.chunks)
  br label %goto
.several:
  %.before = load i32, ptr %shared.calls
  %.number = add i32 %.before, 1
  store i32 %.number, ptr %shared.calls
  br label %.part
.part:  ; first the thread's own chunks, then what others have not begun
  %.offset = phi i64 [0, %.several], [%.offset.next, %.none]
  %.far = add i64 %t, %.offset
  %.whose = urem i64 %.far, %T
  br label %.more
.more:
  %.chunk = call i64 @claim(ptr %team, i64 %T, i64 %.whose, i32 %.number, i64 %.chunks)
  %.empty = icmp slt i64 %.chunk, 0
  br i1 %.empty, label %.none, label %.do
.do:
  %.end = add i64 %.chunk, 1
  call void %.kernel(ptr %table, ptr %.ids, i64 %.chunk, i64 %.end)
  br label %.more
.none:
  %.offset.next = add i64 %.offset, 1
  %.others = icmp ult i64 %.offset.next, %T
  br i1 %.others, label %.part, label %goto
""",
    "BARRIER": """
  store i64 %.next, ptr %pc.cell
  %.shared = urem i64 %.groups, %T
  %.apart = icmp eq i64 %.shared, 0
  br i1 %.apart, label %goto, label %.wait
.wait:
  %.stopped = call i32 @barrier(ptr %team, i64 %T, i32 0)
  %.go = icmp eq i32 %.stopped, 0
  br i1 %.go, label %goto, label %failed
""",
    "FOR": """
  %.constant = icmp slt i64 %.cell, 0
  br i1 %.constant, label %.known, label %.read
.read:
  %.place = getelementptr i64, ptr %params, i64 %.cell
  %.param = load i64, ptr %.place
  br label %.known
.known:
  %.limit = phi i64 [%.count, %FOR], [%.param, %.read]
  %.index = getelementptr i64, ptr %indices, i64 %.register
  %.limits = getelementptr i64, ptr %limits, i64 %.register
  store i64 0, ptr %.index
  store i64 %.limit, ptr %.limits
  %.some = icmp sgt i64 %.limit, 0
  %.to = select i1 %.some, i64 %.next, i64 %.end
  store i64 %.to, ptr %pc.cell
  br label %goto
""",
    "END": """
  %.index = getelementptr i64, ptr %indices, i64 %.register
  %.limits = getelementptr i64, ptr %limits, i64 %.register
  %.i = load i64, ptr %.index
  %.limit = load i64, ptr %.limits
  %.up = add i64 %.i, 1
  store i64 %.up, ptr %.index
  %.more = icmp slt i64 %.up, %.limit
  %.to = select i1 %.more, i64 %.body, i64 %.next
  store i64 %.to, ptr %pc.cell
  br label %goto
""",
    "OFFSET": """
  %.index = getelementptr i64, ptr %indices, i64 %.register
  %.i = load i64, ptr %.index
  %.far = mul i64 %.i, %.stride
  %.bytes = add i64 %.far, %.offset
  %.from = getelementptr ptr, ptr %table, i64 %.base
  %.address = load ptr, ptr %.from
  %.moved = getelementptr i8, ptr %.address, i64 %.bytes
  %.to = getelementptr ptr, ptr %table, i64 %.dst
  store ptr %.moved, ptr %.to
""",
    "OFFSET_REVERSED": """
  %.index = getelementptr i64, ptr %indices, i64 %.register
  %.limits = getelementptr i64, ptr %limits, i64 %.register
  %.up = load i64, ptr %.index
  %.limit = load i64, ptr %.limits
  %.left = sub i64 %.limit, %.up
  %.i = sub i64 %.left, 1
  %.far = mul i64 %.i, %.stride
  %.bytes = add i64 %.far, %.offset
  %.from = getelementptr ptr, ptr %table, i64 %.base
  %.address = load ptr, ptr %.from
  %.moved = getelementptr i8, ptr %.address, i64 %.bytes
  %.to = getelementptr ptr, ptr %table, i64 %.dst
  store ptr %.moved, ptr %.to
""",
    "SWAP": """
  %.a.place = getelementptr ptr, ptr %table, i64 %.a
  %.b.place = getelementptr ptr, ptr %table, i64 %.b
  %.a.pointer = load ptr, ptr %.a.place
  %.b.pointer = load ptr, ptr %.b.place
  store ptr %.b.pointer, ptr %.a.place
  store ptr %.a.pointer, ptr %.b.place
""",
    "JUMP": """
  store i64 %.target, ptr %pc.cell
  br label %goto
""",
    "JUMP_IF_FALSE": """
  %.place = getelementptr ptr, ptr %table, i64 %.slot
  %.address = load ptr, ptr %.place
  %.value = load i8, ptr %.address
  %.true = icmp ne i8 %.value, 0
  %.to = select i1 %.true, i64 %.next, i64 %.target
  store i64 %.to, ptr %pc.cell
  br label %goto
""",
    "SWITCH": """
  %.place = getelementptr ptr, ptr %table, i64 %.slot
  %.address = load ptr, ptr %.place
  %.value = load i32, ptr %.address
  %.wide = sext i32 %.value to i64
  %.least = call i64 @llvm.smax.i64(i64 %.wide, i64 0)
  %.last = sub i64 %.length, 1
  %.k = call i64 @llvm.smin.i64(i64 %.least, i64 %.last)
  %.at = add i64 %.next, %.k
  %.target = getelementptr i64, ptr %code, i64 %.at
  %.to = load i64, ptr %.target
  store i64 %.to, ptr %pc.cell
  br label %goto
""",
    "COPY": """
  %.lo = call i64 @share(i64 %.nbytes, i64 %t, i64 %T)
  %.t.next = add i64 %t, 1
  %.hi = call i64 @share(i64 %.nbytes, i64 %.t.next, i64 %T)
  %.size = sub i64 %.hi, %.lo
  %.dst.place = getelementptr ptr, ptr %table, i64 %.dst
  %.src.place = getelementptr ptr, ptr %table, i64 %.src
  %.dst.base = load ptr, ptr %.dst.place
  %.src.base = load ptr, ptr %.src.place
  %.to = getelementptr i8, ptr %.dst.base, i64 %.lo
  %.from = getelementptr i8, ptr %.src.base, i64 %.lo
  call void @llvm.memcpy.p0.p0.i64(ptr %.to, ptr %.from, i64 %.size, i1 false)
""",
    "ZERO": """
  %.lo = call i64 @share(i64 %.nbytes, i64 %t, i64 %T)
  %.t.next = add i64 %t, 1
  %.hi = call i64 @share(i64 %.nbytes, i64 %.t.next, i64 %T)
  %.size = sub i64 %.hi, %.lo
  %.place = getelementptr ptr, ptr %table, i64 %.dst
  %.base = load ptr, ptr %.place
  %.to = getelementptr i8, ptr %.base, i64 %.lo
  call void @llvm.memset.p0.i64(ptr %.to, i8 0, i64 %.size, i1 false)
""",
    "SCRATCH": """
  %.place = getelementptr i64, ptr %program, i64 $program.scratch
  %.size = load i64, ptr %.place
  %.mine = mul i64 %.size, %t
  %.bytes = add i64 %.mine, %.offset
  %.memory = getelementptr i8, ptr %scratch, i64 %.bytes
  %.to = getelementptr ptr, ptr %table, i64 %.dst
  store ptr %.memory, ptr %.to
""",
    "HOST": """
  store i64 %.next, ptr %pc.cell
  %.mine = icmp eq i64 %t, 0
  br i1 %.mine, label %.do, label %goto
.do:
  %.place = getelementptr ptr, ptr %program, i64 $program.host
  %.function = load ptr, ptr %.place
  %.answer = call i64 %.function(i64 %.index, ptr %table)
  %.well = icmp eq i64 %.answer, $host.done
  br i1 %.well, label %goto, label %.bad
.bad:
  %.alone = icmp eq i64 %T, 1
  br i1 %.alone, label %failed, label %.tell
.tell:
  %.stopped = call i32 @barrier(ptr %team, i64 %T, i32 1)
  br label %failed
""",
}
