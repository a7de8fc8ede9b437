#!/bin/sh
# Says what this machine lacks for building cslir, with the remedy, before anything is built.
missing=0
lack() {
    printf 'missing: %s\n     do: %s\n' "$1" "$2" >&2
    missing=1
}
python=${PYTHON:-python3}

if ! command -v "$python" >/dev/null 2>&1; then
    lack "$python" "sudo apt install python3 python3-venv, or make PYTHON=/path/to/python3.11"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    lack "Python 3.11 or newer ($("$python" --version) found)" "install one and run make PYTHON=/path/to/it"
elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    lack "Python's venv module" "sudo apt install python3-venv"
fi
if ! command -v cc >/dev/null 2>&1; then
    lack "a C compiler" "sudo apt install build-essential"
fi
if ! command -v cargo >/dev/null 2>&1; then
    lack "cargo, the Rust package manager" "install Rust 1.89 or newer with rustup, see rustup.rs"
else
    version=$(rustc --version 2>/dev/null | awk '{print $2}')
    oldest=$(printf '%s\n1.89.0\n' "${version:-0}" | sort -V | head -n 1)
    if [ "$oldest" != 1.89.0 ]; then
        lack "Rust 1.89 or newer (${version:-no rustc} found)" "rustup update, or install rustup, see rustup.rs"
    fi
fi
if [ "${1:-}" = lint ] && command -v cargo >/dev/null 2>&1; then
    for tool in fmt clippy; do
        cargo "$tool" --version >/dev/null 2>&1 || lack "cargo $tool" "rustup component add rustfmt clippy"
    done
fi
exit "$missing"
