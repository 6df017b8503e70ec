#include "data/batch.h"

#include <algorithm>

namespace systole {

size_t batch::memory_bytes() const {
  size_t bytes = 0;
  for (const column_ptr& each : columns_) bytes += each->memory_bytes();
  for (const column_ptr& each : hidden_)
    if (each) bytes += each->memory_bytes();
  return bytes;
}

namespace {

/// A batch of `rows` rows whose columns, hidden ones too, are made of the source's.
template <class Make>
batch remake(const batch& source, size_t rows, Make make) {
  std::vector<column_ptr> columns;
  columns.reserve(source.columns().size());
  for (const column_ptr& each : source.columns()) columns.push_back(make(*each));
  batch made(rows, std::move(columns));
  for (size_t i = 0; i < hidden_count; ++i) {
    const auto which = static_cast<hidden>(i);
    if (const column_ptr& each = source.hidden_column(which)) made.set_hidden(which, make(*each));
  }
  return made;
}

}  // namespace

batch gather(const batch& source, std::span<const uint32_t> rows) {
  if (const std::vector<row_run> runs = runs_of(rows); !runs.empty())
    return remake(source, rows.size(), [&](const column& each) { return gather_runs(each, runs, rows.size()); });
  return remake(source, rows.size(), [rows](const column& each) { return gather(each, rows); });
}

batch gather_copy(const batch& source, std::span<const uint32_t> rows) {
  return remake(source, rows.size(), [rows](const column& each) { return gather_copy(each, rows); });
}

batch slice(const batch& source, size_t offset, size_t length) {
  if (offset == 0 && length == source.rows()) return source;
  return remake(source, length, [=](const column& each) { return slice(each, offset, length); });
}

namespace {

column_ptr default_hidden(hidden which, size_t rows) {
  if (which != hidden::kind) return null_column(hidden_types[static_cast<size_t>(which)], rows);
  column_builder builder(hidden_types[static_cast<size_t>(which)], rows);
  std::fill_n(builder.mutable_values<uint8_t>(), rows, static_cast<uint8_t>(row_kind::insert));
  builder.set_size(rows);
  return builder.finish();
}

}  // namespace

batch concatenate(std::span<const batch> sources) {
  if (sources.size() == 1) return sources[0];
  batch made;
  if (sources.empty()) return made;
  for (const batch& each : sources) made.rows_ += each.rows_;
  std::vector<column_ptr> parts(sources.size());
  for (size_t c = 0; c < sources[0].columns_.size(); ++c) {
    for (size_t i = 0; i < sources.size(); ++i) parts[i] = sources[i].columns_[c];
    made.columns_.push_back(concatenate(parts));
  }
  for (size_t h = 0; h < hidden_count; ++h) {
    const bool any =
        std::any_of(sources.begin(), sources.end(), [h](const batch& b) { return b.hidden_[h] != nullptr; });
    if (!any) continue;
    for (size_t i = 0; i < sources.size(); ++i)
      parts[i] =
          sources[i].hidden_[h] ? sources[i].hidden_[h] : default_hidden(static_cast<hidden>(h), sources[i].rows_);
    made.hidden_[h] = concatenate(parts);
  }
  return made;
}

}  // namespace systole
