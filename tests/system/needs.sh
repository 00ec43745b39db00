#!/bin/sh
# Sees to what the tests of this directory need beyond Python packages: installs it where we may, else names it and fails.
# One line for each thing: a file (patterns are expanded) or a command that shows that it is there, and its package.
set -eu
needs='
pgbouncer                                       pgbouncer
/usr/lib/postgresql/*/bin/postgres              postgresql
/usr/share/locale/de/LC_MESSAGES/postgres-*.mo  postgresql
/usr/share/i18n/locales/de_DE                   locales
localedef                                       libc-bin
unshare                                         util-linux
sshd                                            openssh-server
promtool                                        prometheus
chromium                                        chromium
npm                                             npm
nginx                                           nginx-light
'
PATH="$PATH:/usr/sbin:/sbin"

is_there() {
    case $1 in
    /*) ls $1 > /dev/null 2>&1 ;; # not quoted: a pattern
    *) command -v "$1" > /dev/null ;;
    esac
}

missing() {
    echo "$needs" | while read -r what package; do
        [ -z "$what" ] || is_there "$what" || echo "$package"
    done | sort -u
}

install() {
    apt-get update -qq
    if [ ! -e /usr/sbin/policy-rc.d ]; then # tests start their own servers; Debian's stay off
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::='--path-include=/usr/share/locale/*' "$@" > /dev/null
}

packages=$(missing)
if [ -n "$packages" ] && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    install $packages
    packages=$(missing)
fi
if [ -n "$packages" ]; then
    echo "make test-system lacks:" $packages "; as root: apt-get install" $packages >&2
    exit 1
fi

# What browsers run in the tests: of npm, in build/, as no Python package has it.
browser=build/browser
if ! ls $browser/node_modules/uppy/dist/uppy.min.js $browser/node_modules/axe-core/axe.min.js > /dev/null 2>&1; then
    scripts='uppy@6.0.1 axe-core@4.14.1'
    if ! npm install --silent --no-audit --no-fund --ignore-scripts --prefix $browser $scripts > /dev/null; then
        echo "make test-system lacks packages of npm: npm install --prefix $browser $scripts" >&2
        exit 1
    fi
fi
