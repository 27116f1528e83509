#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: serial timeout=400
"""packaging/demo as a user runs it: twice in a row, and stopped in the middle by Ctrl-C. It prints the bytes of the image, the bytes
fetched and the time to start, and leaves no mount, process, cgroup or file."""
import glob
import os
import re
import signal
import subprocess
import sys
import time

SOURCE = os.environ.get("FLOE_SOURCE") or os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
DEMO = os.path.join(SOURCE, "packaging/demo")
GCC = "oci:" + os.path.join(os.environ.get("FLOE_IMAGES") or os.path.join(SOURCE, "build/images"), "gcc")


def traces():
    """What a demo could leave behind, machine-wide."""
    left = glob.glob("/var/tmp/floe-demo.*") + glob.glob("/sys/fs/cgroup/floe-demo") + glob.glob("/sys/fs/cgroup/*/floe-demo")
    left += [path for path in ("/etc/floe", "/var/lib/floe", "/var/cache/floe", "/var/lib/floe-store", "/run/floe") if os.path.exists(path)]
    with open("/proc/mounts") as mounts:
        left += [line for line in mounts if "floe-demo" in line]
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path) as line:
                if "floe-demo." in line.read():
                    left.append(path)
        except OSError:
            pass
    return left


def run(*arguments):
    done = subprocess.run([DEMO] + list(arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    print(done.stdout)
    if done.returncode != 0:
        sys.exit("packaging/demo ended with %d" % done.returncode)
    for words in (r"layer\(s\), [0-9.]+ MB", r"[0-9.]+ s from nothing to its first line; [0-9.]+ (MB|kB) fetched", r"a second container: .* 0 bytes fetched"):
        if not re.search(words, done.stdout):
            sys.exit("the demo does not print %r" % words)


def interrupted():
    demo = subprocess.Popen([DEMO, GCC], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
    for line in demo.stdout:
        if "Convert it" in line:
            break
    os.killpg(demo.pid, signal.SIGINT)
    demo.stdout.read()
    if demo.wait(60) != 130:
        sys.exit("interrupted, the demo ended with %d" % demo.returncode)


def main():
    before = traces()
    for step in (lambda: run(), lambda: run(GCC), interrupted):
        step()
        end = time.monotonic() + 20  # processes that were killed need a moment to be gone
        while sorted(traces()) != sorted(before) and time.monotonic() < end:
            time.sleep(0.1)
        if sorted(traces()) != sorted(before):
            sys.exit("left behind: %s" % (set(traces()) - set(before)))
    print("nothing is left")


if __name__ == "__main__":
    main()
