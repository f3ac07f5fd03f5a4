#!/bin/sh
# Tries the newest backup: restores it into a directory of its own, reads every byte of the new store, and checks that
# the backup is not too old. Only a restore shows that a backup is good. For cron: it prints one line when all went well.
# Environment: BACKUP_DIR (backup directory), MAX_AGE_S (7200: two hours), TMPDIR (needs room for the store),
# KV_TOOLS (directory of kv-restore.js in a clone; without it the installed commands are run).
set -eu
: "${BACKUP_DIR:?has to name the backup directory}"

tool() {
  name=$1
  shift
  if [ -n "${KV_TOOLS:-}" ]; then node "$KV_TOOLS/$name.js" "$@"; else "$name" "$@"; fi
}
failed() {
  echo "THE DRILL FAILED: $1"
  exit 1
}

drill=$(mktemp -d)
trap 'rm -rf "$drill"' EXIT

restored=$(tool kv-restore "$BACKUP_DIR" --to "$drill/data" 2>&1) || failed "$restored"
checked=$(tool kv-check "$drill/data" 2>&1) || failed "$checked"

# `1,204 keys at seq 8207, as of 2026-11-29T04:00:00.085Z, in …`
moment=$(echo "$restored" | sed -n 's/.*, as of \([^,]*\),.*/\1/p')
age=$(($(date +%s) - $(date -d "$moment" +%s)))
[ "$age" -le "${MAX_AGE_S:-7200}" ] || failed "The newest backup is $age seconds old: $restored"

echo "The drill went well: ${restored%%, in *}, $age s ago"
