"""Small kernels in LLVM text for the tests of the machine."""

from lamella import native

HEAD = """
define void @kernel(ptr %table, ptr %ids, i64 %lo, i64 %hi) {
entry:
"""

# One chunk is one int64 element; %x and %y are elements of the first and second buffer.
LOOP = """
  br label %loop
loop:
  %i = phi i64 [%lo, %entry], [%next, %loop]
  %x.at = getelementptr i64, ptr %b0, i64 %i
  %y.at = getelementptr i64, ptr %b1, i64 %i
  %x = load i64, ptr %x.at
  %y = load i64, ptr %y.at
  BODY
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %hi
  br i1 %more, label %loop, label %end
end:
  ret void
}
"""


def _buffer(k):
    return f"""
  %id{k}.at = getelementptr i64, ptr %ids, i64 {k}
  %id{k} = load i64, ptr %id{k}.at
  %b{k}.at = getelementptr ptr, ptr %table, i64 %id{k}
  %b{k} = load ptr, ptr %b{k}.at
"""


def elementwise(body):
    """A loop over the chunks with %x = b0[i], %y = b1[i], both int64."""
    return HEAD + _buffer(0) + _buffer(1) + LOOP.replace("BODY", body)


#: b0[i] = 1 for each chunk; chunk 0 then waits, not for ever, and stores in b1[0] how many others
#: are done.
WAIT_FOR_ALL = """
  br label %loop
loop:
  %i = phi i64 [%lo, %entry], [%next, %goon]
  %x.at = getelementptr i64, ptr %b0, i64 %i
  store atomic i64 1, ptr %x.at release, align 8
  %first = icmp eq i64 %i, 0
  br i1 %first, label %poll, label %goon
poll:
  %tries = phi i64 [0, %loop], [%tries.next, %counted]
  br label %count
count:
  %j = phi i64 [1, %poll], [%j.next, %count]
  %sum = phi i64 [0, %poll], [%sum.next, %count]
  %j.at = getelementptr i64, ptr %b0, i64 %j
  %one = load atomic i64, ptr %j.at acquire, align 8
  %sum.next = add i64 %sum, %one
  %j.next = add i64 %j, 1
  %j.more = icmp ult i64 %j.next, 60
  br i1 %j.more, label %count, label %counted
counted:
  store i64 %sum.next, ptr %b1
  %tries.next = add i64 %tries, 1
  %all = icmp eq i64 %sum.next, 59
  %tired = icmp eq i64 %tries.next, 5000000
  %stop = or i1 %all, %tired
  br i1 %stop, label %goon, label %poll
goon:
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %hi
  br i1 %more, label %loop, label %end
end:
  ret void
}
"""

TEXTS = {
    "wait for all": HEAD + _buffer(0) + _buffer(1) + WAIT_FOR_ALL,
    # b1[i] = b0[i] + 1
    "increment": elementwise("%r = add i64 %x, 1\n  store i64 %r, ptr %y.at"),
    # b1[i] = b0[i] + b1[i]
    "accumulate": elementwise("%r = add i64 %x, %y\n  store i64 %r, ptr %y.at"),
    # b1 (one bool) = b0[0] < 10
    "below ten": elementwise(
        "%c = icmp slt i64 %x, 10\n  %r = zext i1 %c to i8\n  store i8 %r, ptr %y.at"
    ),
    # b1[i] = b0[(i + 1) % 60]: reads what other threads have written
    "rotate": elementwise(
        "%j = add i64 %i, 1\n  %k = urem i64 %j, 60\n"
        "  %q = getelementptr i64, ptr %b0, i64 %k\n  %v = load i64, ptr %q\n"
        "  store i64 %v, ptr %y.at"
    ),
    # b1[i] = how far behind b0 lies what the next chunk reads; all of it has been asked for then
    "asks": elementwise(
        "%from.place = getelementptr i64, ptr %table, i64 -1\n"
        "  %to.place = getelementptr i64, ptr %table, i64 -2\n"
        "  %from = load i64, ptr %from.place\n  %to = load i64, ptr %to.place\n"
        "  store i64 %to, ptr %from.place\n  %start = ptrtoint ptr %b0 to i64\n"
        "  %r = sub i64 %from, %start\n  store i64 %r, ptr %y.at"
    ),
    # calls into libm and libc
    "libm": "declare float @expf(float)\n"
    + elementwise(
        "%f = sitofp i64 %x to float\n  %e = call float @expf(float %f)\n"
        "  store float %e, ptr %y.at"
    ),
    # a helper function, and a constant array that needs a relocation
    "table": "@squares = private constant [4 x i64] [i64 0, i64 1, i64 4, i64 9]\n"
    "define internal i64 @square(i64 %k) {\n"
    "  %p = getelementptr i64, ptr @squares, i64 %k\n  %v = load i64, ptr %p\n  ret i64 %v\n}\n"
    + elementwise("%r = call i64 @square(i64 %x)\n  store i64 %r, ptr %y.at"),
}


def kernel(name):
    """The address of a kernel of TEXTS."""
    return native.compile_kernels({name: lambda: TEXTS[name]}, salt=TEXTS[name])[name]
