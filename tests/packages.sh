#!/bin/sh
# Fetches the Debian packages whose programs the tests use, where they are missing and may be fetched (root, apt-get).
#
#   tests/packages.sh           never fails: what stays missing is named, and the tests that need it skip themselves
#   tests/packages.sh --strict  fails if something stays missing
set -u
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

# program:package
WANTED='nginx:nginx-light redis-server:redis-server socat:socat nc:netcat-openbsd mandoc:mandoc python3:python3
    bash:bash zsh:zsh fish:fish bash-completion:bash-completion
    python3-jsonschema:python3-jsonschema python3-yaml:python3-yaml strace:strace ps:procps setpriv:util-linux
    prlimit:util-linux unshare:util-linux setsid:util-linux mount:mount supervisord:supervisor
    tmux:tmux make:make systemd-analyze:systemd
    chromium:chromium chromedriver:chromium-driver python3-websockets:python3-websockets promtool:prometheus'

there() {
    case $1 in
        # There are several programs of this name; the tests need one that knows Unix sockets.
        nc) nc -h 2>&1 | grep -q -e '-[A-Za-z]*U' ;;
        # A module of Python is no command. Debian's Python may not be the first one.
        python3-*)
            for python in python3 /usr/bin/python3; do
                $python -c "import ${1#python3-}" 2>/dev/null && return
            done
            false
            ;;
        # It is no command but a file that bash reads.
        bash-completion) [ -e /usr/share/bash-completion/bash_completion ] ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

missing() {
    for pair in $WANTED; do
        there "${pair%%:*}" || printf '%s\n' "${pair##*:}"
    done | sort -u | sed 's/^/ /' | tr -d '\n'
}

fetch() {
    # A package may bring a service. It is wanted for its program alone: nothing is to start now or at the next boot.
    guard=/usr/sbin/policy-rc.d
    made_guard=
    if [ ! -e $guard ]; then
        printf '#!/bin/sh\nexit 101\n' >$guard && chmod 755 $guard && made_guard=yes
        trap '[ -z "$made_guard" ] || rm -f $guard' EXIT
        trap 'exit 130' INT TERM HUP
    fi
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt='apt-get -q -o Acquire::Retries=1 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30'
    $apt update || return
    # One by one, so that a package that cannot be had does not keep the others away.
    for package in "$@"; do
        $apt install -y --no-install-recommends "$package" || continue
        case $package in
            nginx-light) service=nginx ;;
            redis-server) service=redis-server ;;
            supervisor) service=supervisor ;;
            prometheus) service=prometheus ;;
            *) continue ;;
        esac
        if [ -d /run/systemd/system ]; then
            systemctl disable --quiet "$service" || true
        fi
    done
}

absent=$(missing)
[ -n "$absent" ] || exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Fetching what the tests use:$absent"
    # Word splitting is meant.
    # shellcheck disable=SC2086
    fetch $absent
    absent=$(missing)
    [ -n "$absent" ] || exit 0
    echo "Could not be fetched:$absent"
else
    echo "Not here, and to fetch them takes root and apt-get:$absent"
    echo "To run all tests: apt-get install --no-install-recommends$absent"
fi
[ "${1:-}" != --strict ]
