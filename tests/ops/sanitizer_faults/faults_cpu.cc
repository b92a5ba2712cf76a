#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "tf_ops/faults/faults.h"

namespace ban {

void CommitFault(const std::string& name, const float* points,
                 int64_t num_points, float* output) {
  std::copy_n(points, num_points, output);
  if (name == "read past the input") output[0] = points[num_points];
  if (name == "write past the output") output[num_points] = 1.0f;
  if (name == "write before the output") output[-1] = 1.0f;
  if (name == "read what was freed") {
    auto freed = std::make_unique<std::vector<float>>(num_points);
    const float* data = freed->data();
    freed.reset();
    output[0] = data[0];
  }
  if (name == "vector index") {
    std::vector<float> rows;
    rows.reserve(num_points + 1);
    rows.resize(num_points);
    output[0] = rows[num_points];
  }
  if (name == "cast out of range") {
    output[0] = static_cast<float>(static_cast<int32_t>(points[0] * 1e20f));
  }
  if (name == "cast of NaN") {
    const float nan = points[0] * std::numeric_limits<float>::quiet_NaN();
    output[0] = static_cast<float>(static_cast<int64_t>(nan));
  }
  if (name == "integer overflow") {
    const int32_t most = std::numeric_limits<int32_t>::max();
    output[0] = static_cast<float>(most + static_cast<int32_t>(num_points));
  }
  if (name == "shift too far") {
    output[0] = static_cast<float>(1 << (num_points + 31));
  }
  if (name == "address not aligned") {
    const char* bytes = reinterpret_cast<const char*>(points);
    output[0] = *reinterpret_cast<const float*>(bytes + num_points % 2 + 1);
  }
}

}  // namespace ban
