#include "formats/pending_batch.h"

#include <algorithm>

#include "formats/field_parser.h"

namespace systole {

result<void> pending_batch::check_columns(const std::vector<decoder_column>& columns, std::string_view format) {
  for (const decoder_column& each : columns)
    if (!is_field_type(each.type) || each.path.empty())
      return fail(error_code::invalid_argument,
                  std::string(format) + " cannot be of type " + to_string(each.type) + ": " + each.name);
  return {};
}

pending_batch::pending_batch(std::vector<decoder_column> columns, const decoder_options& options)
    : described_(std::move(columns)),
      capacity_(options.capacity),
      strict_types_(options.strict_types),
      keep_raw_(options.keep_raw),
      columns_(described_) {}

void pending_batch::start() {
  if (started_) return;
  columns_.start(capacity_);
  started_ = true;
}

void pending_batch::keep_owner(const record_span& span) {
  if (std::find(made_.owners.begin(), made_.owners.end(), span.owner) == made_.owners.end())
    made_.owners.push_back(span.owner);
}

void pending_batch::reject_fields(const record_span& span, size_t begin, size_t end, int wrong, int missing) {
  if (wrong >= 0)
    reject(span, begin, end, "wrong type: " + described_[static_cast<size_t>(wrong)].name, malformed_text);
  else
    reject(span, begin, end, "null in a not null field: " + described_[static_cast<size_t>(missing)].name,
           not_null_violation);
}

void pending_batch::reject(const record_span& span, size_t begin, size_t end, std::string reason,
                           std::string_view sqlstate) {
  made_.rejects.push_back({.reason = std::move(reason),
                           .sqlstate = std::string(sqlstate),
                           .offset = span.offset + begin,
                           .raw = std::string_view(span.data + begin, end - begin)});
}

decoded_records pending_batch::take() {
  if (!started_) columns_.start(0);
  made_.rows = columns_.rows();
  made_.columns = columns_.finish(made_.owners);
  started_ = false;
  decoded_records taken = std::move(made_);
  made_ = {};
  return taken;
}

}  // namespace systole
