#include "expr/bind/tree_reader.h"

#include <map>

#include "base/limits.h"

namespace systole {
namespace {

// Values of libpg_query's enumerations (pg_query.proto).
enum operator_kind {
  op_plain = 1,
  op_any = 2,
  op_all = 3,
  op_distinct = 4,
  op_not_distinct = 5,
  op_nullif = 6,
  op_in = 7,
  op_like = 8,
  op_ilike = 9,
  op_similar = 10,
  op_between = 11,
  op_not_between = 12,
  op_between_symmetric = 13,
  op_not_between_symmetric = 14
};
enum bool_operator { bool_and = 1, bool_or = 2, bool_not = 3 };

class tree_reader {
 public:
  tree_reader(std::string_view sql, size_t shift) : sql_(sql), shift_(shift) {}

  syntax_ptr read(const pg_tree::node& from) {
    if (failed_for_good_) return nullptr;
    if (++nodes_ > limits::expression_nodes)
      return stop("the expression has more than " + std::to_string(limits::expression_nodes) + " parts");
    if (depth_ >= limits::expression_depth)
      return stop("the expression is nested deeper than " + std::to_string(limits::expression_depth));
    ++depth_;
    syntax_ptr made = read_node(from);
    --depth_;
    return made;
  }

  std::vector<expression_error> take_errors() { return std::move(errors_); }

 private:
  syntax_ptr read_node(const pg_tree::node& from) {
    using kind = pg_tree::node::KindCase;
    switch (from.kind_case()) {
      case kind::kColumnRef: return read_column(from.column_ref());
      case kind::kAConst: return read_constant(from.a_const());
      case kind::kAExpr: return read_operator(from.a_expr());
      case kind::kFuncCall: return read_call(from.func_call());
      case kind::kTypeCast: return read_cast(from.type_cast());
      case kind::kBoolExpr: return read_logic(from.bool_expr());
      case kind::kNullTest: {
        syntax_ptr made = make(syntax_kind::null_test, from.null_test().location());
        made->negated = from.null_test().nulltesttype() == 2;
        return add(std::move(made), from.null_test().arg());
      }
      case kind::kBooleanTest: return read_boolean_test(from.boolean_test());
      case kind::kCaseExpr: return read_case(from.case_expr());
      case kind::kCoalesceExpr: {
        syntax_ptr made = make(syntax_kind::coalesce, from.coalesce_expr().location());
        return add_all(std::move(made), from.coalesce_expr().args());
      }
      case kind::kMinMaxExpr: {
        syntax_ptr made = make(from.min_max_expr().op() == 1 ? syntax_kind::greatest : syntax_kind::least,
                               from.min_max_expr().location());
        return add_all(std::move(made), from.min_max_expr().args());
      }
      case kind::kAIndirection: return read_subscript(from.a_indirection());
      case kind::kAArrayExpr: {
        syntax_ptr made = make(syntax_kind::array, from.a_array_expr().location());
        return add_all(std::move(made), from.a_array_expr().elements());
      }
      case kind::kCollateClause: return read_collation(from.collate_clause());
      case kind::kSqlValueFunction:
        return refuse(from.sql_value_function().location(), "the current time and user are not available",
                      "use ingestion_time(): a result must not depend on when it is computed");
      case kind::kSubLink:
        return refuse(-1, "a subquery is not possible here", "join the other stream or table in a step of its own");
      case kind::kRowExpr: return refuse(-1, "a row value is not supported", "compare the columns one by one");
      case kind::kParamRef: return refuse(-1, "there is no parameter $n", "write param('name')");
      case kind::kNamedArgExpr:
        return refuse(from.named_arg_expr().location(), "a named argument is only possible in make_interval");
      default: return refuse(-1, "this kind of expression is not supported");
    }
  }

  syntax_ptr read_column(const pg_tree::column_ref& from) {
    syntax_ptr made = make(syntax_kind::column, from.location());
    for (const pg_tree::node& field : from.fields()) {
      if (!field.has_string()) return refuse(from.location(), "* is only possible in count(*)");
      made->names.push_back(field.string().sval());
    }
    if (made->names.size() > 2)
      return refuse(from.location(), "a column has at most one qualifier",
                    "write alias.column; nested fields are mapped in the schema");
    return made;
  }

  syntax_ptr read_constant(const pg_tree::constant& from) {
    syntax_ptr made = make(syntax_kind::null_literal, from.location());
    if (from.isnull()) return made;
    switch (from.val_case()) {
      case pg_tree::constant::kIval:
        made->kind = syntax_kind::integer_literal;
        made->text = std::to_string(from.ival().ival());
        return made;
      case pg_tree::constant::kFval:
        made->kind = syntax_kind::number_literal;
        made->text = from.fval().fval();
        return made;
      case pg_tree::constant::kBoolval:
        made->kind = syntax_kind::boolean_literal;
        made->text = from.boolval().boolval() ? "true" : "false";
        return made;
      case pg_tree::constant::kSval:
        made->kind = syntax_kind::text_literal;
        made->text = from.sval().sval();
        return made;
      default: return refuse(from.location(), "bit strings are not supported", "write bytes as '\\x...'::bytea");
    }
  }

  syntax_ptr read_operator(const pg_tree::operator_expr& from) {
    const std::string name = from.name().empty() ? std::string() : from.name(from.name_size() - 1).string().sval();
    syntax_ptr made = make(syntax_kind::operation, from.location());
    made->text = name;
    switch (from.kind()) {
      case op_plain:
      case op_like:
      case op_ilike:
        if (from.has_lexpr()) made = add(std::move(made), from.lexpr());
        return made ? add(std::move(made), from.rexpr()) : nullptr;
      case op_distinct:
      case op_not_distinct:
        made->kind = syntax_kind::distinct;
        made->negated = from.kind() == op_not_distinct;
        break;
      case op_nullif: made->kind = syntax_kind::null_if; break;
      case op_in: {
        made->kind = syntax_kind::in_list;
        made->negated = name == "<>";
        made = add(std::move(made), from.lexpr());
        return made ? add_all(std::move(made), from.rexpr().list().items()) : nullptr;
      }
      case op_any:
      case op_all: return read_any_all(from, name);
      case op_between:
      case op_not_between:
      case op_between_symmetric:
      case op_not_between_symmetric:
        made->kind = syntax_kind::between;
        made->negated = from.kind() == op_not_between || from.kind() == op_not_between_symmetric;
        made->symmetric = from.kind() >= op_between_symmetric;
        made = add(std::move(made), from.lexpr());
        return made ? add_all(std::move(made), from.rexpr().list().items()) : nullptr;
      case op_similar:
        return refuse(from.location(), "SIMILAR TO is not supported", "use LIKE, or a regular expression with ~");
      default: return refuse(from.location(), "this operator is not supported");
    }
    made = add(std::move(made), from.lexpr());
    return made ? add(std::move(made), from.rexpr()) : nullptr;
  }

  /// x = ANY(ARRAY[...]) and x <> ALL(ARRAY[...]) are lists.
  syntax_ptr read_any_all(const pg_tree::operator_expr& from, const std::string& name) {
    const bool any_equal = from.kind() == op_any && name == "=";
    const bool all_unequal = from.kind() == op_all && name == "<>";
    if ((!any_equal && !all_unequal) || !from.rexpr().has_a_array_expr())
      return refuse(from.location(), "ANY and ALL are supported as = ANY(ARRAY[...]) and <> ALL(ARRAY[...]) only",
                    "use IN (...)");
    if (from.rexpr().a_array_expr().elements().empty()) return refuse(from.location(), "the array is empty");
    syntax_ptr made = make(syntax_kind::in_list, from.location());
    made->negated = all_unequal;
    made = add(std::move(made), from.lexpr());
    return made ? add_all(std::move(made), from.rexpr().a_array_expr().elements()) : nullptr;
  }

  syntax_ptr read_call(const pg_tree::func_call& from) {
    syntax_ptr made = make(syntax_kind::call, from.location());
    const bool catalog = from.funcname_size() == 2 && from.funcname(0).string().sval() == "pg_catalog";
    if (from.funcname_size() > 1 && !catalog) return refuse(from.location(), "a function has no schema here");
    made->text = from.funcname_size() ? from.funcname(from.funcname_size() - 1).string().sval() : std::string();
    // POSITION(a IN b) is parsed as position(b, a), which is strpos.
    if (catalog && made->text == "position") made->text = "strpos";
    made->star = from.agg_star();
    made->distinct = from.agg_distinct();
    made->over = from.has_over();
    made->ordered = !from.agg_order().empty() || from.agg_within_group();
    made->variadic = from.func_variadic();
    bool named = false;
    for (const pg_tree::node& argument : from.args()) {
      const bool is_named = argument.has_named_arg_expr();
      named |= is_named;
      made->names.push_back(is_named ? argument.named_arg_expr().name() : std::string());
      made = add(std::move(made), is_named ? argument.named_arg_expr().arg() : argument);
      if (!made) return nullptr;
    }
    if (!named) made->names.clear();
    if (from.has_agg_filter()) {
      made->filter = read(from.agg_filter());
      if (!made->filter) return nullptr;
    }
    return made;
  }

  syntax_ptr read_cast(const pg_tree::type_cast& from) {
    const pg_tree::type_name& type = from.type_name();
    syntax_ptr made = make(syntax_kind::cast, from.location() >= 0 ? from.location() : type.location());
    if (!type.array_bounds().empty()) return refuse(type.location(), "arrays are not supported");
    if (type.setof() || type.pct_type() || type.names().empty())
      return refuse(type.location(), "a type's name is expected");
    made->text = type.names(type.names_size() - 1).string().sval();
    for (const pg_tree::node& modifier : type.typmods()) {
      if (!modifier.a_const().has_ival()) return refuse(type.location(), "a type's modifier must be a number");
      made->modifiers.push_back(modifier.a_const().ival().ival());
    }
    made = add(std::move(made), from.arg());
    if (made && made->text == "interval" && !made->modifiers.empty()) return read_interval_unit(std::move(made));
    return made;
  }

  /// INTERVAL '5' DAY is INTERVAL '5 day'.
  syntax_ptr read_interval_unit(syntax_ptr cast) {
    // PostgreSQL's field masks (utils/timestamp.h): 1 << MONTH, YEAR, DAY, HOUR, MINUTE, SECOND.
    static const std::map<int, const char*> units = {{1 << 1, " month"}, {1 << 2, " year"},    {1 << 3, " day"},
                                                     {1 << 10, " hour"}, {1 << 11, " minute"}, {1 << 12, " second"}};
    const auto unit = units.find(cast->modifiers[0]);
    syntax& value = *cast->children[0];
    const bool plain = value.kind == syntax_kind::text_literal && !value.text.empty() &&
                       value.text.find_first_not_of("0123456789+- ") == std::string::npos;
    if (cast->modifiers.size() != 1 || unit == units.end() || !plain)
      return refuse(static_cast<int>(cast->offset + shift_),
                    "intervals with a precision or a range of fields are not supported",
                    "write INTERVAL '1 day 2 hours'");
    value.text += unit->second;
    cast->modifiers.clear();
    return cast;
  }

  syntax_ptr read_logic(const pg_tree::bool_expr& from) {
    const syntax_kind kind = from.boolop() == bool_and  ? syntax_kind::conjunction
                             : from.boolop() == bool_or ? syntax_kind::disjunction
                                                        : syntax_kind::negation;
    return add_all(make(kind, from.location()), from.args());
  }

  syntax_ptr read_boolean_test(const pg_tree::boolean_test& from) {
    static constexpr const char* words[] = {"", "TRUE", "TRUE", "FALSE", "FALSE", "UNKNOWN", "UNKNOWN"};
    if (from.booltesttype() < 1 || from.booltesttype() > 6)
      return refuse(from.location(), "this test is not supported");
    syntax_ptr made = make(syntax_kind::boolean_test, from.location());
    made->text = words[from.booltesttype()];
    made->negated = from.booltesttype() % 2 == 0;
    return add(std::move(made), from.arg());
  }

  syntax_ptr read_case(const pg_tree::case_expr& from) {
    syntax_ptr made = make(syntax_kind::case_when, from.location());
    if (!add_optional(*made, from.has_arg(), from.arg())) return nullptr;
    for (const pg_tree::node& when : from.args()) {
      made = add(std::move(made), when.case_when().expr());
      if (made) made = add(std::move(made), when.case_when().result());
      if (!made) return nullptr;
    }
    if (!add_optional(*made, from.has_defresult(), from.defresult())) return nullptr;
    return made;
  }

  syntax_ptr read_subscript(const pg_tree::subscript& from) {
    if (from.indirection_size() != 1 || !from.indirection(0).has_a_indices() ||
        from.indirection(0).a_indices().is_slice())
      return refuse(-1, "only (regexp_match(...))[n] has a subscript", "nested fields are mapped in the schema");
    syntax_ptr made = add(make(syntax_kind::subscript, -1), from.arg());
    if (!made) return nullptr;
    made->offset = made->children[0]->offset;
    return add(std::move(made), from.indirection(0).a_indices().uidx());
  }

  syntax_ptr read_collation(const pg_tree::collate_clause& from) {
    const std::string name = from.collname().empty() ? "" : from.collname(from.collname_size() - 1).string().sval();
    if (name != "C" && name != "POSIX" && name != "default")
      return refuse(from.location(), "collation \"" + name + "\" is not supported",
                    "texts compare by bytes, as with COLLATE \"C\"");
    return read(from.arg());
  }

  syntax_ptr make(syntax_kind kind, int location) {
    auto made = std::make_unique<syntax>();
    made->kind = kind;
    made->offset = offset(location);
    return made;
  }

  syntax_ptr add(syntax_ptr parent, const pg_tree::node& child) {
    syntax_ptr made = read(child);
    if (!made) return nullptr;
    parent->children.push_back(std::move(made));
    return parent;
  }

  template <class Nodes>
  syntax_ptr add_all(syntax_ptr parent, const Nodes& children) {
    for (const pg_tree::node& child : children) {
      parent = add(std::move(parent), child);
      if (!parent) return nullptr;
    }
    return parent;
  }

  bool add_optional(syntax& parent, bool present, const pg_tree::node& child) {
    syntax_ptr made;
    if (present && !(made = read(child))) return false;
    parent.children.push_back(std::move(made));
    return true;
  }

  size_t offset(int location) {
    // A node without a place of its own (-1) takes that of the node before it.
    if (location >= static_cast<int>(shift_))
      last_offset_ = std::min(static_cast<size_t>(location) - shift_, sql_.size());
    return last_offset_;
  }

  syntax_ptr refuse(int location, std::string message, std::string hint = {}) {
    errors_.push_back({offset(location), std::move(message), {}, std::move(hint), "0A000"});
    return nullptr;
  }

  syntax_ptr stop(std::string message) {
    failed_for_good_ = true;
    return refuse(-1, std::move(message), "split it into several columns");
  }

  std::string_view sql_;
  size_t shift_;
  size_t last_offset_ = 0;
  size_t nodes_ = 0;
  size_t depth_ = 0;
  bool failed_for_good_ = false;
  std::vector<expression_error> errors_;
};

}  // namespace

parse_outcome read_tree(const pg_tree::node& root, std::string_view sql, size_t shift) {
  tree_reader reader(sql, shift);
  parse_outcome outcome;
  outcome.tree = reader.read(root);
  outcome.errors = reader.take_errors();
  if (!outcome.errors.empty()) outcome.tree.reset();
  return outcome;
}

}  // namespace systole
