// Sorts with big frames: a merge sort that keeps its halves in local arrays, and
// a quicksort that sorts small ranges through a local copy.
#include "guest.h"

enum { COUNT = 256, HALF = COUNT / 2, SMALL = 12 };

typedef struct {
  uint32_t key, place;
} item;

static int before(const item *a, const item *b) {
  return a->key != b->key ? a->key < b->key : a->place < b->place;
}

NOINLINE static void sort_small(item *items, uint32_t count) {
  item sorted[SMALL];
  uint32_t filled = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t at = filled++;
    for (; at > 0 && before(&items[i], &sorted[at - 1]); at--) {
      sorted[at] = sorted[at - 1];
    }
    sorted[at] = items[i];
  }
  for (uint32_t i = 0; i < count; i++) {
    items[i] = sorted[i];
  }
}

NOINLINE static void merge_sort(item *items, uint32_t count) {
  if (count <= SMALL) {
    sort_small(items, count);
    return;
  }
  item half[HALF];
  uint32_t middle = count / 2;
  for (uint32_t i = 0; i < middle; i++) {
    half[i] = items[i];
  }
  merge_sort(half, middle);
  merge_sort(items + middle, count - middle);
  uint32_t left = 0, right = middle, out = 0;
  while (left < middle) {
    if (right < count && before(&items[right], &half[left])) {
      items[out++] = items[right++];
    } else {
      items[out++] = half[left++];
    }
  }
}

NOINLINE static void split(const item *pivot, item *items, uint32_t count,
                           uint32_t *left, uint32_t *right) {
  int64_t i = 0, j = (int64_t)count - 1;
  while (i <= j) {
    while (before(&items[i], pivot)) {
      i++;
    }
    while (before(pivot, &items[j])) {
      j--;
    }
    if (i <= j) {
      item swapped = items[i];
      items[i++] = items[j];
      items[j--] = swapped;
    }
  }
  *left = (uint32_t)(j + 1);
  *right = (uint32_t)i;
}

NOINLINE static void quick_sort(item *items, uint32_t count) {
  if (count <= SMALL) {
    sort_small(items, count);
    return;
  }
  item pivot = items[count / 2];
  uint32_t left, right;
  split(&pivot, items, count, &left, &right);
  quick_sort(items, left);
  quick_sort(items + right, count - right);
}

NOINLINE static uint32_t check(uint32_t hash, const item *items) {
  for (uint32_t i = 0; i < COUNT; i++) {
    uint32_t disorder = i > 0 && before(&items[i], &items[i - 1]);
    hash = (hash ^ items[i].place ^ items[i].key << 9) * 16777619u + disorder;
  }
  return hash;
}

EXPORT("run") uint32_t run(uint32_t n) {
  uint32_t hash = HASH_START, random = 11;
  for (uint32_t round = 0; round < n; round++) {
    item first[COUNT], second[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
      first[i] = second[i] = (item){next_random(&random) % 1000, i};
    }
    merge_sort(first, COUNT);
    quick_sort(second, COUNT);
    hash = check(hash, first);
    hash = check(hash, second);
  }
  return hash;
}
