#!/bin/sh
# Builds the Debian package from a release build, installs it in a clean Debian (debootstrap) with nothing but the
# dependencies that it declares, starts a coordinator and a worker as the units would, runs a job on them, and removes the
# package. Minutes, root and a Debian mirror (the one that apt uses here): not part of `./dev test`.
#
#   tests/deploy/package_test.sh [BUILD]        # BUILD: build/release, where `systole` is built already
#   CHROOT_TARBALL=FILE   keeps the bare system there (made when it is absent) and begins from it
set -eu
cd "$(dirname "$0")/../.."
source=$(pwd)
build=$(cd "${1:-build/release}" && pwd)
say() { printf '==> %s\n' "$*"; }
for tool in debootstrap dpkg-shlibdeps file cpack unshare ip; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "skipped: debootstrap and chroot need root"; exit 0; }
unshare --net --pid --fork true 2>/dev/null || { echo "skipped: namespaces are not allowed here"; exit 0; }

work=$(mktemp -d)
root=$work/root
trap 'umount "$root/proc" 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM

say "package"
(cd "$build" && cpack -G DEB -B "$work/packages" >"$work/cpack.log" 2>&1) || { cat "$work/cpack.log"; exit 1; }
package=$(ls "$work"/packages/*.deb)
dpkg-deb -f "$package" Package Version Architecture Installed-Size Depends
if command -v lintian >/dev/null; then
  # What is known and meant: deploy/debian/lintian-tags.
  lintian --allow-root --suppress-tags-from-file deploy/debian/lintian-tags --fail-on error,warning "$package"
else
  echo "skipped: lintian is not installed"
fi

say "a clean system"
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
if [ -n "${CHROOT_TARBALL:-}" ] && [ -s "$CHROOT_TARBALL" ]; then
  mkdir "$root" && tar -xf "$CHROOT_TARBALL" -C "$root"
else
  debootstrap --variant=minbase bookworm "$root" "$mirror" >"$work/debootstrap.log" 2>&1 || { tail -20 "$work/debootstrap.log"; exit 1; }
  [ -z "${CHROOT_TARBALL:-}" ] || tar -cf "$CHROOT_TARBALL" -C "$root" .
fi
# The way to the mirror is this machine's.
cp /etc/resolv.conf "$root/etc/resolv.conf"
for file in /etc/apt/apt.conf.d/*; do
  if grep -qi proxy "$file"; then cp "$file" "$root/etc/apt/apt.conf.d/"; fi
done
mount -t proc proc "$root/proc"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
cp "$package" "$root/tmp/systole.deb"
cp tests/deploy/inside_package_test.sh "$root/tmp/"

say "install"
in_root() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
in_root apt-get update -qq
in_root apt-get install -y -qq --no-install-recommends /tmp/systole.deb >"$work/install.log" 2>&1 || { tail -20 "$work/install.log"; exit 1; }
say "run"
# A network of its own: only loopback, every port free. What runs in it ends with it.
umount "$root/proc"
unshare --net --pid --fork --kill-child --mount-proc="$root/proc" sh -c '
  ip link set lo up
  exec chroot "$1" env LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin sh /tmp/inside_package_test.sh' run "$root"
mount -t proc proc "$root/proc"

say "remove"
in_root apt-get purge -y -qq systole >"$work/purge.log" 2>&1 || { cat "$work/purge.log"; exit 1; }
for gone in usr/bin/systole etc/systole lib/systemd/system/systole-worker.service usr/share/systole usr/share/doc/systole; do
  [ ! -e "$root/$gone" ] || { echo "FAIL  /$gone is left after purge"; exit 1; }
done
[ -d "$root/var/lib/systole/storage" ] || { echo "FAIL  purge removed the state of jobs"; exit 1; }
grep -q "/var/lib/systole is left" "$work/purge.log" || { echo "FAIL  purge does not say what it leaves"; exit 1; }
cd "$source"
say "the package installs, runs and goes"
