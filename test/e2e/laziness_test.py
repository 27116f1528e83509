#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: serial timeout=900 cost=900
"""Five real images, each from an empty node: what its typical start fetches, counted by a file system in front of the store that
knows nothing of floe. A second container fetches nothing; neither does a third after both daemons were restarted, the page cache
dropped and the store made unreachable; all print the same. floe's own metric agrees within 2 %.

"Fetches nothing" is about a start that reads the same each time. No start here ends a pipe early (a writer that meets a closed pipe
runs other code), and java also starts a second way: threads that compile and collect beside the program touch other pages of
libjvm.so from one run to the next, measured as up to 3 of 170 chunks. `java -version` as people type it has its share measured on a
node of its own; what must be repeatable runs without those threads."""
from harness import World, check, equal, main, real_image

STARTS = {  # image: command, share of its stored bytes that may be fetched
    "python": ("python3 -c 'import numpy, scipy, pandas; print(numpy.arange(10).sum(), pandas.Series([1, 2]).mean())'", 0.30),
    "node": ("node -e 'console.log(\"floe\", 6 * 7)'", 0.25),
    "jre": ("java -Xint -XX:+UseSerialGC -XX:-UsePerfData -version 2>&1", 0.25),
    "gcc": ("gcc -o /tmp/hello /srv/hello.c && /tmp/hello", 0.25),
    "postgres": ("cd /tmp && install -d -o postgres pg && su postgres -c '/usr/lib/postgresql/15/bin/initdb -D /tmp/pg >/dev/null && "
                 "echo \"select 6*7;\" | /usr/lib/postgresql/15/bin/postgres --single -D /tmp/pg postgres' | grep 42", 0.25),
}
AS_TYPED = {"jre": "java -version 2>&1"}  # where that reads other pages each time


def start_of(name, version, make=World):
    def test(box):
        command, limit = STARTS[name]
        world = make(box, version, layout=real_image(name), name=name, counted=True)
        ref, node = world.converted(name + ":floe"), world.node
        if name in AS_TYPED:
            first_start(world, ref, name, AS_TYPED[name], limit, *world.add_node("typed"))

        def run(container):
            return node.ctr_run(ref, "sh", "-c", command, name=container)

        wanted = first_start(world, ref, name, command, limit, node, world.floe)
        fetched = world.fetched()
        equal(run("second"), wanted, "second container")
        world.fetched_nothing(fetched, "second container")
        world.floe.restart_both()
        node.reaches_floe()
        world.cold()
        world.counter.hide()
        equal(run("third"), wanted, "third container, new daemons, cold page cache, no store")
        node.remove_image(ref)
        world.nothing_pinned()
    test.label = "start of %s on containerd %s" % (name, version)
    return test


def first_start(world, ref, name, command, limit, node, floe):
    """What the first container of an empty node prints; checks what it fetched."""
    before = world.counter.bytes()
    node.pull(ref)
    printed = node.ctr_run(ref, "sh", "-c", command, name="first")
    fetched, told = world.fetched(floe) - before, floe.fetched_bytes()
    stored = world.converter.chunk_bytes()
    share = fetched / stored
    print("  %-8s on %s: %.1f MB stored, ordinary image %.1f MB, fetched %.1f MB = %.1f %%, metric says %.1f MB" % (
        name, world.version, stored / 1e6, world.registry.layer_bytes(name + ":1") / 1e6, fetched / 1e6, 100 * share, told / 1e6))
    check(share < limit, "%s fetched %.1f %% of its stored bytes, limit %.0f %%", name, 100 * share, 100 * limit)
    check(abs(told - fetched) <= world.counted_within * fetched, "floe's metric says %d bytes, counted outside were %d", told, fetched)
    return printed


if __name__ == "__main__":
    main([start_of(name, "2.4") for name in STARTS] + [start_of("node", "1.6")])
