#!/bin/sh
# jobd @VERSION@ in one file: a shell script with Deno and the program behind it. The first start unpacks both into the
# user's cache folder; every start then becomes Deno itself, so that signals and exit codes are jobd's own.
set -eu

give_up() {
  printf 'jobd: %s\n' "$1" >&2
  exit 2
}

# The size of Deno and the checksum of the program, on one line: what an interrupted disk or a curious hand may have changed.
stamp() {
  if [ -O "$1" ]; then (cd "$1" && echo $(wc -c <deno && cat @FILES@ | cksum)) 2>/dev/null; fi
}

cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
[ -n "$cache" ] || give_up "neither HOME nor XDG_CACHE_HOME is set: set XDG_CACHE_HOME to a folder of this user"
home=$cache/jobd/@VERSION@-@HASH@

unpack() {
  umask 077
  mkdir -p "$cache/jobd" 2>/dev/null && new=$(mktemp -d "$cache/jobd/.unpacking.XXXXXX" 2>/dev/null) ||
    give_up "cannot write to $cache: set XDG_CACHE_HOME to a folder that this user may write to"
  trap 'rm -rf "$new"' EXIT
  trap 'exit 130' HUP INT TERM
  problem=$(tail -n "+@LINES@" "$0" | { gzip -dc | tar -xf - -C "$new"; } 2>&1 | sed -n '/./{p;q;}')
  [ "$(stamp "$new")" = "$stamp" ] || give_up "cannot unpack $0 into $cache: ${problem:-the file is damaged}"
  "$new/deno" --version >/dev/null ||
    give_up "cannot run programs from $cache (mounted noexec?): set XDG_CACHE_HOME to a folder on another disk"
  # A rename is all or nothing. When two first starts race, the later one lands inside the earlier one's folder: away with it.
  [ ! -e "$home" ] || [ "$(stamp "$home")" = "$stamp" ] || mv "$home" "$new.damaged"
  [ -e "$home" ] || mv "$new" "$home"
  rm -rf "$home/${new##*/}" "$new" "$new.damaged"
  trap - EXIT HUP INT TERM
  [ "$(stamp "$home")" = "$stamp" ] || give_up "$home is not what was unpacked there: remove it and start again"
}

stamp='@STAMP@'
[ "$(stamp "$home")" = "$stamp" ] || unpack
export DENO_NO_UPDATE_CHECK=1
exec "$home/deno" run @FLAGS@ --import-map="$home/import_map.json" "$home/main.js" "$@"
