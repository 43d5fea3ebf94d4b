#!/bin/sh
# PID 1 of private namespaces: a folder of its own above /etc, /opt, /usr and /var, empty /run and /tmp, and then the distribution's systemd.
# $1: the lab's folder. $2, $3: name and number of the user that runs the robot's nodes. $4: the checkout, which is /opt/elderly-bot here.
# $5: the unit to boot into.
set -e
mount --make-rprivate /
for part in etc opt usr var; do
  mkdir -p "$1/$part" "$1/work-$part"
  mount -t overlay "lab-$part" -o "lowerdir=/$part,upperdir=$1/$part,workdir=$1/work-$part" "/$part"
done
mkdir -p /opt/elderly-bot
mount --bind "$4" /opt/elderly-bot
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/lab
mount --bind "$1" /run/lab
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/tmp
if [ ! -e /run/lab/booted ]; then
  # Nothing of this machine's own services, and nothing that keeps packages from starting theirs: only what a test asks for.
  rm -rf /etc/systemd/system/*.wants
  rm -f /usr/sbin/policy-rc.d
  touch /run/lab/booted
fi
grep -q "^$2:" /etc/passwd || echo "$2:x:$3:$3::/nonexistent:/usr/sbin/nologin" >>/etc/passwd
grep -q "^$2:" /etc/group || echo "$2:x:$3:" >>/etc/group
# As on a real machine, so that the credentials that systemd mounts in a namespace of its own reach the units. A container's systemd does not do it.
mount --make-rshared /
printf '[Unit]\nDescription=The lab\nWants=systemd-journald.service\n' >/run/systemd/system/lab.target
export container=lab
exec /lib/systemd/systemd --system --unit="$5" --log-target=journal-or-kmsg --show-status=no
