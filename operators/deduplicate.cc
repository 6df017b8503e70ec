#include "operators/deduplicate.h"

#include <cassert>
#include <cstring>

#include "operators/deduplicate_ordered.h"
#include "operators/step_expressions.h"
#include "operators/time_to_live.h"

namespace systole {
namespace {

class deduplicate_first final : public stream_operator {
 public:
  deduplicate_first(std::vector<expression_ptr> key, time_to_live ttl, const operator_context& context)
      : key_(std::move(key)), ttl_(ttl), context_(context) {}

  result<void> open() override {
    std::string fingerprint;
    for (const expression_ptr& each : key_) fingerprint += each->normalized() + ", ";
    SYSTOLE_ASSIGN(seen_, context_.state->open_values({.step = context_.step,
                                                       .name = "seen",
                                                       .layout = ttl_.enabled() ? "key->written:i64" : "key->nothing",
                                                       .fingerprint = fingerprint + ttl_.fingerprint(),
                                                       .fixed_value_bytes = ttl_.enabled() ? 8u : 0u}));
    return {};
  }

  result<progress> process(batch rows, uint32_t, output& out) override {
    assert(!rows.has(hidden::kind));
    context_.accounting->in += rows.rows();
    encode_keys_or_reject(key_, rows, context_, columns_, keys_, out);
    if (rows.empty()) return progress::done;
    SYSTOLE_TRY(probe(rows.rows()));
    pick_survivors(rows);
    context_.accounting->out += survivors_.size();
    context_.accounting->deduplicated += rows.rows() - survivors_.size();
    if (survivors_.size() == rows.rows()) out.push(std::move(rows));
    else if (!survivors_.empty()) out.push(gather(rows, survivors_));
    return progress::done;
  }

  result<progress> on_watermark(timestamp_us watermark, output&) override {
    ttl_.advance(watermark);
    SYSTOLE_TRY(ttl_.purge(*seen_));
    return progress::done;
  }
  result<void> on_barrier(output&) override { return ttl_.purge(*seen_); }
  std::string snapshot() const override { return ttl_.snapshot(); }
  result<void> restore(std::string_view bytes) override { return ttl_.restore(bytes); }

 private:
  /// Looks up all rows but those with a NULL in their key; entries_ has one entry per looked-up row.
  result<void> probe(size_t rows) {
    probed_.clear();
    bool any_null = false;
    for (const column_ptr& each : columns_) any_null = any_null || each->may_have_nulls();
    if (any_null) {
      for (uint32_t row = 0; row < rows; ++row)
        if (!keys_.has_null(row)) probed_.push_back(row);
      all_probed_ = probed_.size() == rows;
      if (probed_.empty()) return {};
    } else {
      all_probed_ = true;
    }
    entries_.resize(all_probed_ ? rows : probed_.size());
    // An empty span means all rows.
    return seen_->find_or_insert(keys_, all_probed_ ? std::span<const uint32_t>() : std::span<const uint32_t>(probed_), entries_);
  }

  void pick_survivors(const batch& rows) {
    survivors_.clear();
    size_t next = 0;
    for (uint32_t row = 0; row < rows.rows(); ++row) {
      const bool probed = all_probed_ || (next < probed_.size() && probed_[next] == row);
      if (!probed) {
        survivors_.push_back(row);
        continue;
      }
      const state_entry& entry = entries_[next++];
      if (ttl_.enabled() ? is_first_within_ttl(entry, rows, row) : entry.inserted) survivors_.push_back(row);
    }
  }

  bool is_first_within_ttl(const state_entry& entry, const batch& rows, uint32_t row) {
    timestamp_us written;
    std::memcpy(&written, entry.value, sizeof written);
    if (!entry.inserted && !ttl_.absent(written, ttl_.judged_at(rows, row))) return false;
    written = ttl_.written_at(rows, row);
    std::memcpy(entry.value, &written, sizeof written);
    return true;
  }

  std::vector<expression_ptr> key_;
  time_to_live ttl_;
  operator_context context_;
  value_table* seen_ = nullptr;
  std::vector<column_ptr> columns_;
  encoded_keys keys_;
  std::vector<uint32_t> probed_;
  bool all_probed_ = true;
  std::vector<state_entry> entries_;
  std::vector<uint32_t> survivors_;
};

}  // namespace

result<std::unique_ptr<stream_operator>> make_deduplicate(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                          const operator_context& context) {
  const proto::Deduplicate& step = node.deduplicate();
  if (inputs[0].changelog) {
    return step_failure(context, "deduplicate needs an append-only input: over a changelog aggregate with min or max instead");
  }
  const expression_scope scope = step_scope(inputs[0].columns, context);
  SYSTOLE_ASSIGN(std::vector<expression_ptr> key, bind_step_expressions(step.key(), scope, context, "key"));
  const time_to_live ttl(step.ttl_us(), step.processing_time_ttl(), context);
  if (!step.keep_last() && step.order_by().empty()) {
    return std::unique_ptr<stream_operator>(std::make_unique<deduplicate_first>(std::move(key), ttl, context));
  }
  SYSTOLE_ASSIGN(order_key order, order_key::make(step.order_by(), scope, context));
  return make_deduplicate_ordered({.key = std::move(key),
                                   .order = std::move(order),
                                   .ttl = ttl,
                                   .keep_last = step.keep_last(),
                                   .omit_update_before = node.omit_update_before(),
                                   .columns = inputs[0].columns},
                                  context);
}

}  // namespace systole
