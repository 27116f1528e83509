#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=300
"""Our description of containerd's services is that of its API: every message, field, enum value and method of
proto/containerd/ is compared with the .proto files of the Go module that test/go/suite pins, in both directions."""
import os
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("FLOE_SOURCE") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
MODULE = "github.com/containerd/containerd/api"


def run(*command, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if result.returncode != 0:
        sys.exit("%s: %s" % (" ".join(command)[:200], result.stderr.decode()[-800:]))
    return result.stdout


def module_folder():
    go = run(os.path.join(SOURCE, "packaging", "install-go")).decode().strip()
    place = os.path.join(SOURCE, "test", "go", "suite")
    environment = dict(os.environ, GOFLAGS="-mod=readonly", GOTOOLCHAIN="local")
    run(go, "mod", "download", MODULE, cwd=place, env=environment)
    version, folder = run(go, "list", "-m", "-f", "{{.Version}} {{.Dir}}", MODULE, cwd=place, env=environment).decode().split()
    assert version == "v1.12.0", version
    return folder


def descriptor_text(include, files):
    """A FileDescriptorSet of the files and what they import, as protoc's text."""
    with tempfile.NamedTemporaryFile() as out:
        run("protoc", "-I" + include, "--include_imports", "--descriptor_set_out=" + out.name, *files)
        with open(out.name, "rb") as encoded:
            return run("protoc", "--decode=google.protobuf.FileDescriptorSet", "google/protobuf/descriptor.proto", stdin=encoded).decode()


def parse(lines):
    """The text format as nested lists of (name, value); a value is a list or a text."""
    items = []
    for line in lines:
        line = line.strip()
        if line == "}":
            return items
        if line.endswith("{"):
            items.append((line[:-1].strip(), parse(lines)))
        else:
            name, value = line.split(": ", 1)
            items.append((name, value.strip('"')))
    return items


def first(items, name, default=""):
    return next((value for key, value in items if key == name), default)


def every(items, name):
    return [value for key, value in items if key == name]


def facts_of_message(prefix, message, facts):
    name = "%s.%s" % (prefix, first(message, "name"))
    facts[name] = "message"
    for field in every(message, "field"):
        facts["%s #%s" % (name, first(field, "number"))] = tuple(
            first(field, part) for part in ("name", "label", "type", "type_name", "proto3_optional"))
    for nested in every(message, "nested_type"):
        facts_of_message(name, nested, facts)
    for enum in every(message, "enum_type"):
        facts_of_enum(name, enum, facts)


def facts_of_enum(prefix, enum, facts):
    name = "%s.%s" % (prefix, first(enum, "name"))
    facts[name] = "enum"
    for value in every(enum, "value"):
        facts["%s #%s" % (name, first(value, "number"))] = first(value, "name")


def facts_in(text):
    """What goes over the wire: {thing: what it is} for everything in containerd's packages."""
    facts = {}
    for file in every(parse(iter(text.splitlines())), "file"):
        package = first(file, "package")
        if not package.startswith("containerd."):
            continue
        for message in every(file, "message_type"):
            facts_of_message("." + package, message, facts)
        for enum in every(file, "enum_type"):
            facts_of_enum("." + package, enum, facts)
        for service in every(file, "service"):
            for method in every(service, "method"):
                facts["/%s.%s/%s" % (package, first(service, "name"), first(method, "name"))] = tuple(
                    first(method, part) for part in ("input_type", "output_type", "client_streaming", "server_streaming"))
    return facts


def main():
    root = os.path.join(SOURCE, "proto", "containerd")
    files = sorted(os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names if name.endswith(".proto"))
    ours = facts_in(descriptor_text(SOURCE, [os.path.join("proto/containerd", name) for name in files]))
    module = module_folder()
    # Their files lie under the same names.
    missing = [name for name in files if not os.path.exists(os.path.join(module, name))]
    if missing:
        sys.exit("containerd's API has no %s" % ", ".join(missing))
    theirs = facts_in(descriptor_text(module, files))
    problems = []
    for thing in sorted(set(ours) | set(theirs)):
        # Types that no service of ours uses need no description.
        if thing.startswith(".containerd.types.") and thing.split(" #")[0] not in ours:
            continue
        if ours.get(thing) != theirs.get(thing):
            problems.append("%s: ours %s, containerd's %s" % (thing, ours.get(thing), theirs.get(thing)))
    for problem in problems:
        print(problem)
    print("%d files, %d facts compared, %d differ" % (len(files), len(ours), len(problems)))
    sys.exit(1 if problems or len(ours) < 100 else 0)


if __name__ == "__main__":
    main()
