// Recursion through out-parameters: what a call gives back goes to the caller's
// frame by address, so every level of the recursion has a shadow-stack frame.
#include "guest.h"

enum { KEYS = 200 };

typedef struct node {
  struct node *left, *right;
  uint32_t key, count;
} node;

typedef struct {
  uint32_t nodes, depth, least, most, sum;
} summary;

static node pool[KEYS];

NOINLINE static void insert(node **at, node *fresh, uint32_t *steps) {
  if (*at == NULL) {
    *at = fresh;
    *steps = 1;
    return;
  }
  uint32_t below;
  if (fresh->key < (*at)->key) {
    insert(&(*at)->left, fresh, &below);
  } else if (fresh->key > (*at)->key) {
    insert(&(*at)->right, fresh, &below);
  } else {
    (*at)->count++;
    below = 0;
  }
  *steps = below + 1;
}

NOINLINE static void summarise(const node *of, summary *out) {
  if (of == NULL) {
    *out = (summary){0, 0, UINT32_MAX, 0, 0};
    return;
  }
  summary left, right;
  summarise(of->left, &left);
  summarise(of->right, &right);
  out->nodes = left.nodes + right.nodes + of->count;
  out->depth = 1 + (left.depth > right.depth ? left.depth : right.depth);
  out->least = left.least < of->key ? left.least : of->key;
  out->most = right.most > of->key ? right.most : of->key;
  out->sum = left.sum + right.sum + of->key * of->count;
}

// Ackermann's function; `calls` counts how often it was entered.
NOINLINE static void ackermann(uint32_t m, uint32_t n, uint32_t *out,
                               uint32_t *calls) {
  ++*calls;
  if (m == 0) {
    *out = n + 1;
  } else if (n == 0) {
    ackermann(m - 1, 1, out, calls);
  } else {
    uint32_t inner;
    ackermann(m, n - 1, &inner, calls);
    ackermann(m - 1, inner, out, calls);
  }
}

EXPORT("run") uint32_t run(uint32_t n) {
  uint32_t hash = HASH_START, random = 1;
  for (uint32_t round = 0; round < n; round++) {
    node *root = NULL;
    uint32_t steps, total = 0;
    for (int i = 0; i < KEYS; i++) {
      pool[i] = (node){NULL, NULL, next_random(&random) % 1024, 1};
      insert(&root, &pool[i], &steps);
      total += steps;
    }
    summary all;
    summarise(root, &all);
    uint32_t value, calls = 0;
    ackermann(2, 12 + round % 4, &value, &calls);
    hash = mix(hash, total);
    hash = mix(hash, all.nodes ^ all.depth << 8);
    hash = mix(hash, all.least ^ all.most << 16);
    hash = mix(hash, all.sum);
    hash = mix(hash, value ^ calls << 12);
  }
  return hash;
}
