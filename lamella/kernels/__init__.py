"""Generators: from the body of a fused region to LLVM IR text, one module per family."""
