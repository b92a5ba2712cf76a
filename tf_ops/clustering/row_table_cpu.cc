#include <cstring>

#include "tf_ops/clustering/row_table.h"

namespace ban {

int64_t RowTable::Insert(const float* row) {
  int64_t slot = FindSlot(row);
  if (slots_[slot] >= 0) return slots_[slot];
  if (2 * size() >= static_cast<int64_t>(slots_.size())) {
    Grow();
    slot = FindSlot(row);
  }
  slots_[slot] = static_cast<int32_t>(size());
  rows_.insert(rows_.end(), row, row + width_);
  return slots_[slot];
}

uint64_t RowTable::Hash(const float* row) const {
  uint64_t hash = 0;
  for (int e = 0; e < width_; ++e) {
    uint32_t bits;
    std::memcpy(&bits, row + e, sizeof(bits));
    hash = (hash ^ bits) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  }
  return hash;
}

// The slot that holds `row`, or the free one where it belongs.
int64_t RowTable::FindSlot(const float* row) const {
  const uint64_t last = slots_.size() - 1;
  uint64_t slot = Hash(row) & last;
  while (slots_[slot] >= 0 && std::memcmp(row, this->row(slots_[slot]),
                                          width_ * sizeof(float)) != 0) {
    slot = (slot + 1) & last;
  }
  return slot;
}

void RowTable::Grow() {
  slots_.assign(slots_.size() * 4, -1);
  const int64_t taken = size();
  for (int64_t id = 0; id < taken; ++id) {
    slots_[FindSlot(row(id))] = static_cast<int32_t>(id);
  }
}

}  // namespace ban
