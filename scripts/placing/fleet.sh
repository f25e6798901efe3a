# shellcheck shell=bash disable=SC2015,SC2034,SC2086,SC2154
# The fleet during an upgrade: its copies, its end, its start, its health. Sourced after places.sh.

as_owner() { # COMMAND...: as the user of the home, who needs no lock of ours
    local run=(env "INVESTBOT_HOME=$home" "$@")
    if [[ $variant == system && -z $root ]]; then run=(runuser -u investbot -- "${run[@]}"); fi
    (cd / && "${run[@]}") 9>&-
}

with_secret() { # COMMAND...: the same for what opens the vault
    if ! has_systemd; then
        as_owner "$@"
    elif [[ $variant == user ]]; then
        systemd-run --user --quiet --wait --pipe --collect --setenv=INVESTBOT_HOME="$home" \
            --property=LoadCredential=investbot-passphrase:"${XDG_CONFIG_HOME:-$HOME/.config}/investbot/passphrase" "$@"
    else
        systemd-run --quiet --wait --pipe --collect --setenv=INVESTBOT_HOME="$home" --property=User=investbot \
            --property=LoadCredentialEncrypted=investbot-passphrase --property=UMask=0077 "$@"
    fi
}

program() { echo "$prefix/versions/$1/venv/bin/investbot"; }

knows() { "$(program "$1")" "$2" --help >/dev/null 2>&1; } # VERSION COMMAND

schema_of() { # VERSION: the newest schema of ledgers that it knows
    find "$prefix/versions/$1/source/investbot/adapters/storage/migrations" -name '*.up.sql' -printf '%f\n' 2>/dev/null |
        sed 's/^0*//; s/_.*//' | sort -n | tail -1
}

has_instances() { compgen -G "$home/instances/*/instance.toml" >/dev/null; }

is_up() { held "$home/run/supervisor.lock"; }

active_units() {
    if has_systemd; then
        ctl list-units --plain --no-legend --state=active,activating 'investbot.service' 'investbot@*.service' | awk '{ print $1 }'
    fi
}

picked() { # CONDITION: names of the rows of `status` for which it holds
    as_owner "$bin/investbot" status --json |
        "$prefix/versions/$old/venv/bin/python" -I -S -c "import json, sys
for row in json.load(sys.stdin):
    paused = row.get('paused') or {}
    if $1: print(row['name'])"
}

may_be_paused() { picked "row['state'] == 'RUNNING' and 'operator' not in paused and row.get('trading_state') != 'HALTED'"; }

stop_fleet() { # in order: what is held stays, with its stops at the exchange
    if has_systemd; then
        if [[ -n $was_active ]]; then ctl stop $was_active; fi
    elif is_up; then
        as_owner "$bin/investbot" down --yes
    fi
    local deadline=$((SECONDS + 120))
    while is_up || [[ -n $(running) ]]; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

start_fleet() {
    if has_systemd; then
        if [[ -n $was_active ]]; then ctl start $was_active; fi
    elif [[ $was_up == yes ]] && ! is_up; then
        with_secret "$bin/investbot" up --detach --restore
    fi
}

looks() { # what each instance that ran is now: its process where it runs, a word where it does not
    local name
    if is_up; then
        as_owner "$bin/investbot" status --json | "$prefix/versions/$old/venv/bin/python" -I -S -c "import json, sys
rows = {row['name']: row for row in json.load(sys.stdin)}
for name in sys.argv[1:]:
    row = rows.get(name, {})
    fine = row.get('state') in ('RUNNING', 'EXITED')
    print(name, row.get('pid') if fine else 'is ' + str(row.get('state', 'gone')))" $ran
    else
        for name in $ran; do
            if as_owner "$bin/investbot" health "$name" --quiet 2>/dev/null; then
                echo "$name $(tr -d ' \n' <"$home/instances/$name/lock")"
            else
                echo "$name is silent"
            fi
        done
    fi
}

healthy() { # within $wait seconds all that ran runs, and for $settle seconds it is the same processes
    local deadline=$((SECONDS + wait)) since=$SECONDS before='' now
    [[ -n $ran ]] || return 0
    while ((SECONDS <= deadline)); do
        now=$(looks 2>/dev/null) || now='the fleet is silent'
        if [[ $now != "$before" || $now == *' is '* ]]; then since=$SECONDS; fi
        if [[ $now != *' is '* ]] && ((SECONDS - since >= settle)); then return 0; fi
        before=$now
        sleep 1
    done
    trouble=$(grep ' is ' <<<"$before" | head -3 | paste -sd, -)
    return 1
}

let_enter() { # entries again where we ended them, unless something else has ended them meanwhile
    local name may
    [[ -n $paused ]] && is_up || return 0
    may=$(picked "'operator' in paused and row.get('trading_state') != 'HALTED' and row.get('reduced_by') != 'drawdown'") || may=
    for name in $paused; do
        if grep -qx "$name" <<<"$may"; then
            as_owner "$bin/investbot" resume "$name" --quiet || true
        else
            say "$name stays without entries: look at it, then \`investbot resume $name\`."
        fi
    done
}

copy_state() { # all that a version may change, as it lies there: encrypted, and only for the way back
    local needed room
    needed=$(du -sk --exclude="$home/"{market,backups,removed,upgrades} "$home" | cut -f1)
    room=$(df -Pk "$home" | awk 'NR == 2 { print $4 }')
    if ((room < needed + 65536)); then
        trouble="$((needed / 1024 + 64)) MiB have to be free for a copy of $home"
        return 1
    fi
    (
        umask 077
        mkdir -p "$copy.part" && tar -C "$home" --anchored --no-wildcards-match-slash --exclude=./market --exclude=./backups --exclude=./removed \
            --exclude=./upgrades --exclude=./run/ballast --exclude='./run/*.sock' --exclude='./instances/*/logs' \
            --exclude='./instances/*/*.copy' -cf - . | tar -C "$copy.part" -xpf - &&
            chown --reference="$home" "$home/upgrades" && sync -f "$copy.part" && mv "$copy.part" "$copy"
    ) || { trouble="$home could not be copied to $copy" && return 1; }
}

put_back() { # that copy; what is replaced is kept beside it. Cut off, it is done again from the start
    local item after=$copy.after
    while read -r item; do
        rm -rf "$home/$item.back"
        cp -a "$copy/$item" "$home/$item.back"
        mkdir -p "$(dirname "$after/$item")"
        if [[ ! -e $after/$item && -e $home/$item ]]; then
            mv -T "$home/$item" "$after/$item"
        elif [[ -d $home/$item/logs && ! -d $after/$item/logs ]]; then
            mv -T "$home/$item/logs" "$after/$item/logs"
        fi
        rm -rf "${home:?}/$item"
        mv -T "$home/$item.back" "$home/$item"
        if [[ -d $after/$item/logs ]]; then mv -T "$after/$item/logs" "$home/$item/logs"; fi
    done < <(cd "$copy" && find . -mindepth 1 -maxdepth 1 ! -name instances -printf '%P\n' &&
        if [[ -d instances ]]; then find instances -mindepth 1 -maxdepth 1; fi)
    find "$after" -maxdepth 2 -type d -exec chown --reference="$home" {} +
    sync -f "$home"
}
