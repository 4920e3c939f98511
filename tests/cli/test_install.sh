#!/bin/sh
# What `meson install` gives: headers, both libraries and a pkg-config file with which the example builds and
# runs; and the library needs libc, libm and threads alone.
# usage: test_install.sh BUILD_DIR SOURCE_DIR
set -eu
build=$1 source=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
DESTDIR=$dir meson install -C "$build" --no-rebuild >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
pc=$(find "$dir" -name hone.pc)
lib=$(dirname "$(find "$dir" -name 'libhone.so')")
[ -n "$pc" ] && [ -f "$lib/libhone.a" ] && [ -x "$(find "$dir" -path '*/bin/hone')" ] || { echo "something is not installed"; exit 1; }
export PKG_CONFIG_PATH=$(dirname "$pc") PKG_CONFIG_SYSROOT_DIR=$dir
cc -o "$dir/minimal" "$source/examples/minimal.c" $(pkg-config --cflags --libs hone)
LD_LIBRARY_PATH=$lib "$dir/minimal" "$source/examples/digits/digits.onnx"
cc -o "$dir/minimal_static" "$source/examples/minimal.c" $(pkg-config --cflags hone) "$lib/libhone.a" -lm -lpthread
"$dir/minimal_static" "$source/examples/digits/digits.onnx"
needed=$(readelf -d "$lib/libhone.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -v -E '^(libc|libm|libpthread|ld-linux[^.]*)\.so' || true)
[ -z "$needed" ] || { echo "libhone.so needs $needed"; exit 1; }
exported=$(nm -D --defined-only "$lib/libhone.so" | awk '{print $3}' | grep -v '^hone_' || true)
[ -z "$exported" ] || { echo "libhone.so exports $exported"; exit 1; }
