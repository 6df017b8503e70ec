#include "connectors/source_rows.h"

#include <algorithm>

#include "base/limits.h"
#include "connectors/plan_types.h"

namespace systole {
namespace {

result<expression_ptr> bind(const proto::Expression& what, const schema& columns, const connector_context& context,
                            data_type wanted, const char* role) {
  expression_scope scope = scope_of(columns);
  scope.parameters = context.parameters;
  bind_result bound = bind_expression(what.sql(), scope, wanted);
  if (bound.expression) return bound.expression;
  return fail(error_code::invalid_argument, std::string(role) + " of a source: " +
                                                (bound.errors.empty() ? "does not bind" : bound.errors[0].message));
}

column_ptr positions_of(const std::vector<uint64_t>& offsets, uint16_t source, uint32_t split) {
  column_builder builder(hidden_types[static_cast<size_t>(hidden::position)], offsets.size());
  int128* const values = builder.mutable_values<int128>();
  for (size_t i = 0; i < offsets.size(); ++i)
    values[i] = static_cast<int128>(row_position{source, split, offsets[i], 0}.pack());
  builder.set_size(offsets.size());
  return builder.finish();
}

column_ptr raw_records(const decoded_records& decoded) {
  column_builder builder(hidden_types[static_cast<size_t>(hidden::raw)], decoded.raws.size());
  for (std::string_view raw : decoded.raws) builder.append_text_reference(raw);
  for (const buffer_ptr& owner : decoded.owners) builder.add_owner(owner);
  return builder.finish();
}

}  // namespace

result<std::shared_ptr<const source_rows>> source_rows::make(const proto::Source& source,
                                                             const connector_context& context) {
  std::shared_ptr<source_rows> made(new source_rows());
  schema columns;
  for (const proto::SourceColumn& each : source.columns()) {
    if (!each.checked_only()) made->visible_.push_back(columns.fields.size());
    columns.fields.push_back({each.field().name(), column_type(each.field().type()), !each.field().not_null()});
  }
  made->number_ = static_cast<uint16_t>(source.number());
  made->time_ = context.time;
  made->needs_ingestion_time_ = source.needs_ingestion_time();
  made->needs_position_ = source.needs_position();
  made->needs_raw_ = source.needs_raw();
  if (source.has_watermark() && !source.watermark().column().empty()) {
    made->watermark_column_ = columns.find(source.watermark().column());
    made->bound_us_ = source.watermark().max_out_of_orderness_us();
    if (made->watermark_column_ < 0 ||
        !columns.fields[static_cast<size_t>(made->watermark_column_)].type.is(type_id::timestamptz))
      return fail(error_code::invalid_argument,
                  "the watermark's column must be a timestamptz column of the source: " + source.watermark().column());
  }
  if (made->needs_ingestion_time_ && !source.ingestion_time().sql().empty()) {
    SYSTOLE_ASSIGN(made->ingestion_time_,
                   bind(source.ingestion_time(), columns, context, {type_id::timestamptz}, "ingestionTime"));
  }
  if (!source.predicate().sql().empty()) {
    SYSTOLE_ASSIGN(made->predicate_, bind(source.predicate(), columns, context, {type_id::boolean}, "the filter"));
  }
  return std::shared_ptr<const source_rows>(std::move(made));
}

column_ptr source_rows::ingestion_times(const batch& all, size_t rows) const {
  const data_type type = hidden_types[static_cast<size_t>(hidden::ingestion_time)];
  const timestamp_us now = time_->now_us();
  column_ptr given;
  if (ingestion_time_) {
    // A row whose expression fails has no time of its own, as one that gives NULL: the clock's.
    std::vector<row_error> errors;
    given = ingestion_time_->evaluate(all, {time_}, errors);
    if (!given->may_have_nulls()) return given;
  }
  column_builder builder(type, rows);
  for (size_t i = 0; i < rows; ++i)
    builder.append<int64_t>(given && given->is_valid(i) ? given->values<int64_t>()[i] : now);
  return builder.finish();
}

result<void> source_rows::fill(decoded_records decoded, const origin& from, source_poll& poll,
                               timestamp_us& newest) const {
  const size_t rows = decoded.rows;
  poll.records += decoded.records;
  for (rejected_record& each : decoded.rejects) {
    poll.rejects.push_back({.reason = std::move(each.reason),
                            .sqlstate = std::move(each.sqlstate),
                            .raw = std::string(each.raw.substr(0, limits::record_bytes)),
                            .topic = from.name,
                            .partition = from.split,
                            .offset = each.offset});
  }
  if (rows == 0) return {};
  batch all(rows, decoded.columns);
  if (watermark_column_ >= 0) {
    const column_ptr& times = decoded.columns[static_cast<size_t>(watermark_column_)];
    const int64_t* const values = times->values<int64_t>();
    if (!times->may_have_nulls()) {
      newest = std::max(newest, *std::max_element(values, values + rows));
    } else {
      for (size_t i = 0; i < rows; ++i)
        if (times->is_valid(i)) newest = std::max(newest, values[i]);
    }
    all.set_hidden(hidden::event_time, times);
  }
  if (needs_ingestion_time_) all.set_hidden(hidden::ingestion_time, ingestion_times(all, rows));
  if (needs_position_) all.set_hidden(hidden::position, positions_of(decoded.offsets, number_, from.split));
  if (needs_raw_) all.set_hidden(hidden::raw, raw_records(decoded));
  if (predicate_) {
    std::vector<row_error> errors;
    const column_ptr passes = predicate_->evaluate(all, {time_}, errors);
    std::vector<uint32_t> kept;
    kept.reserve(rows);
    for (uint32_t i = 0; i < rows; ++i)
      if (passes->is_valid(i) && passes->values<uint8_t>()[i]) kept.push_back(i);
    for (row_error& each : errors) {
      poll.rejects.push_back({.reason = std::move(each.reason),
                              .sqlstate = std::move(each.sqlstate),
                              .raw = needs_raw_ ? std::string(decoded.raws[each.row]) : std::string(),
                              .topic = from.name,
                              .partition = from.split,
                              .offset = decoded.offsets[each.row]});
    }
    poll.filtered += rows - kept.size() - errors.size();
    if (kept.size() != rows) all = gather(all, kept);
  }
  std::vector<column_ptr> visible;
  visible.reserve(visible_.size());
  for (size_t index : visible_) visible.push_back(all.share(index));
  poll.rows = all.with_columns(std::move(visible));
  return {};
}

}  // namespace systole
