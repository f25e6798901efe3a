#!/bin/sh
# Stands in for uv where the scripts that install are tested: environments without packages, from no network.
# What it was asked for is in $UV_ASKED; PYTHON is the interpreter of the tests.
echo "$*" >>"$UV_ASKED"
case "$1 $2" in
    "--version ") echo "uv 0" ;;
    "venv --quiet")
        mkdir -p "$5/bin" "$5/lib"
        cat >"$5/bin/python" <<'END'
#!/bin/sh
case "$1 $2 $3" in
    "-m hatchling build") mkdir -p "$7" && cp investbot/program "$7/program.whl" ;;
    "-m compileall -q") ;;
    *) exec PYTHON "$@" ;;
esac
END
        chmod 0755 "$5/bin/python"
        ;;
    "pip install")
        place=$(dirname "$5")
        for wheel; do :; done
        case $wheel in
            *.whl) install -m 0755 "$wheel" "$place/investbot" ;;
            *) [ -f "$wheel" ] ;;
        esac
        ;;
    *) exit 2 ;;
esac
