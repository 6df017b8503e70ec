#pragma once

#include <memory>
#include <span>
#include <vector>

#include "data/batch.h"
#include "expr/evaluation.h"

namespace systole {

/// One operation of a bound expression. Immutable and thread-safe; evaluated with one virtual call per batch.
class node {
 public:
  node(data_type type, bool nullable) : type_(type), nullable_(nullable) {}
  virtual ~node() = default;
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  /// A column of rows.size rows; rows that are not selected are unspecified but initialised. Rows that fail are NULL.
  virtual column_ptr evaluate(evaluation& run, const selection& rows) const = 0;
  /// Where the value is a constant: a column of one row.
  virtual column_ptr constant() const { return nullptr; }
  /// The input column's index where the node is a bare column, else -1.
  virtual int as_column() const { return -1; }
  /// The operands, for walks over the tree.
  virtual std::span<const std::shared_ptr<const node>> children() const { return {}; }
  /// True where it reads ingestion_time() itself.
  virtual bool reads_ingestion_time() const { return false; }

  data_type type() const { return type_; }
  bool nullable() const { return nullable_; }
  /// False where no row can fail, here and below: then it may be computed for rows that do not need it.
  bool can_fail() const { return can_fail_; }
  /// True where computing a row that is not needed costs less than leaving it out.
  bool cheap() const { return cheap_; }

 protected:
  data_type type_;
  bool nullable_;
  bool can_fail_ = false;
  bool cheap_ = true;
};
using node_ptr = std::shared_ptr<const node>;

/// A value for each row, or one for all rows.
struct operand {
  column_ptr values;
  bool constant = false;
  size_t row(size_t row) const { return constant ? 0 : row; }
  bool always_null() const { return constant && values->is_null(0); }
};
/// Evaluates, leaving constants in one row.
operand evaluate_operand(const node& of, evaluation& run, const selection& rows);

/// What a kernel gets: its operands are of the types that its table entry names.
struct call_frame {
  evaluation& run;
  const selection& rows;
  std::span<const operand> arguments;
  data_type type;
  const void* prepared;  ///< what the entry's `prepare` made of constant arguments, or nullptr
};
/// Computes a function for all selected rows.
using kernel = column_ptr (*)(const call_frame&);

node_ptr make_column_node(int index, data_type type, bool nullable);
/// `value` has one row.
node_ptr make_constant_node(column_ptr value);
node_ptr make_null_node(data_type type);
node_ptr make_text_constant(std::string_view value);
node_ptr make_boolean_constant(bool value);
node_ptr make_ingestion_time_node();
/// Where the row was read: text in the order of the positions; NULL on rows that stand for many (aggregates).
node_ptr make_source_position_node();

struct function_traits {
  bool strict = true;  ///< NULL in, NULL out, without calling the kernel
  bool can_fail = false;
  bool gives_null = false;  ///< may give NULL though no argument is
  bool cheap = true;
  bool never_null = false;  ///< not strict, and gives no NULL
};
/// A call of a kernel; constant arguments are folded unless that fails (then the rows that reach it fail).
node_ptr make_call_node(kernel run, data_type type, std::vector<node_ptr> arguments, function_traits traits,
                        std::shared_ptr<const void> prepared = nullptr);
/// The constant that a node without columns gives, or the node itself where it fails or is not constant.
node_ptr fold(node_ptr made);

/// True where all of them are constants.
bool all_constant(std::span<const node_ptr> nodes);

}  // namespace systole
