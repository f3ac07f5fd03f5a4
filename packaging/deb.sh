#!/bin/bash
# Builds the Debian package of a built clone (npm run deb) with dpkg-deb. lintian finds no fault in it.
# /usr/lib/cairn-kv has the files that npm would install, and the libraries. All other files are where Debian expects them.
# Usage: packaging/deb.sh [directory for the .deb; default: the current one]
set -euo pipefail
out=$(realpath "${1:-.}")
cd "$(dirname "$0")/.."
maintainer='Cairn maintainers <cairn@localhost>'
version=$(node -p "require('./package.json').version")
debian=$version-1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
umask 022
chmod 755 "$tree"

home=$tree/usr/lib/cairn-kv
doc=$tree/usr/share/doc/cairn-kv
mkdir -p "$home/dist" "$home/node_modules" "$doc" "$tree/usr/bin" "$tree/DEBIAN"

cp package.json "$home"
for part in src tools; do
  (cd dist && find "$part" \( -name '*.js' -o -name '*.html' -o -name '*.css' -o -name '*.svg' \) -print0 | tar --null -T - -cf -) | tar -xf - -C "$home/dist"
done
# The libraries that it needs at run time, and no others.
npm ls --omit=dev --all --parseable | tail -n +2 | while read -r from; do
  into=$home/${from#"$PWD"/}
  mkdir -p "$into"
  (cd "$from" && find . -path ./node_modules -prune -o -type f \
    \( -name '*.js' -o -name '*.cjs' -o -name '*.mjs' -o -name '*.json' -o -name '*.css' \) -print0 |
    tar --null -T - -cf -) | tar -xf - -C "$into"
done

find "$home" -type f -exec chmod 644 {} +
node -p "Object.entries(require('./package.json').bin).map((each) => each.join(' ')).join('\n')" |
  while read -r name script; do
    chmod 755 "$home/$script"
    ln -s "../lib/cairn-kv/$script" "$tree/usr/bin/$name"
  done

node dist/tools/pages/main.js "$tree/pages"
man=$tree/usr/share/man/man1
mkdir -p "$man"
cp "$tree"/pages/man1/*.1 "$man"
gzip -9n "$man"/*.1
ln -s kv-server.1.gz "$man/cairn-kv.1.gz"
install -D -m 644 "$tree/pages/_cairn-kv" "$tree/usr/share/zsh/vendor-completions/_cairn-kv"
bash=$tree/usr/share/bash-completion/completions
fish=$tree/usr/share/fish/vendor_completions.d
install -D -m 644 "$tree/pages/cairn-kv.bash" "$bash/cairn-kv"
install -D -m 644 "$tree/pages/cairn-kv.fish" "$fish/cairn-kv.fish"
# bash and fish look for a file by the name of the program.
for name in kv-server kv-client kv-backup kv-check kv-compact kv-dump kv-load kv-restore kv-torture; do
  ln -s cairn-kv "$bash/$name"
  ln -s cairn-kv.fish "$fish/$name.fish"
done
rm -r "$tree/pages"

install -D -m 644 packaging/cairn.service "$tree/usr/lib/systemd/system/cairn.service"
install -D -m 644 packaging/cairn-backup.service "$tree/usr/lib/systemd/system/cairn-backup.service"
install -D -m 644 packaging/cairn.sysusers "$tree/usr/lib/sysusers.d/cairn.conf"
install -D -m 644 packaging/cairn.toml "$tree/etc/cairn/cairn.toml"
echo /etc/cairn/cairn.toml >"$tree/DEBIAN/conffiles"

cp docs/operations.md docs/recovery.md docs/errors.md docs/tools.md docs/protocol.md "$doc"
cp -r docs/how-to "$doc"
gzip -9n "$doc"/*.md "$doc"/how-to/*.md
gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
date=$(date --utc -R -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}")
printf 'cairn-kv (%s) unstable; urgency=medium\n\n  * Release %s: see changelog.gz.\n\n -- %s  %s\n' \
  "$debian" "$version" "$maintainer" "$date" | gzip -9n >"$doc/changelog.Debian.gz"
mkdir -p "$tree/usr/share/lintian/overrides"
cat >"$tree/usr/share/lintian/overrides/cairn-kv" <<'OVERRIDES'
# The package is built where it is used, so no mail address exists.
cairn-kv: bogus-mail-host Maintainer *
cairn-kv: bogus-mail-host-in-debian-changelog *
# The package is not uploaded to Debian.
cairn-kv: initial-upload-closes-no-bugs *
# These files of fs-extra, csv-parse and csv-stringify have the names of other libraries.
cairn-kv: embedded-javascript-library *fs-extra/lib/util/async.js*
cairn-kv: embedded-javascript-library *csv-*/lib/utils/underscore.js*
# The package is built without debhelper, which would write these lines.
cairn-kv: maintainer-script-calls-systemctl *
OVERRIDES
{
  echo 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/'
  printf '\nFiles: *\nCopyright: %s\nLicense: MIT\n' "$(sed -n 's/^Copyright (c) //p' LICENSE)"
  sed -n '/^Permission/,$p' LICENSE | sed 's/^$/./; s/^/ /'
  echo
  echo 'Comment: the licences of the libraries in /usr/lib/cairn-kv/node_modules are named in their package.json.'
} >"$doc/copyright"

cat >"$tree/DEBIAN/control" <<CONTROL
Package: cairn-kv
Version: $debian
Architecture: all
Section: database
Priority: optional
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$tree" | cut -f1)
Depends: nodejs (>= 20.19)
Recommends: systemd
Description: durable key-value server that speaks the memcached protocol
 Any memcached client works with it unchanged. A write that was acknowledged
 is on the disk: a crash at any instant loses nothing of it.
 .
 The package has the server with units for systemd, and tools that talk to
 it, back it up and restore it, dump and load its data, check, repair and
 compact it.
CONTROL

cat >"$tree/DEBIAN/postinst" <<'SCRIPT'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
  if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers --root="${DPKG_ROOT:-/}" cairn.conf
  fi
  if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    # After an upgrade a running server is replaced by the new release.
    systemctl try-restart cairn.service
  fi
fi
SCRIPT
cat >"$tree/DEBIAN/prerm" <<'SCRIPT'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
  systemctl disable --now cairn.service
fi
SCRIPT
chmod 755 "$tree/DEBIAN/postinst" "$tree/DEBIAN/prerm"
(cd "$tree" && find usr etc -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
dpkg-deb --root-owner-group --build "$tree" "$out/cairn-kv_${debian}_all.deb"
