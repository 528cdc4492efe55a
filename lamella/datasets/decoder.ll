; Decodes the streams lo <= stream < hi: see codec.py for the meaning of every name.

define void @kernel(ptr %table, ptr %ids, i64 %lo, i64 %hi) {
entry:
  @ARGUMENTS@
  %rows = alloca [3 x [32 x i8]]          ; levels: the present row and the two above, by turns
  %state = alloca i64
  %word = alloca ptr
  %nibble = alloca i64
  %start = alloca ptr
  %last = alloca i64
  br label %stream

; ---- for each stream, each image, each row

stream:
  %s = phi i64 [%lo, %entry], [%s.next, %stream.done]
  %fields = getelementptr [6 x i64], ptr %streams, i64 %s
  %fields.1 = getelementptr i64, ptr %fields, i64 1
  %fields.2 = getelementptr i64, ptr %fields, i64 2
  %fields.3 = getelementptr i64, ptr %fields, i64 3
  %fields.4 = getelementptr i64, ptr %fields, i64 4
  %fields.5 = getelementptr i64, ptr %fields, i64 5
  %image.first = load i64, ptr %fields
  %image.end = load i64, ptr %fields.1
  %state.first = load i64, ptr %fields.2
  %word.index = load i64, ptr %fields.3
  %nibble.first = load i64, ptr %fields.4
  %start.index = load i64, ptr %fields.5
  %word.first = getelementptr i16, ptr %words, i64 %word.index
  %start.first = getelementptr i64, ptr %starts, i64 %start.index
  store i64 %state.first, ptr %state
  store ptr %word.first, ptr %word
  store i64 %nibble.first, ptr %nibble
  store ptr %start.first, ptr %start
  br label %image

image:
  %i = phi i64 [%image.first, %stream], [%i.next, %image.done]
  store i64 0, ptr %last
  call void @llvm.memset.p0.i64(ptr %rows, i8 0, i64 96, i1 false)
  %image.pixel = mul i64 %i, @PIXELS@
  br label %row

row:
  %r = phi i64 [0, %image], [%r.next, %row.done]
  %above.ink = phi i8 [0, %image], [%row.ink, %row.done]
  %row.number = urem i64 %r, 3
  %r.1 = add i64 %r, 1
  %r.2 = add i64 %r, 2
  %upper.number = urem i64 %r.1, 3        ; (r - 2) mod 3
  %above.number = urem i64 %r.2, 3        ; (r - 1) mod 3
  %row.levels = getelementptr [32 x i8], ptr %rows, i64 %row.number
  %upper.levels = getelementptr [32 x i8], ptr %rows, i64 %upper.number
  %above.levels = getelementptr [32 x i8], ptr %rows, i64 %above.number
  %row.offset = mul i64 %r, @SIZE@
  %row.pixel = add i64 %image.pixel, %row.offset
  %row.end = add i64 %row.pixel, @SIZE@
  %start.next.at = load ptr, ptr %start
  %start.next = load i64, ptr %start.next.at
  %is_startless = icmp sge i64 %start.next, %row.end
  %is_under_blank = icmp eq i8 %above.ink, 0
  %is_blank = and i1 %is_startless, %is_under_blank
  br i1 %is_blank, label %blank.row, label %inked.row

blank.row:
  %row.values = getelementptr i8, ptr %values, i64 %row.pixel
  call void @llvm.memset.p0.i64(ptr %row.levels, i8 0, i64 32, i1 false)
  call void @llvm.memset.p0.i64(ptr %row.values, i8 0, i64 @SIZE@, i1 false)
  br label %row.done

inked.row:
  %above.begin = call i64 @begin(ptr %above.levels)
  %upper.begin = call i64 @begin(ptr %upper.levels)
  br label %pixel

; ---- each pixel: is it coded?

pixel:
  %c = phi i64 [0, %inked.row], [%c.next, %pixel.done]
  %above.before = phi i64 [%above.begin, %inked.row], [%above, %pixel.done]
  %upper.before = phi i64 [%upper.begin, %inked.row], [%upper, %pixel.done]
  %ink.before = phi i8 [0, %inked.row], [%ink, %pixel.done]
  %left = phi i64 [0, %inked.row], [%left.next, %pixel.done]
  %c.2 = add i64 %c, 2
  %above.level.at = getelementptr i8, ptr %above.levels, i64 %c.2
  %upper.level.at = getelementptr i8, ptr %upper.levels, i64 %c.2
  %above.level = load i8, ptr %above.level.at
  %upper.level = load i8, ptr %upper.level.at
  %above = call i64 @shift_in(i64 %above.before, i8 %above.level)
  %upper = call i64 @shift_in(i64 %upper.before, i8 %upper.level)
  %p = add i64 %row.pixel, %c
  %value.at = getelementptr i8, ptr %values, i64 %p

  %start.now = load ptr, ptr %start
  %start.pixel = load i64, ptr %start.now
  %is_start = icmp eq i64 %p, %start.pixel
  %start.step = zext i1 %is_start to i64
  %start.then = getelementptr i64, ptr %start.now, i64 %start.step
  store ptr %start.then, ptr %start
  %near.above = and i64 %above, 65520     ; NW, N, NE
  %near.left = and i64 %left, 15          ; W
  %near = or i64 %near.above, %near.left
  %is_lit = icmp ne i64 %near, 0
  %is_coded = or i1 %is_start, %is_lit
  br i1 %is_coded, label %coded, label %blank

blank:
  br label %pixel.done

; ---- the distribution, then the symbol in whose slots the state is

coded:
  %above.kind.at = getelementptr i8, ptr %above_kinds, i64 %above
  %upper.kind.at = getelementptr i8, ptr %upper_kinds, i64 %upper
  %left.kind.at = getelementptr i8, ptr %left_kinds, i64 %left
  %above.kind = load i8, ptr %above.kind.at
  %upper.kind = load i8, ptr %upper.kind.at
  %left.kind = load i8, ptr %left.kind.at
  %above.kind.64 = zext i8 %above.kind to i64
  %upper.kind.64 = zext i8 %upper.kind to i64
  %left.kind.64 = zext i8 %left.kind to i64
  %above.part = shl i64 %above.kind.64, 4
  %joined = or i64 %above.part, %upper.kind.64
  %joined.kind.at = getelementptr i8, ptr %joined_kinds, i64 %joined
  %joined.kind = load i8, ptr %joined.kind.at
  %joined.kind.64 = zext i8 %joined.kind to i64
  %joined.part = shl i64 %joined.kind.64, 8
  %left.part = shl i64 %left.kind.64, 3
  %last.now = load i64, ptr %last
  %context.1 = or i64 %joined.part, %left.part
  %context = or i64 %context.1, %last.now
  %distribution.at = getelementptr i16, ptr %contexts, i64 %context
  %distribution.16 = load i16, ptr %distribution.at
  %distribution = zext i16 %distribution.16 to i64

  ; the symbol is the last one that begins at or before the slot
  %state.now = load i64, ptr %state
  %slot.16 = trunc i64 %state.now to i16
  %slot = and i16 %slot.16, @SLOT_MASK@
  %begins.at = getelementptr [32 x i16], ptr %symbol_begins, i64 %distribution
  %begins = load <32 x i16>, ptr %begins.at, align 2
  %slot.one = insertelement <32 x i16> poison, i16 %slot, i64 0
  %slot.all = shufflevector <32 x i16> %slot.one, <32 x i16> poison, <32 x i32> zeroinitializer
  %has_begun = icmp ule <32 x i16> %begins, %slot.all
  %has_begun.bits = bitcast <32 x i1> %has_begun to i32
  %begun.count = call i32 @llvm.ctpop.i32(i32 %has_begun.bits)
  %symbol.32 = sub i32 %begun.count, 1
  %symbol.8 = trunc i32 %symbol.32 to i8
  %symbol = zext i32 %symbol.32 to i64
  %symbol.next = add i64 %symbol, 1
  %begin.at = getelementptr i16, ptr %begins.at, i64 %symbol
  %end.at = getelementptr i16, ptr %begins.at, i64 %symbol.next
  %begin.16 = load i16, ptr %begin.at
  %end.16 = load i16, ptr %end.at
  %frequency.16 = sub i16 %end.16, %begin.16
  %slot.inside.16 = sub i16 %slot, %begin.16
  %frequency = zext i16 %frequency.16 to i64
  %slot.inside = zext i16 %slot.inside.16 to i64
  %state.high = lshr i64 %state.now, @PRECISION@
  %state.scaled = mul i64 %frequency, %state.high
  %state.after = add i64 %state.scaled, %slot.inside

  ; refill the state with a word when it is below 2**16
  %word.now = load ptr, ptr %word
  %word.16 = load i16, ptr %word.now
  %word.64 = zext i16 %word.16 to i64
  %state.up = shl i64 %state.after, 16
  %state.refilled = or i64 %state.up, %word.64
  %is_low = icmp ult i64 %state.after, 65536
  %state.then = select i1 %is_low, i64 %state.refilled, i64 %state.after
  %word.step = zext i1 %is_low to i64
  %word.then = getelementptr i16, ptr %word.now, i64 %word.step
  store i64 %state.then, ptr %state
  store ptr %word.then, ptr %word

  ; symbols 1..15 have a nibble: value = first value + nibble
  %nibble.now = load i64, ptr %nibble
  %pair.index = lshr i64 %nibble.now, 1
  %pair.at = getelementptr i8, ptr %nibbles, i64 %pair.index
  %pair = load i8, ptr %pair.at
  %pair.half = trunc i64 %nibble.now to i8
  %pair.odd = and i8 %pair.half, 1
  %pair.shift = shl i8 %pair.odd, 2
  %pair.down = lshr i8 %pair, %pair.shift
  %low = and i8 %pair.down, 15
  %symbol.before = sub i8 %symbol.8, 1
  %has_nibble = icmp ult i8 %symbol.before, 15
  %low.or_zero = select i1 %has_nibble, i8 %low, i8 0
  %nibble.step = zext i1 %has_nibble to i64
  %nibble.then = add i64 %nibble.now, %nibble.step
  store i64 %nibble.then, ptr %nibble
  %first_value.at = getelementptr i8, ptr %first_values, i64 %symbol
  %first_value = load i8, ptr %first_value.at
  %value.coded = add i8 %first_value, %low.or_zero

  ; symbols 25..30 are saturated
  %saturated = sub i64 %symbol, 24
  %is_saturated = icmp sgt i64 %saturated, 0
  %last.then = select i1 %is_saturated, i64 %saturated, i64 %last.now
  store i64 %last.then, ptr %last
  %level.at = getelementptr i8, ptr %levels, i64 %symbol
  %level.coded = load i8, ptr %level.at
  br label %pixel.done

pixel.done:
  %value = phi i8 [0, %blank], [%value.coded, %coded]
  %level = phi i8 [0, %blank], [%level.coded, %coded]
  store i8 %value, ptr %value.at
  %row.level.at = getelementptr i8, ptr %row.levels, i64 %c
  store i8 %level, ptr %row.level.at
  %left.next = call i64 @shift_in(i64 %left, i8 %level)
  %ink = or i8 %ink.before, %level
  %c.next = add i64 %c, 1
  %row.more = icmp ult i64 %c.next, @SIZE@
  br i1 %row.more, label %pixel, label %row.done

row.done:
  %row.ink = phi i8 [0, %blank.row], [%ink, %pixel.done]
  %r.next = add i64 %r, 1
  %image.more = icmp ult i64 %r.next, @SIZE@
  br i1 %image.more, label %row, label %image.done

image.done:
  %i.next = add i64 %i, 1
  %stream.more = icmp ult i64 %i.next, %image.end
  br i1 %stream.more, label %image, label %stream.done

stream.done:
  %s.next = add i64 %s, 1
  %more = icmp ult i64 %s.next, %hi
  br i1 %more, label %stream, label %end

end:
  ret void
}

; A window of four levels moves one pixel to the right.
define internal i64 @shift_in(i64 %window, i8 %level) alwaysinline {
  %up = shl i64 %window, 4
  %kept = and i64 %up, 65520
  %level.64 = zext i8 %level to i64
  %moved = or i64 %kept, %level.64
  ret i64 %moved
}

; The window over a row just before its first pixel: it ends at column 1.
define internal i64 @begin(ptr %levels) alwaysinline {
  %level.0 = load i8, ptr %levels
  %levels.1 = getelementptr i8, ptr %levels, i64 1
  %level.1 = load i8, ptr %levels.1
  %window.0 = call i64 @shift_in(i64 0, i8 %level.0)
  %window.1 = call i64 @shift_in(i64 %window.0, i8 %level.1)
  ret i64 %window.1
}

declare i32 @llvm.ctpop.i32(i32)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
