#include <string_view>

#include "expr/bind/syntax.h"
#include "expr/quoting.h"

namespace systole {
namespace {

void print_into(std::string& out, const syntax& tree);

void print_list(std::string& out, const syntax& tree, size_t from) {
  for (size_t i = from; i < tree.children.size(); ++i) {
    if (i > from) out += ", ";
    print_into(out, *tree.children[i]);
  }
}

void print_joined(std::string& out, const syntax& tree, std::string_view word) {
  out += '(';
  for (size_t i = 0; i < tree.children.size(); ++i) {
    if (i > 0) out += word;
    print_into(out, *tree.children[i]);
  }
  out += ')';
}

void print_call(std::string& out, const syntax& tree) {
  if (tree.text == "extract" && tree.children.size() == 2) {
    out += "extract(";
    print_into(out, *tree.children[0]);
    out += " FROM ";
    print_into(out, *tree.children[1]);
    out += ')';
    return;
  }
  // "left" and "right" may name functions though they are reserved elsewhere.
  out += tree.text == "left" || tree.text == "right" ? tree.text : quote_name(tree.text);
  out += '(';
  if (tree.distinct) out += "DISTINCT ";
  if (tree.star) out += '*';
  for (size_t i = 0; i < tree.children.size(); ++i) {
    if (i > 0) out += ", ";
    if (i < tree.names.size() && !tree.names[i].empty()) out += quote_name(tree.names[i]) + " => ";
    print_into(out, *tree.children[i]);
  }
  out += ')';
  if (tree.filter) {
    out += " FILTER (WHERE ";
    print_into(out, *tree.filter);
    out += ')';
  }
}

void print_cast(std::string& out, const syntax& tree) {
  out += "CAST(";
  print_into(out, *tree.children[0]);
  out += " AS pg_catalog." + quote_name(tree.text);
  if (!tree.modifiers.empty() && tree.text != "interval") {
    out += '(';
    for (size_t i = 0; i < tree.modifiers.size(); ++i) out += (i ? "," : "") + std::to_string(tree.modifiers[i]);
    out += ')';
  }
  out += ')';
}

void print_case(std::string& out, const syntax& tree) {
  out += "CASE";
  if (tree.children.front()) {
    out += ' ';
    print_into(out, *tree.children.front());
  }
  for (size_t i = 1; i + 1 < tree.children.size(); i += 2) {
    out += " WHEN ";
    print_into(out, *tree.children[i]);
    out += " THEN ";
    print_into(out, *tree.children[i + 1]);
  }
  if (tree.children.back()) {
    out += " ELSE ";
    print_into(out, *tree.children.back());
  }
  out += " END";
}

void print_between(std::string& out, const syntax& tree) {
  out += '(';
  print_into(out, *tree.children[0]);
  out += tree.negated ? " NOT BETWEEN " : " BETWEEN ";
  if (tree.symmetric) out += "SYMMETRIC ";
  print_into(out, *tree.children[1]);
  out += " AND ";
  print_into(out, *tree.children[2]);
  out += ')';
}

void print_suffixed(std::string& out, const syntax& tree, std::string_view suffix) {
  out += '(';
  print_into(out, *tree.children[0]);
  out += suffix;
  out += ')';
}

void print_into(std::string& out, const syntax& tree) {
  switch (tree.kind) {
    case syntax_kind::column:
      for (size_t i = 0; i < tree.names.size(); ++i) out += (i ? "." : "") + quote_name(tree.names[i]);
      return;
    case syntax_kind::null_literal: out += "NULL"; return;
    case syntax_kind::boolean_literal: out += tree.text == "true" ? "TRUE" : "FALSE"; return;
    case syntax_kind::integer_literal:
    case syntax_kind::number_literal: out += tree.text[0] == '-' ? "(" + tree.text + ")" : tree.text; return;
    case syntax_kind::text_literal: out += quote_literal(tree.text); return;
    case syntax_kind::operation:
      if (tree.children.size() == 2) return print_joined(out, tree, " " + tree.text + " ");
      out += "(" + tree.text + " ";
      print_into(out, *tree.children[0]);
      out += ')';
      return;
    case syntax_kind::call: return print_call(out, tree);
    case syntax_kind::cast: return print_cast(out, tree);
    case syntax_kind::conjunction: return print_joined(out, tree, " AND ");
    case syntax_kind::disjunction: return print_joined(out, tree, " OR ");
    case syntax_kind::negation:
      out += "(NOT ";
      print_into(out, *tree.children[0]);
      out += ')';
      return;
    case syntax_kind::null_test: return print_suffixed(out, tree, tree.negated ? " IS NOT NULL" : " IS NULL");
    case syntax_kind::boolean_test: return print_suffixed(out, tree, (tree.negated ? " IS NOT " : " IS ") + tree.text);
    case syntax_kind::distinct:
      return print_joined(out, tree, tree.negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ");
    case syntax_kind::null_if:
      out += "NULLIF(";
      print_list(out, tree, 0);
      out += ')';
      return;
    case syntax_kind::in_list:
      out += '(';
      print_into(out, *tree.children[0]);
      out += tree.negated ? " NOT IN (" : " IN (";
      print_list(out, tree, 1);
      out += "))";
      return;
    case syntax_kind::between: return print_between(out, tree);
    case syntax_kind::case_when: return print_case(out, tree);
    case syntax_kind::coalesce:
      out += "COALESCE(";
      print_list(out, tree, 0);
      out += ')';
      return;
    case syntax_kind::greatest:
      out += "GREATEST(";
      print_list(out, tree, 0);
      out += ')';
      return;
    case syntax_kind::least:
      out += "LEAST(";
      print_list(out, tree, 0);
      out += ')';
      return;
    case syntax_kind::array:
      out += "ARRAY[";
      print_list(out, tree, 0);
      out += ']';
      return;
    case syntax_kind::subscript:
      out += '(';
      print_into(out, *tree.children[0]);
      out += ")[";
      print_into(out, *tree.children[1]);
      out += ']';
      return;
  }
}

}  // namespace

std::string print(const syntax& tree) {
  std::string out;
  print_into(out, tree);
  return out;
}

syntax_ptr clone(const syntax& tree) {
  auto made = std::make_unique<syntax>();
  made->kind = tree.kind;
  made->offset = tree.offset;
  made->text = tree.text;
  made->names = tree.names;
  made->modifiers = tree.modifiers;
  made->negated = tree.negated;
  made->symmetric = tree.symmetric;
  made->star = tree.star;
  made->distinct = tree.distinct;
  made->over = tree.over;
  made->ordered = tree.ordered;
  made->variadic = tree.variadic;
  for (const syntax_ptr& child : tree.children) made->children.push_back(child ? clone(*child) : nullptr);
  if (tree.filter) made->filter = clone(*tree.filter);
  return made;
}

}  // namespace systole
