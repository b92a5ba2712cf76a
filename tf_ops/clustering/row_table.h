// A hash table of rows of floats, numbered in the order of their insertion.
#ifndef BAN_TF_OPS_CLUSTERING_ROW_TABLE_H_
#define BAN_TF_OPS_CLUSTERING_ROW_TABLE_H_

#include <cstdint>
#include <vector>

namespace ban {

// Rows are equal if all their bits are: -0 is not +0.
class RowTable {
 public:
  explicit RowTable(int width) : width_(width), slots_(64, -1) {}

  int64_t size() const { return rows_.size() / width_; }
  const float* row(int64_t id) const { return &rows_[id * width_]; }
  const std::vector<float>& rows() const { return rows_; }

  // Returns the row's number, after inserting it if it is new.
  int64_t Insert(const float* row);

 private:
  uint64_t Hash(const float* row) const;
  int64_t FindSlot(const float* row) const;
  void Grow();

  int width_;
  std::vector<int32_t> slots_;  // row numbers or -1; at most half are taken
  std::vector<float> rows_;     // [size, E]
};

}  // namespace ban

#endif  // BAN_TF_OPS_CLUSTERING_ROW_TABLE_H_
