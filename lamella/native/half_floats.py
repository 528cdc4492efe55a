"""Functions that LLVM calls to convert float16, for processors without F16C instructions."""

TEXT = """
define float @from_float16(half %x) {
  %bits = bitcast half %x to i16
  %word = zext i16 %bits to i32
  %sign = and i32 %word, 32768
  %size = and i32 %word, 32767
  %top = shl i32 %sign, 16
  %moved = shl i32 %size, 13
  %small = bitcast i32 %moved to float
  %scaled = fmul float %small, 0x46F0000000000000  ; 2**112, exact for subnormal numbers as well
  %finite = bitcast float %scaled to i32
  %special = or i32 %moved, 2139095040
  %is.special = icmp uge i32 %size, 31744
  %any = select i1 %is.special, i32 %special, i32 %finite
  %all = or i32 %any, %top
  %y = bitcast i32 %all to float
  ret float %y
}

define half @to_float16(float %x) {
  %word = bitcast float %x to i32
  %size = and i32 %word, 2147483647
  %top = lshr i32 %word, 16
  %sign = and i32 %top, 32768
  %cut = lshr i32 %size, 13
  %odd = and i32 %cut, 1
  %up = add i32 %odd, -939520001  ; half of the last place, less one, and the other exponents' bias
  %moved = add i32 %size, %up
  %normal = lshr i32 %moved, 13
  %abs = bitcast i32 %size to float
  %raised = fadd float %abs, 0.5  ; whose last place is that of subnormal float16
  %raised.word = bitcast float %raised to i32
  %subnormal = sub i32 %raised.word, 1056964608
  %is.subnormal = icmp ult i32 %size, 947912704
  %finite = select i1 %is.subnormal, i32 %subnormal, i32 %normal
  %is.large = icmp uge i32 %size, 1199566848
  %number = select i1 %is.large, i32 31744, i32 %finite
  %payload = and i32 %cut, 1023
  %quiet = or i32 %payload, 32256
  %is.nan = icmp ugt i32 %size, 2139095040
  %any = select i1 %is.nan, i32 %quiet, i32 %number
  %all = or i32 %any, %sign
  %bits = trunc i32 %all to i16
  %y = bitcast i16 %bits to half
  ret half %y
}
"""
#: {the name that LLVM calls: the function here}
NAMES = {"__extendhfsf2": "from_float16", "__truncsfhf2": "to_float16"}
