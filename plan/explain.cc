#include <algorithm>

#include "base/json_text.h"
#include "plan/explain_settings.h"
#include "plan/expression_binder.h"

namespace systole {
namespace {

std::string title(const proto::Node& node) {
  return node.step() + (node.role().empty() ? "" : "/" + node.role());
}

std::string bracketed(const google::protobuf::RepeatedPtrField<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return "(" + text + ")";
}

uint32_t stage_parallelism(const proto::PhysicalPlan& plan, uint32_t stage) {
  for (const proto::Stage& s : plan.stages())
    if (s.id() == stage) return s.parallelism();
  return 0;
}
const proto::Node& node_of(const proto::PhysicalPlan& plan, uint32_t id) { return plan.nodes(static_cast<int>(id - 1)); }

std::string event_time_text(const node_notes& notes) {
  if (!notes.has_event_time) return "none";
  return notes.event_time.empty() ? "yes, in no column" : notes.event_time;
}
std::string key_text(const node_notes& notes) {
  if (!notes.upsert_key) return "none";
  if (notes.upsert_key->empty()) return "() one row";
  std::string text;
  for (const std::string& name : *notes.upsert_key) text += (text.empty() ? "" : ", ") + name;
  return "(" + text + ")";
}
std::string rows_text(const proto::Node& node) {
  return node.output_changelog() ? node.omit_update_before() ? "changelog without -U" : "changelog" : "append";
}
std::string columns_text(const proto::Node& node) {
  std::string text;
  for (const proto::Field& field : node.output().fields())
    text += (text.empty() ? "" : ", ") + field.name() + " " + to_string(type_of(field.type())) + (field.not_null() ? " NOT NULL" : "");
  return text;
}

std::string as_text(const compile_result& compiled) {
  const proto::PhysicalPlan& plan = *compiled.plan;
  std::string out = "job " + plan.job() + "\n";
  for (const auto& [name, value] : job_settings(plan)) out += "  " + name + ": " + value + "\n";
  for (const proto::Stage& stage : plan.stages()) {
    out += "\nstage " + std::to_string(stage.id()) + "  parallelism " + std::to_string(stage.parallelism()) + "\n";
    for (uint32_t id : stage.nodes()) {
      const proto::Node& node = node_of(plan, id);
      const node_notes& notes = compiled.notes.at(id);
      out += "  " + std::to_string(id) + " " + title(node) + ": " + operation_name(node) + "\n";
      for (const proto::Edge& edge : node.inputs()) {
        const proto::Node& from = node_of(plan, edge.from());
        out += "      <- " + std::to_string(edge.from()) + " " + title(from) + "  " + exchange_text(edge) + ", " + rows_text(from) +
               ", key " + (edge.upsert_key().empty() ? key_text(compiled.notes.at(edge.from())) : bracketed(edge.upsert_key())) +
               ", event time " + event_time_text(compiled.notes.at(edge.from())) + ", parallelism " +
               std::to_string(stage_parallelism(plan, from.stage())) + "\n";
      }
      for (const auto& [name, value] : node_settings(node, notes)) out += "      " + name + ": " + value + "\n";
      if (std::string state = state_estimate(node, plan); !state.empty()) out += "      state: " + state + "\n";
      if (!node.has_sink()) out += "      gives: " + columns_text(node) + "\n";
    }
  }
  return out;
}

std::string as_json(const compile_result& compiled) {
  const proto::PhysicalPlan& plan = *compiled.plan;
  json_text out;
  auto settings = [&](const std::vector<setting>& list) {
    out.open_object();
    for (const auto& [name, value] : list) out.key(name).text(value);
    out.close_object();
  };
  out.open_object();
  out.key("job").text(plan.job());
  out.key("settings");
  settings(job_settings(plan));
  out.key("stages").open_array();
  for (const proto::Stage& stage : plan.stages()) {
    out.open_object();
    out.key("id").number(stage.id());
    out.key("parallelism").number(stage.parallelism());
    out.key("nodes").open_array();
    for (uint32_t id : stage.nodes()) out.number(id);
    out.close_array();
    out.close_object();
  }
  out.close_array();
  out.key("nodes").open_array();
  for (const proto::Node& node : plan.nodes()) {
    const node_notes& notes = compiled.notes.at(node.id());
    out.open_object();
    out.key("id").number(node.id());
    out.key("step").text(node.step());
    out.key("role").text(node.role());
    out.key("operation").text(operation_name(node));
    out.key("stage").number(node.stage());
    out.key("inputs").open_array();
    for (const proto::Edge& edge : node.inputs()) {
      const node_notes& from = compiled.notes.at(edge.from());
      out.open_object();
      out.key("from").number(edge.from());
      out.key("exchange").text(exchange_text(edge));
      out.key("rows").text(rows_text(node_of(plan, edge.from())));
      out.key("upsertKey").text(key_text(from));
      out.key("eventTime").text(event_time_text(from));
      out.close_object();
    }
    out.close_array();
    out.key("settings");
    settings(node_settings(node, notes));
    if (std::string state = state_estimate(node, plan); !state.empty()) out.key("state").text(state);
    out.key("columns").open_array();
    for (const proto::Field& field : node.output().fields()) {
      out.open_object();
      out.key("name").text(field.name());
      out.key("type").text(to_string(type_of(field.type())));
      out.key("notNull").boolean(field.not_null());
      out.close_object();
    }
    out.close_array();
    out.close_object();
  }
  out.close_array();
  out.close_object();
  return out.take() + "\n";
}

std::string dot_text(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted + "\"";
}

std::string as_dot(const compile_result& compiled) {
  const proto::PhysicalPlan& plan = *compiled.plan;
  std::string out = "digraph " + dot_text(plan.job()) + " {\n  rankdir=LR;\n  node [shape=box];\n";
  for (const proto::Stage& stage : plan.stages()) {
    out += "  subgraph cluster_" + std::to_string(stage.id()) + " {\n    label=" +
           dot_text("stage " + std::to_string(stage.id()) + ", parallelism " + std::to_string(stage.parallelism())) + ";\n";
    for (uint32_t id : stage.nodes())
      out += "    n" + std::to_string(id) + " [label=" + dot_text(title(node_of(plan, id)) + ": " + operation_name(node_of(plan, id))) + "];\n";
    out += "  }\n";
  }
  for (const proto::Node& node : plan.nodes())
    for (const proto::Edge& edge : node.inputs())
      out += "  n" + std::to_string(edge.from()) + " -> n" + std::to_string(node.id()) + " [label=" +
             dot_text(exchange_text(edge) + ", " + rows_text(node_of(plan, edge.from())) + ", key " +
                      key_text(compiled.notes.at(edge.from()))) + "];\n";
  return out + "}\n";
}

}  // namespace

std::string explain(const compile_result& compiled, explain_format format) {
  if (!compiled.plan) return {};
  switch (format) {
    case explain_format::text: return as_text(compiled);
    case explain_format::json: return as_json(compiled);
    case explain_format::dot: return as_dot(compiled);
  }
  return {};
}

}  // namespace systole
