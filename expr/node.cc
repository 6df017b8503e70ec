#include "expr/node.h"

#include <algorithm>
#include <cstring>

#include "expr/column_edit.h"

namespace systole {
namespace {

class column_node final : public node {
 public:
  column_node(int index, data_type type, bool nullable) : node(type, nullable), index_(index) {}
  column_ptr evaluate(evaluation& run, const selection&) const override {
    return run.input().share(static_cast<size_t>(index_));
  }
  int as_column() const override { return index_; }

 private:
  int index_;
};

class constant_node final : public node {
 public:
  explicit constant_node(column_ptr value) : node(value->type(), value->is_null(0)), value_(std::move(value)) {}
  column_ptr evaluate(evaluation&, const selection& rows) const override { return fill_column(*value_, rows.size); }
  column_ptr constant() const override { return value_; }

 private:
  column_ptr value_;
};

class ingestion_time_node final : public node {
 public:
  ingestion_time_node() : node({type_id::timestamptz}, false) {}
  column_ptr evaluate(evaluation& run, const selection& rows) const override {
    if (run.input().has(hidden::ingestion_time)) return run.input().hidden_column(hidden::ingestion_time);
    const int64_t now = run.context().time ? run.context().time->now_us() : system_clock().now_us();
    column_builder builder(type_, rows.size);
    std::fill_n(builder.mutable_values<int64_t>(), rows.size, now);
    builder.set_size(rows.size);
    return builder.finish();
  }
  bool reads_ingestion_time() const override { return true; }
};

/// "00002:0000000017:000000000004096": source, file and byte offset, as wide as they can become, so that the order of
/// the texts is the order of the positions. Rows that one record became (expand) end with ":" and their number.
class source_position_node final : public node {
 public:
  source_position_node() : node({type_id::text}, true) { cheap_ = false; }
  column_ptr evaluate(evaluation& run, const selection& rows) const override {
    const column_ptr& positions = run.input().hidden_column(hidden::position);
    if (!positions) return null_column(type_, rows.size);
    column_builder builder(type_, rows.size);
    text_view* const out = builder.mutable_values<text_view>();
    if (!rows.all()) std::fill_n(out, rows.size, text_view());
    const int128* const packed = positions->values<int128>();
    rows.for_each([&](size_t row) {
      out[row] = text_view();
      if (positions->is_null(row)) return builder.set_null(row);
      const row_position at = row_position::unpack(static_cast<uint128>(packed[row]));
      char* const text = builder.reserve_text(at.branch ? with_branch : without_branch);
      write_digits(text, source_digits, at.source);
      text[source_digits] = ':';
      write_digits(text + source_digits + 1, split_digits, at.split);
      text[source_digits + 1 + split_digits] = ':';
      write_digits(text + source_digits + 1 + split_digits + 1, offset_digits, at.offset);
      if (at.branch) {
        text[without_branch] = ':';
        write_digits(text + without_branch + 1, branch_digits, at.branch);
      }
      out[row] = text_view(std::string_view(text, at.branch ? with_branch : without_branch));
    });
    builder.set_size(rows.size);
    return builder.finish();
  }

 private:
  static constexpr size_t source_digits = 5, split_digits = 10, offset_digits = 15, branch_digits = 5;
  static constexpr size_t without_branch = source_digits + 1 + split_digits + 1 + offset_digits;
  static constexpr size_t with_branch = without_branch + 1 + branch_digits;
  static void write_digits(char* out, size_t width, uint64_t value) {
    for (size_t i = width; i-- > 0; value /= 10) out[i] = static_cast<char>('0' + value % 10);
  }
};

class call_node final : public node {
 public:
  call_node(kernel run, data_type type, std::vector<node_ptr> arguments, function_traits traits,
            std::shared_ptr<const void> prepared)
      : node(type, traits.gives_null || (!traits.strict && !traits.never_null)),
        run_(run),
        arguments_(std::move(arguments)),
        strict_(traits.strict),
        prepared_(std::move(prepared)) {
    can_fail_ = traits.can_fail;
    cheap_ = traits.cheap;
    for (const node_ptr& argument : arguments_) {
      if (strict_) nullable_ |= argument->nullable();
      can_fail_ |= argument->can_fail();
      cheap_ &= argument->cheap();
    }
  }

  column_ptr evaluate(evaluation& run, const selection& rows) const override {
    constexpr size_t usual = 4;
    operand few[usual];
    std::vector<operand> many;
    operand* operands = few;
    if (arguments_.size() > usual) {
      many.resize(arguments_.size());
      operands = many.data();
    }
    for (size_t i = 0; i < arguments_.size(); ++i) operands[i] = evaluate_operand(*arguments_[i], run, rows);
    if (strict_)
      for (size_t i = 0; i < arguments_.size(); ++i)
        if (operands[i].always_null()) return null_column(type_, rows.size);
    return run_({run, rows, {operands, arguments_.size()}, type_, prepared_.get()});
  }
  std::span<const node_ptr> children() const override { return arguments_; }

 private:
  kernel run_;
  std::vector<node_ptr> arguments_;
  bool strict_;
  std::shared_ptr<const void> prepared_;
};

}  // namespace

operand evaluate_operand(const node& of, evaluation& run, const selection& rows) {
  if (column_ptr value = of.constant()) return {std::move(value), true};
  return {of.evaluate(run, rows), false};
}

node_ptr make_column_node(int index, data_type type, bool nullable) {
  return std::make_shared<column_node>(index, type, nullable);
}
node_ptr make_constant_node(column_ptr value) { return std::make_shared<constant_node>(std::move(value)); }
node_ptr make_null_node(data_type type) { return make_constant_node(null_column(type, 1)); }
node_ptr make_ingestion_time_node() { return std::make_shared<ingestion_time_node>(); }

node_ptr make_source_position_node() { return std::make_shared<source_position_node>(); }

node_ptr make_text_constant(std::string_view value) {
  column_builder builder({type_id::text}, 1);
  builder.append_text_copy(value);
  return make_constant_node(builder.finish());
}

node_ptr make_boolean_constant(bool value) {
  column_builder builder({type_id::boolean}, 1);
  builder.append<uint8_t>(value);
  return make_constant_node(builder.finish());
}

bool all_constant(std::span<const node_ptr> nodes) {
  return std::all_of(nodes.begin(), nodes.end(), [](const node_ptr& each) { return each->constant() != nullptr; });
}

node_ptr fold(node_ptr made) {
  if (!all_constant(made->children()) || made->children().empty() || made->reads_ingestion_time()) return made;
  const batch one_row(1, {});
  const evaluation_context context;
  evaluation run(one_row, context);
  column_ptr value = made->evaluate(run, selection::everything(1));
  if (!run.failures().empty()) return made;
  return make_constant_node(compact(*value));
}

node_ptr make_call_node(kernel run, data_type type, std::vector<node_ptr> arguments, function_traits traits,
                        std::shared_ptr<const void> prepared) {
  if (traits.strict)
    for (const node_ptr& argument : arguments)
      if (argument->constant() && argument->constant()->is_null(0) &&
          std::none_of(arguments.begin(), arguments.end(), [](const node_ptr& each) { return each->can_fail(); }))
        return make_null_node(type);
  return fold(std::make_shared<call_node>(run, type, std::move(arguments), traits, std::move(prepared)));
}

}  // namespace systole
