#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=300 cost=20
"""cmake --install: everything is there with and without DESTDIR, and what is installed runs from its prefix.

usage: install_test.py [TEST...]      (the build tree is the folder above $FLOE_BIN; needs root)
"""
import glob
import os
import re
import shutil
import subprocess

import floe_box
from floe_box import BAD_INPUT, check, equal, main, noise, tar

BUILT = floe_box.BIN
PROGRAMS = {"floe", "ctr-floe", "floe-snapshotter", "floe-fusefs", "floe-keeper"}
PAGES = {"man1/ctr-floe.1", "man1/floe-abort.1", "man1/floe-convert.1", "man1/floe-export.1", "man1/floe-inspect.1", "man1/floe-key.1",
         "man1/floe-mount.1", "man1/floe-store.1", "man1/floe-umount.1", "man1/floe.1", "man5/floe.toml.5", "man8/floe-fusefs.8",
         "man8/floe-keeper.8", "man8/floe-snapshotter.8"}


def install(prefix, destdir=""):
    done = subprocess.run(["cmake", "--install", os.path.dirname(BUILT), "--prefix", prefix], capture_output=True, text=True,
                          env={**os.environ, "DESTDIR": destdir})
    check(done.returncode == 0, "cmake --install failed:\n%s%s", done.stdout, done.stderr)


def files(folder):
    return {os.path.relpath(os.path.join(top, name), folder) for top, _, names in os.walk(folder) for name in names}


def all_is_there(root, prefix):
    """Below `root` + `prefix`, and naming `prefix` only."""
    there = files(root + prefix)
    wanted = {"bin/" + name for name in PROGRAMS} | {"share/man/" + page for page in PAGES} | {
        "share/bash-completion/completions/floe", "share/zsh/site-functions/_floe", "share/fish/vendor_completions.d/floe.fish",
        "lib/systemd/system/floe-keeper.service", "lib/systemd/system/floe-snapshotter.service",
        "share/doc/floe/README.md", "share/doc/floe/LICENSE", "share/doc/floe/CHANGELOG.md", "share/doc/floe/operations.md",
        "share/doc/floe/examples/floe.toml", "share/doc/floe/examples/containerd-1.6.toml",
        "share/doc/floe/examples/containerd-1.7.toml", "share/doc/floe/examples/containerd-2.toml",
        "share/doc/floe/policies/converter.json", "share/doc/floe/policies/node.json", "share/doc/floe/policies/collector.json"}
    equal(sorted(wanted - there), [], "not installed")
    equal(sorted(name for name in there if name.startswith("bin/") and name not in wanted), [], "programs that nobody asked for")
    for name in there:
        if name.startswith("share/") and not name.startswith("share/doc/"):
            check(os.path.getsize(os.path.join(root + prefix, name)) > 0, "%s is empty", name)
    for unit in glob.glob(root + prefix + "/lib/systemd/system/*.service"):
        with open(unit) as text:
            paths = re.findall(r"^(?:ExecStart=|Documentation=file:)(\S+)", text.read(), re.M)
        equal(len(paths), 2, "paths in " + unit)
        for path in paths:
            check(path.startswith(prefix + "/") and os.path.exists(root + path), "%s names %s", unit, path)


def everything_is_installed_below_the_prefix(box):
    install(box.path("opt"))
    all_is_there("", box.path("opt"))


def destdir_only_moves_it(box):
    install("/usr", destdir=box.path("stage"))
    equal(os.listdir(box.path("stage")), ["usr"], "below DESTDIR")
    all_is_there(box.path("stage"), "/usr")


def man_pages_are_in_order(box):
    install(box.path("opt"))
    folder = box.path("opt/share/man")
    for page in sorted(PAGES):
        with open(os.path.join(folder, page)) as text:
            lines = text.read().splitlines()
        if lines[0].startswith(".so "):
            check(os.path.exists(os.path.join(folder, lines[0][4:])), "%s refers to nothing: %s", page, lines[0])
            continue
        equal((lines[0][:4], lines[1]), (".TH ", ".SH NAME"), "beginning of " + page)
        check(" \\- " in lines[2], "%s does not say what it is: %s", page, lines[2])
        check(not any("**" in line or "`" in line for line in lines), "Markdown is left in %s", page)
        if shutil.which("groff"):
            lint = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], cwd=folder, capture_output=True, text=True)
            equal(lint.stderr, "", "what groff says of " + page)


def installed_programs_find_each_other(box):
    install(box.path("opt"))
    floe_box.BIN = box.path("opt/bin")
    try:
        content = noise(500_000, 3)
        source = box.layout("src", tar(("file", content)))
        box.convert(source, box.path("lazy"))
        target = box.path("mnt")
        os.mkdir(target)
        box.undo.callback(subprocess.run, [box.path("opt/bin/floe"), "umount", target], stderr=subprocess.DEVNULL)
        box.floe("mount", "oci:" + box.path("lazy"), target)
        with open(os.path.join(target, "file"), "rb") as file:
            equal(file.read(), content, "a file")
        ours = {os.path.basename(exe) for exe in running() if exe.startswith(box.path("opt/bin/"))}
        equal(ours, {"floe-fusefs", "floe-keeper"}, "programs that run from the prefix")
        box.floe("umount", target)
        equal([exe for exe in running() if exe.startswith(box.dir)], [], "still running")
    finally:
        floe_box.BIN = BUILT


def running():
    for link in glob.glob("/proc/[0-9]*/exe"):
        try:
            yield os.readlink(link)
        except OSError:
            pass  # ended meanwhile


def every_setting_of_the_example_is_known(box):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/config/floe.toml")) as example:
        text = re.sub(r"^#([a-z_]+ = )", r"\1", example.read(), flags=re.M)
    for name, place in (("address", "folder:" + box.store), ("directory", box.keys), ("root", box.path("root")), ("runtime_dir", box.path("run")),
                        ("cache_dir", box.path("cache"))):
        text, count = re.subn(r'^%s = ".*"' % name, '%s = "%s"' % (name, place), text, flags=re.M)
        equal(count, 1, "settings " + name)
    config = box.write("all.toml", text)
    box.floe("--config", config, "key", "list")
    _, err = box.floe("--config", box.write("bad.toml", text.replace("zstd_level", "zstd_levle")), "key", "list", code=BAD_INPUT)
    check("bad.toml" in err and "zstd_levle" in err, "the bad setting is not named: %s", err)
    for program, word, arguments in (("floe-fusefs", "keeper", ("--keeper", box.path("none.sock"), "--control", box.path("control.sock"))),
                                     ("floe-snapshotter", "", ("shutdown",))):
        run = subprocess.run([os.path.join(BUILT, program), *arguments, "--config", config], capture_output=True, text=True, timeout=60)
        check("all.toml" not in run.stderr and word in run.stderr, "%s with the example: %s", program, run.stderr)
        broken = box.write("bad.toml", text.replace("[log]", "[log]\nlevle = 1"))
        run = subprocess.run([os.path.join(BUILT, program), *arguments, "--config", broken], capture_output=True, text=True, timeout=60)
        check(run.returncode != 0 and "bad.toml" in run.stderr and "levle" in run.stderr, "%s with a bad setting: %s", program, run.stderr)


if __name__ == "__main__":
    main(everything_is_installed_below_the_prefix, destdir_only_moves_it, man_pages_are_in_order, installed_programs_find_each_other,
         every_setting_of_the_example_is_known)
