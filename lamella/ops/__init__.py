"""Every primitive of the IR, one record each; a family to a file.

Rules reach other primitives through this package (`ops.add`), looked up when called.
"""
