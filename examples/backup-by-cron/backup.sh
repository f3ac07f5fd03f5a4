#!/bin/sh
# Backs a store up while it serves, and reads the whole backup back. For cron: it is silent when all went well, and cron
# mails what it prints otherwise. Copies what is new since the last run.
# Environment: CAIRN_DATA (data directory), BACKUP_DIR (backup directory, on another disk), BACKUP_KEEP (7d),
# KV_TOOLS (directory of kv-backup.js in a clone; without it the installed command is run).
set -u
: "${CAIRN_DATA:?has to name the data directory}" "${BACKUP_DIR:?has to name the backup directory}"

kv_backup() {
  if [ -n "${KV_TOOLS:-}" ]; then node "$KV_TOOLS/kv-backup.js" "$@"; else kv-backup "$@"; fi
}

said=$(kv_backup "$CAIRN_DATA" --to "$BACKUP_DIR" --keep "${BACKUP_KEEP:-7d}" --verify 2>&1)
code=$?
if [ "$code" -eq 75 ]; then
  # The run before this one is still at work. When that happens each time, cron is too fast for this store.
  echo "Skipped: another backup is being made in $BACKUP_DIR"
elif [ "$code" -ne 0 ]; then
  echo "NO BACKUP of $CAIRN_DATA was made in $BACKUP_DIR (exit code $code):"
  echo "$said"
fi
exit "$code"
