#!/bin/sh
# Set-up of a fresh Debian machine for `npm start` and `npm test`: Docker Engine, CNI plugins and the tools of the
# network, from Debian's packages where absent; a running dockerd; the npm packages. Safe to run at any time.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "kubets: $*" >&2; }

if [ "$(id -u)" != 0 ]; then
  say 'this needs root: it makes network namespaces and starts dockerd.'
  say 'Without root, on a machine with Docker: deploy/compose.sh up'
  exit 1
fi

missing=''
need() { # need COMMAND-OR-FILE PACKAGE
  case "$1" in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac || missing="$missing $2"
}
need dockerd docker.io
need /usr/lib/cni/bridge containernetworking-plugins
need nft nftables
need ip iproute2
need iptables iptables
need sysctl procps
need nsenter util-linux
need conntrack conntrack
need containerd containerd
need haproxy haproxy
need /bin/busybox busybox-static
need kubectl kubernetes-client
need curl curl
if [ -n "$missing" ]; then
  say "installing from Debian's packages:$missing"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  apt-get install -y --no-install-recommends $missing >/tmp/kubets-apt.log 2>&1 || {
    apt-get update >/tmp/kubets-apt.log 2>&1 &&
      apt-get install -y --no-install-recommends $missing >>/tmp/kubets-apt.log 2>&1
  } || { tail -n 20 /tmp/kubets-apt.log >&2; say 'apt-get failed (above)'; exit 1; }
fi

if ! docker version >/dev/null 2>&1; then
  say 'starting dockerd'
  if [ -d /run/systemd/system ]; then
    systemctl start docker
  else
    rm -f /var/run/docker.pid
    setsid dockerd >/var/log/dockerd-kubets.log 2>&1 </dev/null &
  fi
  tries=0
  until docker version >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 150 ]; then
      tail -n 20 /var/log/dockerd-kubets.log >&2 || true
      say 'dockerd does not answer (its log is above)'
      exit 1
    fi
    sleep 0.2
  done
fi

# npm ci only when the lock file changed since the last one.
if ! cmp -s package-lock.json node_modules/.kubets-lock 2>/dev/null; then
  say 'installing npm packages'
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  # Compiled code is kept from now on: the first start is as quick as the next.
  for main in etcd-lite apiserver scheduler controller-manager kubelet proxy; do
    NODE_COMPILE_CACHE=node_modules/.cache/kubets-compile node_modules/.bin/node "$main/main.ts" --version >/dev/null 2>&1 || true
  done
  cp package-lock.json node_modules/.kubets-lock
fi
