#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a corpus of OCI layouts with odd trees of several layers: one folder a case, tag "t".

usage: odd_trees.py DIR [--seeds N] [--only NAME...] [--list]

Every edge that doc/quirks.md and the tests speak of has a case; N more are random (seeded: the same every time). Cases that
containerd unpacks are for property/equality_test.py; REFUSED ones are for what floe refuses, with the words its error must hold.
"""
import io
import os
import random
import struct
import sys
import tarfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oci_layout

D, L, S, C, B, P = tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE
CASES = {}    # name -> (function that gives the layers, compressions)
REFUSED = {}  # name -> (function, words of the error)


class Layer:
    """A tar under construction."""

    def __init__(self, form=tarfile.PAX_FORMAT):
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=form)

    def add(self, name, data=b"", type=tarfile.REGTYPE, xattrs=None, link="", mtime=1500000000, mode=None, pax=None, **fields):
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.mtime = type, link, mtime
        member.mode = mode if mode is not None else 0o755 if type == D else 0o644
        member.size = len(data)
        for field, value in fields.items():
            setattr(member, field, value)
        member.pax_headers = dict(pax or {})
        for key, value in (xattrs or {}).items():
            member.pax_headers["SCHILY.xattr." + key] = value.decode("utf-8", "surrogateescape")
        self.tar.addfile(member, io.BytesIO(data))
        return self

    def dir(self, name, **fields):
        return self.add(name, type=D, **fields)

    def link(self, name, target, **fields):
        return self.add(name, type=L, link=target, **fields)

    def symlink(self, name, target, **fields):
        return self.add(name, type=S, link=target, **fields)

    def raw(self, block):
        """Bytes of one's own in the middle of the archive."""
        self.tar.fileobj.write(block)
        self.tar.offset += len(block)
        return self

    def bytes(self):
        self.tar.close()
        return self.buffer.getvalue()


def case(*how):
    def register(function):
        CASES[function.__name__.replace("_", "-")] = (function, how or ("gzip",))
        return function
    return register


def refused(words):
    def register(function):
        REFUSED[function.__name__.replace("_", "-")] = (function, words)
        return function
    return register


@case("gzip", "zstd", "none", "gzip-members")
def compressions():
    return [Layer().dir("d%d" % i).add("d%d/f" % i, os.fsencode("layer %d " % i) * 5000) for i in range(5)]


@case()
def empty_layer():
    return [Layer(), Layer()]


@case()
def whiteouts():
    base = Layer().dir("d").dir("e").dir("e/sub")
    for name in ("d/file", "d/other", "e/sub/deep", "top", "again"):
        base.add(name, b"base " + name.encode())
    base.symlink("d/link", "file").symlink("dangling", "nowhere")
    top = Layer().add("d/.wh.file").add("d/.wh.link").add(".wh.dangling").add("e/.wh.sub").add(".wh.never-there")
    top.add(".wh.again").add("again", b"anew")
    third = Layer().add("d/file", b"third").dir("e/sub").add("e/sub/new", b"n")
    return [base, top, third]


@case()
def whiteout_in_the_lowest_layer():
    layer = Layer().dir("d").add("d/gone", b"1").add("d/.wh.gone").add("d/.wh.later").add("d/later", b"2")
    layer.add("implicit/a", b"3").dir("listed").add("listed/x", b"4").add(".wh..wh..opq").add("after/x", b"5")
    return [layer, Layer().add("d/more", b"6")]


@case()
def opaque():
    base = Layer().dir("d").dir("e").dir("e/sub").dir("r")
    for name in ("d/a", "d/b", "e/sub/a", "e/sub/b", "e/c", "r/x"):
        base.add(name, name.encode())
    top = Layer().dir("d").add("d/before", b"1").add("d/.wh..wh..opq").add("d/a", b"new a").add("d/after", b"2")
    top.add("e/sub/.wh..wh..opq").add("e/sub/n", b"3")
    third = Layer().dir("d").add("d/third", b"4").add("e/sub/.wh.n").add("r/.wh..wh..opq")
    return [base, top, third, Layer().add("r/y", b"5")]


@case()
def opaque_root():
    return [Layer().add("a", b"1").dir("d").add("d/x", b"2"), Layer().add(".wh..wh..opq").add("b", b"3")]


@case()
def whiteout_beside_opaque_marker():
    base = Layer().dir("d").add("d/a", b"1").add("d/b", b"2")
    return [base, Layer().dir("d").add("d/.wh..wh..opq").add("d/.wh.a").add("d/c", b"3"), Layer().dir("new").add("new/.wh.z").add("new/y", b"4")]


@case()
def type_changes():
    base = Layer().dir("a").add("a/x", b"1").add("b", b"file").symlink("c", "a").add("d", type=P).dir("e").add("e/y", b"2")
    second = Layer().add("a", b"now a file").dir("b").add("b/z", b"3").dir("c").add("c/w", b"4").dir("d").symlink("e", "b")
    third = Layer().dir("a").add("a/n", b"5").add("b", b"file again").add("c", type=P).symlink("d", "a").dir("e").add("e/v", b"6")
    return [base, second, third]


@case()
def whiteout_then_directory():
    """containerd loses the whiteout when a directory of the same name follows: the lower one shows through."""
    return [Layer().dir("d").add("d/low", b"1"), Layer().add(".wh.d").dir("d").add("d/high", b"2")]


@case()
def duplicates():
    layer = Layer().dir("d", mode=0o700, xattrs={"user.one": b"1"}).add("d/f", b"first").add("d/f", b"second and longer").add("d/f", b"3rd", mode=0o600)
    layer.dir("d", mode=0o711, mtime=1400000000, xattrs={"user.two": b"2"}).symlink("s", "a").symlink("s", "b").add("t", b"x").dir("t").add("t/in", b"y")
    layer.dir("u").add("u/in", b"z").add("u", b"file now").add("h", b"hard").link("h2", "h").add("h", b"other inode now")
    return [layer]


@case()
def hard_links():
    base = Layer().dir("d").add("d/a", b"shared", mode=0o600).link("d/b", "d/a", mode=0o640, mtime=1400000000).link("c", "d/b", mode=0o4755, uid=7, gid=8)
    base.symlink("s", "d/a").link("s2", "s", uid=5, mtime=1300000000).add("p", type=P).link("p2", "p").add("n", type=C, devmajor=5, devminor=1).link("n2", "n")
    base.add("cap", b"x", xattrs={"security.capability": capability()}).link("cap2", "cap")
    base.add("keep", b"x", xattrs={"security.capability": capability()}).link("keep2", "keep", xattrs={"security.capability": capability(), "user.more": b"1"})
    base.symlink("dl", "d").link("through", "dl/a").link("abs", "/d/a").link("up", "d/../d/a")
    second = Layer().add("d/.wh.a").add(".wh.c").add("s2", b"a file now")
    return [base, second, Layer().add(".wh.d").add("e/b", b"alone")]


@case()
def many_hard_links():
    layer = Layer().dir("links").add("links/first", b"one inode")
    for i in range(66000):
        layer.link("links/%05d" % i, "links/first")
    return [layer, Layer().add("links/.wh.00007")]


@case()
def many_subdirectories():
    layer = Layer().dir("many")
    for i in range(66000):
        layer.dir("many/%05d" % i)
    return [layer]


@case()
def missing_parents():
    base = Layer().dir("low", mode=0o2750, uid=3, gid=44, mtime=1400000000, xattrs={"user.low": b"low"}).dir("low/d", mode=0o711, gid=9)
    base.add("low/d/f", b"1").symlink("way", "low/d").add("no/parents/here", b"2")
    second = Layer().add("low/d/g", b"3").add("low/new/x", b"4").add("way/through", b"5").add("no/other/h", b"6")
    third = Layer().add("low/d/i", b"7").dir("low", mode=0o755, xattrs={"user.high": b"high"})
    return [base, second, third]


@case()
def missing_parents_behind_opaque():
    """A parent that no entry lists takes its attributes from any lower layer, even one that an opaque directory hides."""
    base = Layer().dir("a").dir("a/b", mode=0o700, uid=5, xattrs={"user.b": b"b"}).add("a/b/f", b"1")
    return [base, Layer().dir("a").add("a/.wh..wh..opq"), Layer().add("a/b/g", b"2")]


@case()
def set_group_id_parents():
    return [Layer().dir("g", mode=0o2775, gid=77).add("g/made/up/f", b"1").dir("g/listed", gid=3).add("g/listed/f", b"2"), Layer().add("g/more/x", b"3")]


@case()
def times():
    layer = Layer().dir("d", mtime=0)
    for number, mtime in enumerate(("0", "1.5", "-1", "-1.5", "-0.5", "1234567890.123456789", "1234567890.1234567899", "2147483648", "4294967296.000000001",
                                    "253402300799", "9223372036", "9223372037", "-62135596800")):
        layer.add("d/%02d" % number, b"t", pax={"mtime": mtime}, mtime=0)
        layer.symlink("d/s%02d" % number, "t", pax={"mtime": mtime}, mtime=0)
    return [layer, Layer(tarfile.GNU_FORMAT).add("gnu-negative", b"t", mtime=-1000).add("gnu-late", b"t", mtime=1 << 34)]


@case()
def owners_and_modes():
    layer = Layer()
    for uid, gid in ((0, 0), (65535, 65535), (65536, 70000), (2147483648, 4294967294)):
        layer.add("f%d" % uid, b"o", uid=uid, gid=gid).dir("d%d" % uid, uid=uid, gid=gid).symlink("l%d" % uid, "x", uid=uid, gid=gid)
    for mode in (0, 0o777, 0o1777, 0o2755, 0o4755, 0o6111, 0o7777):
        layer.add("m%o" % mode, b"m", mode=mode).dir("dm%o" % mode, mode=mode).add("pm%o" % mode, type=P, mode=mode)
    return [layer]


@case()
def devices():
    layer = Layer().dir("dev")
    for number, (major, minor) in enumerate(((1, 3), (5, 1), (8, 255), (8, 256), (259, 1048575), (4095, 70000))):
        layer.add("dev/c%d" % number, type=C, devmajor=major, devminor=minor, mode=0o600)
        layer.add("dev/b%d" % number, type=B, devmajor=major, devminor=minor, mode=0o660)
    layer.add("dev/fifo", type=P, mode=0o622)
    return [layer]


@case()
def device_0_0():
    base = Layer().dir("d").add("d/a", b"1").add("d/b", b"2").add("low", type=C).add("blk", type=B)
    return [base, Layer().add("d/a", type=C, devmajor=0, devminor=0).add("z", type=C)]


@case()
def symlinks():
    layer = Layer().dir("real").dir("real/sub")
    for length in (1, 59, 60, 255, 1000, 2048, 3000, 4031, 4032, 4033, 4095):
        layer.symlink("long%d" % length, "t" * length)
    layer.symlink("rel", "real").symlink("abs", "/real").symlink("twice", "rel").symlink("up", "../../../real").symlink("sub2", "real/sub")
    layer.symlink("dots", "real/sub/../sub").symlink("dangling", "not/there").symlink("real/back", "..").symlink("loop", "loop")
    for name in ("rel/a", "abs/b", "twice/c", "up/d", "sub2/e", "dots/f", "dangling/g", "real/back/h"):
        layer.add(name, name.encode())
    layer.dir("rel/made").add("rel/made/x", b"1")
    second = Layer().add("rel/replaced", b"2").dir("abs")
    return [layer, second]


def capability():
    return struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)


def acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, permissions, id) for tag, permissions, id in entries)


@case()
def xattrs():
    everything = {"user.a": b"1", "user.empty": b"", "user.bin": bytes(range(256)), "trusted.t": b"dropped", "trusted.overlay.opaque": b"y",
                  "security.capability": capability(), "security.other": b"kept", "unknown.ns": b"dropped", "system.foo": b"dropped"}
    layer = Layer().dir("d", xattrs=everything).add("d/f", b"x", xattrs=everything).symlink("d/s", "f", xattrs=everything)
    layer.add("d/p", type=P, xattrs=everything).add("d/c", type=C, devmajor=1, devminor=3, xattrs=everything)
    for i in range(40):
        layer.add("d/same%02d" % i, b"s", xattrs={"user.common": b"c" * 30, "user.own": b"%d" % i})
    layer.add("d/many", b"m", xattrs={"user.n%03d" % i: b"v%d" % i for i in range(300)})
    layer.add("long-name", b"n", xattrs={"user." + "n" * 250: b"v"})
    return [layer, Layer().add("d/f", b"replaced").dir("d", xattrs={"user.second": b"2"})]


@case()
def big_xattrs():
    layer = Layer()
    for size in (1023, 1024, 1025, 4000, 40000, 65535):
        layer.add("f%d" % size, b"x", xattrs={"user.big": os.urandom(0) + bytes(i * 7 % 251 for i in range(size)), "user.small": b"s"})
    return [layer]


@case()
def acls():
    full = acl((1, 6, 0xFFFFFFFF), (2, 7, 1000), (4, 4, 0xFFFFFFFF), (16, 7, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))
    plain = acl((1, 7, 0xFFFFFFFF), (4, 5, 0xFFFFFFFF), (32, 5, 0xFFFFFFFF))
    layer = Layer().dir("d", xattrs={"system.posix_acl_default": full}).add("f", b"x", mode=0o640, xattrs={"system.posix_acl_access": full})
    layer.add("g", b"x", mode=0o600, xattrs={"system.posix_acl_access": plain}).dir("e", mode=0o2775, xattrs={"system.posix_acl_access": full})
    layer.symlink("s", "f", xattrs={"system.posix_acl_access": full}).add("p", type=P, mode=0o620, xattrs={"system.posix_acl_access": full})
    return [layer]


@case()
def names():
    layer = Layer().dir("n")
    strange = [b"!", b"-", b"--", b".a", b"..b", b"...", b"+", b" ", b"a b", b"new\nline", b"tab\t", b"\\", b"\xff\xfe", "ü€😀".encode(), b"x" * 255, b".wh", b"wh.x", b"%s", b"*", b"~"]
    for name in strange:
        layer.add("n/" + os.fsdecode(name), name)
    for name in ("./dot-slash", "/absolute", "//twice", "in/../out", "n//double", "n/./dot", "trailing/"):
        layer.add(name, name.encode(), type=D if name.endswith("/") else tarfile.REGTYPE, **({} if not name.endswith("/") else {"size": 0}))
    layer.dir("./").dir(".")
    deep = "/".join("%02d" % i + "p" * 100 for i in range(30))
    return [layer, Layer(tarfile.GNU_FORMAT).add("g" * 200 + "/" + "h" * 180, b"gnu long").symlink("gl", "t" * 300),
            Layer(tarfile.USTAR_FORMAT).add("u" * 100 + "/" + "v" * 90, b"ustar prefix"), Layer().add(deep + "/end", b"long")]


@case()
def big_directories():
    layer = Layer()
    for count, length in ((1, 250), (7, 200), (17, 220), (150, 14), (300, 200), (20000, 9)):
        layer.dir("dir%d" % count)
        for i in range(count):
            layer.add("dir%d/%s" % (count, ("%d" % i).rjust(length, "x")), b"")
    return [layer]


@case()
def sizes_and_holes():
    random.seed(1)
    layer = Layer()
    for size in (0, 1, 4095, 4096, 4097, 8192, 65536, 1048575, 1048576, 1048577, 3000001):
        layer.add("r%d" % size, random.randbytes(size)).add("z%d" % size, bytes(size))
    layer.add("islands", b"".join((random.randbytes(4096) if i % 50 == 0 else bytes(4096)) for i in range(1000)) + b"end")
    layer.add("last-zero", random.randbytes(5000) + bytes(200000))
    return [layer]


@case()
def sparse():
    def body(pieces, size):
        whole = bytearray(size)
        for at, data in pieces:
            whole[at:at + len(data)] = data
        return bytes(whole)
    pieces, size = [(0, b"start" * 100), (1 << 20, b"middle" * 1000), ((5 << 20) - 3, b"end")], 5 << 20
    data = b"".join(d for _, d in pieces)
    numbers = [n for at, d in pieces for n in (at, len(d))]
    layer = Layer()
    layer.add("plain", body(pieces, size))
    text = ("%d\n" % len(pieces) + "".join("%d\n" % n for n in numbers)).encode()
    text += bytes(-len(text) % 512)
    layer.add("GNUSparseFile.0/v10", text + data, pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "v10", "GNU.sparse.realsize": str(size)})
    layer.add("GNUSparseFile.0/v01", data, pax={"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "v01", "GNU.sparse.size": str(size),
                                               "GNU.sparse.numblocks": "3", "GNU.sparse.map": ",".join(map(str, numbers))})
    layer.add("empty-map", b"0\n" + bytes(510), pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "hole", "GNU.sparse.realsize": "1000000"})
    return [layer]


@case()
def global_header():
    header = tarfile.TarInfo("pax_global_header")
    header.type, header.size = tarfile.XGLTYPE, 0
    record = b"26 comment=0123456789abcdef\n"
    record = b"%d comment=0123456789abcdef\n" % len(record)
    uid = b"14 uid=1234567\n"[:0] + b"11 uid=123\n"
    layer = Layer().add("before", b"1")
    header.size = len(record + uid)
    layer.raw(header.tobuf(tarfile.USTAR_FORMAT)).raw((record + uid).ljust(512, b"\0"))
    return [layer.add("after", b"2")]


@case()
def deletes_and_reappears():
    layers = [Layer().dir("d").dir("d/e").add("d/e/f", b"0")]
    for i in range(1, 9):
        layers.append(Layer().add("d/.wh.e") if i % 2 else Layer().dir("d/e", mode=0o700 + i).add("d/e/f%d" % i, b"%d" % i))
    return layers


@case()
def link_target_below_whiteout():
    base = Layer().dir("d").add("d/f", b"data").link("g", "d/f").dir("e").link("e/h", "d/f")
    return [base, Layer().add(".wh.d"), Layer().dir("d").add("d/f", b"another")]


def random_case(seed):
    """Layers that containerd unpacks: parents are always directories there, whiteouts come before what replaces them, what a layer
    lists as a directory stays one (containerd sets its time at the end), and a parent that is not listed has no file above it in any
    lower layer (containerd looks for its attributes there)."""
    rng = random.Random(seed)
    names = ["a", "b", "c", "dd", "e.h", "usr", "doc"]

    def parent_ok(path, own):
        at = path.rsplit("/", 1)[0] if "/" in path else ""
        while at:
            if own.get(at, "dir") != "dir":
                return False
            at = at.rsplit("/", 1)[0] if "/" in at else ""
        return True

    def note(path, kind, own):
        own[path] = kind
        while "/" in path:
            path = path.rsplit("/", 1)[0]
            own[path] = "dir"

    def unlisted_ok(path, own):
        parents = ["/".join(path.split("/")[:n]) for n in range(1, path.count("/") + 1)]
        missing = [parent for parent in parents if parent not in own]
        return not any(below.get(above, "dir") != "dir" for below in lower for parent in missing for above in parents if parent.startswith(above + "/"))

    layers, lower = [], []
    for number in range(rng.randint(2, 6)):
        layer, own = Layer(rng.choice((tarfile.PAX_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))), {}
        pax = layer.tar.format == tarfile.PAX_FORMAT
        listed = set()
        for _ in range(rng.randint(5, 60)):
            path = "/".join(rng.choice(names) for _ in range(rng.randint(1, 4)))
            if not parent_ok(path, own) or not unlisted_ok(path + "/x", own):
                continue
            fields = {"mtime": rng.choice((0, 1, 1500000000, rng.randrange(1 << 33))), "uid": rng.choice((0, 0, 1000, 100000)), "gid": rng.choice((0, 33, 70000))}
            if pax and rng.random() < 0.3:
                fields["xattrs"] = {"user." + rng.choice("xyz"): rng.randbytes(rng.randint(0, 60)) for _ in range(rng.randint(1, 3))}
            kind = rng.choice(("file", "file", "file", "dir", "dir", "symlink", "link", "whiteout", "opaque", "fifo"))
            here = own.get(path)
            if kind not in ("dir", "opaque") and any(p == path or p.startswith(path + "/") for p in listed):
                continue
            if kind == "whiteout":
                below = any(p.startswith(path + "/") for p in own)
                if number == 0 or here is not None or below:
                    continue
                layer.add(("%s/.wh.%s" % tuple(path.rsplit("/", 1))) if "/" in path else ".wh." + path)
                note(path, "whiteout", own)
                continue
            if kind == "opaque":
                if number == 0 or (here or "dir") != "dir":
                    continue
                layer.add(path + "/.wh..wh..opq")
                note(path, "dir", own)
                continue
            if kind == "link":
                targets = [p for p, k in own.items() if k == "file" and p != path and not p.startswith(path + "/")]
                if not targets:
                    continue
                fields.pop("xattrs", None)
                layer.link(path, rng.choice(targets), **fields)
                kind = "file"
            elif kind == "file":
                layer.add(path, rng.randbytes(rng.choice((0, 3, 4096, 10000))), mode=rng.choice((0o644, 0o755, 0o4711)), **fields)
            elif kind == "dir":
                listed.add(path)
                layer.dir(path, mode=rng.choice((0o755, 0o700, 0o1777, 0o2755)), **fields)
            elif kind == "symlink":
                layer.symlink(path, rng.choice(("target", "../x", "/abs")), **fields)
            else:
                layer.add(path, type=P, **fields)
            if kind != "dir" or here != "dir":
                for gone in [p for p in own if p.startswith(path + "/")]:
                    del own[gone]
            note(path, kind, own)
        layers.append(layer)
        lower.append(own)
    return layers


@refused("leads out of the image")
def climbs():
    return [Layer().add("../../etc/passwd", b"x")]


@refused("leads out of the image")
def climbs_from_the_root():
    return [Layer().add("/../etc/passwd", b"x")]


@refused("leads out of the image")
def link_climbs():
    return [Layer().link("x", "../../../etc/passwd")]


@refused("which is not there")
def link_to_nothing():
    return [Layer().link("x", "y")]


@refused("which is in no layer below")
def link_to_nothing_below():
    return [Layer().dir("d").add("d/f", b"1"), Layer().add(".wh.d"), Layer().link("x", "d/f")]


@refused("is not a directory")
def below_a_file():
    return [Layer().add("f", b"x").add("f/g", b"y")]


@refused("too many symlinks")
def symlink_loop():
    return [Layer().symlink("a", "b").symlink("b", "a").add("a/x", b"y")]


@refused("whiteout of no name")
def whiteout_of_the_parent():
    return [Layer().dir("d"), Layer().add("d/.wh...")]


@refused("entry \"f\": its xattr user.big has 65536 bytes; a flat image holds at most 65535")
def xattr_of_64k():
    return [Layer().add("f", b"x", xattrs={"user.big": b"b" * 65536})]


@refused("symlink of 4096 bytes")
def symlink_of_4096():
    return [Layer().symlink("s", "t" * 4096)]


@refused("its name has 256 bytes")
def name_of_256():
    return [Layer().add("n" * 256, b"")]


@refused("unpacks to more than")
def sparse_bomb():
    return [Layer().add("x", b"0\n" + bytes(510), pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "bomb", "GNU.sparse.realsize": str(1 << 60)})]


def beyond_path_max():
    """A path of 12,065 bytes: containerd cannot unpack it."""
    return [Layer().add("/".join("%02d" % i + "p" * 198 for i in range(60)) + "/end", b"deep down")]


def write(folder, name, layers, how=("gzip",)):
    oci_layout.write(os.path.join(folder, name), [layer.bytes() for layer in layers], how=how)


def main(arguments):
    if "--list" in arguments:
        print("\n".join(list(CASES) + list(REFUSED)))
        return 0
    folder, seeds, only = arguments[0], 20, None
    if "--seeds" in arguments:
        seeds = int(arguments[arguments.index("--seeds") + 1])
    if "--only" in arguments:
        only = set(arguments[arguments.index("--only") + 1:])
    for name, (function, how) in CASES.items():
        if only is None or name in only:
            write(folder, name, function(), how)
    for name, (function, _) in REFUSED.items():
        if only is None or name in only:
            write(os.path.join(folder, "refused"), name, function())
    for seed in range(seeds):
        if only is None or "random-%d" % seed in only:
            write(folder, "random-%d" % seed, random_case(seed))
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
