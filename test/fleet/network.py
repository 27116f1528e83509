# SPDX-License-Identifier: Apache-2.0
"""Machines of a fleet: network namespaces on one bridge, each with a link of its own rate.

The test itself is in a network namespace of its own (`sandbox.main(tests, network=True)`), whose /run is private too. So names cannot
meet those of other tests, nothing reaches the machine's network, and all of it is gone when the test's init is gone, even after
SIGKILL. Rates are token buckets (tbf) at both ends; latency comes from toxiproxy (servers.py), as not every kernel has netem."""
import os
import subprocess

from sandbox import check

SUBNET = "10.77.0."
HERE = SUBNET + "1"  # the test itself, and whatever it starts without naming a machine
BRIDGE = "fleet0"
BURST = "128kb"


def command(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    check(done.returncode == 0, "%s: %s", " ".join(argv), (done.stderr + done.stdout).strip())
    return done.stdout


class Machine:
    """A namespace with the address `ip`. `rate` is tc's ("1gbit"); None leaves the link as it is."""

    def __init__(self, name, number, rate):
        self.name, self.ip, self.port, self.rate = name, SUBNET + str(number), "v%d" % number, rate
        command("ip", "netns", "add", name)
        command("ip", "link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", name)
        command("ip", "link", "set", self.port, "master", BRIDGE, "up")
        command("ip", "-n", name, "addr", "add", self.ip + "/24", "dev", "eth0")
        command("ip", "-n", name, "link", "set", "eth0", "up")
        command("ip", "-n", name, "link", "set", "lo", "up")
        self.shape(rate)

    def inside(self, argv):
        """The command line that runs `argv` on this machine."""
        return ["ip", "netns", "exec", self.name] + argv

    def shape(self, rate):
        """Another rate for both directions, at once and without losing a connection."""
        self.rate = rate
        for tc, device in ((["tc"], self.port), (["tc", "-n", self.name], "eth0")):
            if rate:
                command(*tc, "qdisc", "replace", "dev", device, "root", "tbf", "rate", rate, "burst", BURST, "latency", "400ms")
            else:
                subprocess.run(tc + ["qdisc", "del", "dev", device, "root"], stderr=subprocess.DEVNULL)

    def cut(self):
        """A black hole: packets vanish in both directions, nobody is told."""
        command("ip", "link", "set", self.port, "nomaster")

    def mend(self):
        command("ip", "link", "set", self.port, "master", BRIDGE)

    def sent(self):
        """Bytes that this machine sent so far, with all headers."""
        with open("/proc/self/net/dev") as table:
            return next(int(line.split(":", 1)[1].split()[0]) for line in table if line.strip().startswith(self.port + ":"))


class Network:
    """The bridge, with the test on it; `machine` adds one."""

    def __init__(self, box):
        os.makedirs("/run/netns", exist_ok=True)
        self.machines = []
        command("ip", "link", "set", "lo", "up")
        command("ip", "link", "add", BRIDGE, "type", "bridge")
        box.undo.callback(self.close)
        command("ip", "addr", "add", HERE + "/24", "dev", BRIDGE)
        command("ip", "link", "set", BRIDGE, "up")

    def machine(self, name, rate=None):
        self.machines.append(Machine(name, 10 + len(self.machines), rate))
        return self.machines[-1]

    def close(self):
        """For the next test of the same script."""
        for machine in self.machines:
            subprocess.run(["ip", "link", "del", machine.port], stderr=subprocess.DEVNULL)
            subprocess.run(["ip", "netns", "del", machine.name], stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "link", "del", BRIDGE], stderr=subprocess.DEVNULL)
