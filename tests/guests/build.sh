#!/bin/sh
# Builds the guests and their answers:
#   tests/guests/build.sh PYTHON
# where PYTHON is an interpreter that has `ziglang` (0.17.1, from PyPI), whose
# clang is the compiler. `CC` computes the answers natively; default `cc`.
set -eu
cd "$(dirname "$0")"
python=${1:?usage: build.sh PYTHON (one with the ziglang package)}
native=${CC:-cc}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# No --strip-debug: here it takes the name section too, which says which global
# is `__stack_pointer`. -g0 leaves nothing else to strip.
# -O2 in both: undefined behaviour would show as a difference.
build() {
  "$python" -m ziglang cc -target wasm32-freestanding -mcpu=generic+bulk_memory+sign_ext \
    -O2 -g0 -std=c11 -ffreestanding -fno-builtin -nostdlib -fno-sanitize=all -Wall -Wextra \
    -Wl,--no-entry -Wl,-z,stack-size=65536 \
    "$1.c" -o "$1.wasm"
}

answers() {
  "$native" -O2 -std=c11 -Wall -Wextra $2 "$1.c" answers.c -o "$scratch/$1"
  shift 2
  "$scratch/$program" "$program" "$@" >>"$scratch/answers.txt"
}

for program in tree format json sort blend; do
  build $program
  answers $program "" 0 1 10 1000
done
program=stringy
build $program
answers $program -DSTRINGY Ada Grace

mv "$scratch/answers.txt" answers.txt
