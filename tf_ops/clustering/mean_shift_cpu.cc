#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>

#include "tf_ops/clustering/ball_index.h"
#include "tf_ops/clustering/ball_mean.h"
#include "tf_ops/clustering/bin_seeds.h"
#include "tf_ops/clustering/centre_labels.h"
#include "tf_ops/clustering/climber.h"
#include "tf_ops/clustering/clustering.h"
#include "tf_ops/clustering/row_table.h"
#include "tf_ops/core/denormals.h"

namespace ban {
namespace {

// Below this many points, one thread clusters a block.
constexpr int64_t kLeastPointsToShare = 1024;

// The clustering of one block, in four stages; `Climb` and `Label` may run on
// several threads at once, over different ranges.
class BlockClustering {
 public:
  BlockClustering(const float* points, int64_t num_points, int width,
                  const MeanShiftOptions& options)
      : points_(points),
        num_points_(num_points),
        width_(width),
        options_(options),
        index_(points, num_points, width, options.bandwidth),
        mean_(points, index_.order(), width) {
    UseSeeds(options.bin_seeding
                 ? BinSeeds(points, num_points, width, options.bandwidth)
                 : std::vector<float>(points, points + num_points * width));
  }

  int64_t num_seeds() const { return counts_.size(); }
  int64_t num_point_blocks() const { return index_.blocks().num_blocks(); }

  void Climb(int64_t begin, int64_t end) {
    Climber climber(&index_, &mean_, width_, options_.bandwidth,
                    options_.max_iterations);
    for (int64_t s = begin; s < end; ++s) {
      const float* seed = &seeds_[s * width_];
      counts_[s] = AllFinite(seed) ? climber.Climb(seed, &ends_[s * width_])
                                   : Climber::kOverflow;
    }
  }

  MeanShiftFault ChooseCentres() {
    if (std::all_of(counts_.begin(), counts_.end(),
                    [](int32_t count) { return count == 0; })) {
      UseSeeds(std::vector<float>(points_, points_ + num_points_ * width_));
      Climb(0, num_points_);
    }
    for (const int32_t count : counts_) {
      if (count == Climber::kOverflow) return MeanShiftFault::kOverflow;
    }
    const std::vector<float> ends = SortedEnds();
    if (ends.empty()) return MeanShiftFault::kNoCentre;
    KeepApart(ends);
    labels_ = std::make_unique<CentreLabels>(centres_.data(),
                                             centres_.size() / width_, width_);
    return MeanShiftFault::kNone;
  }

  void Label(int64_t begin, int64_t end, int32_t* labels) const {
    labels_->Label(points_, index_.blocks(), index_.order(), begin, end,
                   labels);
  }

  const std::vector<float>& centres() const { return centres_; }

 private:
  bool AllFinite(const float* row) const {
    return std::all_of(row, row + width_,
                       [](float value) { return std::isfinite(value); });
  }

  void UseSeeds(std::vector<float> seeds) {
    seeds_ = std::move(seeds);
    ends_.assign(seeds_.size(), 0.0f);
    counts_.assign(seeds_.size() / width_, 0);
  }

  // The distinct ends by (count, coordinates), descending.  Equal ends keep the
  // coordinates of the first seed that got there and the count of the last:
  // they are the keys of a Python dict, for which -0 equals +0.
  std::vector<float> SortedEnds() const {
    RowTable distinct(width_);
    std::vector<std::pair<int32_t, int64_t>> found;  // count, first seed
    for (int64_t s = 0; s < num_seeds(); ++s) {
      if (counts_[s] == 0) continue;
      float end[kMaxEmbeddingWidth];
      for (int e = 0; e < width_; ++e) end[e] = ends_[s * width_ + e] + 0.0f;
      const size_t id = distinct.Insert(end);
      if (id == found.size()) found.emplace_back(0, s);
      found[id].first = counts_[s];
    }
    std::sort(found.begin(), found.end(), [this](const auto& a, const auto& b) {
      if (a.first != b.first) return a.first > b.first;
      const float* left = &ends_[a.second * width_];
      const float* right = &ends_[b.second * width_];
      return std::lexicographical_compare(right, right + width_, left,
                                          left + width_);
    });
    std::vector<float> sorted;
    for (const auto& [count, seed] : found) {
      const float* end = &ends_[seed * width_];
      sorted.insert(sorted.end(), end, end + width_);
    }
    return sorted;
  }

  // Keeps those of the sorted ends that no kept one has within a bandwidth.
  void KeepApart(const std::vector<float>& ends) {
    const int64_t num_ends = ends.size() / width_;
    const BallIndex index(ends.data(), num_ends, width_, options_.bandwidth);
    std::vector<bool> is_kept(num_ends, true);
    Ball ball;
    for (int64_t k = 0; k < num_ends; ++k) {
      if (!is_kept[k]) continue;
      index.Find(&ends[k * width_], &ball);
      for (const BlockHits& hits : ball.hits) {
        for (uint32_t mask = hits.mask; mask != 0; mask &= mask - 1) {
          const int64_t position =
              hits.block * int64_t{kBlock} + __builtin_ctz(mask);
          is_kept[index.order()[position]] = false;
        }
      }
      is_kept[k] = true;
    }
    for (int64_t k = 0; k < num_ends; ++k) {
      if (!is_kept[k]) continue;
      centres_.insert(centres_.end(), ends.begin() + k * width_,
                      ends.begin() + (k + 1) * width_);
    }
  }

  const float* points_;
  int64_t num_points_;
  int width_;
  MeanShiftOptions options_;
  BallIndex index_;
  BallMean mean_;
  std::vector<float> seeds_;     // [S, E]
  std::vector<float> ends_;      // [S, E]
  std::vector<int32_t> counts_;  // [S]
  std::vector<float> centres_;   // [K, E]
  std::unique_ptr<CentreLabels> labels_;
};

// The first point with a value that is not finite, or -1.
int64_t FirstNotFinite(const float* points, int64_t num_points, int width) {
  for (int64_t i = 0; i < num_points * width; ++i) {
    if (!std::isfinite(points[i])) return i / width;
  }
  return -1;
}

// Everything that the threads share while they cluster a batch.
struct Batch {
  const float* embedding;
  int64_t size, num_points;
  int width;
  const MeanShiftOptions& options;
  int32_t* labels;
  std::vector<std::vector<float>>* centres;
  std::vector<MeanShiftFault> faults;

  std::unique_ptr<BlockClustering> Start(int64_t b) const {
    return std::make_unique<BlockClustering>(embedding + b * num_points * width,
                                             num_points, width, options);
  }

  void ChooseCentres(int64_t b, BlockClustering* block) {
    faults[b] = block->ChooseCentres();
    (*centres)[b] = block->centres();
  }
};

// Runs the tasks as NumPy would round.
void RunTasks(Workers* workers, int64_t num_tasks,
              const std::function<void(int64_t task)>& task) {
  workers->Run(num_tasks, [&task](int64_t i) {
    const KeepDenormals keep;
    task(i);
  });
}

// Enough blocks for every thread: each clusters whole blocks.
void ClusterBlockByBlock(Workers* workers, Batch* batch) {
  RunTasks(workers, batch->size, [batch](int64_t b) {
    const std::unique_ptr<BlockClustering> block = batch->Start(b);
    block->Climb(0, block->num_seeds());
    batch->ChooseCentres(b, block.get());
    if (batch->faults[b] != MeanShiftFault::kNone) return;
    block->Label(0, block->num_point_blocks(),
                 batch->labels + b * batch->num_points);
  });
}

// Fewer blocks than threads: several threads share the seeds and the points of
// each block.
void ClusterBlocksTogether(Workers* workers, Batch* batch) {
  const int64_t shares =
      (workers->num_threads() + batch->size - 1) / batch->size;
  std::vector<std::unique_ptr<BlockClustering>> blocks(batch->size);
  RunTasks(workers, batch->size,
           [&](int64_t b) { blocks[b] = batch->Start(b); });
  RunTasks(workers, batch->size * shares, [&](int64_t i) {
    BlockClustering& block = *blocks[i / shares];
    const int64_t share = i % shares;
    block.Climb(block.num_seeds() * share / shares,
                block.num_seeds() * (share + 1) / shares);
  });
  RunTasks(workers, batch->size,
           [&](int64_t b) { batch->ChooseCentres(b, blocks[b].get()); });
  RunTasks(workers, batch->size * shares, [&](int64_t i) {
    const int64_t b = i / shares;
    if (batch->faults[b] != MeanShiftFault::kNone) return;
    const int64_t total = blocks[b]->num_point_blocks();
    const int64_t share = i % shares;
    blocks[b]->Label(total * share / shares, total * (share + 1) / shares,
                     batch->labels + b * batch->num_points);
  });
}

}  // namespace

MeanShiftStatus MeanShiftCpu(Workers* workers, const float* embedding,
                             int64_t batch, int64_t num_points, int width,
                             const MeanShiftOptions& options, int32_t* labels,
                             std::vector<std::vector<float>>* centres) {
  centres->assign(batch, {});
  if (batch == 0 || num_points == 0) return {};
  const int64_t bad = FirstNotFinite(embedding, batch * num_points, width);
  if (bad >= 0) {
    return {MeanShiftFault::kNotFinite, bad / num_points, bad % num_points};
  }
  Batch work = {
      embedding,  batch,
      num_points, width,
      options,    labels,
      centres,    std::vector<MeanShiftFault>(batch, MeanShiftFault::kNone)};
  if (batch >= workers->num_threads() || num_points < kLeastPointsToShare) {
    ClusterBlockByBlock(workers, &work);
  } else {
    ClusterBlocksTogether(workers, &work);
  }
  for (int64_t b = 0; b < batch; ++b) {
    if (work.faults[b] != MeanShiftFault::kNone) return {work.faults[b], b, 0};
  }
  return {};
}

}  // namespace ban
