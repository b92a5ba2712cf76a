// Faults on purpose, one by one: shows that the sanitizers see what the ops do
// with a tensor's memory.  Only `.ci/sanitizers` builds this.
#ifndef BAN_TF_OPS_FAULTS_FAULTS_H_
#define BAN_TF_OPS_FAULTS_FAULTS_H_

#include <cstdint>
#include <string>

namespace ban {

// Commits the fault `name`, or none if it is "none".
//   points  [N], N >= 1    output  [N]
void CommitFault(const std::string& name, const float* points,
                 int64_t num_points, float* output);

}  // namespace ban

#endif  // BAN_TF_OPS_FAULTS_FAULTS_H_
