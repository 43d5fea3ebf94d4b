#!/bin/sh
# Run as root by the setup: installs Debian packages and starts none of their services, which the tests do not need: they start
# brokers and databases of their own. What ran before is left alone.
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
  # If this is killed and leaves the file behind, it forbids nothing once the setup has ended.
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
# A mirror that is down for packages not asked for is no reason to stop.
apt-get update -q || true
apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"

if [ -d /run/systemd/system ]; then
  for package in "$@"; do
    case $package in
      mosquitto | nginx-light | postgresql | prometheus) systemctl disable "${package%-light}" || true ;;
    esac
  done
fi
