#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shipped systemd units keep containers alive: no word that makes a mount namespace, nothing that kills floe-fusefs or
floe-keeper with the service, and every word that node survival needs.

usage: units_lint.py ROOT
"""
import os
import re
import sys

# Each of these gives the service a mount namespace of its own, in which containerd would not see floe's mounts.
FORBIDDEN = {
    "BindPaths", "BindReadOnlyPaths", "DynamicUser", "ExecPaths", "ExtensionDirectories", "ExtensionImages", "InaccessiblePaths",
    "MountAPIVFS", "MountFlags", "MountImages", "NoExecPaths", "PrivateDevices", "PrivateIPC", "PrivateMounts", "PrivateTmp", "ProcSubset",
    "ProtectControlGroups", "ProtectHome", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables",
    "ProtectProc", "ProtectSystem", "ReadOnlyPaths", "ReadWritePaths", "RootDirectory", "RootImage", "TemporaryFileSystem",
    "PrivateUsers", "PrivateNetwork",
}
# Stopping one unit must not stop these, nor may they stop with another.
COUPLING = {"BindsTo", "PartOf", "Requires", "Requisite", "Conflicts", "JoinsNamespaceOf", "StopWhenUnneeded"}
REQUIRED = {
    "floe-keeper.service": {
        ("Service", "KillMode"): "process", ("Service", "SendSIGKILL"): "no", ("Service", "OOMScoreAdjust"): "-999",
        ("Service", "Type"): "notify", ("Service", "Restart"): "always", ("Service", "FileDescriptorStoreMax"): r"[1-9]\d*",
        ("Service", "RuntimeDirectoryPreserve"): "yes", ("Unit", "DefaultDependencies"): "no", ("Unit", "RefuseManualStop"): "yes",
        ("Unit", "Before"): r".*\bfloe-snapshotter\.service\b.*\bcontainerd\.service\b.*",
    },
    "floe-snapshotter.service": {
        ("Service", "KillMode"): "process", ("Service", "SendSIGKILL"): "no", ("Service", "OOMScoreAdjust"): "-999",
        ("Service", "Type"): "notify", ("Service", "Restart"): "always", ("Service", "FileDescriptorStoreMax"): r"[1-9]\d*",
        ("Service", "RuntimeDirectoryPreserve"): "yes", ("Unit", "DefaultDependencies"): "no",
        ("Unit", "After"): r".*\bfloe-keeper\.service\b.*", ("Unit", "Before"): r".*\bcontainerd\.service\b.*",
    },
}


def parse(path):
    """[(section, key, value)], comments and blank lines left out."""
    section, settings = "", []
    for number, line in enumerate(open(path), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line:
            key, value = line.split("=", 1)
            settings.append((section, key.strip(), value.strip()))
        else:
            settings.append((section, line, ""))
    return settings


def problems_of(name, settings):
    for section, key, value in settings:
        if key in FORBIDDEN and value.lower() not in ("no", "false", "0", "off"):
            yield "%s: %s= makes a mount namespace of its own or hides the host: containerd would not see floe's mounts" % (name, key)
        if key in COUPLING:
            yield "%s: %s= ties its end to another unit's" % (name, key)
        if key in ("StateDirectory", "CacheDirectory"):
            yield "%s: %s= changes owners of what belongs to floe-fusefs' user" % (name, key)
        if key == "Slice" or (key == "KillMode" and value != "process"):
            yield "%s: %s=%s" % (name, key, value)
        if key.startswith("ExecStop"):
            yield "%s: %s= would act on a mere restart; teardown is a command of its own" % (name, key)
    found = {(section, key): value for section, key, value in settings}
    for where, pattern in REQUIRED.get(name, {}).items():
        if not re.fullmatch(pattern, found.get(where, "")):
            yield "%s: [%s] %s must be %s, is \"%s\"" % (name, where[0], where[1], pattern, found.get(where, ""))
    for key in ("RuntimeDirectory", "RuntimeDirectoryMode"):
        expected = {"RuntimeDirectory": "floe", "RuntimeDirectoryMode": "0711"}[key]
        if name in REQUIRED and found.get(("Service", key)) != expected:
            yield "%s: %s must be %s in both units" % (name, key, expected)


def self_test():
    """The lint sees what it is there to see."""
    bad = [("Service", "PrivateTmp", "yes"), ("Service", "ProtectSystem", "strict"), ("Service", "KillMode", "control-group"),
           ("Unit", "PartOf", "containerd.service"), ("Service", "ExecStopPost", "/bin/true")]
    seen = list(problems_of("floe-keeper.service", bad))
    for word in ("PrivateTmp", "ProtectSystem", "KillMode", "PartOf", "ExecStopPost", "OOMScoreAdjust", "FileDescriptorStoreMax"):
        if not any(word in problem for problem in seen):
            return ["self test: a bad %s passed" % word]
    if any("PrivateTmp" in p for p in problems_of("x.service", [("Service", "PrivateTmp", "no")])):
        return ["self test: PrivateTmp=no was refused"]
    return []


def main(root):
    folder = os.path.join(root, "packaging/systemd")
    problems = self_test()
    names = sorted(name for name in os.listdir(folder) if name.endswith(".service"))
    problems += ["%s is missing" % name for name in sorted(REQUIRED) if name not in names]
    for name in names:
        problems += problems_of(name, parse(os.path.join(folder, name)))
    for problem in problems:
        print(problem)
    print("%d units, %d problems" % (len(names), len(problems)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
