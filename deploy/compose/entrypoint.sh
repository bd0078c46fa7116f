#!/bin/sh
# A TypeScript file is run by Node; anything else is a command.
case "$1" in
  *.ts) exec node "$@" ;;
  *) exec "$@" ;;
esac
