# What scripts that set a Debian or Ubuntu machine up have in common; sourced by them.
#
# state: a folder of the script's own, for its logs.
# shellcheck shell=bash

say() { echo "${0##*/}: $*" >&2; }

fail() {
    say "$1"
    say "  remedy: $2"
    exit 2
}

need_root_on_debian() {
    local ID='' ID_LIKE='' VERSION_CODENAME=''
    # shellcheck source=/dev/null
    [[ -r /etc/os-release ]] && . /etc/os-release
    if [[ $EUID -ne 0 || ! " $ID $ID_LIKE " =~ \ (debian|ubuntu)\  ]]; then
        fail "$1 has to be set up, and this does so as root on Debian or Ubuntu alone" "$2"
    fi
    distribution=$ID codename=$VERSION_CODENAME
}

refresh_apt() {
    [[ -n ${refreshed:-} ]] || apt-get update -qq
    refreshed=yes
}

# need_packages COMMAND=PACKAGE...: the packages whose command is missing.
need_packages() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || missing+=("${pair##*=}")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    refresh_apt
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        "${missing[@]}" >"$state/apt.log" 2>&1 ||
        fail "apt could not install ${missing[*]}" "read $state/apt.log"
}
