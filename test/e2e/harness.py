# SPDX-License-Identifier: Apache-2.0
"""What an end-to-end test imports: see sandbox.py (namespaces, daemons, checks), nodes.py (containerd, registry) and floe.py
(floe's own programs)."""
from nodes import BIN, GO, IMAGES, SOURCE, VERSIONS, Containerd, Registry, in_message, may_raise_limits, need, program
from sandbox import (Daemon, Failure, Sandbox, Skip, check, drop_page_cache, equal, free_port, loop_devices, main, mounts_below,
                     processes, wait_until)

__all__ = [name for name in dir() if not name.startswith("_")]
