#include <algorithm>

#include "data/calendar.h"
#include "operators/expand.h"
#include "operators/step_expressions.h"

namespace systole {
namespace {

/// The arithmetic of one row's series: values as int64 (numbers, days or microseconds).
struct series {
  type_id type;
  int64_t next = 0;
  int64_t last = 0;
  int64_t step = 0;           ///< numbers, or days with a numeric step
  interval_value interval{};  ///< where by_interval
  bool by_interval = false;
  bool upwards = true;

  bool at_end() const { return upwards ? next > last : next < last; }
  /// Moves on; false where the next value is beyond the type.
  bool advance() {
    if (!by_interval) return !__builtin_add_overflow(next, step, &next) && (type != type_id::int32 || next == int32_t(next));
    const bool days = type == type_id::date;
    const std::optional<timestamp_us> moved = add_interval(days ? next * micros_per_day : next, interval);
    if (!moved) return false;
    next = days ? *moved / micros_per_day : *moved;
    return true;
  }
};

class expand_series final : public stream_operator {
 public:
  struct parts {
    std::vector<expression_ptr> bounds;  ///< from, to, step
    std::vector<expression_ptr> fields;  ///< over the input's columns and the series' value
    data_type type;
  };
  expand_series(parts made_of, const operator_context& context) : parts_(std::move(made_of)), context_(context) {}

  result<progress> process(batch rows, uint32_t, output& out) override {
    context_.accounting->in += rows.rows();
    rows_ = std::move(rows);
    evaluate_or_reject(parts_.bounds, rows_, context_, bounds_, out);
    row_ = 0;
    started_ = false;
    return resume(out);
  }

  result<progress> resume(output& out) override {
    while (row_ < rows_.rows()) {
      fill(out);
      if (!picked_.empty()) emit(out);
      if (row_ < rows_.rows() && out.full()) return progress::again;
    }
    rows_ = {};
    bounds_.clear();
    return progress::done;
  }

 private:
  /// Collects up to batch_rows values, going on where the last call stopped.
  void fill(output& out) {
    picked_.clear();
    values_.clear();
    numbers_.clear();
    for (; row_ < rows_.rows(); ++row_) {
      if (!started_ && !start(out)) continue;
      for (; !series_.at_end(); ++number_) {
        if (picked_.size() == context_.batch_rows) return;
        picked_.push_back(row_);
        values_.push_back(series_.next);
        numbers_.push_back(number_);
        if (!series_.advance()) break;
      }
      started_ = false;
    }
  }

  /// Begins the series of row_; false where it has no values (counted).
  bool start(output& out) {
    for (const column_ptr& each : bounds_) {
      if (each->is_valid(row_)) continue;
      ++context_.accounting->unmatched;
      return false;
    }
    series_ = {.type = parts_.type.id, .next = integer(*bounds_[0]), .last = integer(*bounds_[1])};
    int direction;
    if (bounds_[2]->type().is(type_id::interval)) {
      series_.by_interval = true;
      series_.interval = bounds_[2]->values<interval_value>()[row_];
      const int128 span = int128{series_.interval.micros} +
                          (int128{series_.interval.months} * 30 + series_.interval.days) * micros_per_day;
      direction = span > 0 ? 1 : span < 0 ? -1 : 0;
      if (parts_.type.is(type_id::date) && series_.interval.micros != 0) return refuse(out, "the step of a series of dates must be whole days");
    } else {
      series_.step = integer(*bounds_[2]);
      direction = series_.step > 0 ? 1 : series_.step < 0 ? -1 : 0;
    }
    if (direction == 0) return refuse(out, "the step of a series cannot be zero");
    series_.upwards = direction > 0;
    if (series_.at_end()) {
      ++context_.accounting->unmatched;
      return false;
    }
    ++context_.accounting->matched;
    started_ = true;
    number_ = 0;
    return true;
  }

  bool refuse(output& out, std::string_view reason) {
    out.reject(rows_, row_, {"expression", reason, "22023"});
    return false;
  }

  int64_t integer(const column& values) const {
    return value_width(values.type().id) == 4 ? values.values<int32_t>()[row_] : values.values<int64_t>()[row_];
  }

  void emit(output& out) {
    batch source = gather(rows_, picked_);
    if (source.has(hidden::position)) source.set_hidden(hidden::position, numbered_positions(source));
    column_builder builder(parts_.type, values_.size());
    for (const int64_t value : values_) {
      if (value_width(parts_.type.id) == 4) builder.append<int32_t>(static_cast<int32_t>(value));
      else builder.append<int64_t>(value);
    }
    std::vector<column_ptr> scope = source.columns();
    scope.push_back(builder.finish());
    const batch rows = source.with_columns(std::move(scope));
    std::vector<column_ptr> columns;
    std::vector<row_error> errors;
    evaluate_all(parts_.fields, rows, context_, columns, errors);
    if (errors.empty()) return out.push(rows.with_columns(std::move(columns)));
    std::vector<uint8_t> failed(rows.rows(), 0);
    for (const row_error& each : errors) {
      if (std::exchange(failed[each.row], 1)) continue;
      out.reject(rows, each.row, {failed_result_rule, each.reason, each.sqlstate});
    }
    std::vector<uint32_t> kept;
    for (uint32_t row = 0; row < rows.rows(); ++row)
      if (!failed[row]) kept.push_back(row);
    if (!kept.empty()) out.push(gather(rows.with_columns(std::move(columns)), kept));
  }

  column_ptr numbered_positions(const batch& rows) const {
    column_builder builder(hidden_types[static_cast<size_t>(hidden::position)], rows.rows());
    for (size_t row = 0; row < rows.rows(); ++row) {
      row_position position = row_position::unpack(rows.position(row));
      position.branch = static_cast<uint16_t>(std::min<uint64_t>(position.branch + numbers_[row], 0xffff));
      builder.append<int128>(static_cast<int128>(position.pack()));
    }
    return builder.finish();
  }

  parts parts_;
  operator_context context_;
  batch rows_;  ///< being expanded; kept while the output is full
  std::vector<column_ptr> bounds_;
  uint32_t row_ = 0;
  bool started_ = false;  ///< series_ is that of row_
  series series_{};
  uint64_t number_ = 0;
  std::vector<uint32_t> picked_;
  std::vector<int64_t> values_;
  std::vector<uint64_t> numbers_;
};

/// The series' type from those of its bounds; nothing where there is none.
std::optional<type_id> series_type(type_id from, type_id to) {
  if (from == to && (from == type_id::int32 || from == type_id::int64 || from == type_id::date || from == type_id::timestamptz)) {
    return from;
  }
  const auto both = [&](type_id one, type_id other) { return (from == one && to == other) || (from == other && to == one); };
  if (both(type_id::int32, type_id::int64)) return type_id::int64;
  if (both(type_id::date, type_id::timestamptz)) return type_id::timestamptz;
  return std::nullopt;
}

}  // namespace

result<std::unique_ptr<stream_operator>> make_expand_series(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                            const operator_context& context) {
  const proto::Expand& step = node.expand();
  const expression_scope scope = step_scope(inputs[0].columns, context);
  SYSTOLE_ASSIGN(const expression_ptr from, bind_step_expression(step.series_from(), scope, context, "series from"));
  SYSTOLE_ASSIGN(const expression_ptr to, bind_step_expression(step.series_to(), scope, context, "series to"));
  const std::optional<type_id> type = series_type(from->type().id, to->type().id);
  if (!type) {
    return step_failure(context, "there is no series from " + to_string(from->type()) + " to " + to_string(to->type()) +
                                     ": use two of INT, BIGINT, DATE or TIMESTAMPTZ");
  }
  expand_series::parts made;
  made.type = {*type};
  for (const proto::Expression* each : {&step.series_from(), &step.series_to()}) {
    SYSTOLE_ASSIGN(expression_ptr bound, bind_step_expression(*each, scope, context, "series bound", made.type));
    made.bounds.push_back(std::move(bound));
  }
  proto::Expression by = step.series_step();
  if (by.sql().empty()) by.set_sql("1");
  SYSTOLE_ASSIGN(expression_ptr bound_step, bind_step_expression(by, scope, context, "series step"));
  const type_id step_type = bound_step->type().id;
  const bool whole = step_type == type_id::int32 || step_type == type_id::int64;
  const bool by_interval = step_type == type_id::interval;
  const bool fits = *type == type_id::timestamptz ? by_interval : *type == type_id::date ? whole || by_interval : whole;
  if (!fits) return step_failure(context, "a series of " + to_string(made.type) + " has no step of " + to_string(bound_step->type()));
  made.bounds.push_back(std::move(bound_step));
  schema columns = inputs[0].columns;
  columns.fields.push_back({step.series_column(), made.type, false});
  const schema wanted = from_proto(node.output());
  SYSTOLE_ASSIGN(made.fields, bind_step_fields(step.series_fields(), step_scope(columns, context), context, &wanted));
  return std::unique_ptr<stream_operator>(std::make_unique<expand_series>(std::move(made), context));
}

}  // namespace systole
