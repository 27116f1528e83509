#!/bin/busybox sh
# The init of test/kernel61's guest: first in the initramfs (stage 1: moves into a tmpfs, because runc cannot pivot an initramfs),
# then there (stage 2): loads modules, runs /guest/check.sh, tells its exit code on the console and powers off.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
if [ "$1" != stage2 ]; then
  /bin/busybox --install -s /bin
  mkdir -p /new
  mount -t tmpfs -o size=80%,mode=755 tmpfs /new
  for name in /*; do
    case $name in /new | /proc | /sys | /dev) ;; *) cp -a "$name" /new/ && rm -rf "/removed$name" ;; esac
  done
  mkdir -p /new/proc /new/sys /new/dev /new/run /new/tmp /new/var/tmp /new/var/lib /new/var/cache /new/root
  exec switch_root /new /init stage2
fi
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
while read -r module; do insmod "$module" || echo "guest: insmod $module failed"; done </guest/modules
sh /guest/check.sh
echo "GUEST EXIT $?"
sync
poweroff -f
