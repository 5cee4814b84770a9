// A recursive-descent JSON parser over text the program writes itself. Each
// level of the grammar hands a result struct up by address.
#include "guest.h"

enum { TEXT = 16384, DEPTH = 6, KEY = 16 };

// Writing.

typedef struct {
  char *at, *end;
  uint32_t random;
} writer;

NOINLINE static void put_text(writer *w, const char *text) {
  while (*text != 0 && w->at < w->end) {
    *w->at++ = *text++;
  }
}

NOINLINE static void put_integer(writer *w, uint32_t value) {
  char digits[12];
  uint32_t at = sizeof digits;
  digits[--at] = 0;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0);
  put_text(w, digits + at);
}

NOINLINE static void put_value(writer *w, uint32_t depth) {
  static const char *const strings[] = {"\"oak\"", "\"a \\\"quoted\\\" tree\"",
                                        "\"\\u0041lder\\n\"", "\"\""};
  uint32_t kind = depth == 0 ? next_random(&w->random) % 4
                             : 4 + next_random(&w->random) % 2;
  switch (kind) {
  case 0:
    if (next_random(&w->random) % 2) {
      put_text(w, "-");
    }
    put_integer(w, next_random(&w->random) % 100000);
    break;
  case 1:
    put_text(w, strings[next_random(&w->random) % 4]);
    break;
  case 2:
    put_text(w, next_random(&w->random) % 2 ? "true" : "false");
    break;
  case 3:
    put_text(w, "null");
    break;
  case 4:
    put_text(w, "[ ");
    for (uint32_t i = 0, count = 2 + next_random(&w->random) % 2; i < count;
         i++) {
      put_text(w, i == 0 ? "" : ", ");
      put_value(w, depth - 1);
    }
    put_text(w, "]");
    break;
  default:
    put_text(w, "{");
    for (uint32_t i = 0, count = 2 + next_random(&w->random) % 2; i < count;
         i++) {
      put_text(w, i == 0 ? "\"k" : ",\n \"k");
      put_integer(w, i);
      put_text(w, "\": ");
      put_value(w, depth - 1);
    }
    put_text(w, "}");
  }
}

// Reading.

typedef struct {
  const char *at, *end;
  uint32_t errors;
} reader;

typedef struct {
  uint32_t hash, values, depth;
} result;

static void read_value(reader *r, result *out);

static void skip_space(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\n')) {
    r->at++;
  }
}

static int take(reader *r, char c) {
  skip_space(r);
  if (r->at < r->end && *r->at == c) {
    r->at++;
    return 1;
  }
  return 0;
}

NOINLINE static void expect(reader *r, const char *word) {
  for (; *word != 0; word++) {
    if (r->at >= r->end || *r->at++ != *word) {
      r->errors++;
      return;
    }
  }
}

// Unescapes into `out`, as much as fits; gives the whole length.
NOINLINE static uint32_t read_string(reader *r, char *out, uint32_t capacity) {
  uint32_t length = 0;
  expect(r, "\"");
  while (r->at < r->end && *r->at != '"') {
    char c = *r->at++;
    if (c == '\\' && r->at < r->end) {
      c = *r->at++;
      if (c == 'n') {
        c = '\n';
      } else if (c == 'u') {
        uint32_t code = 0;
        for (int i = 0; i < 4 && r->at < r->end; i++) {
          code = code * 16 + (uint32_t)(*r->at++ - '0');
        }
        c = (char)code;
      }
    }
    if (length < capacity) {
      out[length] = c;
    }
    length++;
  }
  expect(r, "\"");
  return length;
}

NOINLINE static void read_members(reader *r, char close, result *out) {
  r->at++;
  if (take(r, close)) {
    return;
  }
  do {
    skip_space(r);
    if (close == '}') {
      char key[KEY];
      uint32_t length = read_string(r, key, sizeof key);
      for (uint32_t i = 0; i < length && i < sizeof key; i++) {
        out->hash = (out->hash ^ (uint8_t)key[i]) * 16777619u;
      }
      skip_space(r);
      expect(r, ":");
    }
    result member;
    read_value(r, &member);
    out->hash = mix(out->hash, member.hash);
    out->values += member.values;
    if (member.depth >= out->depth) {
      out->depth = member.depth + 1;
    }
  } while (take(r, ','));
  expect(r, (char[]){close, 0});
}

NOINLINE static void read_number(reader *r, result *out) {
  int negative = take(r, '-');
  uint32_t value = 0;
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
    value = value * 10 + (uint32_t)(*r->at++ - '0');
  }
  out->hash = mix(out->hash, negative ? 0u - value : value);
}

NOINLINE static void read_value(reader *r, result *out) {
  *out = (result){HASH_START, 1, 0};
  skip_space(r);
  char first = r->at < r->end ? *r->at : 0;
  if (first == '{' || first == '[') {
    read_members(r, first == '{' ? '}' : ']', out);
  } else if (first == '"') {
    char text[KEY];
    uint32_t length = read_string(r, text, sizeof text);
    for (uint32_t i = 0; i < length && i < sizeof text; i++) {
      out->hash = (out->hash ^ (uint8_t)text[i]) * 16777619u;
    }
    out->hash = mix(out->hash, length);
  } else if (first == 't') {
    expect(r, "true");
    out->hash ^= 1;
  } else if (first == 'f') {
    expect(r, "false");
    out->hash ^= 2;
  } else if (first == 'n') {
    expect(r, "null");
    out->hash ^= 3;
  } else {
    read_number(r, out);
  }
}

static char text[TEXT];

EXPORT("run") uint32_t run(uint32_t n) {
  uint32_t hash = HASH_START, random = 3;
  for (uint32_t round = 0; round < n; round++) {
    writer w = {text, text + TEXT, random};
    put_value(&w, DEPTH);
    random = w.random;
    reader r = {text, w.at, 0};
    result all;
    read_value(&r, &all);
    hash = mix(hash, all.hash);
    hash = mix(hash, all.values ^ all.depth << 16);
    hash = mix(hash, r.errors ^ (uint32_t)(r.end - r.at) << 16);
  }
  return hash;
}
