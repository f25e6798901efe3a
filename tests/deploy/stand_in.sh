#!/bin/sh
# Stands in for the program where upgrades are tested: the same commands, locks and exit codes, and nothing behind them.
# Its version, the schema it knows and what is wrong with it are put into the first lines of each version.
version=VERSION schema=SCHEMA wrong=WRONG
home=$INVESTBOT_HOME
calls=$home/../calls

call() {
    echo "$version $*" >>"$calls"
    number=$(wc -l <"$calls")
    if [ "${KILL_AT:-0}" -eq "$number" ]; then kill -9 "$(cat "$home/../script.pid")"; fi
}

hold() { # FILE: a process that holds its lock
    (
        exec 9>&-
        exec setsid flock --no-fork --exclusive "$1" sleep 600
    ) >/dev/null 2>&1 </dev/null &
    echo $! >>"$home/run/pids"
    printf '%-20s\n' $! >"$1.pid"
    while flock --nonblock --shared "$1" true; do sleep 0.02; done
}

if [ -n "${_INVESTBOT_COMPLETE:-}" ]; then
    echo "# completion $_INVESTBOT_COMPLETE"
    exit
fi
case "$*" in
    version)
        [ "$wrong" != silent ] || exit 70
        echo "investbot $version"
        exit
        ;;
    *--help) exit 0 ;;
esac
call "$@"
case $1 in
    up)
        [ "$wrong" != start ] || exit 70
        mkdir -p "$home/run"
        : >"$home/run/pids"
        hold "$home/run/supervisor.lock"
        for each in "$home"/instances/*/; do
            found=$(sed 's/schema \([0-9]*\).*/\1/' "$each/ledger.db")
            if [ "$found" -gt "$schema" ]; then continue; fi
            echo "schema $schema by $version" >"$each/ledger.db"
            echo "more of $version" >"$each/ledger.db-wal"
            if [ "$wrong" != run ]; then hold "$each/lock"; fi
        done
        ;;
    down)
        while read -r pid; do kill "$pid"; done <"$home/run/pids"
        ;;
    status)
        printf '['
        comma=
        for each in "$home"/instances/*/; do
            state=FATAL pid=null paused='{}'
            if ! flock --nonblock --shared "$each/lock" true; then state=RUNNING pid=$(cat "$each/lock.pid"); fi
            if [ -e "$each/paused" ]; then paused='{"operator": "paused"}'; fi
            printf '%s{"name": "%s", "state": "%s", "pid": %s, "paused": %s, "trading_state": "ACTIVE"}' \
                "$comma" "$(basename "$each")" "$state" "$pid" "$paused"
            comma=,
        done
        printf ']\n'
        ;;
    pause | resume)
        verb=$1
        shift
        for each in "$@"; do
            case $each in
                --*) ;;
                *) if [ "$verb" = pause ]; then : >"$home/instances/$each/paused"; else rm -f "$home/instances/$each/paused"; fi ;;
            esac
        done
        ;;
    migrate)
        [ "$wrong" != migrate ] || exit 74
        goal=$schema
        if [ "${3:-}" = --schema ]; then goal=$4; fi
        for each in "$home"/instances/*/; do echo "schema $goal by $version" >"$each/ledger.db"; done
        ;;
    backup)
        [ "$wrong" != backup ] || exit 74
        mkdir -p "$home/backups" && : >"$home/backups/made-by-$version"
        ;;
    *) exit 64 ;;
esac
