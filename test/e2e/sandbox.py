# SPDX-License-Identifier: Apache-2.0
"""A place where real daemons can run and of which nothing is left: private mount and pid namespaces, a temporary folder, logs.

`main(tests)` runs the calling script again as the init of its own namespaces (`unshare -m -p`): whatever a test starts dies with
it and whatever it mounts vanishes, even when ctest kills it. /run is a tmpfs of its own, so that sockets which containerd's shims
put at fixed places cannot meet those of the machine's own containerd.
"""
import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

PREFIX = "/tmp/floe-e2e-"
INSIDE = "FLOE_E2E_INSIDE"
SKIP = 77


class Failure(Exception):
    """A statement about the world that did not hold."""


class Skip(Exception):
    """The kernel lacks the named feature."""


def check(condition, message, *more):
    if not condition:
        raise Failure(message % more if more else message)


def equal(got, wanted, what):
    check(got == wanted, "%s: got %r, wanted %r", what, got, wanted)


def wait_until(what, condition, seconds=60):
    """Polls `condition` until it is true; the limit is generous, because time never decides a test."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise Failure("%s: not within %d s" % (what, seconds))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """A process with its log. `kill` is SIGKILL, `stop` is SIGTERM and waits; both may be called twice."""

    def __init__(self, name, argv, log, env=None):
        self.name, self.argv, self.log_path, self.env = name, argv, log, env
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            environment = dict(os.environ, **(self.env or {}))
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                            start_new_session=True)
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def require_alive(self):
        check(self.alive(), "%s ended: %s", self.name, self.log()[-2000:])
        return True

    def stop(self, seconds=30):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                raise Failure("%s ignored SIGTERM for %d s" % (self.name, seconds))

    def kill(self):
        if self.alive():
            self.process.kill()
            self.process.wait()

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()


class Sandbox:
    """One test's folder, daemons and things to undo (newest first)."""

    def __init__(self, name):
        self.dir = tempfile.mkdtemp(prefix=PREFIX)
        self.name = name
        self.daemons = []
        self.undo = contextlib.ExitStack()
        os.makedirs(self.path("logs"))

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def folder(self, *parts):
        path = self.path(*parts)
        os.makedirs(path, exist_ok=True)
        return path

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    def daemon(self, name, argv, env=None):
        daemon = Daemon(name, argv, self.path("logs", name + ".log"), env)
        self.daemons.append(daemon)
        return daemon.start()

    def run(self, argv, env=None, code=0, stdin=None, seconds=240):
        """A command's stdout; what it says in all (stderr first) when it may or must fail. It must end with `code`; None takes any."""
        environment = dict(os.environ, **(env or {}))
        try:
            done = subprocess.run(argv, env=environment, input=stdin, capture_output=True, timeout=seconds, text=True, errors="replace")
        except subprocess.TimeoutExpired as late:
            raise Failure("%s: no end after %d s; so far: %s" % (" ".join(argv), seconds, (late.stdout or b"")[-2000:]))
        everything = done.stderr + done.stdout
        with open(self.path("logs", "commands.log"), "a") as log:
            log.write("$ %s\n%s[%d]\n" % (" ".join(argv), everything, done.returncode))
        if code is not None and done.returncode != code:
            raise Failure("%s: exit code %d, wanted %d:\n%s" % (" ".join(argv), done.returncode, code, everything[-3000:]))
        return done.stdout if code == 0 else everything

    def status(self, argv, env=None):
        return subprocess.run(argv, env=dict(os.environ, **(env or {})), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    def tell_logs(self):
        for path in sorted(glob.glob(self.path("logs", "*.log"))):
            with open(path, errors="replace") as log:
                lines = log.read().splitlines()
            print("---- %s (last of %d lines)" % (os.path.basename(path), len(lines)))
            print("\n".join(line[:400] for line in lines[-(6 if "registry" in path else 25):]))

    def close(self):
        with contextlib.suppress(Failure):
            self.undo.close()
        for daemon in reversed(self.daemons):
            daemon.kill()
        for target in reversed(mounts_below(self.dir)):
            subprocess.run(["umount", "-l", target], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)


def mounts_below(folder):
    with open("/proc/self/mounts") as table:
        targets = [line.split()[1].encode().decode("unicode_escape") for line in table]
    return [t for t in targets if t == folder or t.startswith(folder.rstrip("/") + "/")]


def processes(name):
    """Pids whose program has this name; zombies do not count. Own pid namespace: nobody else's are seen."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError), open(path) as stat:
            pid, rest = stat.read().split(" (", 1)
            comm, fields = rest.rsplit(") ", 1)
            if comm == name[:15] and fields[0] != "Z":
                found.append(int(pid))
    return sorted(found)


def loop_devices():
    """Backing files of all loop devices in use."""
    found = []
    for path in glob.glob("/sys/block/loop*/loop/backing_file"):
        with contextlib.suppress(OSError), open(path) as backing:
            found.append(backing.read().strip())
    return found


def drop_page_cache():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as knob:
        knob.write("3")


def sweep_stale():
    """Folders of runs that were killed: nothing of them lives, their namespaces died with them."""
    for folder in glob.glob(PREFIX + "*"):
        with contextlib.suppress(OSError):
            if time.time() - os.stat(folder).st_mtime > 3 * 3600:
                shutil.rmtree(folder, ignore_errors=True)


def enter(network):
    """Runs this script again inside namespaces, with `network` in a network of its own too; returns only there."""
    if os.environ.get(INSIDE):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)
        return
    if os.geteuid() != 0:
        sys.exit("this test mounts and runs containerd: run it as root")
    sweep_stale()
    os.environ[INSIDE] = "1"
    # bash is the init: it reaps the orphans that containers and daemons leave to it.
    script = 'trap "" INT; "$@"; exit $?'
    own = ["unshare", "-m", "-p"] + (["-n"] if network else [])
    os.execvp("unshare", own + ["-f", "--kill-child", "--mount-proc", "bash", "-c", script, "bash", sys.executable] + sys.argv)


def main(tests, network=False):
    """Runs the functions of `tests` (each takes a Sandbox), prints a line for each, exits 1 when one failed. With `network` they are
    in a network namespace of their own, in which even the loopback is down at first."""
    enter(network)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = os.environ.get("FLOE_E2E_ONLY", "")
    failed = skipped = 0
    for test in tests:
        name = getattr(test, "label", test.__name__)
        if wanted not in name:
            continue
        box = Sandbox(name)
        begin = time.monotonic()
        try:
            test(box)
            print("ok   %s (%.1f s)" % (name, time.monotonic() - begin), flush=True)
        except Skip as reason:
            skipped += 1
            print("skip %s: %s" % (name, reason), flush=True)
        except Exception as error:  # every kind of failure is told with its logs
            failed += 1
            print("FAIL %s: %s" % (name, error))
            if not isinstance(error, Failure):
                traceback.print_exc(file=sys.stdout)
            box.tell_logs()
            sys.stdout.flush()
        finally:
            if os.environ.get("FLOE_E2E_KEEP") and failed:
                print("kept: " + box.dir)
            else:
                box.close()
    print("%d tests, %d failed, %d skipped" % (len(tests), failed, skipped))
    sys.exit(1 if failed else SKIP if skipped and skipped == len(tests) else 0)
