#include "operators/join/interval_join.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "operators/join/interval_rows.h"
#include "operators/join/join_columns.h"

namespace systole {
namespace {

/// So that negated bounds do not overflow: 146,000 years.
constexpr int64_t longest_bound_us = int64_t{1} << 62;

/// One input's expressions and rows.
struct interval_side {
  join_keys keys;
  expression_ptr time;
  std::vector<int> columns;  ///< that results read
  interval_rows rows;
  interval_matches matches;  ///< rows of this side that the other one's batch met
};

class interval_join final : public stream_operator {
 public:
  interval_join(const operator_context& context, const proto::IntervalJoin& plan, join_columns columns, interval_side left,
                interval_side right)
      : context_(context),
        lower_us_(plan.lower_us()),
        upper_us_(plan.upper_us()),
        columns_(std::move(columns)),
        sides_{std::move(left), std::move(right)} {
    evaluation_.time = context.time;
  }

  result<void> open() override;
  result<progress> process(batch rows, uint32_t input, output& out) override;
  result<progress> resume(output& out) override { return probe(out); }
  result<progress> on_watermark(timestamp_us watermark, output& out) override;
  std::string snapshot() const override;
  result<void> restore(std::string_view bytes) override;

 private:
  result<progress> probe(output& out);
  result<void> scan_row(bool& stopped);
  bool match(std::string_view subkey, std::string_view value);
  void emit(output& out);
  void classify(const batch& rows, interval_side& side, const encoded_keys& keys, output& out);

  operator_context context_;
  evaluation_context evaluation_;
  int64_t lower_us_, upper_us_;  ///< right.time in [left.time + lower, left.time + upper]
  join_columns columns_;
  std::array<interval_side, 2> sides_;
  timestamp_us watermark_ = watermark_none;

  // The batch that probes the other side; what is left of it while resume() is awaited.
  batch probing_;
  uint32_t probing_side_ = 0;
  column_ptr times_;
  std::vector<uint8_t> keep_;
  std::vector<uint32_t> live_;     ///< its rows that can match
  size_t next_ = 0;                ///< index into live_
  std::string resume_from_;        ///< the subkey where the row's scan goes on; empty: from its beginning
  std::vector<uint32_t> matched_;  ///< the probing row of each pair
  std::vector<hidden_values> hidden_;
  result<void> scanned_;           ///< what match() met
  std::string from_, to_;
  /// Made once: a std::function per row would allocate.
  const map_table::visitor visit_ = [this](std::string_view subkey, std::string_view value) {
    return match(subkey, value);
  };
};

result<void> interval_join::open() {
  for (size_t i = 0; i < 2; ++i) {
    interval_side& side = sides_[i];
    const std::string fingerprint = side.keys.fingerprint() + side.time->normalized() + " in " +
                                    std::to_string(lower_us_) + ".." + std::to_string(upper_us_);
    SYSTOLE_TRY(side.rows.open(context_, i == 0 ? "left" : "right", fingerprint));
  }
  return {};
}

void interval_join::classify(const batch& rows, interval_side& side, const encoded_keys& keys, output& out) {
  std::vector<row_error> errors;
  times_ = side.time->evaluate(rows, evaluation_, errors);
  reject_failed(rows, errors, "expression", keep_, out);
  live_.clear();
  const int64_t* times = times_->values<int64_t>();
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    if (!keep_[row]) continue;
    const bool timed = times_->is_valid(row);
    if (timed && times[row] <= watermark_) {
      out.reject(rows, row, {"late", "the row is behind the watermark", {}});
      continue;
    }
    ++context_.accounting->absorbed;
    if (timed && !keys.has_null(row)) live_.push_back(row);
  }
}

result<progress> interval_join::process(batch rows, uint32_t input, output& out) {
  context_.accounting->in += rows.rows();
  interval_side& mine = sides_[input];
  keep_.assign(rows.rows(), 1);
  const encoded_keys& keys = mine.keys.encode(rows, evaluation_, keep_, out);
  classify(rows, mine, keys, out);
  mine.rows.prefetch(keys);
  mine.rows.bind(rows);
  const int64_t* times = times_->values<int64_t>();
  for (uint32_t row : live_) {
    // Of a window that the watermark has closed no partner can come any more.
    if (add_saturating(times[row], mine.rows.retention_us()) <= watermark_) continue;
    SYSTOLE_TRY(mine.rows.put(keys.key(row), keys.hash(row), times[row], row));
  }
  mine.rows.release();
  sides_[1 - input].rows.prefetch(keys);
  probing_ = std::move(rows);
  probing_side_ = input;
  next_ = 0;
  resume_from_.clear();
  return probe(out);
}

bool interval_join::match(std::string_view subkey, std::string_view value) {
  interval_matches& matches = sides_[1 - probing_side_].matches;
  if (matches.full()) {
    resume_from_ = subkey;
    return false;
  }
  scanned_ = matches.append(subkey, value);
  if (scanned_) matched_.push_back(live_[next_]);
  return scanned_.has_value();
}

result<void> interval_join::scan_row(bool& stopped) {
  const uint32_t row = live_[next_];
  const timestamp_us time = times_->values<int64_t>()[row];
  // A left row wants [time + lower, time + upper] of the right; a right row [time - upper, time - lower] of the left.
  const int64_t low = probing_side_ == 0 ? lower_us_ : -upper_us_;
  const int64_t high = probing_side_ == 0 ? upper_us_ : -lower_us_;
  from_ = std::move(resume_from_);
  resume_from_.clear();
  if (from_.empty()) append_ordered_time(from_, add_saturating(time, low));
  to_.clear();
  const timestamp_us last = add_saturating(time, high);
  if (last != watermark_end) append_ordered_time(to_, last + 1);
  const encoded_keys& keys = sides_[probing_side_].keys.encoded();
  SYSTOLE_TRY(sides_[1 - probing_side_].rows.scan(keys.key(row), keys.hash(row), from_, to_, visit_));
  stopped = !resume_from_.empty();
  return scanned_;
}

result<progress> interval_join::probe(output& out) {
  while (next_ < live_.size()) {
    bool stopped = false;
    SYSTOLE_TRY(scan_row(stopped));
    if (!stopped) {
      ++next_;
      continue;
    }
    emit(out);
    if (out.full()) return progress::again;
  }
  emit(out);
  probing_ = batch();
  times_.reset();
  return progress::done;
}

void interval_join::emit(output& out) {
  if (matched_.empty()) return;
  interval_side& other = sides_[1 - probing_side_];
  std::vector<column_ptr> theirs = other.matches.finish(hidden_);
  std::vector<column_ptr> mine;
  for (int each : sides_[probing_side_].columns)
    mine.push_back(gather(probing_.at(static_cast<size_t>(each)), matched_));
  std::vector<column_ptr>& left = probing_side_ == 0 ? mine : theirs;
  std::vector<column_ptr>& right = probing_side_ == 0 ? theirs : mine;
  left.insert(left.end(), right.begin(), right.end());
  batch pairs(matched_.size(), std::move(left));
  const int64_t* times = times_->values<int64_t>();
  for (size_t i = 0; i < matched_.size(); ++i) {
    hidden_values probing = hidden_values::of(probing_, matched_[i]);
    probing.event_time = times[matched_[i]];
    hidden_[i].combine(probing);
  }
  set_hidden_columns(hidden_, pairs);
  matched_.clear();
  batch made = columns_.results.apply(pairs, out);
  if (!made.empty()) out.push(std::move(made));
}

result<progress> interval_join::on_watermark(timestamp_us watermark, output&) {
  watermark_ = std::max(watermark_, watermark);
  // At the end of the input nothing is worth the work of removing it.
  if (watermark_ == watermark_end) return progress::done;
  for (interval_side& side : sides_) SYSTOLE_TRY(side.rows.expire(watermark_));
  return progress::done;
}

std::string interval_join::snapshot() const {
  std::string bytes;
  for (const interval_side& side : sides_) append_varint(bytes, side.rows.sequence());
  return bytes;
}

result<void> interval_join::restore(std::string_view bytes) {
  byte_reader reader(bytes);
  const uint64_t left = reader.varint(), right = reader.varint();
  if (!reader.ok() || !reader.at_end())
    return fail(error_code::corrupt, "step " + context_.step + ": the join's snapshot does not match its layout");
  sides_[0].rows.restore_sequence(left);
  sides_[1].rows.restore_sequence(right);
  return {};
}

}  // namespace

result<std::unique_ptr<stream_operator>> make_interval_join(const proto::Node& node,
                                                            const std::vector<operator_input>& inputs,
                                                            const operator_context& context) {
  const proto::IntervalJoin& plan = node.interval_join();
  if (inputs.size() != 2 || inputs[0].changelog || inputs[1].changelog)
    return step_failure(context, "an interval join takes two append-only inputs");
  if (plan.lower_us() > plan.upper_us() || plan.lower_us() < -longest_bound_us || plan.upper_us() > longest_bound_us)
    return step_failure(context, "the interval's bounds are not in order or too far: " +
                                     std::to_string(plan.lower_us()) + ".." + std::to_string(plan.upper_us()));
  const std::array<join_input, 2> sides{join_input{inputs[0].columns, plan.left_alias()},
                                        join_input{inputs[1].columns, plan.right_alias()}};
  SYSTOLE_ASSIGN(join_columns columns, bind_join_columns(context, failed_result_rule, sides[0], sides[1],
                                                         plan.residual(), true, plan.fields(), node.output()));
  const auto make_side = [&](size_t i) -> result<interval_side> {
    SYSTOLE_ASSIGN(std::vector<expression_ptr> keys,
                   bind_join_keys(context, sides[i], i == 0 ? plan.left_keys() : plan.right_keys()));
    SYSTOLE_ASSIGN(expression_ptr time,
                   bind_step_expression(i == 0 ? plan.left_time() : plan.right_time(), sides[i].scope(context), context,
                                        "within", data_type{type_id::timestamptz}));
    const std::vector<int>& read = i == 0 ? columns.left : columns.right;
    const int64_t retention = i == 0 ? plan.upper_us() : -plan.lower_us();
    interval_rows rows(sides[i].columns, read, time->as_column(), retention);
    interval_matches matches(rows, context.batch_rows);
    return interval_side{join_keys(std::move(keys)), std::move(time), read, std::move(rows), std::move(matches)};
  };
  SYSTOLE_ASSIGN(interval_side left, make_side(0));
  SYSTOLE_ASSIGN(interval_side right, make_side(1));
  return std::unique_ptr<stream_operator>(
      std::make_unique<interval_join>(context, plan, std::move(columns), std::move(left), std::move(right)));
}

}  // namespace systole
