#include <algorithm>

#include "connectors/postgres/postgres_binary.h"
#include "connectors/postgres/postgres_table_source.h"
#include "data/key_encoding.h"

namespace systole {
namespace {

/// Only plan types that COPY knows; texts are cast from whatever the column is.
std::string select_list(const schema& columns) {
  std::string list;
  for (const field& each : columns.fields)
    list += (list.empty() ? "" : ", ") + quote_postgres_identifier(each.name) + "::" + postgres_type(each.type);
  return list;
}

batch with_kind(batch rows, row_kind kind) {
  column_builder kinds(hidden_types[static_cast<size_t>(hidden::kind)], rows.rows());
  std::fill_n(kinds.mutable_values<uint8_t>(), rows.rows(), static_cast<uint8_t>(kind));
  kinds.set_size(rows.rows());
  rows.set_hidden(hidden::kind, kinds.finish());
  return rows;
}

}  // namespace

result<void> postgres_table_image::keep(decoded_records decoded, std::vector<batch>& all, difference& found) {
  // NULL where the schema says NOT NULL: the row is rejected, as a file's would be.
  const batch rows(decoded.rows, decoded.columns);
  std::vector<uint32_t> good;
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    const field* missing = nullptr;
    for (size_t c = 0; c < settings_.columns.fields.size() && !missing; ++c)
      if (!settings_.columns.fields[c].nullable && rows.at(c).is_null(row)) missing = &settings_.columns.fields[c];
    if (!missing) good.push_back(row);
    else if (first_) found.rejects.push_back({.reason = "column " + missing->name + " is NULL", .sqlstate = "23502", .topic = settings_.name.text()});
  }
  if (good.size() != rows.rows()) {
    const batch kept = gather(rows, good);
    decoded.columns = kept.columns();
    decoded.rows = good.size();
  }
  const uint64_t first = found.records;
  for (size_t i = 0; i < decoded.rows; ++i) decoded.offsets.push_back(first + i);
  decoded.raws.assign(decoded.rows, {});
  source_poll poll;
  timestamp_us newest = watermark_none;
  SYSTOLE_TRY(settings_.rows->fill(std::move(decoded), {settings_.name.text(), 0}, poll, newest));
  found.records += poll.records;
  found.filtered += poll.filtered;
  if (first_) std::move(poll.rejects.begin(), poll.rejects.end(), std::back_inserter(found.rejects));
  if (!poll.rows.empty()) all.push_back(std::move(poll.rows));
  return {};
}

result<std::vector<batch>> postgres_table_image::copy(postgres_connection& connection, difference& found) {
  postgres_decoder decoder(settings_.columns, settings_.batch_rows);
  std::vector<batch> all;
  const auto take = [&](bool rest) -> result<void> {
    batch rows = decoder.take(rest);
    if (rows.empty()) return {};
    decoded_records decoded;
    decoded.records = decoded.rows = rows.rows();
    decoded.columns = rows.columns();
    return keep(std::move(decoded), all, found);
  };
  SYSTOLE_TRY(connection.begin_copy_out("COPY (SELECT " + select_list(settings_.columns) + " FROM " + settings_.name.quoted() +
                                        ") TO STDOUT (FORMAT binary)"));
  for (;;) {
    SYSTOLE_ASSIGN(const auto piece, connection.take());
    if (!piece) break;
    found.bytes += piece->size();
    SYSTOLE_TRY(decoder.add(*piece));
    SYSTOLE_TRY(take(false));
  }
  if (!decoder.ended()) return fail(error_code::unavailable, "PostgreSQL: a COPY ended early");
  SYSTOLE_TRY(take(true));
  return all;
}

result<postgres_table_image::difference> postgres_table_image::read(postgres_connection& connection) {
  difference made;
  SYSTOLE_ASSIGN(std::vector<batch> all, copy(connection, made));
  if (!settings_.refreshed()) {
    made.batches = std::move(all);
    return made;
  }
  std::vector<size_t> key;
  {
    size_t visible = 0;
    std::vector<std::string> names;
    for (size_t c = 0; c < settings_.columns.fields.size(); ++c)
      if (settings_.visible[c]) names.push_back(settings_.columns.fields[c].name);
    for (const std::string& each : settings_.key) {
      visible = static_cast<size_t>(std::find(names.begin(), names.end(), each) - names.begin());
      if (visible == names.size()) return fail(error_code::internal, "a table's key is not among the columns that are read: " + each);
      key.push_back(visible);
    }
  }
  places next;
  encoded_keys keys, rows;
  std::vector<std::vector<uint32_t>> changed(all.size());
  for (uint32_t b = 0; b < all.size(); ++b) {
    std::vector<const column*> key_columns, columns;
    for (size_t index : key) key_columns.push_back(&all[b].at(index));
    for (const column_ptr& each : all[b].columns()) columns.push_back(each.get());
    keys.encode(key_columns, all[b].rows());
    rows.encode(columns, all[b].rows());
    for (uint32_t row = 0; row < all[b].rows(); ++row) {
      if (keys.has_null(row)) continue;  // joins nothing
      const uint64_t hash = hash_key(rows.key(row));
      const auto [at, is_new] = next.try_emplace(std::string(keys.key(row)), place{hash, b, row});
      if (!is_new) return fail(error_code::data, "table " + settings_.name.text() + " has two rows with one primary key; check primaryKey", "21000");
      const auto before = places_.find(at->first);
      if (before == places_.end() || before->second.hash != hash) changed[b].push_back(row);
    }
  }
  std::vector<std::vector<uint32_t>> gone(batches_.size());
  for (const auto& [bytes, at] : places_)
    if (!next.contains(bytes)) gone[at.batch].push_back(at.row);
  for (size_t b = 0; b < gone.size(); ++b)
    if (!gone[b].empty()) made.batches.push_back(with_kind(gather_copy(batches_[b], gone[b]), row_kind::erase));
  for (size_t b = 0; b < changed.size(); ++b)
    if (!changed[b].empty())
      made.batches.push_back(with_kind(gather_copy(all[b], changed[b]), first_ ? row_kind::insert : row_kind::update_after));
  batches_ = std::move(all);
  places_ = std::move(next);
  first_ = false;
  return made;
}

}  // namespace systole
