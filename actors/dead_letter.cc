#include "actors/dead_letter.h"

#include <optional>
#include <utility>

namespace systole {
namespace {

void append_integer(column_builder& into, int64_t value) {
  if (value_width(into.type().id) == 4) into.append<int32_t>(static_cast<int32_t>(value));
  else into.append<int64_t>(value);
}

}  // namespace

dead_letter::dead_letter(std::string job, std::vector<std::string> steps, std::vector<std::string> sources,
                         schema columns)
    : job_(std::move(job)), steps_(std::move(steps)), sources_(std::move(sources)), columns_(std::move(columns)) {}

void dead_letter::reject(size_t node, const batch& rows, uint32_t row, const reject_reason& why) {
  entry made{.node = node,
             .rule = std::string(why.rule),
             .reason = std::string(why.reason),
             .sqlstate = std::string(why.sqlstate),
             .topic = {},
             .raw = {}};
  if (rows.has_event_time(row)) {
    made.has_event_time = true;
    made.event_time = rows.event_time(row);
  }
  if (rows.has(hidden::position)) {
    const row_position from = row_position::unpack(rows.position(row));
    made.has_position = true;
    made.partition = from.split;
    made.offset = static_cast<int64_t>(from.offset);
    if (from.source < sources_.size()) made.topic = sources_[from.source];
  }
  if (rows.has(hidden::raw) && rows.hidden_column(hidden::raw)->is_valid(row)) {
    made.has_raw = true;
    made.raw = rows.hidden_column(hidden::raw)->text(row);
  }
  bytes_ += made.raw.size() + made.reason.size();
  rejects_.push_back(std::move(made));
}

void dead_letter::reject(size_t node, const decode_reject& record) {
  bytes_ += record.raw.size() + record.reason.size();
  rejects_.push_back({.node = node,
                      .rule = "decode",
                      .reason = record.reason,
                      .sqlstate = record.sqlstate,
                      .topic = record.topic,
                      .raw = record.raw,
                      .has_raw = true,
                      .has_position = true,
                      .partition = record.partition,
                      .offset = static_cast<int64_t>(record.offset)});
}

batch dead_letter::take() {
  const std::vector<entry> rejects = std::exchange(rejects_, {});
  bytes_ = 0;
  std::vector<column_ptr> made;
  column_builder times(hidden_types[static_cast<size_t>(hidden::event_time)], rejects.size());
  for (const entry& each : rejects) each.has_event_time ? times.append<int64_t>(each.event_time) : times.append_null();
  const column_ptr event_times = times.finish();
  for (const field& column : columns_.fields) {
    if (column.name == "event_time") {
      made.push_back(event_times);
      continue;
    }
    column_builder into(column.type, rejects.size());
    for (const entry& each : rejects) {
      if (column.name == "job") into.append_text_copy(job_);
      else if (column.name == "step") into.append_text_copy(steps_[each.node]);
      else if (column.name == "rule") into.append_text_copy(each.rule);
      else if (column.name == "reason") into.append_text_copy(each.reason);
      else if (column.name == "sqlstate" && !each.sqlstate.empty()) into.append_text_copy(each.sqlstate);
      else if (column.name == "topic" && !each.topic.empty()) into.append_text_copy(each.topic);
      else if (column.name == "partition" && each.has_position) append_integer(into, each.partition);
      else if (column.name == "offset" && each.has_position) append_integer(into, each.offset);
      else if (column.name == "raw" && each.has_raw) into.append_text_copy(each.raw);
      else into.append_null();
    }
    made.push_back(into.finish());
  }
  batch rows(rejects.size(), std::move(made));
  rows.set_hidden(hidden::event_time, event_times);
  return rows;
}

}  // namespace systole
