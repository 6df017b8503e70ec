#include "operators/join/changing_table_join.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "operators/join/joined_row.h"

namespace systole {
namespace {

/// Input 0 is the stream, input 1 the table. Per upsert key of the stream the last row, and what was emitted for it. A batch
/// of the stream makes one change per key; its rows are absorbed or rejected. A change of the table is worked off key by key
/// of those that had joined with it (or missed it), before anything else comes in.
class changing_table_join final : public stream_operator {
 public:
  changing_table_join(const operator_context& context, const proto::Node& node, join_columns columns, join_keys upsert_keys,
                      join_keys stream_keys, table_side table, row_layout kept, row_layout results)
      : context_(context),
        plan_(node.table_join()),
        columns_(std::move(columns)),
        upsert_keys_(std::move(upsert_keys)),
        stream_keys_(std::move(stream_keys)),
        table_(std::move(table)),
        kept_layout_(std::move(kept)),
        result_layout_(std::move(results)),
        kept_encoder_(kept_layout_),
        result_encoder_(result_layout_),
        kept_decoder_(kept_layout_, context.batch_rows),
        result_decoder_(result_layout_, std::max<size_t>(context.batch_rows, 2)) {}

  result<void> open() override {
    std::string types;
    for (const row_layout* each : {&kept_layout_, &result_layout_}) {
      for (const data_type& type : each->types) types += to_string(type) + ",";
      types += ";";
    }
    SYSTOLE_ASSIGN(rows_, context_.state->open_values(
                              {.step = context_.step,
                               .name = "joined",
                               .layout = "key->flags,times,position,table key,row,result of " + types + "row encoding " +
                                         std::to_string(row_encoding_version),
                               .fingerprint = upsert_keys_.fingerprint() + "; " + stream_keys_.fingerprint()}));
    return {};
  }
  bool blocks_input(uint32_t index) const override { return index == 0 && !table_.complete(); }
  result<progress> process(batch rows, uint32_t input, output& out) override {
    if (input == 0) {
      SYSTOLE_TRY(take(rows, out));
      return progress::done;
    }
    SYSTOLE_TRY(table_.load(rows, context_));
    return table_.complete() ? reemit(out) : result<progress>(progress::done);
  }
  result<progress> resume(output& out) override { return reemit(out); }
  result<progress> on_end(uint32_t input, output& out) override {
    if (input != 1) return progress::done;
    SYSTOLE_TRY(table_.on_end());
    return reemit(out);
  }
  /// What is new in a table that has come whole is emitted with the next call that may emit.
  result<void> on_idle(uint32_t input) override { return input == 1 ? table_.on_idle() : result<void>(); }
  result<progress> on_watermark(timestamp_us, output& out) override { return reemit(out); }
  result<void> on_barrier(output& out) override {
    SYSTOLE_ASSIGN([[maybe_unused]] const progress all, reemit(out, true));
    return {};
  }
  timestamp_us next_wakeup_us() const override { return table_.complete() && table_.has_changed() ? 0 : watermark_end; }
  result<progress> on_time(timestamp_us, output& out) override { return reemit(out); }
  std::string snapshot() const override { return table_.snapshot(); }
  result<void> restore(std::string_view bytes) override { return table_.restore(bytes); }

 private:
  /// Results of rows: `columns` for those whose `has` is 1, by row.
  struct outcome {
    std::vector<uint8_t> has;
    batch columns;
  };
  result<void> take(const batch& rows, output& out);
  result<progress> reemit(output& out, bool whole = false);
  result<void> reemit_some(std::span<const std::string> keys, output& out);
  outcome join(const batch& left, std::vector<uint32_t>& matches, const std::vector<uint8_t>& keep, std::vector<row_error>& errors) const;
  result<void> change(std::string_view key, uint64_t hash, const joined_row* after, output& out);
  result<void> emit(row_kind kind, std::string_view row, const hidden_values& hidden, output& out);
  void flush(output& out);
  batch compact(const batch& rows) const;

  operator_context context_;
  const proto::TableJoin plan_;
  join_columns columns_;
  join_keys upsert_keys_, stream_keys_;
  table_side table_;
  row_layout kept_layout_, result_layout_;
  row_encoder kept_encoder_, result_encoder_;
  row_decoder kept_decoder_, result_decoder_;
  value_table* rows_ = nullptr;
  std::vector<std::string> affected_;  ///< keys whose table row has changed, from next_affected_ on
  size_t next_affected_ = 0;
  std::vector<row_kind> kinds_;        ///< of the rows in result_decoder_
  hidden_builder hidden_;
  std::string kept_row_, result_row_, entry_, before_;
};

/// Only the columns that results read, in their order.
batch changing_table_join::compact(const batch& rows) const {
  std::vector<column_ptr> columns;
  for (int each : columns_.left) columns.push_back(rows.share(static_cast<size_t>(each)));
  return rows.with_columns(std::move(columns));
}

/// Joins compact rows. Takes back the matches for which the condition does not hold.
changing_table_join::outcome changing_table_join::join(const batch& left, std::vector<uint32_t>& matches,
                                                       const std::vector<uint8_t>& keep, std::vector<row_error>& errors) const {
  const auto paired = [&] {
    std::vector<column_ptr> columns = left.columns();
    table_.append_matches(matches, columns);
    return left.with_columns(std::move(columns));
  };
  batch pairs = paired();
  outcome made{.has = keep, .columns = {}};
  if (columns_.condition) {
    std::vector<uint32_t> matched;
    for (uint32_t row = 0; row < pairs.rows(); ++row)
      if (keep[row] && matches[row] != null_row) matched.push_back(row);
    const column_ptr truth = columns_.condition->evaluate(pairs, evaluation_of(context_), errors, &matched);
    for (uint32_t row : matched)
      if (truth->is_null(row) || !truth->values<uint8_t>()[row]) matches[row] = null_row;
    for (const row_error& each : errors) made.has[each.row] = 0;
    pairs = paired();
  }
  for (uint32_t row = 0; row < pairs.rows(); ++row)
    if (matches[row] == null_row && !plan_.left_outer()) made.has[row] = 0;
  made.columns = batch(left.rows(), columns_.results.evaluate(pairs, made.has, errors));
  for (const row_error& each : errors) made.has[each.row] = 0;
  return made;
}

result<void> changing_table_join::take(const batch& rows, output& out) {
  SYSTOLE_TRY(table_.settle());
  context_.accounting->in += rows.rows();
  std::vector<uint8_t> keep(rows.rows(), 1);
  const encoded_keys& upsert = upsert_keys_.encode(rows, evaluation_of(context_), keep, out);
  const encoded_keys& keys = stream_keys_.encode(rows, evaluation_of(context_), keep, out);
  std::vector<uint8_t> comes(rows.rows());  // what goes takes its result back, whatever it would give now
  std::vector<uint32_t> matches(rows.rows(), null_row);
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    comes[row] = keep[row] && sign(rows.kind(row)) > 0;
    if (comes[row] && !keys.has_null(row)) matches[row] = table_.find(keys.key(row));
  }
  std::vector<row_error> errors;
  const batch left = compact(rows);
  const outcome made = join(left, matches, comes, errors);
  reject_failed(rows, errors, "expression", keep, out);
  if (plan_.reject_missing())
    for (uint32_t row = 0; row < rows.rows(); ++row)
      if (comes[row] && keep[row] && matches[row] == null_row) {
        out.reject(rows, row, {"join_miss", "the table has no row with this key", {}});
        keep[row] = 0;
      }
  context_.accounting->absorbed += static_cast<uint64_t>(std::count(keep.begin(), keep.end(), 1));

  // The last row of each key decides.
  absl::flat_hash_map<std::string_view, uint32_t> last;
  std::vector<uint32_t> order;
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    const auto [at, inserted] = last.try_emplace(upsert.key(row), row);
    at->second = row;
    if (inserted) order.push_back(row);
  }
  kept_encoder_.bind(left);
  result_encoder_.bind(made.columns);
  for (const uint32_t first : order) {
    const uint32_t row = last.find(upsert.key(first))->second;
    if (!keep[row] || !comes[row]) {
      SYSTOLE_TRY(change(upsert.key(row), upsert.hash(row), nullptr, out));
      continue;
    }
    kept_row_.clear();
    kept_encoder_.append(kept_row_, row);
    result_row_.clear();
    if (made.has[row]) result_encoder_.append(result_row_, row);
    const joined_row after{.has_key = !keys.has_null(row),
                           .emitted = made.has[row] != 0,
                           .hidden = hidden_values::of(rows, row),
                           .table_key = keys.has_null(row) ? std::string_view() : keys.key(row),
                           .row = kept_row_,
                           .result = result_row_};
    SYSTOLE_TRY(change(upsert.key(row), upsert.hash(row), &after, out));
  }
  flush(out);
  return {};
}

/// Emits what leads from what the key has in state to `after` (null: nothing), and stores it.
result<void> changing_table_join::change(std::string_view key, uint64_t hash, const joined_row* after, output& out) {
  SYSTOLE_ASSIGN(const std::optional<std::string_view> stored, rows_->get(key, hash));
  joined_row before;
  if (stored) {
    before_ = *stored;
    SYSTOLE_ASSIGN(before, read_joined_row(before_));
  }
  const bool stays = after && after->emitted;
  if (before.emitted && stays) {
    if (before.result != after->result) {
      SYSTOLE_TRY(emit(row_kind::update_before, before.result, before.hidden, out));
      SYSTOLE_TRY(emit(row_kind::update_after, after->result, after->hidden, out));
    }
  } else if (before.emitted) {
    SYSTOLE_TRY(emit(row_kind::erase, before.result, before.hidden, out));
  } else if (stays) {
    SYSTOLE_TRY(emit(row_kind::insert, after->result, after->hidden, out));
  }
  if (!after) return stored ? rows_->erase(key, hash) : result<void>();
  entry_.clear();
  append_joined_row(entry_, *after);
  return rows_->put(key, hash, entry_);
}

result<void> changing_table_join::emit(row_kind kind, std::string_view row, const hidden_values& hidden, output& out) {
  // An update's two rows stay together.
  if (result_decoder_.full() || (kind == row_kind::update_before && kinds_.size() + 2 > std::max<size_t>(context_.batch_rows, 2)))
    flush(out);
  SYSTOLE_TRY(result_decoder_.append(row));
  kinds_.push_back(kind);
  hidden_.append(hidden);
  return {};
}

void changing_table_join::flush(output& out) {
  if (kinds_.empty()) return;
  batch made = result_decoder_.finish();
  hidden_.finish(made);
  column_builder kinds(hidden_types[static_cast<size_t>(hidden::kind)], kinds_.size());
  for (const row_kind each : kinds_) kinds.append(static_cast<uint8_t>(each));
  made.set_hidden(hidden::kind, kinds.finish());
  kinds_.clear();
  out.push(std::move(made));
}

/// Makes the results anew of rows whose table row has changed. `whole`: also where the output is full.
result<progress> changing_table_join::reemit(output& out, bool whole) {
  if (table_.complete() && table_.has_changed()) {
    SYSTOLE_TRY(table_.settle());
    const table_side::key_set changed = table_.take_changed();
    table_side::key_set found(affected_.begin() + static_cast<ptrdiff_t>(next_affected_), affected_.end());
    result<void> readable;
    SYSTOLE_TRY(rows_->for_each([&](std::string_view key, std::string_view value) {
      const auto row = read_joined_row(value);
      if (!row) readable = row.error();
      else if (row->has_key && changed.contains(row->table_key)) found.emplace(key);
      return readable.has_value();
    }));
    SYSTOLE_TRY(readable);
    affected_.assign(found.begin(), found.end());
    next_affected_ = 0;
  }
  while (next_affected_ < affected_.size()) {
    if (!whole && out.full()) return progress::again;
    const size_t some = std::min(affected_.size() - next_affected_, context_.batch_rows);
    SYSTOLE_TRY(reemit_some(std::span(affected_).subspan(next_affected_, some), out));
    next_affected_ += some;
  }
  affected_.clear();
  next_affected_ = 0;
  return progress::done;
}

result<void> changing_table_join::reemit_some(std::span<const std::string> keys, output& out) {
  std::vector<std::string> entries;
  std::vector<joined_row> rows;
  std::vector<std::string_view> of;
  std::vector<hidden_values> hidden;
  std::vector<uint32_t> matches;
  entries.reserve(keys.size());  // `rows` point into them
  for (const std::string& key : keys) {
    SYSTOLE_ASSIGN(const std::optional<std::string_view> stored, rows_->get(key, hash_key(key)));
    if (!stored) continue;  // gone since
    entries.emplace_back(*stored);
    SYSTOLE_ASSIGN(const joined_row row, read_joined_row(entries.back()));
    SYSTOLE_TRY(kept_decoder_.append(row.row));
    matches.push_back(row.has_key ? table_.find(row.table_key) : null_row);
    hidden.push_back(row.hidden);
    rows.push_back(row);
    of.push_back(key);
  }
  batch left = kept_decoder_.finish();
  set_hidden_columns(hidden, left);
  std::vector<row_error> errors;
  std::vector<uint8_t> all(rows.size(), 1);
  const outcome made = join(left, matches, all, errors);
  reject_failed(left, errors, failed_result_rule, all, out);
  result_encoder_.bind(made.columns);
  for (uint32_t row = 0; row < rows.size(); ++row) {
    result_row_.clear();
    if (made.has[row]) result_encoder_.append(result_row_, row);
    joined_row after = rows[row];
    after.emitted = made.has[row] != 0;
    after.result = result_row_;
    SYSTOLE_TRY(change(of[row], hash_key(of[row]), &after, out));
  }
  flush(out);
  return {};
}

}  // namespace

result<std::unique_ptr<stream_operator>> make_changing_table_join(const proto::Node& node, const join_input& stream,
                                                                  const operator_context& context, join_columns columns,
                                                                  join_keys stream_keys, table_side table) {
  SYSTOLE_ASSIGN(std::vector<expression_ptr> upsert_keys, bind_join_keys(context, stream, node.table_join().upsert_key()));
  row_layout kept, results;
  for (int each : columns.left) kept.types.push_back(stream.columns.fields[static_cast<size_t>(each)].type);
  for (const field& each : from_proto(node.output()).fields) results.types.push_back(each.type);
  return std::unique_ptr<stream_operator>(std::make_unique<changing_table_join>(
      context, node, std::move(columns), join_keys(std::move(upsert_keys)), std::move(stream_keys), std::move(table),
      std::move(kept), std::move(results)));
}

}  // namespace systole
