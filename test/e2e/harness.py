# SPDX-License-Identifier: Apache-2.0
"""What an end-to-end test imports: see sandbox.py (namespaces, daemons, checks), nodes.py (containerd, registry), fixtures.py
(images) and floe.py (floe's own programs)."""
from fixtures import fill, layers_image, pause_image, real_image, small_image
from floe import Converter, Counter, Floe, World
from nodes import VERSIONS, Containerd, Registry, in_message, may_raise_limits, need, program
from sandbox import (Daemon, Failure, Sandbox, Skip, check, drop_page_cache, equal, free_port, loop_devices, main, mounts_below,
                     processes, wait_until)


def on_both(*functions, versions=VERSIONS):
    """Each function(box, version) as a test on containerd 1.6 and on 2.4, or on those of `versions`."""
    def bind(function, version):
        def test(box):
            function(box, version)
        test.label = "%s on containerd %s" % (function.__name__.replace("_", " "), version)
        return test
    return [bind(function, version) for function in functions for version in versions]


__all__ = [name for name in dir() if not name.startswith("_")]
