#!/bin/sh
# What `npm test` needs beside deploy/setup.sh: Debian's etcd and etcdctl, to compare etcd-lite with, clients of
# another language, openssl, which reads our certificates, and strace, which makes disks fail. Safe to run at any time.
#
# etcd is taken out of its package, not installed: the package starts a service where there is a systemd.
set -eu

say() { printf '%s\n' "kubets: $*" >&2; }

extracted=/var/cache/kubets/etcd

apt() { # apt COMMAND…: once more after an update where the lists are old or absent
  "$@" >/tmp/kubets-apt.log 2>&1 || {
    apt-get update >/tmp/kubets-apt.log 2>&1 && "$@" >>/tmp/kubets-apt.log 2>&1
  } || { tail -n 20 /tmp/kubets-apt.log >&2; say 'apt-get failed (above)'; exit 1; }
}

fetch_etcd() {
  say "fetching etcd from Debian's packages"
  downloads=$(mktemp -d)
  trap 'rm -rf "$downloads"' EXIT
  chmod 755 "$downloads"
  cd "$downloads"
  apt apt-get download etcd-server etcd-client
  mkdir -p "$extracted"
  for package in *.deb; do dpkg -x "$package" "$extracted"; done
}

for name in etcd etcdctl; do
  if ! [ -x "/usr/bin/$name" ] && ! [ -x "$extracted/usr/bin/$name" ]; then
    fetch_etcd
    break
  fi
done

for tool in strace openssl; do
  command -v "$tool" >/dev/null 2>&1 && continue
  say "installing from Debian's packages: $tool"
  export DEBIAN_FRONTEND=noninteractive
  apt apt-get install -y --no-install-recommends "$tool"
done

if ! /usr/bin/python3 -c 'import etcd3, kubernetes' >/dev/null 2>&1; then
  say "installing from Debian's packages: python3-etcd3, python3-kubernetes"
  export DEBIAN_FRONTEND=noninteractive
  apt apt-get install -y --no-install-recommends python3-etcd3 python3-kubernetes
fi
