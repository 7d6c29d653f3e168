"""python measured.py COMMAND...: run it, and print seconds and GiB resident at most, as JSON.

A process of its own in between: Linux counts what the parent ever held as the child's, too.
"""

import json
import os
import subprocess
import sys
import time

started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
said = process.stderr.read() if process.stderr else b""
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - started
code = os.waitstatus_to_exitcode(status)
print(json.dumps([code, seconds, usage.ru_maxrss / 2**20, said.decode()[-2000:]]))
