import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys, threading
from uav_tracker_ros.nodes.allocator import share_one_heap
if sys.argv[1] == "shared":
    share_one_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
threads = [threading.Thread(target=libc.malloc, args=(50_000,)) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
# A thread's own heap is a reservation of 64 MiB of which nearly all has no access yet.
sizes = [[int(part, 16) for part in line.split()[0].split("-")] for line in open("/proc/self/maps") if "---p" in line]
print(sum(60 << 20 < high - low < 64 << 20 for low, high in sizes))
"""


# Other C libraries have one heap for all threads, and no setting to make it so: nothing to compare.
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives threads heaps of their own")
@pytest.mark.parametrize(("mode", "heaps"), [("own", True), ("shared", False)])
def test_threads_share_one_heap(mode, heaps):
    done = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=True, timeout=60)
    assert (int(done.stdout) > 0) is heaps
