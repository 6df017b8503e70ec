#include "expr/logic.h"

#include <algorithm>
#include <cstring>

#include "expr/column_edit.h"
#include "expr/ordering.h"

namespace systole {
namespace {

/// AND where Absorbing is 0 (FALSE decides), OR where it is 1 (TRUE decides).
template <uint8_t Absorbing>
class logic_node final : public node {
 public:
  explicit logic_node(std::vector<node_ptr> terms) : node({type_id::boolean}, false), terms_(std::move(terms)) {
    for (const node_ptr& term : terms_) {
      nullable_ |= term->nullable();
      can_fail_ |= term->can_fail();
      cheap_ &= term->cheap();
    }
    cheap_ &= terms_.size() <= 4;
  }

  column_ptr evaluate(evaluation& run, const selection& rows) const override {
    column_builder builder(type_, rows.size);
    builder.set_size(rows.size);
    uint8_t* out = builder.mutable_values<uint8_t>();
    std::memset(out, 1 - Absorbing, rows.size);
    std::vector<uint32_t> undecided;
    bool narrowed = false, nulls = false;
    for (size_t i = 0; i < terms_.size(); ++i) {
      const node& term = *terms_[i];
      if (i > 0 && (term.can_fail() || !term.cheap())) {
        narrow(out, rows, undecided);
        narrowed = true;
        if (undecided.empty()) break;
      }
      const selection wanted = narrowed ? selection::of(undecided, rows.size) : rows;
      combine(builder, nulls, out, evaluate_operand(term, run, wanted), wanted);
    }
    return builder.finish();
  }
  std::span<const node_ptr> children() const override { return terms_; }

 private:
  /// Rows whose value is not Absorbing yet. In `out`, rows that are NULL so far keep the neutral value.
  static void narrow(const uint8_t* out, const selection& rows, std::vector<uint32_t>& undecided) {
    std::vector<uint32_t> left;
    left.reserve(rows.count);
    rows.for_each([&](size_t row) {
      if (out[row] != Absorbing) left.push_back(static_cast<uint32_t>(row));
    });
    undecided = std::move(left);
  }

  static void combine(column_builder& builder, bool& nulls, uint8_t* out, const operand& term, const selection& rows) {
    const uint8_t* values = term.values->values<uint8_t>();
    nulls |= term.values->may_have_nulls();
    if (!nulls) {
      if (term.constant) {
        if (values[0] == Absorbing) rows.for_each([&](size_t row) { out[row] = Absorbing; });
        return;
      }
      if (rows.all()) {
        for (size_t row = 0; row < rows.size; ++row)
          out[row] = Absorbing ? out[row] | values[row] : out[row] & values[row];
        return;
      }
    }
    uint64_t* validity = builder.mutable_validity();
    rows.for_each([&](size_t row) {
      const size_t from = term.row(row);
      const uint64_t bit = uint64_t{1} << (row % 64);
      if (term.values->is_null(from)) {
        if (out[row] != Absorbing) validity[row / 64] &= ~bit;
      } else if (values[from] == Absorbing) {
        out[row] = Absorbing;
        validity[row / 64] |= bit;
      }
    });
  }

  std::vector<node_ptr> terms_;
};

bool depends_on_row(const node& of) {
  const auto below = of.children();
  if (below.empty()) return !of.constant();
  return std::any_of(below.begin(), below.end(), [](const node_ptr& each) { return depends_on_row(*each); });
}

/// True where a part that is the same for all rows can fail.
bool has_failing_constant(const node& of) {
  if (!depends_on_row(of)) return of.can_fail();
  const auto below = of.children();
  return std::any_of(below.begin(), below.end(), [](const node_ptr& each) { return has_failing_constant(*each); });
}

template <uint8_t Absorbing>
node_ptr make_logic(std::vector<node_ptr> terms) {
  std::vector<node_ptr> kept;
  for (node_ptr& term : terms) {
    const column_ptr constant = term->constant();
    if (constant && !constant->is_null(0)) {
      const uint8_t value = constant->values<uint8_t>()[0];
      if (value != Absorbing) continue;
      // The other terms cannot matter, in PostgreSQL neither: it drops them before it sees a row. But for what it computes
      // even before that, and fails with: 1 / 0 in a term that comes first.
      if (std::none_of(kept.begin(), kept.end(), [](const node_ptr& each) { return has_failing_constant(*each); }))
        return make_boolean_constant(Absorbing != 0);
      kept.push_back(std::move(term));
      break;
    }
    kept.push_back(std::move(term));
  }
  if (kept.empty()) return make_boolean_constant(Absorbing == 0);
  if (kept.size() == 1) return kept[0];
  return fold(std::make_shared<logic_node<Absorbing>>(std::move(kept)));
}

void negate(row_writer<bool>& out, bool value) { out.set(!value); }

template <bool NotNull>
column_ptr null_test(const call_frame& frame) {
  const operand& of = frame.arguments[0];
  column_builder builder(frame.type, frame.rows.size);
  builder.set_size(frame.rows.size);
  uint8_t* out = builder.mutable_values<uint8_t>();
  const uint64_t* validity = of.values->validity();
  if (of.constant || !validity) {
    std::memset(out, (of.constant ? of.values->is_valid(0) : true) == NotNull, frame.rows.size);
  } else {
    for (size_t row = 0; row < frame.rows.size; ++row) out[row] = (validity[row / 64] >> (row % 64) & 1) == NotNull;
  }
  return builder.finish();
}

template <truth Wanted, bool Negated>
column_ptr boolean_test(const call_frame& frame) {
  const operand& of = frame.arguments[0];
  column_builder builder(frame.type, frame.rows.size);
  builder.set_size(frame.rows.size);
  uint8_t* out = builder.mutable_values<uint8_t>();
  const uint8_t* values = of.values->values<uint8_t>();
  for (size_t row = 0; row < frame.rows.size; ++row) {
    const size_t from = of.row(row);
    const bool valid = of.values->is_valid(from);
    const bool is = Wanted == truth::unknown ? !valid : valid && (values[from] != 0) == (Wanted == truth::is_true);
    out[row] = is != Negated;
  }
  return builder.finish();
}

template <bool Negated>
column_ptr distinct_test(const call_frame& frame) {
  column_builder builder(frame.type, frame.rows.size);
  builder.set_size(frame.rows.size);
  uint8_t* out = builder.mutable_values<uint8_t>();
  std::memset(out, 0, frame.rows.size);
  const operand& a = frame.arguments[0];
  const operand& b = frame.arguments[1];
  with_storage(a.values->type().id, [&](auto* type) {
    using stored = std::remove_pointer_t<decltype(type)>;
    const row_reader<stored> left(a), right(b);
    frame.rows.for_each([&](size_t row) {
      const bool a_null = a.values->is_null(a.row(row)), b_null = b.values->is_null(b.row(row));
      const bool same = a_null || b_null ? a_null == b_null : order(left[row], right[row]) == 0;
      out[row] = same == Negated;
    });
  });
  return builder.finish();
}

/// A call whose result is never NULL though its arguments may be.
node_ptr make_test(kernel run, std::vector<node_ptr> arguments) {
  return make_call_node(run, {type_id::boolean}, std::move(arguments), {.strict = false, .never_null = true});
}

}  // namespace

node_ptr make_conjunction(std::vector<node_ptr> terms) { return make_logic<0>(std::move(terms)); }
node_ptr make_disjunction(std::vector<node_ptr> terms) { return make_logic<1>(std::move(terms)); }

node_ptr make_negation(node_ptr of) {
  std::vector<node_ptr> arguments{std::move(of)};
  return make_call_node(row_kernel<&negate>, {type_id::boolean}, std::move(arguments), {});
}

node_ptr make_null_test(node_ptr of, bool is_not_null) {
  if (!of->nullable() && !of->can_fail()) return make_boolean_constant(is_not_null);
  return make_test(is_not_null ? null_test<true> : null_test<false>, {std::move(of)});
}

node_ptr make_boolean_test(node_ptr of, truth wanted, bool negated) {
  kernel run = nullptr;
  switch (wanted) {
    case truth::is_true:
      run = negated ? boolean_test<truth::is_true, true> : boolean_test<truth::is_true, false>;
      break;
    case truth::is_false:
      run = negated ? boolean_test<truth::is_false, true> : boolean_test<truth::is_false, false>;
      break;
    case truth::unknown:
      run = negated ? boolean_test<truth::unknown, true> : boolean_test<truth::unknown, false>;
      break;
  }
  return make_test(run, {std::move(of)});
}

node_ptr make_distinct_test(node_ptr a, node_ptr b, bool negated) {
  return make_test(negated ? distinct_test<true> : distinct_test<false>, {std::move(a), std::move(b)});
}

void split_rows(const column& condition, const selection& rows, std::vector<uint32_t>& taken,
                std::vector<uint32_t>& others) {
  const uint8_t* values = condition.values<uint8_t>();
  const uint64_t* validity = condition.validity();
  taken.resize(rows.count);
  others.resize(rows.count);
  size_t taken_count = 0, other_count = 0;
  rows.for_each([&](size_t row) {
    const bool take = values[row] && (!validity || (validity[row / 64] >> (row % 64) & 1));
    taken[taken_count] = static_cast<uint32_t>(row);
    others[other_count] = static_cast<uint32_t>(row);
    taken_count += take;
    other_count += !take;
  });
  taken.resize(taken_count);
  others.resize(other_count);
}

}  // namespace systole
