# shellcheck shell=bash disable=SC2015,SC2034,SC2154
# Where everything lies, and how files get there. Sourced by scripts/install and scripts/upgrade, which set `variant`
# (system or user), `root` (a folder instead of /, or nothing) and `dry_run`.
umask 022
shopt -s extglob

USAGE=64 CONTENT=65 MACHINE=69 BROKEN=70 THERE=73 STORE=74 AGAIN=75 DENIED=77

say() { printf '%s\n' "$*"; }

refuse() { # CODE SENTENCE
    printf '%s\n' "$2" >&2
    exit "$1"
}

find_places() {
    if [[ -n $root ]]; then
        mkdir -p "$root"
        root=$(cd "$root" && pwd -P)
        [[ $root != / ]] || root=
    fi
    if [[ $variant == user ]]; then
        local own=$root$HOME/.local
        prefix=$own/lib/investbot
        bin=$own/bin
        home=$own/share/investbot
        units=$root${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
        shells=$own/share
        wanted_by=default.target
    else
        prefix=$root/opt/investbot
        bin=$root/usr/local/bin
        home=$root/var/lib/investbot
        units=$root/etc/systemd/system
        shells=$root/usr/local/share
        wanted_by=multi-user.target
    fi
    current=$prefix/current
    journal=$prefix/upgrade.journal
}

demand_rights() {
    if [[ $variant == system && -z $root && $EUID -ne 0 ]]; then
        refuse "$DENIED" "This is for root: run it with sudo, or add --user for yourself alone."
    fi
    if [[ $variant == user && -z $root && $EUID -eq 0 && -n ${SUDO_USER:-} ]]; then
        refuse "$DENIED" "--user is for the user who runs it: leave out sudo."
    fi
}

ctl() {
    if [[ $variant == user ]]; then systemctl --user "$@"; else systemctl "$@"; fi
}

has_systemd() { # whether a service manager works here, and for us
    [[ -z $root ]] || return 1
    [[ -n ${managed:-} ]] || managed=$(ctl is-system-running 2>/dev/null || true)
    [[ $managed == @(initializing|starting|running|degraded|maintenance) ]]
}

change() { # SENTENCE COMMAND...: does what changes something and says so; with --dry-run it is only said
    local sentence=$1
    shift
    if ((dry_run)); then
        say "Would $sentence."
    else
        "$@"
        say "Done: $sentence."
    fi
}

placed=()

place() { # SOURCE TARGET [MODE]: whole or not at all; what is there already is left alone
    if cmp -s "$1" "$2"; then return 0; fi
    placed+=("$2")
    if ((dry_run)); then return 0; fi
    mkdir -p "$(dirname "$2")" && install -m "${3:-0644}" "$1" "$2.new" && mv -f "$2.new" "$2"
}

link() { # TARGET NAME: the same for a symbolic link
    if [[ -L $2 && $(readlink "$2") == "$1" ]]; then return 0; fi
    placed+=("$2")
    if ((dry_run)); then return 0; fi
    mkdir -p "$(dirname "$2")" && rm -f "$2.new" && ln -s "$1" "$2.new" && mv -fT "$2.new" "$2"
}

tell_placed() { # WHAT: says in one line what was placed since the last time
    if ((${#placed[@]})); then change "put in place $1" true; fi
    placed=()
}

label_now() { # the version that is installed, or nothing
    if [[ -L $current ]]; then basename "$(readlink "$current")"; fi
}

switch_to() { # LABEL: one rename, so that there is always one of the two
    link "versions/$1" "$current" && placed=()
}

place_units() { # LABEL: its units, the timer, and what leads an upgrade that was cut off back at the next boot
    local source=$prefix/versions/$1/source/systemd unit
    [[ $variant == system ]] || source=$source/user
    for unit in "$source"/*.service "$source"/*.timer; do
        if [[ -f $unit ]]; then place "$unit" "$units/${unit##*/}" || return 1; fi
    done
    if [[ -f $source/investbot-backup.timer ]]; then
        link ../investbot-backup.timer "$units/timers.target.wants/investbot-backup.timer" || return 1
    fi
    if [[ -f $source/investbot-return.service ]]; then
        link ../investbot-return.service "$units/$wanted_by.wants/investbot-return.service" || return 1
    fi
    if ((${#placed[@]} && !dry_run)) && has_systemd; then
        ctl daemon-reload
        ctl start --no-block investbot-backup.timer
    fi
}

place_rest() { # LABEL: the command, the shells' completion, and the way back
    local made=$prefix/versions/$1 script
    link "$current/venv/bin/investbot" "$bin/investbot" &&
        place "$made/completion/bash" "$shells/bash-completion/completions/investbot" &&
        place "$made/completion/fish" "$shells/fish/vendor_completions.d/investbot.fish" || return 1
    if [[ $variant == system ]]; then place "$made/completion/zsh" "$shells/zsh/site-functions/_investbot" || return 1; fi
    # The way back is that of the newest version that was here: an older one may not know it.
    for script in upgrade placing/places.sh placing/building.sh placing/fleet.sh; do
        if [[ -f $made/source/scripts/$script ]]; then place "$made/source/scripts/$script" "$prefix/keeper/$script" 0755 || return 1; fi
    done
}

held() { # FILE: whether a process holds its lock
    [[ -e $1 ]] && ! flock --nonblock --shared "$1" true
}

running() { # names of the instances that run
    local folder
    for folder in "$home"/instances/*/; do
        if held "${folder}lock"; then basename "$folder"; fi
    done
}
