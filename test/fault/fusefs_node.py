# SPDX-License-Identifier: Apache-2.0
"""floe-keeper and floe-fusefs without a snapshotter, driven through their own doors: the keeper's protocol, the control door, and
mount(2) by system calls. Everything of a node lies below one folder; `with Node(...)` leaves nothing behind."""
import array
import contextlib
import ctypes
import hashlib
import io
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("FLOE_BIN", os.path.join(SOURCE, "build/debug/bin"))
sys.path.insert(0, os.path.join(SOURCE, "test/tools"))
LIBC = ctypes.CDLL(None, use_errno=True)
FSOPEN, FSCONFIG, FSMOUNT, MOVE_MOUNT, CACHESTAT = 430, 431, 432, 429, 451
SET_FLAG, SET_STRING, CREATE = 0, 1, 6
RDONLY_NOSUID_NODEV_NOEXEC = 1 | 2 | 4 | 8
MOVE_MOUNT_F_EMPTY_PATH = 4


def syscall(number, *args):
    result = LIBC.syscall(number, *args)
    if result < 0:
        raise OSError(ctypes.get_errno(), "syscall %d: %s" % (number, os.strerror(ctypes.get_errno())))
    return result


def fs_mount(kind, settings):
    """A detached mount: fsopen, fsconfig, fsmount."""
    context = syscall(FSOPEN, kind.encode(), 1)
    try:
        for key, value in settings.items():
            if value is None:
                syscall(FSCONFIG, context, SET_FLAG, key.encode(), None, 0)
            else:
                syscall(FSCONFIG, context, SET_STRING, key.encode(), str(value).encode(), 0)
        syscall(FSCONFIG, context, CREATE, None, None, 0)
        return syscall(FSMOUNT, context, 1, RDONLY_NOSUID_NODEV_NOEXEC)
    finally:
        os.close(context)


# --- SOCK_SEQPACKET messages with descriptors

def connect(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.settimeout(60)
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


def exchange(sock, message, descriptors=()):
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    sock.sendmsg([message], ancillary)
    data, ancillary, _, _ = sock.recvmsg(128 * 1024, socket.CMSG_SPACE(16 * 4))
    received = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received.frombytes(payload[:len(payload) - len(payload) % 4])
    return data, list(received)


class Keeper:
    HELLO, PUT, GET, DELETE, LIST, SHUTDOWN = range(6)

    def __init__(self, path):
        self.sock = connect(path)

    def call(self, op, name="", blob=b"", descriptors=()):
        data, received = exchange(self.sock, struct.pack("<BBHH", 1, op, 0, len(name)) + name.encode() + blob, descriptors)
        _, code, length = struct.unpack_from("<BBH", data)
        if code:
            raise RuntimeError(data[4:4 + length].decode())
        return data[4 + length:], received


# --- just enough protobuf for proto/control.proto

def varint(value):
    out = bytearray()
    while True:
        out.append(value & 127 | (128 if value > 127 else 0))
        value >>= 7
        if not value:
            return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def parse(data):
    """{number: [values]}"""
    fields, at = {}, 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        tag = read()
        if tag & 7 == 0:
            value = read()
        else:
            length = read()
            value = data[at:at + length]
            at += length
        fields.setdefault(tag >> 3, []).append(value)
    return fields


class ControlError(Exception):
    def __init__(self, code, text):
        super().__init__("%d: %s" % (code, text))
        self.code, self.text = code, text


class Control:
    OPEN, CLOSE, LIST, METRICS, PING, CHECK = range(1, 7)

    def __init__(self, path):
        self.path = path

    def call(self, kind, body=b"", descriptors=()):
        with contextlib.closing(connect(self.path)) as sock:
            data, received = exchange(sock, field(kind, body), descriptors)
        assert data, "empty reply"
        reply = parse(data)
        if reply.get(1, [0])[0]:
            raise ControlError(reply[1][0], reply.get(2, [b""])[0].decode())
        return reply, received

    def open(self, name, manifest, deadline_ms=30000, label="test"):
        with open(manifest, "rb") as source:
            body = field(1, name) + field(2, deadline_ms) + field(3, label)
            opened = parse(self.call(self.OPEN, body, [source.fileno()])[0][3][0])
        return {"inode": opened[1][0], "size": opened[2][0], "manifest": opened[3][0].decode(), "chunks": opened[4][0]}

    def check(self, manifest):
        with open(manifest, "rb") as source:
            self.call(self.CHECK, b"", [source.fileno()])

    def close(self, name):
        self.call(self.CLOSE, field(1, name))

    def list(self):
        images = parse(self.call(self.LIST)[0].get(4, [b""])[0]).get(1, [])
        return [{"name": i[1][0].decode(), "inode": i[3][0], "open": i.get(5, [0])[0], "closing": i.get(6, [0])[0],
                 "local": i.get(7, [0])[0], "sealed": i.get(8, [0])[0]} for i in map(parse, images)]

    def metrics(self):
        fd = self.call(self.METRICS)[1][0]
        with os.fdopen(fd, "rb") as text:
            text.seek(0)
            return text.read().decode()

    def metric(self, name, **labels):
        """The sum of all series of this name with these labels."""
        total = 0
        for line in self.metrics().splitlines():
            series = line.rsplit(" ", 1)
            if series[0].split("{")[0] == name and all('%s="%s"' % pair in line for pair in labels.items()):
                total += float(series[1])
        return total


# --- images

def tree_tar(files):
    """A layer: {path: bytes}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        folders = sorted({"/".join(p.split("/")[:i]) for p in files for i in range(1, p.count("/") + 1)})
        for folder in folders:
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        for path, data in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def random_bytes(size, seed):
    return random.Random(seed).randbytes(size)


class Converter:
    """A folder store with keys of its own, and `floe convert`."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        self.store, self.keys = os.path.join(folder, "store"), os.path.join(folder, "keys")
        self.config = os.path.join(folder, "floe.toml")
        with open(self.config, "w") as out:
            out.write('[store]\naddress = "folder:%s"\n[keys]\ndirectory = "%s"\n' % (self.store, self.keys))
        self.floe("store", "init", "folder:" + self.store)

    def floe(self, *args):
        done = subprocess.run([os.path.join(BIN, "floe"), "--config", self.config, *args], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120)
        if done.returncode:
            raise RuntimeError("floe %s: %s" % (" ".join(args), done.stderr.decode()))
        return done.stdout

    def manifest(self, name, files):
        """Converts a tree; returns the path of its manifest."""
        import oci_layout
        source, target = os.path.join(self.folder, name + ".in"), os.path.join(self.folder, name + ".out")
        os.makedirs(source, exist_ok=True)
        oci_layout.write(source, [tree_tar(files)])
        self.floe("convert", "oci:" + source, "oci:" + target)
        path = os.path.join(self.folder, name + ".manifest")
        with tarfile.open(oci_layout.layer_paths(target)[0]) as layer:
            member = [m for m in layer.getmembers() if m.isfile()][0]
            with open(path, "wb") as out:
                out.write(layer.extractfile(member).read())
        return path

    def chunks(self):
        found = []
        for folder, _, names in os.walk(self.store):
            if "/c/" in folder:
                found += [os.path.join(folder, name) for name in names if len(name) == 64]
        return sorted(found)


class Node:
    """Keeper, FUSE connection, fusefs, EROFS mounts."""

    def __init__(self, converter, *flags, store=None, folder=None, env=None):
        self.converter, self.flags, self.env = converter, list(flags), env
        self.folder = folder or tempfile.mkdtemp(prefix="floe-node-")
        os.chmod(self.folder, 0o755)
        self.store = store or "folder:" + converter.store
        self.keeper_sock, self.control_sock = os.path.join(self.folder, "keeper.sock"), os.path.join(self.folder, "fusefs.sock")
        self.cache = os.path.join(self.folder, "cache")
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.fusefs, self.mounts, self.descriptors = None, {}, []

    def __enter__(self):
        try:
            self.keeper_process = subprocess.Popen([os.path.join(BIN, "floe-keeper"), "--socket", self.keeper_sock], stderr=self.log)
            self.wait_for(self.keeper_answers)
            device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
            self.fuse = fs_mount("fuse", {"source": "floe", "fd": device, "rootmode": "40000", "user_id": 0, "group_id": 0})
            self.keeper.call(Keeper.PUT, "fuse.dev", b"", [device])
            os.close(device)
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        for name in list(self.mounts):
            self.umount(name)
        # Without the last device descriptor the kernel aborts the connection, and nothing can hang.
        if self.fusefs:
            self.fusefs.kill()
            self.fusefs.wait()
        if hasattr(self, "keeper"):
            self.keeper.sock.close()
        self.keeper_process.kill()
        self.keeper_process.wait()
        if hasattr(self, "fuse"):
            os.close(self.fuse)
        self.log.close()
        subprocess.run(["rm", "-rf", "--one-file-system", self.folder], check=False)

    def wait_for(self, condition, seconds=60):
        """Polls: a deadline for failure, never a measure of success."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("waited %d s; log:\n%s" % (seconds, self.log_text()[-3000:]))
            time.sleep(0.02)

    def keeper_answers(self):
        """Its socket has a name a moment before anybody listens there."""
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            self.keeper = Keeper(self.keeper_sock)
            return True
        return False

    def log_text(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as log:
            return log.read()

    def start(self):
        settings = {"--control": self.control_sock, "--keeper": self.keeper_sock, "--store": self.store, "--keys": self.converter.keys,
                    "--cache-dir": self.cache, "--config": self.converter.config, "--user": "61616", "--free-share": "0.01"}
        settings.update(zip(self.flags[::2], self.flags[1::2]))
        command = [os.path.join(BIN, "floe-fusefs")] + [word for pair in settings.items() for word in pair]
        self.fusefs = subprocess.Popen(command, stderr=self.log, env=self.env)
        self.control = Control(self.control_sock)

        def answers():
            if self.fusefs.poll() is not None:
                raise RuntimeError("floe-fusefs ended: " + self.log_text()[-2000:])
            try:
                self.control.call(Control.PING)
                return True
            except OSError:
                return False
        self.wait_for(answers)

    def kill(self):
        self.fusefs.send_signal(signal.SIGKILL)
        self.fusefs.wait()

    def restart(self):
        self.kill()
        self.start()

    def mount(self, name, manifest, **options):
        opened = self.control.open(name, manifest, **options)
        point = os.path.join(self.folder, "mnt-" + name)
        os.makedirs(point, exist_ok=True)
        script = "import sys; sys.path.insert(0, %r); import fusefs_node as n; n.mount_erofs(%d, %r, %r)" % (
            os.path.dirname(os.path.abspath(__file__)), self.fuse, name, point)
        subprocess.run([sys.executable, "-c", script], check=True, pass_fds=[self.fuse], timeout=60)
        self.mounts[name] = point
        return point, opened

    def umount(self, name):
        point = self.mounts.pop(name)
        if LIBC.umount2(point.encode(), 0) != 0:
            LIBC.umount2(point.encode(), 2)

    def opens(self, name):
        return sum(i["open"] for i in self.control.list() if i["name"] == name)


def mount_erofs(fuse, name, point):
    mount = fs_mount("erofs", {"ro": None, "source": "/proc/self/fd/%d/%s" % (fuse, name)})
    syscall(MOVE_MOUNT, mount, b"", -100, point.encode(), MOVE_MOUNT_F_EMPTY_PATH)


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as knob:
        knob.write("3")


def cached_bytes(path):
    """What of this file is in the page cache: cachestat(2), Linux 6.5. Machine-wide counters would count others."""
    with open(path, "rb") as source:
        where, what = (ctypes.c_uint64 * 2)(0, 0), (ctypes.c_uint64 * 5)()
        syscall(CACHESTAT, source.fileno(), where, what, 0)
        return what[0] * 4096


def tree_digests(point):
    out = {}
    for folder, _, names in os.walk(point):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as source:
                out[os.path.relpath(path, point)] = hashlib.sha256(source.read()).hexdigest()
    return out


def digests_of(files):
    return {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
