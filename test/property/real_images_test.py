#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=1200 cost=900
"""The five real images of test/images/make, judged as equality_test.py judges: what containerd unpacks is what floe mounts, fsck.erofs
is clean, one and two threads give the same flat image and the same chunks."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGES = os.environ.get("FLOE_IMAGES") or os.path.join(HERE, "../../build/images")
NAMES = ("python", "node", "postgres", "jre", "gcc")

if __name__ == "__main__":
    missing = [name for name in NAMES if not os.path.isdir(os.path.join(IMAGES, name))]
    if missing:
        sys.exit("missing test images: %s; run test/images/make" % " ".join(missing))
    layouts = ["%s:latest" % os.path.join(IMAGES, name) for name in NAMES]
    sys.exit(subprocess.call([sys.executable, os.path.join(HERE, "equality_test.py"), "--disk"] + layouts))
