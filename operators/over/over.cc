#include "operators/over/over.h"

#include <algorithm>

#include "operators/change_rows.h"
#include "operators/over/over_calls.h"
#include "operators/over/over_changes.h"

namespace systole {
namespace {

/// Works partition by partition, piece by piece; the pieces of many small partitions are computed together, so that
/// calls and fields are evaluated over whole columns.
class over final : public stream_operator {
 public:
  over(const operator_context& context, over_calls calls, std::vector<expression_ptr> partition, order_key order,
       bool omit_update_before)
      : context_(context),
        calls_(std::move(calls)),
        partition_(std::move(partition)),
        order_(std::move(order)),
        omit_update_before_(omit_update_before),
        kept_encoder_(calls_.kept_layout()),
        running_encoder_(calls_.running_layout()) {
    expressions_ = partition_;
    expressions_.insert(expressions_.end(), order_.expressions().begin(), order_.expressions().end());
    expressions_.insert(expressions_.end(), calls_.kept().begin(), calls_.kept().end());
    std::vector<column_ptr> nulls;
    for (data_type each : calls_.running_layout().types) nulls.push_back(null_column(each, 1));
    append_row(no_running_, calls_.running_layout(), batch(1, std::move(nulls)), 0);
  }

  result<void> open() override;
  result<progress> process(batch rows, uint32_t input, output& out) override;
  result<progress> resume(output& out) override { return work(out); }

 private:
  /// A segment of which a piece is in rows_, from `first` on.
  struct piece {
    over_segment segment;
    uint32_t first;
  };

  result<progress> work(output& out);
  result<void> read_pieces();
  result<void> compute(output& out);
  result<batch> decode(over_rows& rows);
  std::vector<uint8_t> store_running(const std::vector<column_ptr>& running);
  void emit(const over_rows& rows, const batch& kept, over_calls::values values, output& out);

  operator_context context_;
  over_calls calls_;
  std::vector<expression_ptr> partition_;
  order_key order_;
  bool omit_update_before_;
  std::vector<expression_ptr> expressions_;  ///< partition, order, kept
  over_store store_;
  row_encoder kept_encoder_, running_encoder_;
  std::string no_running_;  ///< running values of a row that has none yet

  // The batch in hand.
  batch rows_in_hand_, kept_in_hand_;
  std::vector<column_ptr> order_columns_;
  encoded_keys keys_;
  std::vector<uint32_t> by_partition_;  ///< its rows, those of one partition together, in order of arrival
  size_t next_ = 0;                     ///< index into by_partition_

  std::vector<piece> pieces_;  ///< the last one may have more
  std::vector<over_row> rows_;
};

result<void> over::open() {
  table_descriptor descriptor{.step = context_.step, .name = "rows", .layout_version = row_encoding_version};
  descriptor.layout = "order, position, ordinal -> hidden, kept";
  for (data_type each : calls_.kept_layout().types) descriptor.layout += " " + to_string(each);
  descriptor.layout += ", running";
  for (data_type each : calls_.running_layout().types) descriptor.layout += " " + to_string(each);
  descriptor.fingerprint = calls_.fingerprint() + "by " + order_.fingerprint() + "; partition";
  for (const expression_ptr& each : partition_) descriptor.fingerprint += " " + each->normalized();
  SYSTOLE_ASSIGN(store_.rows, context_.state->open_map(descriptor));
  descriptor.name = "owed";
  descriptor.layout = "hash -> count";
  SYSTOLE_ASSIGN(store_.owed, context_.state->open_map(descriptor));
  return {};
}

result<progress> over::process(batch rows, uint32_t, output& out) {
  context_.accounting->in += rows.rows();
  std::vector<column_ptr> columns;
  evaluate_or_reject(expressions_, rows, context_, columns, out);
  context_.accounting->absorbed += rows.rows();
  if (rows.empty()) return progress::done;
  const auto begin = columns.begin();
  const auto order_begin = begin + static_cast<ptrdiff_t>(partition_.size());
  const auto kept_begin = order_begin + static_cast<ptrdiff_t>(order_.expressions().size());
  keys_.encode(pointers_of({begin, order_begin}), rows.rows());
  store_.rows->prefetch(keys_);
  order_columns_.assign(order_begin, kept_begin);
  kept_in_hand_ = batch(rows.rows(), {kept_begin, columns.end()});
  kept_encoder_.bind(kept_in_hand_);
  rows_in_hand_ = std::move(rows);
  by_partition_.resize(rows_in_hand_.rows());
  for (uint32_t row = 0; row < by_partition_.size(); ++row) by_partition_[row] = row;
  std::sort(by_partition_.begin(), by_partition_.end(), [this](uint32_t a, uint32_t b) {
    if (keys_.hash(a) != keys_.hash(b)) return keys_.hash(a) < keys_.hash(b);
    const int order = keys_.key(a).compare(keys_.key(b));
    return order != 0 ? order < 0 : a < b;
  });
  next_ = 0;
  return work(out);
}

result<progress> over::work(output& out) {
  for (;;) {
    SYSTOLE_TRY(read_pieces());
    if (pieces_.empty()) break;
    SYSTOLE_TRY(compute(out));
    if (pieces_.back().segment.done()) pieces_.clear();
    else pieces_.erase(pieces_.begin(), pieces_.end() - 1);
    if (out.full()) return progress::again;
  }
  rows_in_hand_ = kept_in_hand_ = batch();
  order_columns_.clear();
  return progress::done;
}

/// Reads on where the last piece ended, then from the next partitions.
result<void> over::read_pieces() {
  rows_.clear();
  if (!pieces_.empty()) {
    pieces_.back().first = 0;
    SYSTOLE_TRY(pieces_.back().segment.read(context_.batch_rows, rows_));
  }
  over_changes changes(store_, order_, kept_encoder_);
  changes.bind(rows_in_hand_, order_columns_);
  const over_reach reach{calls_.rows_before(), calls_.rows_after(), calls_.has_running()};
  while (next_ < by_partition_.size() && rows_.size() < context_.batch_rows &&
         (pieces_.empty() || pieces_.back().segment.done())) {
    const uint32_t row = by_partition_[next_];
    const std::string_view key = keys_.key(row);
    size_t end = next_ + 1;
    while (end < by_partition_.size() && keys_.key(by_partition_[end]) == key) ++end;
    SYSTOLE_ASSIGN(over_segment::changes made,
                   changes.resolve(key, keys_.hash(row), std::span(by_partition_).subspan(next_, end - next_)));
    next_ = end;
    if (made.empty()) continue;
    pieces_.push_back(
        {over_segment(store_, reach, key, keys_.hash(row), std::move(made)), static_cast<uint32_t>(rows_.size())});
    SYSTOLE_TRY(pieces_.back().segment.read(context_.batch_rows, rows_));
  }
  return {};
}

/// The rows' columns. Returns the kept ones with their hidden columns.
result<batch> over::decode(over_rows& rows) {
  const size_t n = rows_.size();
  row_decoder kept(calls_.kept_layout(), n), running(calls_.running_layout(), n);
  hidden_builder hidden_columns;
  for (const over_row& each : rows_) {
    SYSTOLE_ASSIGN(over_value value, decode_over_value(each.value));
    SYSTOLE_TRY(kept.append(value.kept));
    SYSTOLE_TRY(running.append(value.running.empty() ? std::string_view(no_running_) : value.running));
    value.hidden.position = position_of_subkey(each.subkey);
    hidden_columns.append(value.hidden);
    rows.before.push_back(each.before);
    rows.after.push_back(each.after);
    rows.recompute.push_back(each.recompute);
  }
  for (const piece& each : pieces_) rows.begins.push_back(each.first);
  rows.begins.push_back(static_cast<uint32_t>(n));
  rows.kept = kept.finish();
  rows.running = running.finish();
  batch made = rows.kept;
  hidden_columns.finish(made);
  return made;
}

/// Puts the running values into the rows. 1 for rows whose values changed.
std::vector<uint8_t> over::store_running(const std::vector<column_ptr>& running) {
  std::vector<uint8_t> changed(rows_.size(), 0);
  if (!calls_.has_running()) return changed;
  const batch columns(rows_.size(), running);
  running_encoder_.bind(columns);
  std::string bytes;
  for (uint32_t row = 0; row < rows_.size(); ++row) {
    over_row& each = rows_[row];
    if (!each.recompute || !each.after) continue;
    bytes.clear();
    running_encoder_.append(bytes, row);
    const over_value old_value = *decode_over_value(each.value);  // decode() has read it
    changed[row] = old_value.running != bytes;
    if (changed[row]) each.value = encode_over_value(old_value.hidden, old_value.kept, bytes);
  }
  return changed;
}

result<void> over::compute(output& out) {
  over_rows rows;
  SYSTOLE_ASSIGN(const batch kept, decode(rows));
  over_calls::values values = calls_.compute(rows);
  const std::vector<uint8_t> changed = store_running(values.running);
  emit(rows, kept, std::move(values), out);
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const uint32_t first = rows.begins[i], end = rows.begins[i + 1];
    SYSTOLE_TRY(
        pieces_[i].segment.finish(rows_.data() + first, end - first, {changed.begin() + first, changed.begin() + end}));
  }
  return {};
}

void over::emit(const over_rows& rows, const batch& kept, over_calls::values values, output& out) {
  const size_t n = rows.size();
  std::vector<uint8_t> has_before(n), has_after(n), failed_before(n, 0);
  for (size_t i = 0; i < n; ++i) {
    has_before[i] = rows_[i].emitted && rows.before[i];
    has_after[i] = rows_[i].emitted && rows.after[i];
  }
  const auto results_of = [&](const std::vector<column_ptr>& calls, std::vector<uint8_t>& has,
                              std::vector<row_error>& errors) {
    for (const row_error& each : errors) has[each.row] = has[each.row] ? 2 : 0;  // failed, but to be told
    std::vector<uint8_t> sound(n);
    for (size_t i = 0; i < n; ++i) sound[i] = has[i] == 1;
    std::vector<column_ptr> columns = kept.columns();
    columns.insert(columns.end(), calls.begin(), calls.end());
    return calls_.results().evaluate(kept.with_columns(std::move(columns)), sound, errors);
  };
  std::vector<column_ptr> before = results_of(values.before, has_before, values.failed_before);
  std::vector<column_ptr> after = results_of(values.after, has_after, values.failed_after);
  for (const row_error& each : values.failed_before) {
    failed_before[each.row] = has_before[each.row] != 0;
    has_before[each.row] = 0;
  }
  for (const row_error& each : values.failed_after) {
    // Told when it first failed, not again whenever a neighbour changes.
    if (has_after[each.row] && !failed_before[each.row])
      out.reject(kept, each.row, {failed_result_rule, each.reason, each.sqlstate});
    has_after[each.row] = 0;
  }
  // Hidden columns go along as visible ones; they are the same before and after.
  std::vector<hidden> carried;
  for (hidden which : {hidden::event_time, hidden::ingestion_time, hidden::position}) {
    if (!kept.has(which)) continue;
    carried.push_back(which);
    before.push_back(kept.hidden_column(which));
    after.push_back(kept.hidden_column(which));
  }
  batch changes = make_changes({before, has_before, after, has_after, n}, omit_update_before_);
  if (changes.empty()) return;
  std::vector<column_ptr> visible = changes.columns();
  for (; !carried.empty(); carried.pop_back(), visible.pop_back()) changes.set_hidden(carried.back(), visible.back());
  out.push(changes.with_columns(std::move(visible)));
}

}  // namespace

result<std::unique_ptr<stream_operator>> make_over(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                   const operator_context& context) {
  const proto::Over& plan = node.over();
  const schema& columns = inputs[0].columns;
  SYSTOLE_ASSIGN(over_calls calls, over_calls::bind(node, columns, context));
  const expression_scope scope = step_scope(columns, context);
  SYSTOLE_ASSIGN(std::vector<expression_ptr> partition,
                 bind_step_expressions(plan.partition_by(), scope, context, "partitionBy"));
  SYSTOLE_ASSIGN(order_key order, order_key::make(plan.order_by(), scope, context));
  return std::unique_ptr<stream_operator>(std::make_unique<over>(context, std::move(calls), std::move(partition),
                                                                 std::move(order), node.omit_update_before()));
}

}  // namespace systole
