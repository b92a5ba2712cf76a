// clang-format off
#include "tf_ops/core/tensorflow_gpu.h"  // first: sets EIGEN_USE_GPU
// clang-format on

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tf_ops/clustering/clustering.h"
#include "tf_ops/core/op_checks.h"
#include "tf_ops/core/tensorflow_workers.h"

namespace tensorflow {
namespace {

constexpr char kMeanShift[] = "MeanShift";

absl::Status ReadBandwidth(const Tensor& bandwidth, double* value) {
  TF_RETURN_IF_ERROR(
      ban::CheckShape(kMeanShift, "bandwidth", bandwidth, "[]", {}));
  *value = bandwidth.scalar<double>()();
  const float rounded = static_cast<float>(*value);
  if (std::isnormal(rounded) && rounded > 0.0f) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      kMeanShift,
      ": bandwidth must be > 0 and within the range of float32. Received: "
      "bandwidth=",
      *value));
}

absl::Status CheckWidth(int64_t width) {
  if (1 <= width && width <= ban::kMaxEmbeddingWidth) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(kMeanShift, ": embedding [B, N, E] must have E in [1, ",
                   ban::kMaxEmbeddingWidth, "]. Received: E=", width));
}

// What was wrong, without the op and the block.
const char* Explain(ban::MeanShiftFault fault) {
  switch (fault) {
    case ban::MeanShiftFault::kNotFinite:
      return "embedding must be finite; a network that diverged gives NaN";
    case ban::MeanShiftFault::kOverflow:
      return "sums of embeddings, and embeddings over the bandwidth, must stay "
             "in the range of float32; scale the embedding down";
    case ban::MeanShiftFault::kNoCentre:
      return "bandwidth must be larger than the rounding of the embedding's "
             "means in float32; centre the embedding or widen the bandwidth";
    case ban::MeanShiftFault::kNone:
      break;
  }
  return "";
}

absl::Status ToStatus(const ban::MeanShiftStatus& status) {
  if (status.fault == ban::MeanShiftFault::kNone) return absl::OkStatus();
  std::string where = absl::StrCat("block ", status.block);
  if (status.fault == ban::MeanShiftFault::kNotFinite) {
    absl::StrAppend(&where, " with a NaN or infinity at point ", status.point);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      kMeanShift, ": ", Explain(status.fault), ". Received: ", where));
}

class MeanShiftOp : public OpKernel {
 public:
  explicit MeanShiftOp(OpKernelConstruction* ctx) : OpKernel(ctx) {
    OP_REQUIRES_OK(ctx, ctx->GetAttr("bin_seeding", &options_.bin_seeding));
    OP_REQUIRES_OK(ctx,
                   ctx->GetAttr("max_iterations", &options_.max_iterations));
  }

  void Compute(OpKernelContext* ctx) override {
    const Tensor& embedding = ctx->input(0);
    ban::MeanShiftOptions options = options_;
    OP_REQUIRES_OK(
        ctx, ban::CheckShape(kMeanShift, "embedding", embedding, "[B, N, E]",
                             {ban::kAny, ban::kAny, ban::kAny}));
    OP_REQUIRES_OK(ctx, CheckWidth(embedding.dim_size(2)));
    OP_REQUIRES_OK(ctx, ban::CheckIndexable(kMeanShift, "embedding",
                                            embedding.dim_size(1)));
    OP_REQUIRES_OK(ctx, ReadBandwidth(ctx->input(1), &options.bandwidth));
    Tensor* labels = nullptr;
    OP_REQUIRES_OK(
        ctx, ctx->allocate_output(
                 0, {embedding.dim_size(0), embedding.dim_size(1)}, &labels));
    Run(ctx, embedding, options, labels);
  }

 protected:
  // Writes `labels` and makes the other outputs.
  virtual void Run(OpKernelContext* ctx, const Tensor& embedding,
                   const ban::MeanShiftOptions& options, Tensor* labels) = 0;

 private:
  ban::MeanShiftOptions options_;
};

class MeanShiftCpuOp final : public MeanShiftOp {
 public:
  using MeanShiftOp::MeanShiftOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& embedding,
           const ban::MeanShiftOptions& options, Tensor* labels) override {
    const int64_t width = embedding.dim_size(2);
    ban::TensorFlowWorkers workers(ctx);
    std::vector<std::vector<float>> centres;
    OP_REQUIRES_OK(ctx, ToStatus(ban::MeanShiftCpu(
                            &workers, embedding.flat<float>().data(),
                            embedding.dim_size(0), embedding.dim_size(1),
                            static_cast<int>(width), options,
                            labels->flat<int32_t>().data(), &centres)));
    WriteCentres(ctx, centres, width);
  }

  static void WriteCentres(OpKernelContext* ctx,
                           const std::vector<std::vector<float>>& centres,
                           int64_t width) {
    size_t longest = 0;
    for (const auto& block : centres) longest = std::max(longest, block.size());
    const int64_t batch = centres.size();
    const int64_t most_clusters = longest / width;
    Tensor* padded = nullptr;
    Tensor* num_clusters = nullptr;
    OP_REQUIRES_OK(
        ctx, ctx->allocate_output(1, {batch, most_clusters, width}, &padded));
    OP_REQUIRES_OK(ctx, ctx->allocate_output(2, {batch}, &num_clusters));
    float* row = padded->flat<float>().data();
    for (int64_t b = 0; b < batch; ++b) {
      const auto rest = std::copy(centres[b].begin(), centres[b].end(), row);
      row += longest;
      std::fill(rest, row, std::numeric_limits<float>::quiet_NaN());
      num_clusters->flat<int32_t>()(b) =
          static_cast<int32_t>(centres[b].size() / width);
    }
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>MeanShift").Device(DEVICE_CPU),
                        MeanShiftCpuOp);

#ifdef BAN_WITH_CUDA

class MeanShiftGpuOp final : public MeanShiftOp {
 public:
  using MeanShiftOp::MeanShiftOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& embedding,
           const ban::MeanShiftOptions& options, Tensor* labels) override {
    const int64_t batch = embedding.dim_size(0);
    const int64_t num_points = embedding.dim_size(1);
    const int64_t width = embedding.dim_size(2);
    Tensor* centres = nullptr;
    Tensor* num_clusters = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(1, embedding.shape(), &centres));
    OP_REQUIRES_OK(ctx, ctx->allocate_output(2, {batch}, &num_clusters));
    Tensor scratch;
    OP_REQUIRES_OK(
        ctx,
        ban::AllocateScratch(
            ctx, BanMeanShiftScratchBytes(batch, num_points, width), &scratch));
    OP_REQUIRES_OK(
        ctx,
        ban::LaunchStatus(
            kMeanShift,
            BanMeanShiftCuda(
                ban::Stream(ctx), embedding.flat<float>().data(), batch,
                num_points, width, options.bandwidth, options.bin_seeding,
                options.max_iterations, ban::ScratchData(&scratch),
                labels->flat<int32_t>().data(), centres->flat<float>().data(),
                num_clusters->flat<int32_t>().data())));
  }
};
REGISTER_KERNEL_BUILDER(
    Name("Ban>MeanShift").Device(DEVICE_GPU).HostMemory("bandwidth"),
    MeanShiftGpuOp);

#endif  // BAN_WITH_CUDA

}  // namespace
}  // namespace tensorflow
