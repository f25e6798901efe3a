# shellcheck shell=bash disable=SC2015,SC2154
# How a version is made beside the others. Sourced after places.sh.
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1} UV_NATIVE_TLS=${UV_NATIVE_TLS:-1} UV_LINK_MODE=copy
PARTS=(investbot profiles systemd scripts deploy pyproject.toml README.md LICENSE requirements.lock requirements-dev.lock)

demand_machine() {
    if [[ $(uname -s) != Linux ]]; then
        refuse "$MACHINE" "InvestBot is installed on Linux; elsewhere run it in a container (deploy/compose.yaml)."
    fi
    case $(uname -m)-$(getconf LONG_BIT) in
        x86_64-64 | aarch64-64) ;;
        *) refuse "$MACHINE" "InvestBot needs a 64-bit system and this one is $(uname -m) with $(getconf LONG_BIT) bits: install its 64-bit image (Raspberry Pi OS has one) and begin there." ;;
    esac
    if ! python=$(find_python); then
        refuse "$MACHINE" "InvestBot needs Python 3.11 or newer with its venv module, and not in a user's own folder: install it (Debian, Ubuntu, Raspberry Pi OS: apt install python3-venv; Amazon Linux: dnf install python3.11), then run this again."
    fi
}

have_uv() { command -v uv >/dev/null && uv --version >/dev/null 2>&1; }

find_python() { # the first that will do, wherever in the PATH it stands
    local name found needs=venv
    have_uv || needs=ensurepip,venv # Debian ships venv without ensurepip until python3-venv is installed
    for name in python3.13 python3.12 python3.11 python3.14 python3; do
        while read -r found; do
            "$found" -c "import sys, $needs; sys.exit(sys.version_info < (3, 11) or sys.maxsize < 1 << 32)" 2>/dev/null || continue
            found=$("$found" -c 'import os, sys; print(os.path.realpath(sys.executable))')
            # A service sees neither /home nor /root, and its user may not look into them.
            if [[ $variant == system && -z $root && $found == @(/home|/root)/* ]]; then continue; fi
            echo "$found"
            return
        done < <(type -aP "$name")
    done
    return 1
}

parts_of() { # SOURCE: those parts that it has; an older version has fewer
    (cd "$1" && for part in "${PARTS[@]}"; do if [[ -e $part ]]; then echo "$part"; fi; done)
}

fingerprint_of() { # SOURCE: what a version is made of, in one number
    # shellcheck disable=SC2046 # words without spaces
    (cd "$1" && find $(parts_of .) -type f ! -name '*.py[co]' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

git_of() { # REPOSITORY ARGUMENTS...: also where it belongs to the user behind sudo
    local repository=$1
    shift
    git -c safe.directory='*' -C "$repository" "$@"
}

label_of() { # SOURCE FINGERPRINT: the tag where the source is exactly that, else version and fingerprint
    local tag
    if [[ -e $1/.git && -z $(git_of "$1" status --porcelain 2>/dev/null) ]] &&
        tag=$(git_of "$1" describe --tags --exact-match 2>/dev/null) && [[ $tag =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]]; then
        echo "$tag"
    else
        echo "$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$1/investbot/__init__.py")-${2:0:8}"
    fi
}

is_built() { # LABEL FINGERPRINT
    [[ -f $prefix/versions/$1/.complete && $(<"$prefix/versions/$1/.complete") == "$2" ]]
}

build_version() { # SOURCE LABEL FINGERPRINT: beside the others; it counts once it is complete
    local made=$prefix/versions/$2 shell
    rm -rf "$made"
    mkdir -p "$made/source" "$made/completion"
    # shellcheck disable=SC2046
    tar -C "$1" --exclude=__pycache__ -cf - $(parts_of "$1") | tar -C "$made/source" --no-same-owner -xf -
    make_environment "$made/venv"
    put_in "$made/venv" --only-binary=:all: --require-hashes --requirement "$made/source/requirements.lock" &&
        make_wheel "$made" || refuse "$AGAIN" "The packages of $2 could not be installed (see above); nothing that runs was touched, so mend it and run this again."
    # Without compiled files the first start of every command takes three times as long.
    "$made/venv/bin/python" -m compileall -q "$made/venv/lib" >/dev/null 2>&1 || true
    "$made/venv/bin/investbot" version >/dev/null || refuse "$BROKEN" "The new version $2 does not start; what runs was left as it is."
    for shell in bash zsh fish; do
        _INVESTBOT_COMPLETE=source_$shell "$made/venv/bin/investbot" >"$made/completion/$shell"
    done
    echo "$3" >"$made/.complete.new"
    sync -f "$made"
    mv "$made/.complete.new" "$made/.complete"
}

make_environment() { # FOLDER
    if have_uv; then uv venv --quiet --python "$python" "$1"; else "$python" -m venv "$1"; fi
}

put_in() { # ENVIRONMENT ARGUMENTS...: packages, each with its hash
    local environment=$1
    shift
    if have_uv; then
        uv pip install --quiet --python "$environment/bin/python" "$@"
    else
        "$environment/bin/python" -m pip --disable-pip-version-check install --quiet --quiet --root-user-action=ignore "$@"
    fi
}

make_wheel() { # VERSION: with tools that come with hashes too and do not stay
    local tools=$1/tools
    make_environment "$tools" &&
        build_lock "$1/source/requirements-dev.lock" >"$tools/build.lock" &&
        put_in "$tools" --only-binary=:all: --require-hashes --requirement "$tools/build.lock" &&
        (cd "$1/source" && "$tools/bin/python" -m hatchling build --target wheel --directory "$tools/wheel" >"$tools/log" 2>&1 ||
            { cat "$tools/log" >&2 && false; }) &&
        put_in "$1/venv" --no-deps --no-index "$tools/wheel"/*.whl &&
        rm -rf "$tools"
}

build_lock() { # LOCK: the lines of what makes a wheel and of what that needs, told by the notes of who wants what
    awk '/^[a-z0-9]/ { split($1, pin, "=="); name = pin[1]; order[++count] = name }
        /^ *#/ { for (i = 2; i <= NF; i++) wants[$i, name] = 1; next }
        name { text[name] = text[name] $0 "\n" }
        END {
            taken["hatchling"] = 1
            for (grown = 1; grown;) {
                grown = 0
                for (i = 1; i <= count; i++)
                    for (user in taken)
                        if (wants[user, order[i]] && !(order[i] in taken)) { found[order[i]] = 1; grown = 1 }
                for (each in found) taken[each] = 1
            }
            for (i = 1; i <= count; i++) if (order[i] in taken) printf "%s", text[order[i]]
        }' "$1"
}
