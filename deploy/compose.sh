#!/bin/sh
# The cluster as containers.
#   compose.sh up        builds the image if the sources changed, brings the cluster up, waits until its nodes are Ready
#   compose.sh down      removes everything that runs, the Pods' containers too; data stays
#   compose.sh reset     the same, and the data
#   compose.sh build     only the image: on $BASE, or on a base made from Debian's packages where no registry answers
#   compose.sh ps|logs|… any other command of docker compose
# Variables: KUBETS_ROOT, KUBETS_PORT, KUBETS_NETWORK, KUBETS_IMAGE (see docker-compose.yml), KUBETS_PROJECT.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
export KUBETS_ROOT="${KUBETS_ROOT:-/var/lib/kubets}"
export KUBETS_IMAGE="${KUBETS_IMAGE:-kubets:1.36}"
project="${KUBETS_PROJECT:-kubets}"
made_base=kubets-base:bookworm
sources_label=io.kubets.sources

say() { printf '%s\n' "kubets: $*" >&2; }
fail() { say "$*"; exit 1; }

command -v docker >/dev/null 2>&1 || fail 'docker is missing: deploy/setup.sh installs it on Debian (docker.io)'
if docker compose version >/dev/null 2>&1; then
  compose() { docker compose -p "$project" -f "$here/docker-compose.yml" "$@"; }
elif command -v docker-compose >/dev/null 2>&1; then
  compose() { docker-compose -p "$project" -f "$here/docker-compose.yml" "$@"; }
else
  fail "docker compose is missing: apt-get install docker-compose (or Docker's own docker-compose-plugin)"
fi

work=''
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

make_base() {
  say 'no registry is reachable: making a base image from Debian packages'
  [ "$(id -u)" = 0 ] || fail 'making a base image needs root; or set BASE to an image of Debian that Docker has'
  command -v debootstrap >/dev/null 2>&1 || apt-get install -y --no-install-recommends debootstrap >&2
  packages=busybox-static,conntrack,containernetworking-plugins,iproute2,iptables,nftables,procps,util-linux
  mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' \
    /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>/dev/null | head -n 1)
  debootstrap --variant=minbase --include="$packages" bookworm "$work/base" \
    "${mirror:-http://deb.debian.org/debian}" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log" >&2; fail 'debootstrap failed (above)'; }
  (cd "$work/base" && rm -rf var/cache/apt/* var/lib/apt/lists/* usr/share/doc/* usr/share/locale/* usr/share/man/*)
  tar -C "$work/base" -c . | docker import - "$made_base" >/dev/null
  rm -rf "$work/base"
}

# Sets $base.
choose_base() {
  base="${BASE:-}"
  [ -z "$base" ] || return 0
  for base in "$made_base" debian:bookworm-slim; do
    ! docker image inspect "$base" >/dev/null 2>&1 || return 0
  done
  ! timeout 120 docker pull -q "$base" >/dev/null 2>&1 || return 0
  make_base
  base=$made_base
}

# What runs: no tests, no state, nothing of the user's.
sources() {
  (cd "$root" && tar -c --sort=name --owner=0 --group=0 --mtime=@0 --exclude='*.test.ts' \
    package.json api apiserver client component-base controller-manager deploy etcd-lite kubelet proxy scheduler)
}

# The packages that run. Of @kubernetes/client-node only declarations: their comments are kubectl explain's texts.
modules() {
  (cd "$1" && npm ls --omit=dev --all --parseable 2>/dev/null | sed -n "s|^$1/||p" | grep -v '^node_modules/@types/' |
    tar -c --no-recursion --files-from=/dev/null --exclude='*.map' --exclude='node-linux-*/include' \
      --exclude='node-linux-*/share' --exclude='client-node/dist/gen/*.js' --recursion \
      --transform='s|^node_modules/||' --verbatim-files-from --files-from=- node_modules/.bin/node)
}

build() {
  work="${work:-$(mktemp -d)}"
  choose_base
  say "building $KUBETS_IMAGE on $base"
  mkdir -p "$work/context/sources" "$work/context/modules"
  sources | tar -x -C "$work/context/sources"
  if [ -d "$root/node_modules" ]; then
    modules "$root" | tar -x -C "$work/context/modules"
  else
    mkdir "$work/npm"
    cp "$root/package.json" "$root/package-lock.json" "$work/npm"
    (cd "$work/npm" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    modules "$work/npm" | tar -x -C "$work/context/modules"
  fi
  old=$(docker image inspect --format '{{.Id}}' "$KUBETS_IMAGE" 2>/dev/null || true)
  docker build --build-arg "BASE=$base" --label "$sources_label=$(sources | sha256sum | cut -c -64)" \
    -t "$KUBETS_IMAGE" -f "$here/Dockerfile" "$work/context" >"$work/build.log" 2>&1 ||
    { tail -n 30 "$work/build.log" >&2; fail 'docker build failed (above)'; }
  # The one before it, unless something still runs on it.
  [ -z "$old" ] || docker image rm "$old" >/dev/null 2>&1 || true
}

# The image stands for these sources; one from elsewhere, without the label, is taken as it is.
built() {
  has=$(docker image inspect --format "{{index .Config.Labels \"$sources_label\"}}" "$KUBETS_IMAGE" 2>/dev/null) || return 1
  [ -z "$has" ] || [ "$has" = "$(sources | sha256sum | cut -c -64)" ]
}

# Mounts that kubelets make must reach dockerd: the directory has to be on a mount that is shared. systemd's / is.
share_root() {
  mkdir -p "$KUBETS_ROOT"
  case "$(findmnt -no PROPAGATION -T "$KUBETS_ROOT")" in *shared*) return 0 ;; esac
  [ "$(id -u)" = 0 ] || fail "$KUBETS_ROOT is not on a shared mount: mount --make-rshared / (as root)"
  mount --bind "$KUBETS_ROOT" "$KUBETS_ROOT"
  mount --make-rshared "$KUBETS_ROOT"
}

# Takes back what share_root mounted: the directory on itself, which is no file system's root.
unshare_root() {
  case "$(findmnt -no FSROOT --mountpoint "$KUBETS_ROOT" 2>/dev/null || echo /)" in
    /) ;;
    *) umount -l "$KUBETS_ROOT" ;;
  esac
}

down() {
  compose stop
  if docker image inspect "$KUBETS_IMAGE" >/dev/null 2>&1 && [ -d "$KUBETS_ROOT" ]; then
    share_root
    compose run --rm cleanup
  fi
  compose down --remove-orphans
  unshare_root
}

case "${1:-}" in
  up)
    built || build
    share_root
    compose up -d
    compose exec -T cluster-sync node deploy/compose/run-component.ts wait ||
      { compose ps >&2; compose logs --tail=20 >&2; fail 'the cluster is not up; the ends of its logs are above'; }
    if [ ! -r "$KUBETS_ROOT/admin.conf" ]; then # it is root's
      say "kubeconfig: $0 exec -T cluster-sync cat $KUBETS_ROOT/admin.conf"
    else
      say "try: kubectl --kubeconfig=$KUBETS_ROOT/admin.conf get nodes"
    fi
    ;;
  down) down ;;
  reset)
    down
    rm -rf "$KUBETS_ROOT"
    ;;
  build) build ;;
  *) compose "$@" ;;
esac
