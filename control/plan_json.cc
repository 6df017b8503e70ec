#include "control/job_json.h"
#include "data/type.h"
#include "plan/explain_settings.h"

namespace systole {
namespace {

void write_texts(json_text& to, const auto& texts) {
  to.open_array();
  for (const std::string& each : texts) to.text(each);
  to.close_array();
}

std::string type_text(const proto::DataType& type) {
  return to_string(data_type{static_cast<type_id>(type.id()), static_cast<uint8_t>(type.precision()),
                             static_cast<uint8_t>(type.scale())});
}

void write_input(json_text& to, const proto::Edge& edge) {
  to.open_object();
  to.key("from").number(edge.from());
  to.key("exchange").text(exchange_text(edge));
  to.key("changelog").boolean(edge.changelog());
  write_texts(to.key("upsertKey"), edge.upsert_key());
  to.close_object();
}

void write_node(json_text& to, const proto::Node& node) {
  to.open_object();
  to.key("id").number(node.id());
  to.key("step").text(node.step());
  to.key("role").text(node.role());
  to.key("operation").text(operation_name(node));
  to.key("stage").number(node.stage());
  to.key("changelog").boolean(node.output_changelog());
  to.key("inputs").open_array();
  for (const proto::Edge& edge : node.inputs()) write_input(to, edge);
  to.close_array();
  to.key("columns").open_array();
  for (const proto::Field& field : node.output().fields()) {
    to.open_object();
    to.key("name").text(field.name());
    to.key("type").text(type_text(field.type()));
    to.key("notNull").boolean(field.not_null());
    to.close_object();
  }
  to.close_array();
  to.close_object();
}

}  // namespace

void write_plan(json_text& to, const proto::PhysicalPlan& plan) {
  to.open_object();
  to.key("job").text(plan.job());
  to.key("maxParallelism").number(plan.max_parallelism());
  to.key("stages").open_array();
  for (const proto::Stage& stage : plan.stages()) {
    to.open_object();
    to.key("id").number(stage.id());
    to.key("parallelism").number(stage.parallelism());
    to.key("nodes").open_array();
    for (const uint32_t node : stage.nodes()) to.number(node);
    to.close_array();
    to.close_object();
  }
  to.close_array();
  to.key("nodes").open_array();
  for (const proto::Node& node : plan.nodes()) write_node(to, node);
  to.close_array();
  to.close_object();
}

}  // namespace systole
