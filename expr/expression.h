#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "data/batch.h"

namespace systole {

/// A job's parameter value as param('name') sees it.
struct parameter_value {
  data_type type{type_id::text};
  std::optional<std::string> text;  ///< SQL text form; nothing = NULL
};
using parameter_map = std::map<std::string, parameter_value, std::less<>>;

/// A column that an expression may name. `qualifier` is a join input's alias; empty where there is one input.
struct scope_column {
  std::string qualifier;
  std::string name;
  data_type type;
  bool nullable = true;
  int index = 0;  ///< in the batch that evaluate() gets
};

/// What an expression may refer to.
struct expression_scope {
  std::vector<scope_column> columns;
  const parameter_map* parameters = nullptr;  ///< may be null
  bool allow_aggregates = false;              ///< see analyze_aggregates
};
/// The scope of one input's columns, in order.
expression_scope scope_of(const schema& columns, std::string_view qualifier = {});

/// Where and why an expression is wrong. `offset` is the 0-based byte in the SQL text.
struct expression_error {
  size_t offset = 0;
  std::string message;               ///< "unknown function lowr(text)"
  std::vector<std::string> nearest;  ///< did-you-mean, best first
  std::string hint;                  ///< what to do, may be empty
  std::string sqlstate = {};         ///< PostgreSQL's for the same mistake, where it has one
};

/// One row's failure in evaluate().
struct row_error {
  uint32_t row;
  std::string sqlstate;  ///< five characters, PostgreSQL's
  std::string reason;    ///< names no value of the record
};

/// What an evaluation reads besides the batch.
struct evaluation_context {
  const clock* time = nullptr;  ///< for ingestion_time() where the batch has no such hidden column
};

/// A checked expression bound to columns. Immutable and thread-safe; evaluate() may run on any thread.
class bound_expression {
 public:
  virtual ~bound_expression() = default;
  virtual data_type type() const = 0;
  /// False only where no row can be NULL.
  virtual bool nullable() const = 0;
  /// Evaluates over all rows of `input` (or those of `selection`, ascending; other rows are unspecified but
  /// initialised). The column has input.rows() rows. A row that fails is NULL in it and listed in `errors`, at most
  /// once, ascending. Branches that a row does not take (CASE, COALESCE, AND, OR) cannot fail for it.
  virtual column_ptr evaluate(const batch& input, const evaluation_context& context, std::vector<row_error>& errors,
                              const std::vector<uint32_t>* selection = nullptr) const = 0;
  /// Indices of the columns that it reads, ascending, unique.
  virtual const std::vector<int>& columns() const = 0;
  /// True where it reads ingestion_time().
  virtual bool reads_ingestion_time() const = 0;
  /// False where equal rows can give unequal values (ingestion_time() without a replayable source).
  virtual bool deterministic() const = 0;
  /// The column's index where the expression is a bare column, else -1.
  virtual int as_column() const = 0;
  /// Its value where it is a constant: a column of one row; else nullptr.
  virtual column_ptr as_constant() const = 0;
  /// Normalised SQL: stable across white space, case of keywords and redundant parentheses; for fingerprints.
  virtual std::string normalized() const = 0;
};
using expression_ptr = std::shared_ptr<const bound_expression>;

/// Holds an expression or why there is none.
struct bind_result {
  expression_ptr expression;             ///< null on error
  std::vector<expression_error> errors;  ///< all that were found
};

/// Parses and binds one scalar expression (design: `SELECT <expr>` through libpg_query). Thread-safe.
/// With `wanted` the result is coerced as by PostgreSQL's assignment cast, or an error says that it cannot be.
bind_result bind_expression(std::string_view sql, const expression_scope& scope,
                            std::optional<data_type> wanted = std::nullopt);

/// An aggregate call found in an expression.
struct aggregate_call {
  std::string name;      ///< the internal column that stands for it: "agg0", ...
  std::string function;  ///< count, sum, avg, min, max, bool_and, bool_or (every is bool_and)
  bool distinct = false;
  std::string argument;   ///< SQL; empty for count(*)
  std::string filter;     ///< SQL; empty for none
  data_type result_type;  ///< PostgreSQL's: sum(int) is bigint, sum(bigint) and avg(int) numeric, ...
  data_type argument_type;
  size_t offset = 0;  ///< in the original SQL
};
/// Splits `100 * sum(x) / count(*)` into calls and the expression over their columns. Calls equal to one that is in
/// `calls` already (same normalised text) are shared. Other columns in the outer expression stay as they are.
struct aggregate_split {
  std::string outer_sql;  ///< with calls replaced by their names
  std::vector<expression_error> errors;
};
aggregate_split split_aggregates(std::string_view sql, const expression_scope& input,
                                 std::vector<aggregate_call>& calls);

/// Columns (qualifier, name) that an expression names, without binding; for push-down and lints. Empty on a parse
/// error.
std::vector<std::pair<std::string, std::string>> referenced_columns(std::string_view sql);

/// Splits a conjunction into its terms' SQL: `a.x = b.x AND a.y > 1` -> two.
std::vector<std::string> split_conjunction(std::string_view sql);
/// For `x = y`: both sides' SQL; nothing for other expressions.
std::optional<std::pair<std::string, std::string>> split_equality(std::string_view sql);
/// For `t BETWEEN low AND high` (also `t >= low`, `t <= high` pairs joined by AND): parts of a join's `within`.
struct between_parts {
  std::string subject, low, high;
};
std::optional<between_parts> split_between(std::string_view sql);
/// For `x`, `x + INTERVAL '...'`, `x - INTERVAL '...'`: the base's SQL and the microseconds; months are refused.
struct offset_parts {
  std::string base;
  int64_t micros = 0;
};
std::optional<offset_parts> split_interval_offset(std::string_view sql);

/// Casts a text value as PostgreSQL's input function of the type would; one row.
result<column_ptr> parse_constant(std::string_view text, data_type type);
/// The names of all functions, sorted; for did-you-mean and the documentation.
const std::vector<std::string>& function_names();

}  // namespace systole
