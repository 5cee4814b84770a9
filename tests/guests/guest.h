// What the guests share: how to export a function, and a checksum.
//
// They use no library, so that a guest is a few kilobytes and none of its time
// is somebody else's code. The same source compiles natively, where `build.sh`
// checks the answers.
#ifndef GUEST_H
#define GUEST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(name)))
#else
#define EXPORT(name)
#endif

// Without this the compiler folds small frames into their callers', and the
// stack pointer is touched once instead of once a call.
#define NOINLINE __attribute__((noinline))

uint32_t run(uint32_t n);

// One round of FNV-1a over the four bytes of `value`.
static inline uint32_t mix(uint32_t hash, uint32_t value) {
  for (int i = 0; i < 4; i++) {
    hash = (hash ^ (value & 0xff)) * 16777619u;
    value >>= 8;
  }
  return hash;
}

#define HASH_START 2166136261u

// A full-period linear congruential generator; the high bits are the good ones.
static inline uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

#endif
