#!/bin/sh
# containerd.sh CONFIG SOCKET IMAGES: becomes containerd, and imports the image archives in the folder once it answers.
set -eu
config=$1 socket=$2 images=$3
(
  tries=0
  until ctr --address "$socket" version >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || exit 1
    sleep 0.1
  done
  for archive in "$images"/*.tar; do
    ctr --address "$socket" --namespace k8s.io images import "$archive"
  done
) &
exec containerd --config "$config"
