#!/bin/sh
# Takes from an environment what only serves to build, to test or to debug packages: about a fifth of it.
set -eu
find "$1" -name '*.so' -exec strip --strip-debug {} +
find "$1" -type f \( -name '*.c' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' \) -delete
find "$1" -type d \( -name tests -o -name testing \) -prune -exec rm -r {} +
