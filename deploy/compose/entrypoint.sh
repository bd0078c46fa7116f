#!/bin/sh
# A TypeScript file is run by Node; anything else is a command.
case "$1" in
  *.ts) ;;
  *) exec "$@" ;;
esac
[ -e /sys/class/net/eth0 ] || exec node "$@"

# A component lives in the network of its host's container. When that one is started again, Docker makes a new network
# and leaves this container in the old one, without an interface: end then, and Docker starts it in the new network.
node "$@" &
child=$!
trap 'kill -TERM "$child"' TERM INT
while kill -0 "$child" 2>/dev/null; do
  [ -e /sys/class/net/eth0 ] || kill -KILL "$child"
  sleep 3
done &
while :; do
  wait "$child" && code=0 || code=$?
  # A signal ends the wait, not the child.
  kill -0 "$child" 2>/dev/null || exit "$code"
done
