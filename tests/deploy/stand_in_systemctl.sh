#!/bin/sh
# Stands in for the service manager of a user: the fleet of his home is its unit investbot.service.
[ "$1" = --user ] && shift
echo "$*" >>"$HOME/asked"
export INVESTBOT_HOME="$HOME/.local/share/investbot"
program=$HOME/.local/bin/investbot
is_up() { [ -e "$INVESTBOT_HOME/run/supervisor.lock" ] && ! flock --nonblock --shared "$INVESTBOT_HOME/run/supervisor.lock" true; }

case $* in
    is-system-running) echo degraded && exit 1 ;;
    *" --state=active,activating "*) if is_up; then echo "investbot.service loaded active running InvestBot fleet"; fi ;;
    "stop investbot.service") "$program" down --yes ;;
    "start investbot.service") "$program" up --restore ;;
    "is-active --quiet investbot") is_up ;;
    daemon-reload | "start --no-block investbot-backup.timer" | "disable --quiet --now "*) ;;
    *) exit 1 ;;
esac
