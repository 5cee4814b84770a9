// A blend of what embedded benchmarks are made of: a linked list, a small matrix
// and a state machine, each with its working set in a frame and its result
// folded into a CRC.
#include "guest.h"

enum { PASSES = 6, ITEMS = 40, SIDE = 8, TEXT = 96 };

NOINLINE static void crc_byte(uint16_t *crc, uint8_t byte) {
  *crc ^= byte;
  for (int i = 0; i < 8; i++) {
    *crc = (uint16_t)(*crc & 1 ? *crc >> 1 ^ 0xa001 : *crc >> 1);
  }
}

NOINLINE static void crc_word(uint16_t *crc, uint32_t word) {
  for (int i = 0; i < 4; i++) {
    crc_byte(crc, (uint8_t)(word >> i * 8));
  }
}

// The list.

typedef struct link {
  struct link *next;
  uint32_t value;
} link;

NOINLINE static void reverse(link **head) {
  link *done = NULL, *at = *head;
  while (at != NULL) {
    link *next = at->next;
    at->next = done;
    done = at;
    at = next;
  }
  *head = done;
}

// Where the pointer to the first link of that value is, or the end.
NOINLINE static link **find(link **head, uint32_t value) {
  while (*head != NULL && (*head)->value != value) {
    head = &(*head)->next;
  }
  return head;
}

NOINLINE static void work_list(uint32_t *random, uint16_t *crc) {
  link links[ITEMS], *head = NULL;
  for (int i = 0; i < ITEMS; i++) {
    links[i] = (link){head, next_random(random) % 64};
    head = &links[i];
  }
  for (uint32_t value = 0; value < 16; value++) {
    link **at = find(&head, value * 3);
    if (*at != NULL) {
      *at = (*at)->next;
    }
    reverse(&head);
  }
  for (link *at = head; at != NULL; at = at->next) {
    crc_byte(crc, (uint8_t)at->value);
  }
}

// The matrix.

typedef struct {
  int32_t cell[SIDE][SIDE];
} matrix;

NOINLINE static matrix multiply(const matrix *a, const matrix *b) {
  matrix out;
  for (int row = 0; row < SIDE; row++) {
    for (int column = 0; column < SIDE; column++) {
      int32_t sum = 0;
      for (int i = 0; i < SIDE; i++) {
        sum += a->cell[row][i] * b->cell[i][column];
      }
      out.cell[row][column] = sum & 0xffff;
    }
  }
  return out;
}

NOINLINE static void work_matrix(uint32_t *random, uint16_t *crc) {
  matrix a, b;
  for (int row = 0; row < SIDE; row++) {
    for (int column = 0; column < SIDE; column++) {
      a.cell[row][column] = (int32_t)(next_random(random) % 100) - 50;
      b.cell[row][column] = (int32_t)(next_random(random) % 100) - 50;
    }
  }
  matrix c = multiply(&a, &b);
  a = multiply(&c, &a);
  uint32_t trace = 0;
  for (int i = 0; i < SIDE; i++) {
    trace += (uint32_t)a.cell[i][i] ^ (uint32_t)c.cell[i][SIDE - 1 - i];
  }
  crc_word(crc, trace);
}

// The state machine: which of comma-separated fields are numbers.

typedef enum { START, SIGN, INTEGER, FRACTION, EXPONENT, WRONG, STATES } state;

NOINLINE static state step(state from, char c, uint32_t *visits) {
  visits[from]++;
  int digit = c >= '0' && c <= '9';
  switch (from) {
  case START:
    return digit ? INTEGER : c == '-' ? SIGN : WRONG;
  case SIGN:
    return digit ? INTEGER : WRONG;
  case INTEGER:
    return digit ? INTEGER : c == '.' ? FRACTION : c == 'e' ? EXPONENT : WRONG;
  case FRACTION:
    return digit ? FRACTION : c == 'e' ? EXPONENT : WRONG;
  case EXPONENT:
    return digit ? EXPONENT : WRONG;
  default:
    return WRONG;
  }
}

NOINLINE static void work_states(uint32_t *random, uint16_t *crc) {
  char text[TEXT];
  uint32_t visits[STATES] = {0}, ends[STATES] = {0};
  for (int i = 0; i < TEXT; i++) {
    text[i] = "0123456789012345-.e,"[next_random(random) % 20];
  }
  state at = START;
  for (int i = 0; i < TEXT; i++) {
    if (text[i] == ',') {
      ends[at]++;
      at = START;
    } else {
      at = step(at, text[i], visits);
    }
  }
  for (int i = 0; i < STATES; i++) {
    crc_word(crc, visits[i] ^ ends[i] << 16);
  }
}

EXPORT("run") uint32_t run(uint32_t n) {
  uint32_t hash = HASH_START, random = 5;
  for (uint32_t round = 0; round < n; round++) {
    uint16_t crc = 0;
    for (int pass = 0; pass < PASSES; pass++) {
      work_list(&random, &crc);
      work_matrix(&random, &crc);
      work_states(&random, &crc);
    }
    hash = mix(hash, crc);
  }
  return hash;
}
