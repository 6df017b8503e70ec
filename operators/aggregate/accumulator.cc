#include "operators/aggregate/accumulator.h"

#include "operators/aggregate/accumulator_extremes.h"
#include "operators/aggregate/accumulator_kernels.h"

namespace systole {
namespace {

using namespace kernels;

/// Runs a kernel over pairs; the group's state is copied in and out, for a value in state has no alignment.
template <class Kernel>
class fixed_accumulator final : public accumulator {
 public:
  explicit fixed_accumulator(data_type type) : type_(type) {}
  data_type result_type() const override { return type_; }
  size_t value_bytes() const override { return sizeof(state); }
  std::string layout() const override { return Kernel::layout; }
  bool can_fail() const override { return Kernel::can_fail; }

  result<void> add(const accumulator_rows& input) override {
    const typename Kernel::reader read(input.argument);
    if (input.rows.empty() && input.weights.empty()) {
      for (size_t pair = 0; pair < input.size(); ++pair) update(input.groups[pair], read(pair), 1);
      return {};
    }
    for (size_t pair = 0; pair < input.size(); ++pair)
      if (const int weight = input.weight(pair); weight != 0) update(input.groups[pair], read(input.row(pair)), weight);
    return {};
  }

  result<void> add_each(const accumulator_rows& input, const accumulator_trace& trace) override {
    const typename Kernel::reader read(input.argument);
    for (size_t pair = 0; pair < input.size(); ++pair) {
      state held = load(input.groups[pair]);
      const finished<value> before = Kernel::finish(held);
      finished<value> after = before;
      if (const int weight = input.weight(pair); weight != 0) {
        Kernel::add(held, read(input.row(pair)), weight);
        store(input.groups[pair], held);
        after = Kernel::finish(held);
        trace.changed[pair] |= !(after == before);
      }
      if (trace.before) write(*trace.before, pair, before, trace.before_errors);
      write(*trace.after, pair, after, trace.errors);
    }
    if (trace.before) trace.before->set_size(input.size());
    trace.after->set_size(input.size());
    return {};
  }

  void append_results(column_builder& into, std::vector<row_error>& errors) override {
    const size_t first = into.size();
    for (size_t group = 0; group < groups_.size(); ++group)
      write(into, first + group, Kernel::finish(load(static_cast<uint32_t>(group))), &errors);
    into.set_size(first + groups_.size());
  }

 private:
  using state = typename Kernel::state;
  using value = typename Kernel::result_value;

  state load(uint32_t group) const {
    state held;
    std::memcpy(&held, groups_[group].value + offset_, sizeof held);
    return held;
  }
  void store(uint32_t group, const state& held) { std::memcpy(groups_[group].value + offset_, &held, sizeof held); }
  template <class T>
  void update(uint32_t group, const T& argument, int weight) {
    state held = load(group);
    Kernel::add(held, argument, weight);
    store(group, held);
  }
  static void write(column_builder& into, size_t row, const finished<value>& result, std::vector<row_error>* errors) {
    std::memcpy(static_cast<char*>(into.mutable_bytes()) + row * sizeof(value), &result.value, sizeof(value));
    if (uint8_t* scales = into.mutable_scales()) scales[row] = result.scale;
    if (result.status == finished<value>::value_) return;
    into.set_null(row);
    if (errors && result.status == finished<value>::out_of_range_)
      errors->push_back({static_cast<uint32_t>(row), "22003", "an aggregate is out of its type's range"});
  }

  data_type type_;
};

template <class Kernel>
std::unique_ptr<accumulator> fixed(data_type type) {
  return std::make_unique<fixed_accumulator<Kernel>>(type);
}

template <bool Max>
std::unique_ptr<accumulator> append_only_extreme(data_type type) {
  switch (type.id) {
    case type_id::int32: case type_id::date: return fixed<extreme_kernel<int32_t, plain_reader<int32_t>, Max>>(type);
    case type_id::int64: case type_id::timestamptz: case type_id::timestamp:
      return fixed<extreme_kernel<int64_t, plain_reader<int64_t>, Max>>(type);
    case type_id::float64: return fixed<extreme_kernel<double, plain_reader<double>, Max>>(type);
    case type_id::interval: return fixed<extreme_kernel<interval_value, plain_reader<interval_value>, Max>>(type);
    case type_id::numeric: return fixed<extreme_numeric_kernel<Max>>(type);
    default: return make_text_extreme(Max);
  }
}

std::unique_ptr<accumulator> sum_of(data_type argument, data_type type) {
  switch (argument.id) {
    case type_id::int32: return fixed<sum_int32_kernel>(type);
    case type_id::int64: return fixed<sum_int64_kernel>(type);
    case type_id::float64: return fixed<sum_double_kernel>(type);
    case type_id::interval: return fixed<sum_interval_kernel>(type);
    default: return fixed<sum_numeric_kernel>(type);
  }
}

std::unique_ptr<accumulator> average_of_type(data_type argument, data_type type) {
  switch (argument.id) {
    case type_id::int32: return fixed<average_int32_kernel>(type);
    case type_id::int64: return fixed<average_int64_kernel>(type);
    case type_id::float64: return fixed<average_double_kernel>(type);
    case type_id::interval: return fixed<average_interval_kernel>(type);
    default: return fixed<average_numeric_kernel>(type);
  }
}

}  // namespace

result<data_type> aggregate_result_type(std::string_view function, bool has_argument, data_type argument) {
  constexpr data_type plain_numeric{type_id::numeric};
  if (function == "count") return data_type{type_id::int64};
  if (has_argument) {
    const bool sum = function == "sum", average = function == "avg";
    if (sum && argument.is(type_id::int32)) return data_type{type_id::int64};
    if ((sum || average) && (argument.is(type_id::float64) || argument.is(type_id::interval))) return argument;
    if ((sum || average) && argument.is_number()) return plain_numeric;
    if ((function == "bool_and" || function == "bool_or") && argument.is(type_id::boolean)) return argument;
    if ((function == "min" || function == "max") && !argument.is(type_id::boolean) && !argument.is(type_id::bytea) &&
        !argument.is(type_id::null)) {
      return argument;
    }
  }
  return fail(error_code::invalid_argument, "there is no aggregate " + std::string(function) + "(" +
                                                (has_argument ? to_string(argument) : std::string("*")) + ")");
}

result<std::unique_ptr<accumulator>> make_accumulator(std::string_view function, bool has_argument, data_type argument,
                                                      bool changelog) {
  SYSTOLE_ASSIGN(const data_type type, aggregate_result_type(function, has_argument, argument));
  if (function == "count") return fixed<count_kernel>(type);
  if (function == "sum") return sum_of(argument, type);
  if (function == "avg") return average_of_type(argument, type);
  if (function == "bool_and") return fixed<bool_kernel<true>>(type);
  if (function == "bool_or") return fixed<bool_kernel<false>>(type);
  const bool max = function == "max";
  if (changelog) return make_retractable_extreme(argument, max);
  return max ? append_only_extreme<true>(type) : append_only_extreme<false>(type);
}

}  // namespace systole
