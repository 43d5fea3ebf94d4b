#!/bin/sh
# The setup runs this as root. It installs Debian packages without starting their services: the tests start brokers and databases of
# their own. Services that already run are left unchanged.
# usage: apt.sh SETUP_PID PACKAGE...
set -eu
# A daemon must not inherit the setup's lock.
exec 9<&-
setup=$1
shift

policy=/usr/sbin/policy-rc.d
mine='# written by the setup of elderly-bot'
if [ ! -e "$policy" ] || grep -q "^$mine" "$policy"; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' HUP INT TERM
  # If this script is killed and leaves the file behind, the file forbids nothing after the setup has ended.
  cat >"$policy" <<POLICY
#!/bin/sh
$mine: while it runs, the services that its packages bring are not started
case \$1 in
  mosquitto* | nginx* | postgresql* | prometheus*) kill -0 $setup 2>/dev/null && exit 101 ;;
esac
exit 0
POLICY
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
# Another mirror's failure must not stop the installation.
apt-get update -q || true
apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"

if [ -d /run/systemd/system ]; then
  for package in "$@"; do
    case $package in
      mosquitto | nginx-light | postgresql | prometheus) systemctl disable "${package%-light}" || true ;;
    esac
  done
fi
