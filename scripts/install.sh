#!/bin/sh
# Installs what building and running Dropgate needs and this machine lacks: a Redis or Valkey server,
# the Postgres server and a C compiler. Prints nothing and changes nothing when all is there.
#
# With the argument `prometheus` it also installs a Prometheus, with which the alerts and the dashboard
# in ops/ are tested, where apt has one; elsewhere those tests are skipped, which it says; `browser` does the same for Chromium and the pages,
# `brokers` for RabbitMQ. With `curl`,
# `python` and `node` it also installs those (Python with venv, Node.js with npm), for the targets and
# tests that need them.
#
# `make run` and `make test` call it first. It installs with apt-get, as root or through a sudo that
# asks for no password; elsewhere it says what to install, and ends with status 1. Rust is never
# installed here: rustup is better for that, and the message says how.
#
# Dropgate starts servers of its own, so the system services that come with the packages are stopped
# and disabled, if this very run installed them; services that were there before are left alone.
set -eu

OLDEST_REDIS=7     # the scripts' `#!lua flags=…`
OLDEST_POSTGRES=14 # the oldest that is still maintained
OLDEST_NODE=20     # the clients' Web Crypto and fetch

say() { printf 'install: %s\n' "$*"; }
complain() { printf 'install: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

# The first number in "…v=7.0.15…" or "postgres (PostgreSQL) 15.4"; 0 if there is none.
major() { printf '%s\n' "$1" | sed -n "s/.*$2\\([0-9][0-9]*\\).*/\\1/p;q" | grep . || echo 0; }

has_redis() {
    for folder in $SEARCH; do
        for name in redis-server valkey-server; do
            [ -x "$folder/$name" ] || continue
            printed=$("$folder/$name" --version 2>/dev/null) || continue
            [ "$(major "$printed" 'v=')" -ge "$OLDEST_REDIS" ] && return 0
        done
    done
    return 1
}

# Where src/local/programs.rs looks, too.
has_postgres() {
    for folder in $SEARCH /usr/lib/postgresql/*/bin /usr/lib/postgresql*/bin /usr/pgsql-*/bin \
        /usr/libexec/postgresql* /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
        if ! [ -x "$folder/postgres" ] || ! [ -x "$folder/initdb" ]; then continue; fi
        printed=$("$folder/postgres" --version 2>/dev/null) || continue
        [ "$(major "$printed" 'PostgreSQL) ')" -ge "$OLDEST_POSTGRES" ] && return 0
    done
    return 1
}

# Rust links with `cc`, and some crates compile C with it.
has_compiler() { has cc; }

missing_packages() {
    has_redis || printf ' redis'
    has_postgres || printf ' postgres'
    has_compiler || printf ' compiler'
}

check_cargo() {
    has cargo && return 0
    if [ -x "${CARGO_HOME:-${HOME:-/}/.cargo}/bin/cargo" ]; then
        complain "cargo is installed but not on PATH. Run this, then try again:"
        complain "    . \"${CARGO_HOME:-\$HOME/.cargo}/env\""
    else
        complain "cargo (Rust) is missing. Install it from https://rustup.rs, then try again:"
        complain "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
    fi
    return 1
}

# What to type where this script does not install by itself.
explain() {
    complain "missing:$1 (Redis $OLDEST_REDIS or newer, or Valkey; Postgres $OLDEST_POSTGRES or newer)."
    if has apt-get; then
        complain "Run this as root, then try again:"
        complain "    apt-get update && apt-get install redis-server postgresql gcc libc6-dev"
    elif has dnf; then
        complain "Run this, then try again:  sudo dnf install valkey postgresql-server gcc"
    elif has brew; then
        complain "Run this, then try again:  brew install redis postgresql@17"
    elif has pacman; then
        complain "Run this, then try again:  sudo pacman -S valkey postgresql gcc"
    elif has apk; then
        complain "Run this, then try again:  sudo apk add valkey postgresql gcc musl-dev"
    else
        complain "Install them with this system's package manager, then try again."
    fi
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_be_root() {
    [ "$(id -u)" -eq 0 ] || { has sudo && sudo -n true 2>/dev/null; }
}

# Runs a step of apt-get quietly; its output is shown when it fails. It waits for another apt-get.
apt() {
    log=$(mktemp)
    if as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" \
        >"$log" 2>&1 </dev/null; then
        rm -f "$log"
    else
        complain "apt-get $* failed:"
        tail -n 20 "$log" >&2
        rm -f "$log"
        return 1
    fi
}

# The version that apt would install, without its epoch; empty if it knows none.
candidate() {
    LC_ALL=C apt-cache policy "$1" 2>/dev/null |
        sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}\([0-9].*\)/\2/p'
}

# The package with a Redis that is new enough, or else Valkey; fails where there is neither.
redis_package() {
    for package in redis-server valkey-server; do
        version=$(candidate "$package")
        if [ -n "$version" ] && [ "${version%%[!0-9]*}" -ge "$OLDEST_REDIS" ]; then
            echo "$package"
            return 0
        fi
    done
    return 1
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Stops the service of a package that was installed just now, so that its port stays free.
quiet_service() {
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable --now "$1" >/dev/null 2>&1 || return 0
        say "stopped the system service $1 again ($2)"
    elif [ -x "/etc/init.d/$1" ]; then
        as_root "/etc/init.d/$1" stop >/dev/null 2>&1 || return 0
    fi
}

install_redis() {
    if ! package=$(redis_package); then
        complain "apt has neither Redis $OLDEST_REDIS or newer nor Valkey here:" \
            "add the packages of https://redis.io/docs/latest/operate/oss_and_stack/install/"
        return 1
    fi
    was_there=$(is_installed "$package" && echo yes || echo no)
    say "installing $package"
    apt install --no-install-recommends "$package" || return 1
    [ "$was_there" = yes ] ||
        quiet_service "$package" "Dropgate starts its own; to use it: systemctl enable --now $package"
}

install_postgres() {
    was_there=$(is_installed postgresql-common && echo yes || echo no)
    say "installing postgresql"
    apt install --no-install-recommends postgresql || return 1
    [ "$was_there" = yes ] ||
        quiet_service postgresql "Dropgate starts its own; to use it: systemctl enable --now postgresql"
}

install_compiler() {
    say "installing gcc"
    apt install --no-install-recommends gcc libc6-dev
}

# Nothing but tests wants it, and they do without.
try_prometheus() {
    has prometheus && has promtool && return 0
    if has apt-get && can_be_root; then
        [ "$(candidate prometheus)" ] || apt update || true
        was_there=$(is_installed prometheus && echo yes || echo no)
        if [ "$(candidate prometheus)" ] && say "installing prometheus" &&
            apt install --no-install-recommends prometheus; then
            [ "$was_there" = yes ] ||
                quiet_service prometheus "to use it: systemctl enable --now prometheus"
            return 0
        fi
    fi
    say "there is no Prometheus here: the tests of ops/ are skipped"
}

has_curl() { has curl; }
# Pages are tested in a real browser, where apt has one.
try_browser() {
    has chromium && has chromedriver && return 0
    if has apt-get && can_be_root; then
        [ "$(candidate chromium-driver)" ] || apt update || true
        if [ "$(candidate chromium-driver)" ] && say "installing chromium" &&
            apt install --no-install-recommends chromium chromium-driver; then
            return 0
        fi
    fi
    say "there is no Chromium with its driver here: the tests of pages are skipped"
}

# Where tests/it/support/rabbitmq.rs looks, too.
has_rabbitmq() { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]; }

# Events are told to a real broker, where apt has one.
try_brokers() {
    has_rabbitmq && return 0
    if has apt-get && can_be_root; then
        [ "$(candidate rabbitmq-server)" ] || apt update || true
        was_there=$(is_installed rabbitmq-server && echo yes || echo no)
        if [ "$(candidate rabbitmq-server)" ] && say "installing rabbitmq-server" &&
            apt install --no-install-recommends rabbitmq-server; then
            [ "$was_there" = yes ] ||
                quiet_service rabbitmq-server "to use it: systemctl enable --now rabbitmq-server"
            return 0
        fi
    fi
    say "there is no RabbitMQ here: its tests are skipped"
}

has_python() { has python3 && python3 -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))'; }
has_node() { has node && has npm && [ "$(major "$(node --version)" 'v')" -ge "$OLDEST_NODE" ]; }

# What some targets want besides: its name here, and its two packages.
need() {
    "has_$1" 2>/dev/null && return 0
    if has apt-get && can_be_root; then
        [ "$(candidate "$2")" ] || apt update || return 1
        say "installing $2 and $3"
        apt install --no-install-recommends "$2" "$3" || return 1
        "has_$1" && return 0
    fi
    case $1 in
    curl) complain "missing: curl. Install it, then try again." ;;
    python) complain "missing: Python 3.11 or newer, with venv. Install it, then try again." ;;
    node) complain "missing: Node.js $OLDEST_NODE or newer, with npm (https://nodejs.org). Install it, then try again." ;;
    esac
    return 1
}

main() {
    SEARCH="$(printf '%s' "$PATH" | tr ':' ' ') /usr/bin /usr/local/bin /usr/sbin /opt/homebrew/bin"
    missing=$(missing_packages)
    if [ -n "$missing" ]; then
        if ! has apt-get || ! can_be_root; then
            explain "$missing"
            check_cargo || true
            return 1
        fi
        # Lists that were never fetched, as in a fresh container, or that are too old to be of use.
        if ! [ "$(candidate postgresql)" ] || ! redis_package >/dev/null; then
            say "fetching the package lists"
            apt update || return 1
            fetched=yes
        fi
        for what in $missing; do
            if ! "install_$what"; then
                # The packages that the lists name may have been replaced meanwhile.
                [ "${fetched:-no}" = no ] || return 1
                say "fetching the package lists, then trying again"
                apt update && "install_$what" || return 1
                fetched=yes
            fi
        done
        missing=$(missing_packages)
        if [ -n "$missing" ]; then
            explain "$missing"
            return 1
        fi
    fi
    for more in "$@"; do
        case $more in
        prometheus) try_prometheus ;;
        browser) try_browser ;;
        brokers) try_brokers ;;
        curl) need curl curl ca-certificates || return 1 ;;
        python) need python python3 python3-venv || return 1 ;;
        node) need node nodejs npm || return 1 ;;
        esac
    done
    check_cargo
}

main "$@"
