"""What a run's start costs over the bare command, in turn."""

import os
import statistics
import sys
import time


def elapsed(command, environment):
    began = time.perf_counter()
    child = os.posix_spawn(command[0], command, environment)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit(f"bench: error: {command[0]} ended with status {status}")
    return (time.perf_counter() - began) * 1000


def measure(wrapped, bare, environment, count):
    pairs = []
    for turn in range(count + 1):
        first, second = (bare, wrapped) if turn % 2 == 0 else (wrapped, bare)
        one, two = elapsed(first, environment), elapsed(second, environment)
        pairs.append((one, two) if turn % 2 == 0 else (two, one))
    pairs = pairs[1:]  # the first reads the program from the disk
    added = sorted(b - a for a, b in pairs)
    print(
        f"start: true {statistics.median(a for a, _ in pairs):.2f} ms,"
        f" standin run -- true {statistics.median(b for _, b in pairs):.2f} ms,"
        f" added {statistics.median(added):.2f} ms (of {count} pairs; the slowest tenth {added[count * 9 // 10]:.2f} ms and more)"
    )
