#!/bin/sh
# Takes from an environment what only serves to build or to debug compiled modules: about a fifth of it.
set -eu
find "$1" -name '*.so' -exec strip --strip-debug {} +
find "$1" -type f \( -name '*.c' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' \) -delete
