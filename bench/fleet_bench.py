#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tail of chunk reads through the shared cache: six real memcached servers behind links, all healthy, one slowed tenfold, one dead,
through the code 4+1 and through single copies (1+0, the same client).

usage: bench/fleet_bench.py [--reads N] [--rate MBIT] [--json FILE]
Environment: FLOE_BIN (default build/release/bin). Needs root, memcached and a quiet machine; two minutes.

Each server has its link (token bucket) of RATE megabits, 100 by default, so that links and not this machine's cores are what is
measured: a shard of 50 kB takes 4 ms on its own. Reads go two at a time, chosen at random among 512 chunks of 200 kB. Prints
milliseconds at p50, p99 and p99.9, reads that failed, each figure's ratio to the healthy servers', and for the servers their CPU
seconds for each GB read and the bytes their links carried for each byte read.
"""
import argparse
import json
import os
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(SOURCE, "test/e2e"), os.path.join(SOURCE, "test/fleet")]
from fleet import Cache  # noqa: E402 (after the path to it)
from network import Network  # noqa: E402
from nodes import program  # noqa: E402
from sandbox import main  # noqa: E402

CHUNKS, BYTES, AT_A_TIME = 512, 200_000, 2
SLOWER = 10
CASES = ("healthy", "one slowed tenfold", "one dead")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=2000)
    parser.add_argument("--rate", type=int, default=100, help="megabits a second of each server's link")
    parser.add_argument("--json", metavar="FILE", help="write all figures there as well")
    return parser.parse_args()


class Bench:
    def __init__(self, box, code, options):
        self.box, self.code, self.options = box, code, options
        self.cache = Cache(box, Network(box), rate=None)
        self.call("fill")
        for server in self.cache.servers:
            server.machine.shape("%dmbit" % options.rate)

    def call(self, what, *more):
        argv = [program("cache_reads"), what, ",".join(self.cache.addresses()), self.code, str(CHUNKS), str(BYTES)]
        return self.box.run(argv + list(map(str, more)))

    def measure(self, seed):
        servers = [server for server in self.cache.servers if server.daemon.alive()]
        cpu, sent = sum(s.cpu_seconds() for s in servers), sum(s.machine.sent() for s in servers)
        figures = json.loads(self.call("read", self.options.reads, AT_A_TIME, seed))
        figures["server_cpu_seconds_per_GB"] = (sum(s.cpu_seconds() for s in servers) - cpu) / figures["bytes"] * 1e9
        figures["server_bytes_per_byte"] = (sum(s.machine.sent() for s in servers) - sent) / figures["bytes"]
        figures["client_cpu_seconds_per_GB"] = figures["cpu_seconds"] / figures["bytes"] * 1e9
        return figures

    def cases(self):
        victim = self.cache.servers[2]
        yield CASES[0], self.measure(1)
        victim.machine.shape("%dkbit" % (self.options.rate * 1000 // SLOWER))
        yield CASES[1], self.measure(2)
        victim.machine.shape("%dmbit" % self.options.rate)
        victim.kill()
        yield CASES[2], self.measure(3)


def row(code, case, figures, healthy):
    ratios = " ".join("%8.2f (%4.2fx)" % (figures[name], figures[name] / healthy[name]) for name in ("p50", "p99", "p999"))
    print("%-4s %-20s %s %6d  %5.2f  %5.3f  %5.2f" % (code, case, ratios, figures["failed"], figures["server_cpu_seconds_per_GB"],
                                                   figures["server_bytes_per_byte"], figures["client_cpu_seconds_per_GB"]), flush=True)


def bench(box):
    options, results = arguments(), {}
    print("%-4s %-20s %16s %16s %16s %6s  %s" % ("code", "servers", "p50 ms", "p99 ms", "p99.9 ms", "failed",
                                                "CPU s/GB, bytes/byte of servers; CPU s/GB of client"))
    for code in ("4+1", "1+0"):
        for case, figures in Bench(box, code, options).cases():
            results.setdefault(code, {})[case] = figures
            row(code, case, figures, results[code][CASES[0]])
        box.undo.close()
        for daemon in box.daemons:
            daemon.kill()
    if options.json:
        with open(options.json, "w") as out:
            json.dump(results, out, indent=1)


if __name__ == "__main__":
    arguments()
    main([bench], network=True)
