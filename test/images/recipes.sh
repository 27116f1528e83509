# The recipes of test/images/make: what each layer does. Sourced, never run.
# A recipe calls `layer NAME LOWER... -- SCRIPT` and then `finish IMAGE LAYER... -- options of oci_image.py`.
# shellcheck shell=bash disable=SC2154

finish() {
  local name=$1 layers=()
  shift
  while [ "$1" != -- ]; do
    layers+=(--layer "$work/$1.tar,${compression:-gzip}")
    shift
  done
  shift
  "$oci" image "$work/out-$name" latest --layer "$work/base.tar,gzip" --layer "$work/upgrade.tar,gzip" "${layers[@]}" "$@" >/dev/null
}

# Only ever run inside the chroot of `layer`.
upgrade_script() {
  printf "cat >/etc/apt/sources.list <<'SOURCES'\n%s\nSOURCES\n" "$debian"
  echo "apt-get -q -o Acquire::Retries=3 update"
  echo "apt-get -y -q -o Dpkg::Options::=--force-unsafe-io upgrade"
  echo "install tzdata netbase make"
}

# What nearly every Dockerfile ends with, and what makes whiteouts and an opaque directory.
tidy='rm -rf /usr/share/doc /usr/share/man /usr/share/locale
rm -rf /var/lib/apt/lists; mkdir -p /var/lib/apt/lists; echo cleaned > /var/lib/apt/lists/README
rm -f /var/log/dpkg.log /var/log/apt/*.log /etc/motd'

image_python() {
  layer python-1 base upgrade -- 'install python3 python3-numpy'
  layer python-2 base upgrade python-1 -- 'install python3-scipy python3-pandas
    mkdir -p /srv/app; printf "import numpy, scipy.stats, pandas\n" > /srv/app/main.py; ln /srv/app/main.py /srv/app/copy.py'
  layer python-3 base upgrade python-1 python-2 -- "$tidy
    rm -rf /usr/lib/python3/dist-packages/numpy/f2py/tests; rm -f /srv/app/copy.py; chmod 700 /srv/app"
  finish python python-1 python-2 python-3 -- --cmd python3
}

image_node() {
  layer node-1 base upgrade -- 'install nodejs'
  layer node-2 base upgrade node-1 -- "$tidy
    mkdir -p /srv/app; echo 'console.log(\"floe\")' > /srv/app/index.js"
  compression=zstd finish node node-1 node-2 -- --cmd node --workdir /srv/app
}

image_postgres() {
  layer postgres-1 base upgrade -- 'mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
    install postgresql'
  layer postgres-2 base upgrade postgres-1 -- "$tidy
    mkdir -p /var/lib/postgresql/data; chmod 700 /var/lib/postgresql/data; chown postgres:postgres /var/lib/postgresql/data"
  finish postgres postgres-1 postgres-2 -- --env PGDATA=/var/lib/postgresql/data --cmd postgres
}

image_jre() {
  layer jre-1 base upgrade -- 'mkdir -p /usr/share/man/man1; install default-jre-headless'
  layer jre-2 base upgrade jre-1 -- "$tidy
    dpkg --purge --force-depends netbase"
  compression=plain finish jre jre-1 jre-2 -- --cmd java
}

image_gcc() {
  layer gcc-1 base upgrade -- 'install gcc libc6-dev'
  layer gcc-2 base upgrade gcc-1 -- 'printf "#include <stdio.h>\nint main(void) { puts(\"floe\"); return 0; }\n" > /srv/hello.c
    dpkg --purge make'
  layer gcc-3 base upgrade gcc-1 gcc-2 -- "$tidy"
  finish gcc gcc-1 gcc-2 gcc-3 -- --cmd gcc
}
