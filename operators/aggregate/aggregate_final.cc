#include <algorithm>
#include <cstring>

#include "operators/aggregate/aggregate_emission.h"

namespace systole {
namespace {

/// Names of groups that one pass over the state collects. More groups take more passes, each for a share of the hashes.
constexpr size_t names_per_pass = size_t{1} << 20;

class aggregate_final final : public stream_operator {
 public:
  aggregate_final(std::unique_ptr<aggregate_groups> groups, bool changelog, const operator_context& context)
      : groups_(std::move(groups)), changelog_(changelog), context_(context) {}

  result<void> open() override { return groups_->open(); }

  result<progress> process(batch rows, uint32_t, output& out) override {
    SYSTOLE_ASSIGN(const bool any, groups_->take(std::move(rows), out));
    if (!any) return progress::done;
    SYSTOLE_TRY(groups_->add());
    SYSTOLE_TRY(groups_->finish());
    return progress::done;
  }

  result<progress> on_watermark(timestamp_us watermark, output& out) override {
    if (watermark != watermark_end || emitted_) return progress::done;
    emitted_ = true;
    passes_ = groups_->total() / names_per_pass + 1;
    pass_ = 0;
    return resume(out);
  }

  result<progress> resume(output& out) override {
    while (next_ < names_.size() || pass_ < passes_) {
      if (next_ == names_.size()) {
        SYSTOLE_TRY(collect());
        continue;
      }
      SYSTOLE_TRY(emit_some(out));
      if (out.full()) return progress::again;
    }
    return progress::done;
  }

  result<void> on_barrier(output&) override { return groups_->remove_empty(); }

  /// One byte: the rows were emitted, so that a job restored from its final epoch does not give them again.
  std::string snapshot() const override { return std::string(1, emitted_ ? '\1' : '\0'); }
  result<void> restore(std::string_view bytes) override {
    if (bytes.size() != 1) return fail(error_code::corrupt, "step " + context_.step + ": one byte of state was expected");
    emitted_ = emitted_ || bytes[0] != '\0';
    return {};
  }

 private:
  result<void> collect() {
    names_.clear();
    next_ = 0;
    const size_t pass = pass_++;
    return groups_->for_each([&](std::string_view key, uint64_t hash) {
      // The low bits choose the key group; take others, so that a subtask's share is even.
      if ((hash >> 32) % passes_ == pass) names_.push_back({std::string(key), hash});
    });
  }

  result<void> emit_some(output& out) {
    const size_t count = std::min(context_.batch_rows, names_.size() - next_);
    SYSTOLE_TRY(groups_->load({&names_[next_], count}));
    next_ += count;
    SYSTOLE_ASSIGN(aggregate_groups::side results, groups_->results(&out));
    std::vector<uint32_t> present;
    for (uint32_t group = 0; group < count; ++group)
      if (results.has[group]) present.push_back(group);
    if (present.empty()) return {};
    batch rows = gather(batch(count, std::move(results.columns)), present);
    if (changelog_) {
      column_builder kinds(hidden_types[static_cast<size_t>(hidden::kind)], rows.rows());
      std::fill_n(kinds.mutable_values<uint8_t>(), rows.rows(), static_cast<uint8_t>(row_kind::insert));
      kinds.set_size(rows.rows());
      rows.set_hidden(hidden::kind, kinds.finish());
    }
    out.push(std::move(rows));
    return {};
  }

  std::unique_ptr<aggregate_groups> groups_;
  bool changelog_;
  operator_context context_;
  bool emitted_ = false;
  size_t passes_ = 0;
  size_t pass_ = 0;
  std::vector<aggregate_groups::name> names_;
  size_t next_ = 0;
};

}  // namespace

std::unique_ptr<stream_operator> make_aggregate_final(std::unique_ptr<aggregate_groups> groups, bool changelog,
                                                      const operator_context& context) {
  return std::make_unique<aggregate_final>(std::move(groups), changelog, context);
}

}  // namespace systole
