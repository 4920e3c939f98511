#!/bin/sh
# The one way in: ./do VERB. `./do demo` and `./do test` install what they need (Debian packages, as root or
# with sudo); every other verb says what is missing and how to get it.
set -eu
cd "$(dirname "$0")"
root=$(pwd)

BUILD_PACKAGES="gcc libc6-dev meson ninja-build pkg-config libfyaml-dev libjansson-dev libsqlite3-dev \
libjpeg62-turbo-dev libspng-dev libtiff-dev libwebp-dev libopenjp2-7-dev zlib1g-dev libxxhash-dev libjs-chart.js"
TEST_PACKAGES="$BUILD_PACKAGES libcmocka-dev"
LINT_PACKAGES="$TEST_PACKAGES clang clang-format"
CROSS_PACKAGES="meson ninja-build pkg-config gcc-aarch64-linux-gnu qemu-user libjs-chart.js"
FUZZ_PACKAGES="$BUILD_PACKAGES clang libclang-rt-14-dev"

say() { printf '%s\n' "$*"; }
die() { say "do: $*" >&2; exit 1; }

missing() { # missing PACKAGE...: those of the packages that are not installed
    command -v dpkg-query >/dev/null 2>&1 || return 0
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$p"
    done
}

install() { # install PACKAGE...: with apt, if anything is missing
    want=$(missing "$@")
    [ -z "$want" ] && return 0
    command -v apt-get >/dev/null 2>&1 || die "this is no Debian; install what corresponds to: $want"
    say "do: installing $want"
    if [ "$(id -u)" = 0 ]; then sudo=""; else
        command -v sudo >/dev/null 2>&1 || die "run as root, or install sudo, or: apt-get install $want"
        sudo=sudo
    fi
    log=$(mktemp)
    if ! { DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $want ||
        { $sudo apt-get update && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $want; }; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get could not install: $want"
    fi
    rm -f "$log"
}

install_optional() { # install_optional PACKAGE...: what tests use when it is there, and skip when it is not
    (install "$@") || say "do: going on without $*"
}

need() { # need PACKAGE...: refuse with a list when anything is missing
    want=$(missing "$@")
    [ -z "$want" ] || die "missing packages; install them with: apt-get install $want"
}

configure() { # configure DIR OPTION...
    dir=$1
    shift
    [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" >"$dir.log" 2>&1 || {
        cat "$dir.log" >&2
        rm -rf "$dir"
        die "meson could not configure $dir"
    }
    rm -f "$dir.log"
}

compile() { # compile DIR OPTION...
    configure "$@"
    log=$(mktemp)
    if ! ninja -C "$1" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "the build failed"
    fi
    rm -f "$log"
}

# Runs the tests of a build folder and closes with the line "N passed, N failed, N skipped".
run_tests() { # run_tests DIR [meson test options]
    dir=$1
    shift
    status=0
    meson test -C "$dir" --no-rebuild --print-errorlogs "$@" || status=$?
    python3 - "$dir/meson-logs" <<'PY'
import glob, json, os, sys
logs = glob.glob(os.path.join(sys.argv[1], "testlog*.json"))
count = {"passed": 0, "failed": 0, "skipped": 0}
for line in open(max(logs, key=os.path.getmtime)):
    test = json.loads(line)
    for text in test.get("stdout", "").splitlines():  # counts of cases inside a test
        if " cases: " in text or " passed, " in text:
            print("%s: %s" % (test["name"].split(" / ")[-1], text.replace(os.path.realpath("."), ".")))
    result = test["result"]
    key = "passed" if result in ("OK", "EXPECTEDFAIL") else "skipped" if result == "SKIP" else "failed"
    count[key] += 1
print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % count)
PY
    return "$status"
}

build() { compile build -Dtests=false "$@"; }

build_with_tests() {
    configure build -Dtests=true
    meson configure build -Dtests=true >/dev/null
    compile build
}

demo() {
    install $BUILD_PACKAGES
    say "== building hone"
    build
    work=$root/build/demo
    rm -rf "$work"
    mkdir -p "$work"
    cp examples/digits/digits.onnx examples/digits/config.yaml "$work/"
    say "== this machine"
    build/hone doctor -q || true
    say "== hone tune digits.onnx --config config.yaml"
    (cd "$work" && "$root/build/hone" tune digits.onnx --config config.yaml --quick --budget 40s --shape image=16x1x32x32 \
        --output report.md)
    say "== what changed in config.yaml"
    diff -u "$work/config.yaml.bak" "$work/config.yaml" || true
    say "== the tuned settings on the held-out images, against PyTorch"
    settings=$(python3 -c 'import json, sys
for key, value in json.load(open(sys.argv[1]))["winner"]["settings"].items(): print("%s=%s" % (key, value))' "$work/report.json")
    say "settings:" $settings
    build/examples/classify "$work/digits.onnx" examples/digits/test_images.npy examples/digits/test_labels.npy \
        examples/digits/pytorch_logits.npy $settings
    say "== the report: build/demo/report.md, report.html (charts, opens offline), report.json (raw samples)"
    sed -n '1,/^## Plan/p' "$work/report.md" | sed '$d'
}

verb=${1:-help}
[ $# -gt 0 ] && shift
case $verb in
demo) demo ;;
test)
    install $TEST_PACKAGES
    install_optional libonnx-testdata
    build_with_tests
    run_tests build "$@"
    ;;
build)
    need $BUILD_PACKAGES
    build
    say "built: build/hone"
    ;;
bench)
    need $TEST_PACKAGES
    build_with_tests
    exec bench/run "$@"
    ;;
fuzz)
    need $FUZZ_PACKAGES
    CC=clang compile build-fuzz -Dfuzz=true -Dtests=false -Dprogram=false -Dbuildtype=debugoptimized \
        -Db_sanitize=address,undefined -Db_lundef=false -Ddefault_library=static
    exec fuzz/run build-fuzz "$@"
    ;;
asan)
    need $TEST_PACKAGES
    compile build-asan -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized
    ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        run_tests build-asan --timeout-multiplier 6 "$@"
    ;;
tsan)
    need $TEST_PACKAGES
    compile build-tsan -Db_sanitize=thread -Db_lundef=false -Dprogram=false -Dbuildtype=debugoptimized
    TSAN_OPTIONS=halt_on_error=1 run_tests build-tsan --timeout-multiplier 10 --suite threads "$@"
    ;;
aarch64)
    need $CROSS_PACKAGES
    HONE_CROSS_LIBRARIES="$(printf '%s ' $TEST_PACKAGES | tr ' ' '\n' | grep -- '-dev$' | tr '\n' ' ')" tools/cross-aarch64
    # Whole networks take hours under emulation: their kernels and operators are tested instead.
    run_tests build-aarch64/tree --no-suite models --timeout-multiplier 20 "$@"
    ;;
lint)
    need $LINT_PACKAGES
    tools/check-deps
    files=$(git ls-files '*.c' '*.h')
    clang-format --dry-run --Werror $files || die "run ./do format"
    for cc in gcc clang; do
        CC=$cc compile build-lint-$cc -Dwerror=true
        say "lint: no warnings with $cc"
    done
    ;;
format)
    need clang-format
    clang-format -i $(git ls-files '*.c' '*.h')
    ;;
clean) rm -rf build build-* ;;
help | --help | -h)
    cat <<'TEXT'
usage: ./do VERB
  demo     installs what is missing, builds, runs `hone tune` on the bundled model and shows the report
  test     installs what is missing, builds and runs all tests
  build    builds build/hone
  bench    measures models against ONNX Runtime and writes docs/benchmarks.md (--quick: batch 1 only; --help: options)
  fuzz     builds the fuzz targets and runs each for a while
  asan     all tests under AddressSanitizer and UndefinedBehaviorSanitizer
  tsan     the threaded tests under ThreadSanitizer
  aarch64  cross-builds for 64-bit ARM, runs the tests (whole networks aside) under qemu-user
  lint     warnings with gcc and clang, layers, formatting
  format   formats the C files
  clean    removes all build folders
TEXT
    ;;
*) die "there is no verb '$verb'; try ./do help" ;;
esac
