#include "plan/expression_binder.h"

#include <algorithm>

#include "plan/diagnostic_codes.h"
#include "plan/sql_tokens.h"

namespace systole {
namespace {

/// The hint for a text that lost its quotes: codes such as A01 or CLEAN.
std::string lost_quotes_hint(const yaml_node& scalar, std::string_view sql, const expression_error& error) {
  std::string_view word;
  for (const sql_token& token : scan_sql(sql))
    if (error.offset >= token.offset && error.offset < token.offset + token.length) word = token.in(sql);
  if (word.empty()) return {};
  const bool quoted = word.front() == '"';
  const bool code = !quoted && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!quoted && !code) return {};
  std::string inner(quoted && word.size() > 1 ? word.substr(1, word.size() - 2) : word);
  std::string hint = "for the text " + inner + " write '" + inner + "' in single quotes";
  if (!scalar.plain && scalar.text == word) hint = "the outer quotes are YAML's: for the text write \"'" + inner + "'\"";
  else if (quoted) hint += "; double quotes are for columns";
  return hint;
}

}  // namespace

expression_ptr expression_binder::bind(const yaml_node& scalar, expression_scope scope, std::optional<data_type> wanted) {
  scope.parameters = &context_.parameters.values();
  bind_result bound = bind_expression(scalar.text, scope, wanted);
  if (!bound.expression) report(scalar, bound.errors, true, scalar.text);
  return bound.expression;
}

expression_ptr expression_binder::bind_condition(const yaml_node& scalar, expression_scope scope, std::string_view what) {
  expression_ptr bound = bind(scalar, std::move(scope));
  if (bound && !bound->type().is(type_id::boolean) && !bound->type().is(type_id::null)) {
    report(scalar, 0, codes::wrong_type, std::string(what) + " must be BOOLEAN, not " + to_string(bound->type()));
    return nullptr;
  }
  return bound;
}

expression_ptr expression_binder::bind_derived(const std::string& sql, const yaml_node& scalar, expression_scope scope,
                                               std::optional<data_type> wanted) {
  scope.parameters = &context_.parameters.values();
  bind_result bound = bind_expression(sql, scope, wanted);
  if (!bound.expression) report(scalar, bound.errors, sql == scalar.text, sql);
  return bound.expression;
}

void expression_binder::report(const yaml_node& scalar, const std::vector<expression_error>& errors, bool exact_offsets,
                               std::string_view sql) {
  for (const expression_error& error : errors) {
    size_t offset = error.offset;
    if (!exact_offsets) {
      std::string name = name_at(sql, error.offset);
      size_t found = name.empty() ? std::string::npos : find_name(scalar.text, name);
      offset = found == std::string::npos ? 0 : found;
    }
    // "Is it a text?" is only worth asking of what looks like one.
    const bool unknown_column = error.message.find("unknown column") != std::string::npos;
    std::string hint = unknown_column ? lost_quotes_hint(scalar, sql, error) : error.hint;
    if (hint.empty() && error.nearest.empty()) hint = error.hint;
    context_.problems.error(codes::expression, position_within(scalar, offset, context_.text_of(scalar.at.file)),
                            error.message, hint, error.nearest);
  }
}

void expression_binder::report(const yaml_node& scalar, size_t offset, int code, std::string message, std::string hint) {
  context_.problems.error(code, position_within(scalar, offset, context_.text_of(scalar.at.file)), std::move(message),
                          std::move(hint));
}

proto::Expression expression_binder::message(const yaml_node& scalar, std::string_view sql) const {
  proto::Expression made;
  made.set_sql(std::string(sql));
  std::string_view text = context_.text_of(scalar.at.file);
  line_column place = line_column_of(text, position_within(scalar, 0, text).offset);
  made.set_line(place.line);
  made.set_column(place.column);
  return made;
}

std::optional<field> expression_binder::column(const yaml_node& scalar, const std::string& name,
                                               const bound_expression& bound) {
  if (bound.type().is(type_id::null)) {
    report(scalar, 0, codes::column_type, "the type of `" + name + "` is unknown", "give it one: NULL::text");
    return std::nullopt;
  }
  if (bound.type().is(type_id::timestamp)) {
    report(scalar, 0, codes::column_type, "`" + name + "` is a TIMESTAMP without zone, which no column can be",
           "append AT TIME ZONE 'UTC'");
    return std::nullopt;
  }
  return field{name, bound.type(), bound.nullable()};
}

bool expression_binder::check_deterministic(const yaml_node& scalar, const bound_expression& bound, const stream& input) {
  if (!input.changelog || (bound.deterministic() && !bound.reads_ingestion_time())) return true;
  report(scalar, 0, codes::not_deterministic,
         "over a changelog an expression must give the same value for a row and for its retraction",
         "compute ingestion_time() into a column by a project step before the stream becomes a changelog");
  return false;
}

void carry_properties(const stream& input, const std::vector<int>& source_of, stream& out) {
  auto output_of = [&](std::string_view name) -> const std::string* {
    const int wanted = input.columns.find(name);
    // A column that kept its name is preferred to a copy of it.
    const std::string* found = nullptr;
    for (size_t i = 0; i < source_of.size(); ++i) {
      if (source_of[i] != wanted || wanted < 0) continue;
      const std::string& candidate = out.columns.fields[i].name;
      if (candidate == name) return &candidate;
      if (!found) found = &candidate;
    }
    return found;
  };
  out.has_event_time = input.has_event_time;
  out.bounded = input.bounded;
  const std::string* time = input.event_time.empty() ? nullptr : output_of(input.event_time);
  out.event_time = time ? *time : std::string();
  out.upsert_key.reset();
  out.no_key_reason = input.no_key_reason;
  if (!input.upsert_key) return;
  std::vector<std::string> key;
  for (const std::string& name : *input.upsert_key) {
    const std::string* kept = output_of(name);
    if (!kept) {
      out.no_key_reason = "the column `" + name + "` of its key is not kept as it is";
      return;
    }
    key.push_back(*kept);
  }
  out.upsert_key = std::move(key);
}

proto::DataType type_message(data_type type) {
  proto::DataType made;
  made.set_id(static_cast<uint32_t>(type.id));
  made.set_precision(type.precision);
  made.set_scale(type.scale);
  return made;
}

proto::Schema schema_message(const schema& columns) {
  proto::Schema made;
  for (const field& column : columns.fields) {
    proto::Field* added = made.add_fields();
    added->set_name(column.name);
    *added->mutable_type() = type_message(column.type);
    added->set_not_null(!column.nullable);
  }
  return made;
}

data_type type_of(const proto::DataType& message) {
  return {static_cast<type_id>(message.id()), static_cast<uint8_t>(message.precision()), static_cast<uint8_t>(message.scale())};
}

schema schema_of(const proto::Schema& message) {
  schema made;
  for (const proto::Field& column : message.fields())
    made.fields.push_back({column.name(), type_of(column.type()), !column.not_null()});
  return made;
}

std::optional<data_type> wider_type(data_type a, data_type b) {
  if (a == b) return a;
  if (a.is(type_id::null)) return b;
  if (b.is(type_id::null)) return a;
  if (a.is_number() && b.is_number()) {
    for (type_id id : {type_id::float64, type_id::numeric, type_id::int64, type_id::int32})
      if (a.is(id) || b.is(id)) return data_type{id};
  }
  return std::nullopt;
}

std::string cast_sql(std::string_view sql, data_type type) {
  return "(" + std::string(sql) + ")::" + to_string(type);
}

}  // namespace systole
