// `alloca` and variadic functions: frames whose size is known at run time only,
// and arguments that travel through memory. A small formatter builds records of
// text; each line is assembled in a buffer of just its length.
#include "guest.h"
#include <stdarg.h>

enum { LINES = 60, LEAST_WIDTH = 24 };

// Where text goes; counts on past the end, so a first pass can measure.
typedef struct {
  char *start;
  uint32_t capacity, length;
} sink;

NOINLINE static void put(sink *to, char c) {
  if (to->length < to->capacity) {
    to->start[to->length] = c;
  }
  to->length++;
}

NOINLINE static void put_number(sink *to, uint32_t value, uint32_t base,
                                uint32_t width) {
  char digits[32];
  uint32_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  while (count < width && count < sizeof digits) {
    digits[count++] = '0';
  }
  while (count > 0) {
    put(to, digits[--count]);
  }
}

// %u, %x (eight digits), %d, %c, %s, %%.
NOINLINE static void format_list(sink *to, const char *text, va_list args) {
  for (; *text != 0; text++) {
    if (*text != '%') {
      put(to, *text);
      continue;
    }
    switch (*++text) {
    case 'u':
      put_number(to, va_arg(args, uint32_t), 10, 1);
      break;
    case 'x':
      put_number(to, va_arg(args, uint32_t), 16, 8);
      break;
    case 'd': {
      int32_t value = va_arg(args, int32_t);
      if (value < 0) {
        put(to, '-');
      }
      put_number(to, value < 0 ? 0u - (uint32_t)value : (uint32_t)value, 10, 1);
      break;
    }
    case 'c':
      put(to, (char)va_arg(args, int));
      break;
    case 's':
      for (const char *s = va_arg(args, const char *); *s != 0; s++) {
        put(to, *s);
      }
      break;
    default:
      put(to, '%');
    }
  }
}

NOINLINE static uint32_t format(char *start, uint32_t capacity,
                                const char *text, ...) {
  sink to = {start, capacity, 0};
  va_list args;
  va_start(args, text);
  format_list(&to, text, args);
  va_end(args);
  return to.length;
}

NOINLINE static uint32_t hash_text(uint32_t hash, const char *text,
                                   uint32_t length) {
  for (uint32_t i = 0; i < length; i++) {
    hash = (hash ^ (uint8_t)text[i]) * 16777619u;
  }
  return hash;
}

NOINLINE static uint32_t line(uint32_t hash, uint32_t number, uint32_t value) {
  static const char *const names[] = {"ash", "birch", "cedar", "dogwood"};
  static const char pattern[] = "%u: %s=%d (0x%x) [%c] 100%%";
  const char *name = names[value % 4];
  int32_t difference = (int32_t)(value % 2000) - 1000;
  int letter = 'a' + (int)(value % 26);
  uint32_t length =
      format(NULL, 0, pattern, number, name, difference, value, letter);
  uint32_t padded = length < LEAST_WIDTH ? LEAST_WIDTH : length;
  char *text = __builtin_alloca(padded);
  for (uint32_t i = 0; i < padded; i++) {
    text[i] = '.';
  }
  format(text, padded, pattern, number, name, difference, value, letter);
  return hash_text(hash, text, padded);
}

EXPORT("run") uint32_t run(uint32_t n) {
  uint32_t hash = HASH_START, random = 7;
  for (uint32_t round = 0; round < n; round++) {
    for (uint32_t i = 0; i < LINES; i++) {
      hash = line(hash, i, next_random(&random));
    }
  }
  return hash;
}
