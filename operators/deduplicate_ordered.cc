#include "operators/deduplicate_ordered.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "absl/container/flat_hash_map.h"
#include "base/bytes.h"
#include "data/row_encoding.h"

namespace systole {
namespace {

constexpr std::array stored_hidden = {hidden::event_time, hidden::ingestion_time, hidden::position};

/// What is known of one key while a batch is worked on.
struct kept_row {
  static constexpr uint32_t in_state = 0xffffffffu;

  bool present = false;
  bool dirty = false;            ///< row is not in_state
  bool emitted = false;          ///< `stored` holds what is downstream now and has to be retracted
  timestamp_us written = watermark_none;
  uint32_t row = in_state;       ///< of the batch
  std::string order;
  std::string stored;            ///< the encoded row in state
};

/// One change to emit: the row of the batch that takes a place, and the decoded row that leaves it (or none).
struct replacement {
  static constexpr uint32_t none = 0xffffffffu;
  uint32_t row;
  uint32_t old_row;
};

class deduplicate_ordered final : public stream_operator {
 public:
  deduplicate_ordered(ordered_deduplication step, const operator_context& context)
      : step_(std::move(step)), context_(context), layout_(layout_for(step_.columns)), encoder_(layout_) {}

  result<void> open() override {
    std::string fingerprint = step_.keep_last ? "last of " : "first of ";
    for (const expression_ptr& each : step_.key) fingerprint += each->normalized() + ", ";
    std::string types;
    for (const data_type& each : layout_.types) types += to_string(each) + ",";
    SYSTOLE_ASSIGN(rows_, context_.state->open_values(
                              {.step = context_.step,
                               .name = "kept",
                               .layout = std::string(step_.ttl.enabled() ? "key->written:i64," : "key->") + "order,row of " +
                                         types + "times,position;row encoding " + std::to_string(row_encoding_version),
                               .fingerprint = fingerprint + "by " + step_.order.fingerprint() + ", " + step_.ttl.fingerprint()}));
    return {};
  }

  result<progress> process(batch rows, uint32_t, output& out) override {
    assert(!rows.has(hidden::kind));
    context_.accounting->in += rows.rows();
    size_t before;
    do {  // an error in one list of expressions takes rows from the other
      evaluate_or_reject(step_.order.expressions(), rows, context_, order_columns_, out);
      before = rows.rows();
      encode_keys_or_reject(step_.key, rows, context_, key_columns_, keys_, out);
    } while (rows.rows() != before);
    if (rows.empty()) return progress::done;
    replacements_.clear();
    row_decoder old_rows(layout_, rows.rows());
    SYSTOLE_TRY(choose(rows, old_rows));
    SYSTOLE_TRY(store(rows, old_rows));
    emit(rows, old_rows.finish(), out);
    return progress::done;
  }

  result<progress> on_watermark(timestamp_us watermark, output&) override {
    step_.ttl.advance(watermark);
    SYSTOLE_TRY(step_.ttl.purge(*rows_));
    return progress::done;
  }
  result<void> on_barrier(output&) override { return step_.ttl.purge(*rows_); }
  std::string snapshot() const override { return step_.ttl.snapshot(); }
  result<void> restore(std::string_view bytes) override { return step_.ttl.restore(bytes); }

 private:
  static row_layout layout_for(const schema& columns) {
    row_layout layout{.event_time = true, .ingestion_time = true, .position = true};
    for (const field& each : columns.fields) layout.types.push_back(each.type);
    return layout;
  }

  /// Finds for each key of the batch the row that stays, in order of arrival.
  result<void> choose(const batch& rows, row_decoder& old_rows) {
    kept_by_key_.clear();
    kept_count_ = 0;
    for (uint32_t row = 0; row < rows.rows(); ++row) {
      if (keys_.has_null(row)) {
        replacements_.push_back({row, replacement::none});
        ++context_.accounting->out;
        continue;
      }
      SYSTOLE_ASSIGN(kept_row * kept, find(row));
      if (kept->present && step_.ttl.enabled() && step_.ttl.absent(kept->written, step_.ttl.judged_at(rows, row))) {
        // What is downstream stays there; it is only forgotten.
        if (kept->dirty) SYSTOLE_TRY(replace(*kept, old_rows));
        kept->present = kept->emitted = false;
      }
      order_.clear();
      step_.order.append(order_, order_columns_, rows, row);
      if (kept->present && (step_.keep_last ? order_ < kept->order : order_ >= kept->order)) {
        ++context_.accounting->deduplicated;
        continue;
      }
      ++context_.accounting->out;
      kept->present = kept->dirty = true;
      kept->row = row;
      kept->order.assign(order_);
      if (step_.ttl.enabled()) kept->written = step_.ttl.written_at(rows, row);
    }
    return {};
  }

  /// The key's slot, filled from state when the batch meets it first.
  result<kept_row*> find(uint32_t row) {
    const auto [found, inserted] = kept_by_key_.try_emplace(keys_.key(row), kept_count_);
    if (!inserted) return &kept_[found->second];
    if (kept_count_ == kept_.size()) {
      kept_.emplace_back();
      first_rows_.emplace_back();
    }
    first_rows_[kept_count_] = row;
    kept_row& kept = kept_[kept_count_++];
    kept.present = kept.dirty = kept.emitted = false;
    kept.row = kept_row::in_state;
    SYSTOLE_ASSIGN(const std::optional<std::string_view> entry, rows_->get(keys_.key(row), keys_.hash(row)));
    if (!entry) return &kept;
    byte_reader reader(*entry);
    kept.written = step_.ttl.enabled() ? reader.fixed<int64_t>() : watermark_none;
    kept.order.assign(reader.bytes());
    if (!reader.ok()) return fail(error_code::corrupt, "step " + context_.step + ": a kept row in state is cut short");
    kept.stored.assign(reader.take(reader.remaining()));
    kept.present = kept.emitted = true;
    return &kept;
  }

  /// Notes that the slot's row of the batch replaces what is downstream.
  result<void> replace(kept_row& kept, row_decoder& old_rows) {
    uint32_t old_row = replacement::none;
    if (kept.emitted) {
      old_row = static_cast<uint32_t>(old_rows.size());
      SYSTOLE_TRY(old_rows.append(kept.stored));
    }
    replacements_.push_back({kept.row, old_row});
    kept.emitted = kept.dirty = false;
    return {};
  }

  /// Puts the rows that stay into state, and notes their changes.
  result<void> store(batch rows, row_decoder& old_rows) {
    for (const hidden which : stored_hidden)
      if (!rows.has(which)) rows.set_hidden(which, null_column(hidden_types[static_cast<size_t>(which)], rows.rows()));
    encoder_.bind(rows);
    for (uint32_t slot = 0; slot < kept_count_; ++slot) {
      kept_row& kept = kept_[slot];
      if (!kept.dirty) continue;
      value_.clear();
      if (step_.ttl.enabled()) append_fixed(value_, kept.written);
      append_bytes(value_, kept.order);
      encoder_.append(value_, kept.row);
      SYSTOLE_TRY(rows_->put(keys_.key(first_rows_[slot]), keys_.hash(first_rows_[slot]), value_));
      SYSTOLE_TRY(replace(kept, old_rows));
    }
    return {};
  }

  /// Emits the replacements in the order of the new rows.
  void emit(const batch& rows, batch old_rows, output& out) {
    if (replacements_.empty()) return;
    std::sort(replacements_.begin(), replacements_.end(),
              [](const replacement& a, const replacement& b) { return a.row < b.row; });
    for (const hidden which : stored_hidden)
      if (!rows.has(which)) old_rows.set_hidden(which, nullptr);
    const auto offset = static_cast<uint32_t>(old_rows.rows());
    picked_.clear();
    column_builder kinds(hidden_types[static_cast<size_t>(hidden::kind)], 2 * replacements_.size());
    const auto pick = [&](uint32_t row, row_kind kind) {
      picked_.push_back(row);
      kinds.append(static_cast<uint8_t>(kind));
    };
    for (const replacement& each : replacements_) {
      if (each.old_row == replacement::none) {
        pick(offset + each.row, row_kind::insert);
        continue;
      }
      if (!step_.omit_update_before) pick(each.old_row, row_kind::update_before);
      pick(offset + each.row, row_kind::update_after);
    }
    const batch both[] = {std::move(old_rows), rows};
    batch changes = gather(offset == 0 ? rows : concatenate(both), picked_);
    changes.set_hidden(hidden::kind, kinds.finish());
    out.push(std::move(changes));
  }

  ordered_deduplication step_;
  operator_context context_;
  row_layout layout_;
  row_encoder encoder_;
  value_table* rows_ = nullptr;
  std::vector<column_ptr> order_columns_;
  std::vector<column_ptr> key_columns_;
  encoded_keys keys_;
  absl::flat_hash_map<std::string_view, uint32_t> kept_by_key_;  ///< keys are keys_'s
  std::vector<kept_row> kept_;       ///< the first kept_count_ are in use; strings keep their capacity
  std::vector<uint32_t> first_rows_; ///< a row of the batch with the slot's key
  uint32_t kept_count_ = 0;
  std::vector<replacement> replacements_;
  std::string order_;
  std::string value_;
  std::vector<uint32_t> picked_;
};

}  // namespace

std::unique_ptr<stream_operator> make_deduplicate_ordered(ordered_deduplication step, const operator_context& context) {
  return std::make_unique<deduplicate_ordered>(std::move(step), context);
}

}  // namespace systole
