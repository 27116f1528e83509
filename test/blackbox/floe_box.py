# SPDX-License-Identifier: Apache-2.0
"""A folder with a store, keys and images of its own, and the program floe in it; tests as functions that take one."""
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../tools"))
import oci_layout  # noqa: E402

BIN = os.environ.get("FLOE_BIN", os.path.join(HERE, "../../build/release/bin"))

DONE, FAILED, USAGE, BAD_INPUT, NOT_FOUND, REFUSED, TRY_AGAIN, FULL, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 7, 130


class Failure(Exception):
    pass


def check(condition, text, *values):
    if not condition:
        raise Failure(text % values if values else text)


def equal(got, wanted, what):
    check(got == wanted, "%s: got %r, wanted %r", what, got, wanted)


def tar(*entries):
    """A tar of (name, content or dict of TarInfo members) pairs; content: bytes, None for a directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.mtime = 1700000000
            info.mode = 0o644
            data = b""
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(content, dict):
                for member, value in content.items():
                    setattr(info, member, value)
            else:
                data = content
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def noise(size, seed=1):
    """Bytes that do not compress, the same for the same seed."""
    import random
    return random.Random(seed).randbytes(size)


class Box:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="floe-cli.", dir="/var/tmp")
        os.chmod(self.dir, 0o755)  # floe-fusefs has no privileges
        self.undo = contextlib.ExitStack()
        self.undo.callback(shutil.rmtree, self.dir, True)
        self.store, self.keys, self.work = (self.path(name) for name in ("store", "keys", "work"))
        os.mkdir(self.work)
        self.config = self.write("floe.toml", '[convert]\nwork_dir = "%s"\n' % self.work)
        self.env = {"FLOE_CONFIG": self.config, "FLOE_STORE": "folder:" + self.store, "FLOE_KEYS": self.keys}
        self.made_store = False

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as out:
            out.write(data.encode() if isinstance(data, str) else data)
        return self.path(name)

    def layout(self, name, *tars, **options):
        os.makedirs(self.path(name), exist_ok=True)
        oci_layout.write(self.path(name), list(tars), **options)
        return self.path(name)

    def start(self, *arguments, env=(), before=()):
        return subprocess.Popen(list(before) + [os.path.join(BIN, "floe")] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env={**os.environ, **self.env, **dict(env)})

    def floe(self, *arguments, code=DONE, env=(), before=()):
        """Runs floe (by the command `before`), checks the exit code; gives (output, errors)."""
        process = self.start(*arguments, env=env, before=before)
        out, err = process.communicate(timeout=200)
        check(code in (process.returncode, None), "floe %s ended with %s instead of %s\n%s%s", " ".join(arguments), process.returncode, code,
              out, err)
        return out, err

    def json(self, *arguments):
        return json.loads(self.floe("--json", *arguments)[0])

    def init(self):
        if not self.made_store:
            self.floe("store", "init", "folder:" + self.store)
        self.made_store = True

    def convert(self, source, target, *flags):
        """The report's only image."""
        self.init()
        images = self.json("convert", *flags, "oci:" + source, "oci:" + target)["images"]
        equal(len(images), 1, "images converted")
        return images[0]

    def chunks(self):
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.store) for name in names
                      if "/c/" in folder and len(name) == 64)

    def left_over(self):
        """What a failed conversion must not leave: work files, temporary files in the store, records, names."""
        left = [os.path.join(self.work, name) for name in os.listdir(self.work)]
        for folder, _, names in os.walk(self.store):
            left += [os.path.join(folder, name) for name in names if name.startswith(".tmp") or "/m/" in folder + "/"]
        return sorted(left)

    def fails(self, code, words, source, *flags, target=None):
        """A conversion that must fail: exit code, words in the message, nothing left."""
        self.init()
        target = target or self.path("out")
        before = self.left_over()
        _, err = self.floe("convert", *flags, "oci:" + source, "oci:" + target, code=code)
        for word in words:
            check(word in err, "the error does not name %r: %s", word, err)
        equal(self.left_over(), before, "left over")
        check(not os.path.exists(os.path.join(target, "index.json")), "the destination got a name")
        return err


def main(*tests):
    chosen = [test for test in tests if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]]
    failed = 0
    for test in chosen:
        box = Box()
        try:
            with box.undo:
                test(box)
            print("ok      %s" % test.__name__, flush=True)
        except Exception:
            failed += 1
            print("FAILED  %s\n%s" % (test.__name__, traceback.format_exc()), flush=True)
    print("%d tests, %d failed" % (len(chosen), failed))
    sys.exit(1 if failed or not chosen else 0)
