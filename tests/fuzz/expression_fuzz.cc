#include "expr/expression.h"
#include "tests/fuzz/fuzz_input.h"

// Parses, binds and evaluates SQL over a batch of edge cases. Whatever binds must print as SQL that binds again and
// gives the same.

namespace {

using namespace systole;

column_ptr column_of(data_type type, const std::vector<const char*>& texts) {
  std::vector<column_ptr> cells;
  for (const char* text : texts) {
    if (!text) {
      cells.push_back(null_column(type, 1));
      continue;
    }
    const result<column_ptr> cell = parse_constant(text, type);
    fuzz::require(cell.has_value(), "the fixture's cells are good");
    cells.push_back(*cell);
  }
  return concatenate(cells);
}

struct fixture {
  schema columns;
  batch rows;
  fixture() {
    std::vector<column_ptr> made;
    const auto add = [&](const char* name, data_type type, const std::vector<const char*>& texts) {
      columns.fields.push_back({name, type, true});
      made.push_back(column_of(type, texts));
    };
    add("t", {type_id::text}, {"", "abc", nullptr, "a long text \xc3\xa4\xe2\x82\xac of some bytes"});
    add("i", {type_id::int32}, {"-2147483648", "0", nullptr, "2147483647"});
    add("l", {type_id::int64}, {"-9223372036854775808", "1", nullptr, "9223372036854775807"});
    add("d", {type_id::float64}, {"-1e308", "0.5", nullptr, "NaN"});
    add("n", {type_id::numeric}, {"-99999999999999999999999999999999999999", "0.00", nullptr, "1.5"});
    add("b", {type_id::boolean}, {"true", "false", nullptr, "true"});
    add("z", {type_id::timestamptz}, {"4714-11-24 00:00:00 BC", "1970-01-01", nullptr, "294246-12-31 23:59:59.999999"});
    add("y", {type_id::date}, {"4714-11-24 BC", "2024-02-29", nullptr, "5874897-12-31"});
    add("v", {type_id::interval}, {"-178000000 years", "1 mon -1 day 00:00:00.000001", nullptr, "2147483647 days"});
    rows = batch(4, std::move(made));
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fixture over;
  static const manual_clock time(1'772'434'800'000'000);
  if (size > 2000) return 0;
  const std::string sql(reinterpret_cast<const char*>(data), size);
  const expression_scope scope = scope_of(over.columns);
  const bind_result bound = bind_expression(sql, scope);
  for (const expression_error& error : bound.errors)
    fuzz::require(error.offset <= sql.size(), "an error is in the text");
  fuzz::require((bound.expression != nullptr) == bound.errors.empty(), "an expression or errors");
  if (!bound.expression) return 0;
  std::vector<row_error> errors, other_errors;
  const column_ptr made = bound.expression->evaluate(over.rows, {&time}, errors);
  fuzz::require(made->size() == over.rows.rows(), "one value for each row");
  uint32_t next = 0;
  for (const row_error& error : errors) {
    fuzz::require(error.row >= next && error.row < over.rows.rows(), "errors ascend");
    fuzz::require(made->is_null(error.row), "a failed row is null");
    next = error.row + 1;
  }
  if (!bound.expression->nullable())
    for (size_t row = 0; row < made->size(); ++row) {
      bool failed = false;
      for (const row_error& error : errors) failed |= error.row == row;
      fuzz::require(failed || made->is_valid(row), "what is not nullable gives no null");
    }

  const bind_result again = bind_expression(bound.expression->normalized(), scope);
  fuzz::require(again.expression != nullptr, "normalized SQL binds");
  fuzz::require(again.expression->normalized() == bound.expression->normalized(), "normalized SQL is a fixed point");
  fuzz::require(again.expression->type() == bound.expression->type(), "normalized SQL has the type");
  const column_ptr same = again.expression->evaluate(over.rows, {&time}, other_errors);
  fuzz::require(errors.size() == other_errors.size(), "normalized SQL fails for the same rows");
  for (size_t row = 0; row < made->size(); ++row)
    fuzz::require(made->is_null(row) == same->is_null(row), "normalized SQL gives the same");
  return 0;
}
