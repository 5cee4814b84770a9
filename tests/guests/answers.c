// Prints a guest's answers, computed natively: `build.sh` links this with each.
#include "guest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef STRINGY
typedef struct {
  char *start;
  uint32_t length;
} string;

string *greet(const char *name, uint32_t length);

void lookup(const char *key, uint32_t length, string *out) {
  out->length = length + 2;
  out->start = malloc(out->length);
  out->start[0] = '<';
  memcpy(out->start + 1, key, length);
  out->start[length + 1] = '>';
}

int main(int count, char **args) {
  for (int i = 2; i < count; i++) {
    string *answer = greet(args[i], (uint32_t)strlen(args[i]));
    printf("%s %s %.*s\n", args[1], args[i], (int)answer->length, answer->start);
  }
}
#else
int main(int count, char **args) {
  for (int i = 2; i < count; i++) {
    uint32_t n = (uint32_t)strtoul(args[i], NULL, 10);
    printf("%s %u %u\n", args[1], n, run(n));
  }
}
#endif
