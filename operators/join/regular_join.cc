#include "operators/join/regular_join.h"

#include <algorithm>
#include <array>

#include "operators/join/join_columns.h"
#include "operators/join/multiset_rows.h"

namespace systole {
namespace {

struct regular_side {
  join_keys keys;
  std::vector<int> columns;  ///< that results read
  multiset_rows rows;
};

/// One step of a probing row: a stored row of the other side that it met, or its end.
struct probe_step {
  uint32_t row;         ///< of the probing batch
  uint32_t stored;      ///< index among the decoded rows; null_row: the row's end
  int64_t count = 0;    ///< of the stored row
  uint32_t subkey = 0;  ///< index of its subkey in subkeys_
  uint32_t entry = 0;   ///< and of its entry there
};

/// The result at any time is the sum over pairs of count * count, and for a left join of each left row that has no
/// matches by its count, padded with NULLs; each input row emits the difference that it makes, retractions first.
class regular_join final : public stream_operator {
 public:
  regular_join(const operator_context& context, const proto::RegularJoin& plan, bool changelog, join_columns columns,
               regular_side left, regular_side right)
      : context_(context),
        left_outer_(plan.left_outer()),
        changelog_(changelog),
        columns_(std::move(columns)),
        sides_{std::move(left), std::move(right)},
        decoders_{row_decoder(sides_[0].rows.layout(), context.batch_rows + multiset_rows::collision_limit),
                  row_decoder(sides_[1].rows.layout(), context.batch_rows + multiset_rows::collision_limit)} {}

  result<void> open() override {
    SYSTOLE_TRY(sides_[0].rows.open(context_, "left", sides_[0].keys.fingerprint()));
    return sides_[1].rows.open(context_, "right", sides_[1].keys.fingerprint());
  }
  result<progress> process(batch rows, uint32_t input, output& out) override;
  result<progress> resume(output& out) override { return probe(out); }
  result<progress> on_watermark(timestamp_us watermark, output&) override {
    watermark_ = std::max(watermark_, watermark);
    if (watermark_ != watermark_end)
      for (regular_side& side : sides_) SYSTOLE_TRY(side.rows.expire(watermark_));
    return progress::done;
  }

 private:
  result<progress> probe(output& out);
  result<bool> scan_row();
  bool meet(std::string_view subkey, std::string_view value);
  void end_row();
  result<void> apply_steps(output& out);
  std::vector<uint8_t> evaluate_condition(const std::vector<column_ptr>& stored, output& out);
  result<void> apply_match(const probe_step& step);
  result<void> apply_end(const probe_step& step);
  void emit(uint32_t row, uint32_t stored, int64_t weight);
  void push_results(const std::vector<column_ptr>& stored, output& out);
  timestamp_us time_of(uint32_t row) const {
    return probing_.has_event_time(row) ? probing_.event_time(row) : watermark_;
  }
  regular_side& mine() { return sides_[side_]; }
  regular_side& other() { return sides_[1 - side_]; }

  operator_context context_;
  bool left_outer_;
  bool changelog_;
  join_columns columns_;
  std::array<regular_side, 2> sides_;
  std::array<row_decoder, 2> decoders_;
  timestamp_us watermark_ = watermark_none;

  // The batch in hand; what is left of it while resume() is awaited.
  batch probing_;
  uint32_t side_ = 0;
  std::vector<uint32_t> live_;  ///< its rows that are not rejected
  size_t next_ = 0;             ///< index into live_
  std::string resume_from_;     ///< where the scan of live_[next_] goes on; empty: from its beginning
  int64_t row_matches_ = 0;     ///< of the row whose steps are being applied

  // Steps and stored rows that are collected, then applied together.
  std::vector<probe_step> steps_;
  std::vector<std::string> subkeys_;
  std::vector<hidden_values> stored_hidden_;
  result<void> scanned_;
  const map_table::visitor visit_ = [this](std::string_view subkey, std::string_view value) {
    return meet(subkey, value);
  };

  // Results of the steps: probing row, stored row (either may be null_row), kind.
  std::vector<uint32_t> result_rows_, result_stored_;
  std::vector<uint8_t> result_kinds_;
};

result<progress> regular_join::process(batch rows, uint32_t input, output& out) {
  context_.accounting->in += rows.rows();
  side_ = input;
  std::vector<uint8_t> keep(rows.rows(), 1);
  const encoded_keys& keys = mine().keys.encode(rows, evaluation_of(context_), keep, out);
  live_.clear();
  for (uint32_t row = 0; row < rows.rows(); ++row)
    if (keep[row]) live_.push_back(row);
  context_.accounting->absorbed += live_.size();
  mine().rows.prefetch(keys);
  other().rows.prefetch(keys);
  mine().rows.bind(rows);
  probing_ = std::move(rows);
  next_ = 0;
  resume_from_.clear();
  row_matches_ = 0;
  return probe(out);
}

bool regular_join::meet(std::string_view subkey, std::string_view value) {
  if (stored_hidden_.size() >= context_.batch_rows) {
    resume_from_ = subkey;
    return false;
  }
  const result<std::span<const multiset_rows::entry>> read = other().rows.entries(value);
  if (!read) {
    scanned_ = read.error();
    return false;
  }
  const timestamp_us now = time_of(live_[next_]);
  bool named = false;
  for (uint32_t i = 0; i < read->size(); ++i) {
    const multiset_rows::entry& each = (*read)[i];
    if (other().rows.expired(each, now)) continue;
    scanned_ = decoders_[1 - side_].append(each.row);
    if (!scanned_) return false;
    if (!named && left_outer_ && side_ == 1) subkeys_.emplace_back(subkey);
    named = true;
    steps_.push_back({live_[next_], static_cast<uint32_t>(stored_hidden_.size()), each.count,
                      static_cast<uint32_t>(subkeys_.size()) - 1, i});
    stored_hidden_.push_back(each.hidden);
  }
  return true;
}

/// Collects the steps of one row. True where it was read to its end.
result<bool> regular_join::scan_row() {
  const uint32_t row = live_[next_];
  const encoded_keys& keys = mine().keys.encoded();
  if (!keys.has_null(row)) {
    const std::string from = std::move(resume_from_);
    resume_from_.clear();
    SYSTOLE_TRY(other().rows.scan(keys.key(row), keys.hash(row), from, visit_));
    SYSTOLE_TRY(scanned_);
    if (!resume_from_.empty()) return false;
  }
  steps_.push_back({row, null_row});
  return true;
}

result<progress> regular_join::probe(output& out) {
  while (next_ < live_.size()) {
    SYSTOLE_ASSIGN(const bool whole, scan_row());
    if (whole) ++next_;
    if (whole && steps_.size() < 2 * context_.batch_rows) continue;
    SYSTOLE_TRY(apply_steps(out));
    if (out.full()) return progress::again;
  }
  SYSTOLE_TRY(apply_steps(out));
  mine().rows.release();
  probing_ = batch();
  return progress::done;
}

/// 1 for the stored rows whose pair satisfies the residual condition.
std::vector<uint8_t> regular_join::evaluate_condition(const std::vector<column_ptr>& stored, output& out) {
  std::vector<uint8_t> pass(stored_hidden_.size(), 1);
  if (!columns_.condition || pass.empty()) return pass;
  std::vector<uint32_t> rows;
  for (const probe_step& each : steps_)
    if (each.stored != null_row) rows.push_back(each.row);
  std::vector<column_ptr> columns;
  for (int each : mine().columns) columns.push_back(gather(probing_.at(static_cast<size_t>(each)), rows));
  columns.insert(side_ == 0 ? columns.end() : columns.begin(), stored.begin(), stored.end());
  batch pairs(rows.size(), std::move(columns));
  column_builder kinds(hidden_types[static_cast<size_t>(hidden::kind)], rows.size());
  for (const probe_step& each : steps_)
    if (each.stored != null_row)
      kinds.append(static_cast<uint8_t>((sign(probing_.kind(each.row)) > 0) == (each.count > 0) ? row_kind::insert
                                                                                                : row_kind::erase));
  pairs.set_hidden(hidden::kind, kinds.finish());
  std::vector<row_error> errors;
  const column_ptr truth = columns_.condition->evaluate(pairs, evaluation_of(context_), errors);
  for (size_t i = 0; i < pass.size(); ++i) pass[i] = truth->is_valid(i) && truth->values<uint8_t>()[i];
  for (const row_error& each : errors) out.reject(pairs, each.row, {failed_result_rule, each.reason, each.sqlstate});
  return pass;
}

void regular_join::emit(uint32_t row, uint32_t stored, int64_t weight) {
  const row_kind kind = weight > 0 ? row_kind::insert : row_kind::erase;
  for (int64_t copies = weight > 0 ? weight : -weight; copies > 0; --copies) {
    result_rows_.push_back(row);
    result_stored_.push_back(stored);
    result_kinds_.push_back(static_cast<uint8_t>(kind));
  }
}

result<void> regular_join::apply_match(const probe_step& step) {
  const int sign_of_row = sign(probing_.kind(step.row));
  if (side_ == 0 || !left_outer_) {
    row_matches_ += step.count;
    emit(step.row, step.stored, sign_of_row * step.count);
    return {};
  }
  const encoded_keys& keys = mine().keys.encoded();
  SYSTOLE_ASSIGN(const int64_t before, other().rows.add_matches(keys.key(step.row), keys.hash(step.row),
                                                                subkeys_[step.subkey], step.entry, sign_of_row));
  const int64_t after = before + sign_of_row;
  if (before <= 0 && after > 0) emit(null_row, step.stored, -step.count);
  emit(step.row, step.stored, sign_of_row * step.count);
  if (before > 0 && after <= 0) emit(null_row, step.stored, step.count);
  return {};
}

result<void> regular_join::apply_end(const probe_step& step) {
  const int sign_of_row = sign(probing_.kind(step.row));
  if (left_outer_ && side_ == 0 && row_matches_ <= 0) emit(step.row, null_row, sign_of_row);
  const encoded_keys& keys = mine().keys.encoded();
  const int64_t matches = std::exchange(row_matches_, 0);
  if (keys.has_null(step.row)) return {};  // joins nothing, whatever comes
  return mine().rows.change(keys.key(step.row), keys.hash(step.row), step.row, sign_of_row, matches, time_of(step.row));
}

result<void> regular_join::apply_steps(output& out) {
  const std::vector<column_ptr> stored = decoders_[1 - side_].finish().columns();
  const std::vector<uint8_t> pass = evaluate_condition(stored, out);
  for (const probe_step& each : steps_) {
    if (each.stored == null_row) SYSTOLE_TRY(apply_end(each));
    else if (pass[each.stored]) SYSTOLE_TRY(apply_match(each));
  }
  push_results(stored, out);
  steps_.clear();
  subkeys_.clear();
  stored_hidden_.clear();
  return {};
}

void regular_join::push_results(const std::vector<column_ptr>& stored, output& out) {
  const size_t n = result_rows_.size();
  if (n == 0) return;
  const std::vector<uint32_t>&rows = result_rows_, &others = result_stored_;
  std::vector<column_ptr> columns;
  for (int each : mine().columns) columns.push_back(gather_or_null(probing_.at(static_cast<size_t>(each)), rows));
  std::vector<column_ptr> theirs;
  for (const column_ptr& each : stored) theirs.push_back(gather_or_null(*each, others));
  columns.insert(side_ == 0 ? columns.end() : columns.begin(), theirs.begin(), theirs.end());
  batch results(n, std::move(columns));
  hidden_builder hidden_columns;
  for (size_t i = 0; i < n; ++i) {
    hidden_values values;
    if (rows[i] != null_row) values.combine(hidden_values::of(probing_, rows[i]));
    if (others[i] != null_row) values.combine(stored_hidden_[others[i]]);
    hidden_columns.append(values);
  }
  hidden_columns.finish(results);
  if (changelog_) {
    column_builder kinds(hidden_types[static_cast<size_t>(hidden::kind)], n);
    std::copy_n(result_kinds_.begin(), n, kinds.mutable_values<uint8_t>());
    kinds.set_size(n);
    results.set_hidden(hidden::kind, kinds.finish());
  }
  batch made = columns_.results.apply(results, out);
  if (!made.empty()) out.push(std::move(made));
  result_rows_.clear();
  result_stored_.clear();
  result_kinds_.clear();
}

}  // namespace

result<std::unique_ptr<stream_operator>> make_regular_join(const proto::Node& node,
                                                           const std::vector<operator_input>& inputs,
                                                           const operator_context& context) {
  const proto::RegularJoin& plan = node.regular_join();
  if (inputs.size() != 2) return step_failure(context, "a join takes two inputs");
  std::array<join_input, 2> sides{join_input{inputs[0].columns, plan.left_alias()},
                                  join_input{inputs[1].columns, plan.right_alias()}};
  SYSTOLE_ASSIGN(std::vector<expression_ptr> left_keys, bind_join_keys(context, sides[0], plan.left_keys()));
  SYSTOLE_ASSIGN(std::vector<expression_ptr> right_keys, bind_join_keys(context, sides[1], plan.right_keys()));
  if (plan.left_outer())
    for (field& each : sides[1].columns.fields) each.nullable = true;
  SYSTOLE_ASSIGN(join_columns columns, bind_join_columns(context, failed_result_rule, sides[0], sides[1],
                                                         plan.residual(), false, plan.fields(), node.output()));
  const auto make_side = [&](size_t i, std::vector<expression_ptr> keys) {
    const std::vector<int>& read = i == 0 ? columns.left : columns.right;
    return regular_side{join_keys(std::move(keys)), read,
                     multiset_rows(sides[i].columns, {.columns = read,
                                                      .append_only = !inputs[i].changelog,
                                                      .counts_matches = plan.left_outer() && i == 0,
                                                      .ttl_us = plan.ttl_us()})};
  };
  regular_side left = make_side(0, std::move(left_keys)), right = make_side(1, std::move(right_keys));
  const bool changelog = plan.left_outer() || inputs[0].changelog || inputs[1].changelog;
  return std::unique_ptr<stream_operator>(
      std::make_unique<regular_join>(context, plan, changelog, std::move(columns), std::move(left), std::move(right)));
}

}  // namespace systole
