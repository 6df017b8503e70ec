#include "operators/join/multiset_rows.h"

#include <algorithm>

#include "base/bytes.h"
#include "data/key_encoding.h"

namespace systole {
namespace {

// Small numbers of either sign in few bytes (Protocol Buffers' ZigZag).
void append_signed(std::string& out, int64_t value) {
  append_varint(out, static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63));
}
int64_t read_signed(byte_reader& reader) {
  const uint64_t bits = reader.varint();
  return static_cast<int64_t>(bits >> 1 ^ (~(bits & 1) + 1));
}

row_layout stored_layout(const schema& side, const std::vector<int>& columns) {
  row_layout layout;
  for (int each : columns) layout.types.push_back(side.fields[static_cast<size_t>(each)].type);
  return layout;
}

}  // namespace

multiset_rows::multiset_rows(const schema& side, options of)
    : options_(std::move(of)), layout_(stored_layout(side, options_.columns)), encoder_(layout_) {}

result<void> multiset_rows::open(const operator_context& context, const std::string& role,
                                 const std::string& fingerprint) {
  table_descriptor descriptor{.step = context.step, .name = role, .layout_version = row_encoding_version};
  descriptor.layout = "row hash -> count";
  if (options_.counts_matches) descriptor.layout += ", matches";
  if (options_.ttl_us > 0) descriptor.layout += ", written";
  descriptor.layout += options_.append_only ? ", hidden of each," : ", hidden,";
  for (data_type each : layout_.types) descriptor.layout += " " + to_string(each);
  descriptor.fingerprint = fingerprint;
  SYSTOLE_ASSIGN(table_, context.state->open_map(descriptor));
  return {};
}

void multiset_rows::bind(const batch& rows) {
  std::vector<column_ptr> columns;
  for (int each : options_.columns) columns.push_back(rows.share(static_cast<size_t>(each)));
  bound_ = rows.with_columns(std::move(columns));
  encoder_.bind(bound_);
}

result<std::span<const multiset_rows::entry>> multiset_rows::entries(std::string_view value) {
  entries_.clear();
  while (!value.empty()) {
    byte_reader reader(value);
    entry made;
    made.count = read_signed(reader);
    if (options_.counts_matches) made.matches = read_signed(reader);
    if (options_.ttl_us > 0) made.written = reader.fixed<timestamp_us>();
    value = value.substr(value.size() - reader.remaining());
    SYSTOLE_ASSIGN(made.hidden, take_hidden(value));
    byte_reader rest(value);
    made.row = rest.bytes();
    if (!reader.ok() || !rest.ok())
      return fail(error_code::corrupt, "a stored row of a join is cut short; restore from another checkpoint");
    value = value.substr(value.size() - rest.remaining());
    entries_.push_back(made);
  }
  return std::span<const entry>(entries_);
}

void multiset_rows::encode(const std::vector<entry>& entries) {
  value_.clear();
  for (const entry& each : entries) {
    append_signed(value_, each.count);
    if (options_.counts_matches) append_signed(value_, each.matches);
    if (options_.ttl_us > 0) append_fixed(value_, each.written);
    append_hidden(value_, each.hidden);
    append_bytes(value_, each.row);
  }
}

result<void> multiset_rows::change(std::string_view key, uint64_t hash, uint32_t row, int64_t delta, int64_t matches,
                                   timestamp_us now) {
  row_.clear();
  encoder_.append(row_, row);
  hidden_values hidden = hidden_values::of(bound_, row);
  const size_t row_bytes = row_.size();
  if (options_.append_only && hidden.event_time) append_fixed(row_, *hidden.event_time);
  subkey_.clear();
  append_fixed(subkey_, hash_key(row_));
  row_.resize(row_bytes);

  SYSTOLE_ASSIGN(const std::optional<std::string_view> found, table_->get(key, hash, subkey_));
  if (found) old_value_ = *found;
  else old_value_.clear();
  SYSTOLE_TRY(entries(old_value_));
  auto at = std::find_if(entries_.begin(), entries_.end(), [&](const entry& each) {
    return each.row == row_ && (!options_.append_only || each.hidden.event_time == hidden.event_time);
  });
  if (at == entries_.end()) {
    entries_.push_back({.row = row_});
    at = entries_.end() - 1;
  } else if (expired(*at, now)) {
    *at = {.row = row_};
  }
  at->count += delta;
  at->matches = matches;
  at->written = std::max(at->written, now);
  at->hidden.combine(hidden);
  if (at->count == 0) entries_.erase(at);
  if (entries_.size() > collision_limit)
    return fail(error_code::limit_exceeded,
                "more than " + std::to_string(collision_limit) +
                    " different rows of one key have one hash; this is no accident: filter them out");
  if (entries_.empty()) return found ? table_->erase(key, hash, subkey_) : result<void>();
  encode(entries_);
  return table_->put(key, hash, subkey_, value_);
}

result<int64_t> multiset_rows::add_matches(std::string_view key, uint64_t hash, std::string_view subkey, size_t index,
                                           int64_t delta) {
  SYSTOLE_ASSIGN(const std::optional<std::string_view> found, table_->get(key, hash, subkey));
  assert(found);  // it was scanned a moment ago, and nothing but the other side's rows was written since
  old_value_ = *found;
  SYSTOLE_TRY(entries(old_value_));
  assert(index < entries_.size());
  const int64_t before = entries_[index].matches;
  entries_[index].matches += delta;
  encode(entries_);
  SYSTOLE_TRY(table_->put(key, hash, subkey, value_));
  return before;
}

result<void> multiset_rows::expire(timestamp_us watermark) {
  if (options_.ttl_us == 0 || table_->size() < next_sweep_) return {};
  struct expired_value {
    std::string key, subkey;
  };
  std::vector<expired_value> gone;
  result<void> outcome;
  SYSTOLE_TRY(table_->for_each([&](std::string_view key, std::string_view subkey, std::string_view value) {
    const result<std::span<const entry>> read = entries(value);
    if (!read) {
      outcome = read.error();
      return false;
    }
    if (std::all_of(read->begin(), read->end(), [&](const entry& each) { return expired(each, watermark); }))
      gone.push_back({std::string(key), std::string(subkey)});
    return true;
  }));
  SYSTOLE_TRY(outcome);
  for (const expired_value& each : gone) SYSTOLE_TRY(table_->erase(each.key, hash_key(each.key), each.subkey));
  next_sweep_ = std::max(sweep_rows, 2 * table_->size());
  return {};
}

}  // namespace systole
