#include "plan/diagnostic_codes.h"
#include "plan/expression_binder.h"
#include "plan/ordered_key.h"
#include "plan/plan_context.h"
#include "plan/sql_tokens.h"

namespace systole {

void plan_deduplicate(step_site& site) {
  const stream& input = *site.inputs[0];
  object_view deduplicate = site.step.object("deduplicate");
  diagnostics& problems = site.context.problems;
  stream& out = site.made.out;
  out = input;
  out.poisoned = true;
  proto::Deduplicate& message = *site.made.node.mutable_deduplicate();
  if (input.changelog) {
    problems.error(codes::needs_append, deduplicate.at(), "deduplicate needs an append-only input, this one is a changelog",
                   "deduplicate before the step that makes it one, or use aggregate");
    return;
  }
  expression_binder binder(site.context);
  std::vector<const yaml_node*> scalars;
  auto key = bind_expressions(site, *deduplicate.get("key"), scalars);
  bool ok = key.has_value();
  for (const yaml_node* scalar : scalars) *message.add_key() = binder.message(*scalar);
  if (const yaml_node* order = deduplicate.get("orderBy"))
    if (!bind_order(site, *order, *message.mutable_order_by())) ok = false;
  if (!ok) return;
  message.set_keep_last(deduplicate.text("keep") == "last");
  message.set_ttl_us(deduplicate.duration_us("ttl"));
  const std::string clock = deduplicate.text("ttlClock");
  message.set_processing_time_ttl(clock == "processingTime" || (clock == "auto" && !input.has_event_time));
  if (message.ttl_us() > 0 && clock == "eventTime" && !input.has_event_time) {
    problems.error(codes::needs_event_time, deduplicate.at("ttlClock"), "there is no event time here",
                   "give the source a watermark, or use ttlClock: processingTime");
    return;
  }
  if (message.ttl_us() == 0) message.set_processing_time_ttl(false);
  // An order may put a later row before the one that was given: then it is taken back.
  out.changelog = message.keep_last() || message.order_by_size() > 0;
  out.upsert_key.reset();
  std::vector<std::string> names;
  for (size_t i = 0; i < key->size(); ++i) {
    const int column = (*key)[i]->as_column();
    if (column < 0) {
      out.no_key_reason = "the key of deduplicate is an expression: make it a column by a project step before";
      break;
    }
    const field& f = input.columns.fields[static_cast<size_t>(column)];
    if (f.nullable) {
      out.no_key_reason = "rows whose `" + f.name + "` is NULL are never duplicates: filter them out before, or declare it not null";
      break;
    }
    names.push_back(f.name);
  }
  if (names.size() == key->size() && message.ttl_us() == 0) out.upsert_key = std::move(names);
  else if (names.size() == key->size()) out.no_key_reason = "deduplicate forgets a key after its ttl";
  out.poisoned = false;
}

}  // namespace systole
