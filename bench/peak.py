"""Worker: the float32 peak of all cores this process may use, in GFLOP/s, as Lamella measures it.

Runs in Lamella's environment.
"""

from lamella.native import peaks

if __name__ == "__main__":
    print(peaks().gflops)
