#!/bin/sh
# What test/kernel61 asks of floe on a kernel that cannot mount EROFS from a file: convert, mount by loop device, compare, run.
# Lines that begin with "SUMMARY" become doc/kernel61.md.
set -eu
say() { echo "SUMMARY $*"; }
fail() { echo "GUEST FAIL $*"; tail -n 30 /tmp/*.log 2>/dev/null; exit 1; }
seconds() { cut -d. -f1 /proc/uptime; }

say "kernel $(uname -r), $(nproc) emulated CPU(s)"
start=$(seconds)
floe convert "oci:/guest/layout:latest" "oci:/tmp/lazy:latest" >/tmp/convert.log 2>&1 || fail "floe convert"
say "converted an image of $(du -sk /guest/layout | cut -f1) kB in $(($(seconds) - start)) s (emulated)"

mkdir -p /mnt/image
floe mount "oci:/tmp/lazy:latest" /mnt/image >/tmp/mount.log 2>&1 || fail "floe mount"
source=$(grep ' erofs ' /proc/mounts | head -n 1 | cut -d' ' -f1)
case $source in
  /dev/loop*) say "mounted by loop device: $source" ;;
  *) fail "the mount's source is $source, not a loop device" ;;
esac
(cd /mnt/image && find . -type f | sort | xargs sha256sum) >/tmp/seen
cmp /guest/expected /tmp/seen || fail "file contents differ"
say "$(wc -l </tmp/seen) files equal the image's, byte for byte"
mkdir -p /mnt/upper /mnt/work /mnt/root # the image itself is mounted noexec; containers run from an overlay above it
mount -t overlay overlay -o lowerdir=/mnt/image,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root || fail "overlay above the image"
[ "$(chroot /mnt/root /bin/cat /etc/release)" = two ] || fail "a program of the image does not run"
umount /mnt/root
say "a program of the image runs from an overlay above the mount"
floe umount /mnt/image >/tmp/umount.log 2>&1 || fail "floe umount"
! grep -q ' erofs ' /proc/mounts || fail "a mount is left"
[ ! -e /sys/block/loop0/loop/backing_file ] || fail "loop0 is still in use"
say "unmounted; no loop device is left"

[ -x /usr/bin/containerd ] || exit 0
start=$(seconds)
floe-snapshotter >/tmp/snapshotter.log 2>&1 &
containerd -c /guest/containerd.toml >/tmp/containerd.log 2>&1 &
try=0
until [ -S /run/floe/snapshotter.sock ] && ctr version >/dev/null 2>&1; do
  try=$((try + 1))
  [ $try -lt 600 ] || fail "the daemons do not answer"
  usleep 200000
done
tar -C /tmp/lazy -cf /tmp/lazy.tar .
ctr images import --local --snapshotter floe --base-name example.invalid/lazy /tmp/lazy.tar >/tmp/import.log 2>&1 ||
  ctr images import --snapshotter floe --base-name example.invalid/lazy /tmp/lazy.tar >/tmp/import.log 2>&1 || fail "ctr images import"
image=$(ctr images ls -q | head -n 1)
out=$(ctr run --rm --snapshotter floe "$image" c1 /bin/cat /etc/release 2>/tmp/run.log) || fail "ctr run"
[ "$out" = two ] || fail "the container said: $out"
grep -q '^/dev/loop.* erofs ' /proc/mounts || fail "the container's lower is not a loop mount"
say "containerd started a container of it through floe-snapshotter in $(($(seconds) - start)) s (emulated)"
