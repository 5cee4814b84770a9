// Strings across the boundary. `greet` looks up words through an import that
// returns strings, so the host calls `cabi_realloc` while `greet` has live
// frames. Those are filled with known bytes and checked after every call:
// whoever lets `realloc` run over them is found out by the answer.
#include "guest.h"

enum { CANARY = 192, ANSWER = 512, DEPTH = 4 };

// The canonical ABI's string: where and how long.
typedef struct {
  char *start;
  uint32_t length;
} string;

#ifdef __wasm__
__attribute__((import_module("$root"), import_name("lookup"))) void
lookup(const char *key, uint32_t length, string *out);
extern char __heap_base;
#define HEAP_START ((uintptr_t)&__heap_base)
#define HEAP_END ((uintptr_t)__builtin_wasm_memory_size(0) << 16)
#else
void lookup(const char *key, uint32_t length, string *out);
static char heap[1 << 16];
#define HEAP_START ((uintptr_t)heap)
#define HEAP_END ((uintptr_t)heap + sizeof heap)
#endif

// The heap is all from the end of the stack to the end of memory: an allocator
// that would trample a stack put there. It is emptied when a call is over.
static uintptr_t next_free;

// Uses a good part of a frame, like an allocator built without optimisation.
NOINLINE static void *allocate(uintptr_t align, uintptr_t bytes) {
  volatile uint8_t frame[CANARY];
  for (int i = 0; i < CANARY; i++) {
    frame[i] = (uint8_t)bytes;
  }
  if (next_free == 0) {
    next_free = HEAP_START;
  }
  uintptr_t start = (next_free + align - 1) & ~(align - 1);
  if (start + bytes > HEAP_END) {
    __builtin_trap();
  }
  next_free = start + bytes + (uintptr_t)(frame[0] ^ frame[CANARY - 1]);
  return (void *)start;
}

EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_bytes,
                                          size_t align, size_t bytes) {
  char *fresh = allocate(align, bytes);
  for (size_t i = 0; i < old_bytes && i < bytes; i++) {
    fresh[i] = ((char *)old)[i];
  }
  return fresh;
}

static void append(string *to, const char *text, uint32_t length) {
  for (uint32_t i = 0; i < length && to->length < ANSWER; i++) {
    to->start[to->length++] = text[i];
  }
}

// Appends `lookup(key + depth)`, from `depth` frames further down.
NOINLINE static void append_word(string *to, const char *key, uint32_t length,
                                 uint32_t depth) {
  volatile uint8_t canary[CANARY];
  char keyed[16];
  string word;
  for (int i = 0; i < CANARY; i++) {
    canary[i] = (uint8_t)(i * 7 + depth);
  }
  for (uint32_t i = 0; i < length; i++) {
    keyed[i] = key[i];
  }
  keyed[length] = (char)('0' + depth);
  lookup(keyed, length + 1, &word);
  if (depth > 0) {
    append_word(to, key, length, depth - 1);
  }
  append(to, word.start, word.length);
  append(to, ",", 1);
  for (int i = 0; i < CANARY; i++) {
    if (canary[i] != (uint8_t)(i * 7 + depth)) {
      append(to, "TRAMPLED", 8);
      return;
    }
  }
}

static string answer;

EXPORT("greet") string *greet(const char *name, uint32_t length) {
  answer = (string){allocate(1, ANSWER), 0};
  append_word(&answer, "word", 4, DEPTH);
  append(&answer, " ", 1);
  append(&answer, name, length);
  return &answer;
}

EXPORT("cabi_post_greet") void cabi_post_greet(string *result) {
  (void)result;
  next_free = 0;
}
