#!/bin/sh
# The cluster as containers: compose.sh up | down | ps | logs …
# `up` builds the image (on $BASE, or on a base made from Debian's packages where no registry is reachable), brings
# the cluster up and waits until its nodes are Ready. `down` also removes the Pods' containers; data stays.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
export KUBETS_ROOT="${KUBETS_ROOT:-/var/lib/kubets}"
export KUBETS_IMAGE="${KUBETS_IMAGE:-kubets:1.36}"

say() { printf '%s\n' "kubets: $*" >&2; }

compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose -p kubets -f "$here/docker-compose.yml" "$@"
  else
    docker-compose -p kubets -f "$here/docker-compose.yml" "$@"
  fi
}

base_image() {
  if [ -n "${BASE:-}" ]; then echo "$BASE"; return; fi
  if docker image inspect kubets-base:bookworm >/dev/null 2>&1; then echo kubets-base:bookworm; return; fi
  if docker image inspect debian:bookworm-slim >/dev/null 2>&1 || docker pull -q debian:bookworm-slim >/dev/null 2>&1; then
    echo debian:bookworm-slim; return
  fi
  say 'no registry is reachable: making a base image from Debian packages'
  command -v debootstrap >/dev/null 2>&1 || apt-get install -y --no-install-recommends debootstrap >&2
  target=$(mktemp -d)
  trap 'rm -rf "$target"' EXIT
  packages=busybox-static,conntrack,containernetworking-plugins,iproute2,iptables,nftables,procps,util-linux
  mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' \
    /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>/dev/null | head -n 1)
  debootstrap --variant=minbase --include="$packages" bookworm "$target" "${mirror:-http://deb.debian.org/debian}" >&2
  rm -rf "$target"/var/cache/apt/archives/*.deb "$target"/var/lib/apt/lists/*
  tar -C "$target" -c . | docker import - kubets-base:bookworm >/dev/null
  echo kubets-base:bookworm
}

build() {
  base=$(base_image)
  context=$(mktemp -d)
  # What git knows, and the packages that run: no tests' tools, no state.
  (cd "$root" && git ls-files -z | tar --null -T - -c) | tar -x -C "$context"
  cp "$root/package-lock.json" "$context/"
  (cd "$context" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
  docker build -q --build-arg "BASE=$base" -t "$KUBETS_IMAGE" -f "$here/Dockerfile" "$context" >&2
  rm -rf "$context"
}

case "${1:-}" in
  up)
    docker image inspect "$KUBETS_IMAGE" >/dev/null 2>&1 && [ -z "${REBUILD:-}" ] || build
    mkdir -p "$KUBETS_ROOT"
    # A mount point of its own, so that what kubelets mount in it is shared with dockerd.
    mountpoint -q "$KUBETS_ROOT" || mount --bind "$KUBETS_ROOT" "$KUBETS_ROOT"
    mount --make-rshared "$KUBETS_ROOT"
    compose up -d
    say "waiting for the nodes; kubeconfig: $KUBETS_ROOT/admin.conf"
    tries=0
    until [ "$(kubectl --kubeconfig "$KUBETS_ROOT/admin.conf" get nodes --no-headers 2>/dev/null | grep -c ' Ready')" = 3 ]; do
      tries=$((tries + 1))
      [ "$tries" -lt 120 ] || { compose logs --tail=20 >&2; say 'the nodes are not Ready'; exit 1; }
      sleep 1
    done
    kubectl --kubeconfig "$KUBETS_ROOT/admin.conf" get nodes
    ;;
  down)
    compose down
    docker ps -aq --filter label=io.kubets.node | xargs -r docker inspect \
      --format '{{.Id}} {{index .Config.Labels "io.kubets.root-dir"}}' | while read -r id dir; do
        case "$dir" in "$KUBETS_ROOT"/*) docker rm -f "$id" >/dev/null ;; esac
      done
    ;;
  build) build ;;
  *) compose "$@" ;;
esac
