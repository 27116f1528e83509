#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=600 cost=60
"""floe on the command line: conversions, what they find again, and how every kind of bad input ends.

usage: cli_test.py [TEST...]      (programs from $FLOE_BIN)
"""
import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time

from floe_box import (BAD_INPUT, BIN, DONE, FULL, INTERRUPTED, NOT_FOUND, REFUSED, USAGE, check, equal, main, noise, oci_layout, tar)


def base(seed=1):
    return tar(("bin", None), ("bin/tool", noise(900_000, seed)), ("etc", None), ("etc/name", b"first\n"),
               ("usr", None), ("usr/data", noise(2_000_000, seed + 1)))


def top():
    return tar(("etc/name", b"second\n"), ("etc/.wh.gone", b""), ("bin/new", noise(300_000, 9)))


def change_json(layout, digest_of, change):
    """Replaces a JSON document that the layout's image points to, with all digests above it made right."""
    manifest = oci_layout.manifest(layout)
    body = json.loads(json.dumps(manifest))
    change(body)
    entry = oci_layout.put_blob(layout, json.dumps(body).encode(), body.get("mediaType", oci_layout.MANIFEST))
    index = oci_layout.read_json(os.path.join(layout, "index.json"))
    entry["annotations"] = index["manifests"][0].get("annotations", {})
    if digest_of is not None:
        entry["mediaType"] = digest_of
    index["manifests"] = [entry]
    with open(os.path.join(layout, "index.json"), "w") as out:
        json.dump(index, out)


def replace_layer(layout, data, keep_digest):
    """Other bytes for the first layer: under its old digest (a liar's registry), or under their own."""
    manifest = oci_layout.manifest(layout)
    layer = manifest["layers"][0]
    if keep_digest:
        with open(oci_layout.blob_path(layout, layer["digest"]), "wb") as blob:
            blob.write(data)
        return
    fresh = oci_layout.put_blob(layout, data, layer["mediaType"])
    change_json(layout, None, lambda body: body["layers"].__setitem__(0, fresh))


def converts_and_finds_it_again(box):
    source = box.layout("src", base(), top())
    first = box.convert(source, box.path("one"))
    equal(first["outcome"], "converted", "outcome")
    check(first["chunks"]["new"] > 5 and first["chunks"]["reused"] == 0, "chunks: %s", first["chunks"])
    equal(len(box.chunks()), first["chunks"]["new"], "chunks in the store")
    again = box.convert(source, box.path("one"))
    equal(again["outcome"], "unchanged", "outcome of the second time")
    elsewhere = box.convert(source, box.path("two"))
    equal(elsewhere["outcome"], "reused", "outcome elsewhere")
    for other in (again, elsewhere):
        equal(other["digest"], first["digest"], "digest")
        equal(other["manifest"], first["manifest"], "manifest")
    manifest = oci_layout.manifest(box.path("two"))
    equal(len(manifest["layers"]), 1, "layers of the result")
    equal(manifest["annotations"]["floe.conversion"], first["conversion"], "annotation")
    shutil.rmtree(box.path("two"))
    words, _ = box.floe("convert", "oci:" + source, "oci:" + box.path("two"))
    check("converted before" in words and first["digest"] in words, "words: %s", words)


def threads_do_not_matter(box):
    source = box.layout("src", base(), top(), how=("gzip", "zstd"))
    one = box.convert(source, box.path("one"), "--again", "--threads", "1")
    two = box.convert(source, box.path("two"), "--again", "--threads", "2")
    equal(two["manifest"], one["manifest"], "manifest")
    equal(two["digest"], one["digest"], "digest")
    equal((two["chunks"]["new"], two["chunks"]["repaired"]), (0, 0), "new and repaired chunks")


def a_second_image_adds_little(box):
    big = noise(8_000_000, 20)
    first = box.convert(box.layout("a", tar(("data", big), ("name", b"a"))), box.path("a-floe"))
    second = box.convert(box.layout("b", tar(("data", big), ("name", b"b"))), box.path("b-floe"))
    share = second["chunks"]["new_raw_bytes"] / first["chunks"]["new_raw_bytes"]
    check(share < 0.15, "the second image added %.0f %% of the first", 100 * share)
    facts = box.json("inspect", "oci:" + box.path("b-floe"))[0]["floe"]
    check(facts["store"]["shared_raw_bytes"] > 0.8 * facts["raw_bytes"], "sharing: %s", facts["store"])


def damaged_chunks_are_repaired(box):
    source = box.layout("src", base())
    first = box.convert(source, box.path("one"))
    victims = box.chunks()[:3]
    originals = [open(path, "rb").read() for path in victims]
    os.chmod(victims[0], 0o644)
    with open(victims[0], "r+b") as chunk:  # a flipped bit
        chunk.seek(100)
        chunk.write(bytes([originals[0][100] ^ 1]))
    with open(victims[1], "r+b") as chunk:  # cut short
        chunk.truncate(50)
    os.unlink(victims[2])  # missing
    again = box.convert(source, box.path("one"), "--again")
    equal(again["manifest"], first["manifest"], "manifest")
    equal((again["chunks"]["repaired"], again["chunks"]["new"]), (2, 1), "repaired and new chunks")
    for path, original in zip(victims, originals):
        equal(hashlib.sha256(open(path, "rb").read()).hexdigest(), os.path.basename(path), "hash of the repaired chunk")
        equal(open(path, "rb").read(), original, "bytes of the repaired chunk")


def interrupted_and_continued(box):
    source = box.layout("src", tar(("data", noise(60_000_000, 3))), how=("",))
    box.init()
    process = box.start("convert", "--level", "19", "oci:" + source, "oci:" + box.path("out"))
    while len(box.chunks()) < 5 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    equal(process.returncode, INTERRUPTED, "exit code; it said %s" % err)
    equal(box.left_over(), [], "left over")
    check(not os.path.exists(box.path("out/index.json")), "the destination got a name")
    before = len(box.chunks())
    killed = box.start("convert", "--level", "19", "oci:" + source, "oci:" + box.path("out"))
    while len(box.chunks()) < before + 5 and killed.poll() is None:
        time.sleep(0.01)
    killed.kill()
    killed.communicate(timeout=60)
    before = len(box.chunks())
    report = box.convert(source, box.path("out"), "--level", "19")
    check(report["chunks"]["reused"] >= before - 1 and report["chunks"]["new"] > 0, "chunks: %s", report["chunks"])
    equal(box.floe("store", "check")[1], "", "words of the check")


def platforms_of_an_index(box):
    layouts = {arch: box.layout(arch, tar(("arch", arch.encode())), platform=("linux", arch)) for arch in ("amd64", "arm64", "s390x")}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
    source = box.layout("src", tar(("x", b"")))
    for arch, layout in layouts.items():
        shutil.copytree(os.path.join(layout, "blobs"), os.path.join(source, "blobs"), dirs_exist_ok=True)
        entry = oci_layout.read_json(os.path.join(layout, "index.json"))["manifests"][0]
        entry.pop("annotations")
        entry["platform"] = {"os": "linux", "architecture": arch}
        index["manifests"].append(entry)
    entry = oci_layout.put_blob(source, json.dumps(index).encode(), index["mediaType"])
    entry["annotations"] = {oci_layout.REF_NAME: "t"}
    with open(os.path.join(source, "index.json"), "w") as out:
        json.dump({"schemaVersion": 2, "manifests": [entry]}, out)
    box.init()
    report = box.json("convert", "--all-platforms", "oci:" + source, "oci:" + box.path("all"))
    equal([image["platform"] for image in report["images"]], ["linux/amd64", "linux/arm64", "linux/s390x"], "platforms")
    facts = box.json("inspect", "oci:" + box.path("all"))
    equal([image["converted"] for image in facts], [True] * 3, "converted")
    equal(box.convert(source, box.path("one"), "--platform", "linux/arm64")["platform"], "linux/arm64", "platform")
    box.fails(NOT_FOUND, ["ppc64le", "linux/arm64"], source, "--platform", "linux/ppc64le", target=box.path("none"))


def nothing_configured(box):
    source = box.layout("src", base())
    script = ("mount -t tmpfs none /etc && mount -t tmpfs none /var/lib && "
              "unset FLOE_CONFIG FLOE_STORE FLOE_KEYS && "
              "%s convert oci:%s oci:%s && ls /var/lib/floe-store /etc/floe/keys" % (os.path.join(BIN, "floe"), source, box.path("out")))
    process = subprocess.run(["unshare", "-m", "bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             timeout=100, env={**os.environ, **box.env})
    equal(process.returncode, DONE, "exit code; it said %s" % process.stderr)
    for word in ("folder:/var/lib/floe-store", "/etc/floe/keys"):
        check(word in process.stderr, "nothing said of %s: %s", word, process.stderr)
    for name in ("floe.json", "local.key", "signing.key"):
        check(name in process.stdout, "no %s: %s", name, process.stdout)


def a_second_machine(box):
    source = box.layout("src", base())
    first = box.convert(source, box.path("lazy"))
    other = {"FLOE_KEYS": box.path("other-keys")}
    facts = json.loads(box.floe("--json", "inspect", "oci:" + box.path("lazy"), env=other)[0])[0]["floe"]
    equal((facts["opened"], facts["signature_trusted"]), (False, False), "without keys")
    check("floe key" in facts["open_error"] + facts["signature_error"], "no remedy: %s", facts)
    _, err = box.floe("export", "oci:" + box.path("lazy"), "oci:" + box.path("plain"), env=other, code=REFUSED)
    check("floe key" in err, "no remedy: %s", err)
    box.floe("key", "export", box.path("bundle"))
    equal(os.stat(box.path("bundle")).st_mode & 0o777, 0o600, "mode of the bundle")
    box.floe("key", "import", box.path("bundle"), "--name", "first", env=other)
    facts = json.loads(box.floe("--json", "inspect", "oci:" + box.path("lazy"), env=other)[0])[0]["floe"]
    equal((facts["opened"], facts["manifest"]), (True, first["manifest"]), "with keys")
    check(facts["signed_by"].startswith("first"), "signed by %r", facts["signed_by"])
    box.floe("export", "oci:" + box.path("lazy"), "oci:" + box.path("plain"), env=other)
    # The domain's secret stays with converters.
    _, err = box.floe("convert", "--again", "oci:" + source, "oci:" + box.path("x"), env=other, code=REFUSED)
    check("domain" in err, "no word of the domain: %s", err)


def entries_of(layout):
    """Everything but the order of a one-layer image's tar."""
    found = {}
    with tarfile.open(fileobj=__import__("io").BytesIO(gzip.decompress(open(oci_layout.layer_paths(layout)[0], "rb").read()))) as archive:
        for info in archive:
            data = archive.extractfile(info).read() if info.isreg() else b""
            name = info.name.removeprefix("./").strip("/") or "."
            headers = {key: value for key, value in info.pax_headers.items() if key.startswith("SCHILY.xattr.")}
            found[name] = (info.type if not info.islnk() else b"link", info.mode, info.uid, info.gid, info.mtime, info.linkname,
                           info.devmajor, info.devminor, hashlib.sha256(data).hexdigest(), tuple(sorted(headers.items())))
    return found


def exports_what_it_converted(box):
    entries = [(".", None), ("bin", None), ("bin/a", noise(1_500_000, 5)), ("bin/b", {"type": tarfile.LNKTYPE, "linkname": "bin/a"}),
               ("bin/sh", {"type": tarfile.SYMTYPE, "linkname": "a", "mode": 0o777}),
               ("dev", None), ("dev/null", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3, "mode": 0o666}),
               ("run", None), ("run/pipe", {"type": tarfile.FIFOTYPE, "mode": 0o600}),
               ("empty", b""), ("long-" + 200 * "x", b"long"), ("cap", {"mode": 0o4755, "uid": 70000, "gid": 70001,
                                                                        "pax_headers": {"SCHILY.xattr.user.a": "b"}})]
    source = box.layout("src", tar(*entries))
    box.convert(source, box.path("lazy"))
    report = box.json("export", "oci:" + box.path("lazy"), "oci:" + box.path("plain"))
    equal(entries_of(box.path("plain")), entries_of(source), "entries")
    config = oci_layout.read_json(oci_layout.blob_path(box.path("plain"), oci_layout.manifest(box.path("plain"))["config"]["digest"]))
    equal(config["config"], {"Cmd": ["/bin/sh"]}, "config")
    equal(len(config["rootfs"]["diff_ids"]), 1, "diff ids")
    equal(report["digest"], box.json("export", "oci:" + box.path("lazy"), "oci:" + box.path("again"))["digest"], "digest of a second export")
    _, err = box.floe("export", "oci:" + source, "oci:" + box.path("x"), code=REFUSED)
    check("not converted" in err, "words: %s", err)
    box.fails(REFUSED, ["already", "convert the original"], box.path("lazy"), target=box.path("twice"))


def bad_layers(box):
    good = gzip.compress(base(), 1, mtime=0)

    def variant(name, data, keep_digest=False):
        layout = box.layout(name, base())
        replace_layer(layout, data, keep_digest)
        return layout
    digest = oci_layout.manifest(box.layout("src", base()))["layers"][0]["digest"]
    box.fails(BAD_INPUT, [digest], variant("truncated", good[:len(good) // 2], True))
    box.fails(BAD_INPUT, [digest], variant("longer", good + b"x", True))
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    box.fails(BAD_INPUT, [digest], variant("flipped", bytes(flipped), True))
    cut = variant("cut-gzip", good[:len(good) // 2])
    box.fails(BAD_INPUT, [oci_layout.manifest(cut)["layers"][0]["digest"]], cut)
    box.fails(BAD_INPUT, [], variant("bad-gzip", bytes(flipped)))
    box.fails(BAD_INPUT, [], variant("no-gzip", b"this is no gzip at all"))
    box.fails(BAD_INPUT, [], variant("no-tar", gzip.compress(b"this is no tar at all" * 100)))
    box.fails(BAD_INPUT, [], variant("cut-tar", gzip.compress(base()[:1000_000])))
    missing = box.layout("missing", base())
    os.unlink(oci_layout.layer_paths(missing)[0])
    box.fails(NOT_FOUND, [digest], missing)


def bad_paths(box):
    link = {"type": tarfile.LNKTYPE, "linkname": "../../etc/passwd"}
    for number, entry in enumerate([("../escape", b"x"), ("a/../../escape", b"x"), ("link", link)]):
        source = box.layout("path%d" % number, tar(("ok", b"ok"), entry))
        box.init()
        process = box.start("convert", "oci:" + source, "oci:" + box.path("out%d" % number))
        _, err = process.communicate(timeout=60)
        equal(process.returncode, BAD_INPUT, "exit code for %s; it said %s" % (entry[0], err))
        equal(box.left_over(), [], "left over")
    check(not os.path.exists("/var/tmp/escape") and not os.path.exists(box.path("escape")), "something escaped")


def bombs(box):
    source = box.layout("big", tar(("zeros", bytes(30_000_000))))
    box.fails(FULL, ["10000000"], source, "--max-unpacked", "10MB")
    many = box.layout("many", tar(*[("f%d" % i, b"") for i in range(500)]))
    box.fails(FULL, ["100"], many, "--max-entries", "100")
    box.convert(many, box.path("fine"), "--max-entries", "500")


def bad_documents(box):
    strange = box.layout("strange", base())
    change_json(strange, None, lambda body: body["layers"][0].update(mediaType="application/x-strange"))
    box.fails(BAD_INPUT, ["application/x-strange"], strange)
    schema1 = box.layout("schema1", base())
    change_json(schema1, "application/vnd.docker.distribution.manifest.v1+prettyjws", lambda body: (body.update(schemaVersion=1), body.pop("mediaType")))
    box.fails(REFUSED, ["schema"], schema1)
    few = box.layout("few", base(), top())
    change_json(few, None, lambda body: body["layers"].pop())
    box.fails(BAD_INPUT, [], few)
    garbage = box.layout("garbage", base())
    entry = oci_layout.put_blob(garbage, b"{not json", oci_layout.MANIFEST)
    with open(os.path.join(garbage, "index.json"), "w") as out:
        json.dump({"schemaVersion": 2, "manifests": [entry]}, out)
    box.fails(BAD_INPUT, [], garbage)
    box.fails(NOT_FOUND, [box.path("nowhere")], box.path("nowhere"))
    wrong = box.layout("wrong-diff", base())
    replace_layer(wrong, gzip.compress(top()), False)
    box.fails(BAD_INPUT, ["config says"], wrong, "--strict")
    box.convert(wrong, box.path("lenient"))


def mounted_small(box, name, size):
    path = box.path(name)
    os.mkdir(path)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % size, "tmpfs", path], check=True)
    box.undo.callback(subprocess.run, ["umount", path], check=True)
    return path


def full_disks(box):
    source = box.layout("src", tar(("data", noise(12_000_000, 4))))
    small = mounted_small(box, "small-work", 4_000_000)
    box.fails(FULL, [small], source, "--work-dir", small)
    equal(os.listdir(small), [], "left in the work directory")
    box.store = mounted_small(box, "small-store", 6_000_000)
    box.env["FLOE_STORE"] = "folder:" + box.store
    box.made_store = False
    box.fails(FULL, [], source)


def stores_that_are_not_there(box):
    source = box.layout("src", base())
    out = "oci:" + box.path("out")
    _, err = box.floe("convert", "oci:" + source, out, code=NOT_FOUND)
    check("floe store init" in err, "no remedy: %s", err)
    box.convert(source, box.path("lazy"))
    other = box.path("other-store")
    box.floe("store", "init", "folder:" + other)
    box.write("floe.toml", '[store]\naddress = "folder:%s"\nid = "%s"\n[convert]\nwork_dir = "%s"\n'
              % (other, "0" * 32, box.work))
    _, err = box.floe("convert", "oci:" + source, out, code=REFUSED, env={"FLOE_STORE": ""})
    check("id" in err, "no word of the id: %s", err)
    # The right keys and the wrong store: the image is not in it.
    box.write("floe.toml", "")
    _, err = box.floe("--store", "folder:" + other, "export", "oci:" + box.path("lazy"), out, code=NOT_FOUND)
    check(other in err, "the store is not named: %s", err)
    chunk = box.chunks()[0]
    os.unlink(chunk)
    _, err = box.floe("export", "oci:" + box.path("lazy"), out, code=NOT_FOUND)
    check(os.path.basename(chunk) in err, "the missing chunk is not named: %s", err)
    box.write("store/floe.json", "{")
    _, err = box.floe("convert", "--again", "oci:" + source, out, code=BAD_INPUT)
    check("floe.json" in err, "the damaged file is not named: %s", err)
    box.floe("--store", "s3:bucket", "convert", "oci:" + source, out, code=BAD_INPUT)


def words_and_codes(box):
    source = box.layout("src", base())
    box.init()
    _, err = box.floe("convert", "oci:" + source, code=USAGE)
    check("DST" in err, "words: %s", err)
    _, err = box.floe("--json", "convert", "oci:" + box.path("none"), "oci:" + box.path("out"), code=NOT_FOUND)
    equal(json.loads(err)["error"]["code"], "NOT_FOUND", "code in JSON")
    out, err = box.floe("--quiet", "convert", "oci:" + source, "oci:" + box.path("out"))
    equal((len(out.splitlines()), err), (1, ""), "lines of a quiet conversion")
    out, err = box.floe("convert", "--again", "oci:" + source, "oci:" + box.path("out"))
    check("\r" not in err and "\x1b" not in err, "control characters in a log: %r", err)
    box.write("floe.toml", "[convert]\nthreds = 1\n")
    _, err = box.floe("key", "list", code=BAD_INPUT)
    check("floe.toml:2" in err and "threds" in err, "words: %s", err)


if __name__ == "__main__":
    main(converts_and_finds_it_again, threads_do_not_matter, a_second_image_adds_little, damaged_chunks_are_repaired,
         interrupted_and_continued, platforms_of_an_index, nothing_configured, a_second_machine, exports_what_it_converted,
         bad_layers, bad_paths, bombs, bad_documents, full_disks, stores_that_are_not_there, words_and_codes)
