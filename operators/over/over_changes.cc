#include "operators/over/over_changes.h"

#include "base/bytes.h"
#include "data/key_encoding.h"

namespace systole {
namespace {

constexpr std::string_view last_ordinal = "\xff\xff\xff\xff";

void append_ordinal(std::string& out, uint32_t ordinal) { append_fixed(out, __builtin_bswap32(ordinal)); }
uint32_t read_ordinal(std::string_view subkey) {
  uint32_t ordinal;
  std::memcpy(&ordinal, subkey.data() + subkey.size() - sizeof ordinal, sizeof ordinal);
  return __builtin_bswap32(ordinal);
}

}  // namespace

std::string encode_over_value(const hidden_values& hidden, std::string_view kept, std::string_view running) {
  std::string value;
  append_hidden(value, hidden);
  append_bytes(value, kept);
  value.append(running);
  return value;
}

result<over_value> decode_over_value(std::string_view bytes) {
  over_value made;
  SYSTOLE_ASSIGN(made.hidden, take_hidden(bytes));
  byte_reader reader(bytes);
  made.kept = reader.bytes();
  if (!reader.ok())
    return fail(error_code::corrupt, "a stored row of over is cut short; restore from another checkpoint");
  made.running = reader.take(reader.remaining());
  return made;
}

uint128 position_of_subkey(std::string_view subkey) {
  uint128 position = 0;
  for (char byte : subkey.substr(subkey.size() - over_store::ordinal_bytes - sizeof position, sizeof position))
    position = position << 8 | static_cast<unsigned char>(byte);
  return position;
}

result<over_segment::changes> over_changes::resolve(std::string_view key, uint64_t hash,
                                                    std::span<const uint32_t> rows) {
  key_ = key;
  hash_ = hash;
  made_.clear();
  last_.clear();
  SYSTOLE_TRY(store_.rows->scan_backwards(key, hash, {}, {}, [this](std::string_view subkey, std::string_view) {
    last_ = subkey;
    return false;
  }));
  for (uint32_t row : rows) {
    prefix_.clear();
    order_.append(prefix_, *order_columns_, *rows_, row);
    kept_bytes_.clear();
    kept_.append(kept_bytes_, row);
    SYSTOLE_TRY(sign(rows_->kind(row)) > 0 ? add(row) : retract());
  }
  return std::move(made_);
}

result<uint32_t> over_changes::next_ordinal() {
  uint32_t next = 0;
  const std::string end = prefix_ + std::string(last_ordinal);
  const auto above = made_.lower_bound(end);
  if (above != made_.begin())
    if (const std::string& before = std::prev(above)->first; before.starts_with(prefix_))
      next = read_ordinal(before) + 1;
  if (prefix_ > last_) return next;  // the common case: a row at the partition's end
  SYSTOLE_TRY(store_.rows->scan_backwards(key_, hash_, prefix_, end, [&](std::string_view subkey, std::string_view) {
    next = std::max(next, read_ordinal(subkey) + 1);
    return false;
  }));
  return next;
}

result<void> over_changes::add(uint32_t row) {
  // Also where the table seems empty: its size is not known while a restored one is being loaded.
  if (rows_->has(hidden::kind)) {
    SYSTOLE_ASSIGN(const bool settled, settle_owed());
    if (settled) return {};
  }
  SYSTOLE_ASSIGN(const uint32_t ordinal, next_ordinal());
  hidden_values hidden = hidden_values::of(*rows_, row);
  hidden.position.reset();  // the subkey has it
  over_row made;
  made.subkey = prefix_;
  append_ordinal(made.subkey, ordinal);
  made.value = encode_over_value(hidden, kept_bytes_, {});  // running values are put in when they are known
  made.before = false;
  made_.emplace(made.subkey, std::move(made));
  return {};
}

/// Keeps in `found` the row to take away: one with the row's position, else the first one, whether it is stored already
/// or not, so that the choice does not depend on batches.
struct over_changes::candidate {
  std::string subkey;  ///< empty: none
  bool exact = false;
  bool pending = false;
};

result<bool> over_changes::consider(std::string_view subkey, std::string_view value, bool pending,
                                    candidate& found) const {
  SYSTOLE_ASSIGN(const over_value parts, decode_over_value(value));
  if (parts.kept != kept_bytes_) return false;
  const bool exact = subkey.starts_with(prefix_);
  if (found.subkey.empty() || (exact && !found.exact) || (exact == found.exact && subkey < found.subkey))
    found = {std::string(subkey), exact, pending};
  return exact;
}

result<void> over_changes::retract() {
  candidate found;
  for (auto at = made_.lower_bound(order_only()); at != made_.end() && at->first.starts_with(order_only()); ++at) {
    if (!at->second.after) continue;
    SYSTOLE_ASSIGN(const bool exact, consider(at->first, at->second.value, true, found));
    if (exact) break;
  }
  if (order_only() <= last_) {
    result<void> outcome;
    SYSTOLE_TRY(store_.rows->scan(key_, hash_, order_only(), {}, [&](std::string_view subkey, std::string_view stored) {
      if (!subkey.starts_with(order_only())) return false;
      if (made_.find(subkey) != made_.end()) return true;  // another retraction took it
      const result<bool> exact = consider(subkey, stored, false, found);
      if (!exact) outcome = exact.error();
      return exact && !*exact;
    }));
    SYSTOLE_TRY(outcome);
  }
  if (found.subkey.empty()) return owe();
  if (found.pending) {
    made_.erase(found.subkey);
    return {};
  }
  SYSTOLE_ASSIGN(const std::optional<std::string_view> value, store_.rows->get(key_, hash_, found.subkey));
  over_row taken{found.subkey, std::string(*value)};
  taken.after = false;
  made_.emplace(std::move(found.subkey), std::move(taken));
  return {};
}

std::string over_changes::owed_subkey() const {
  std::string subkey;
  append_fixed(subkey, hash_key(std::string(order_only()) + kept_bytes_));
  return subkey;
}

result<bool> over_changes::settle_owed() {
  const std::string subkey = owed_subkey();
  SYSTOLE_ASSIGN(const std::optional<std::string_view> found, store_.owed->get(key_, hash_, subkey));
  if (!found) return false;
  const uint64_t left = byte_reader(*found).varint() - 1;
  if (left == 0) {
    SYSTOLE_TRY(store_.owed->erase(key_, hash_, subkey));
    return true;
  }
  std::string value;
  append_varint(value, left);
  SYSTOLE_TRY(store_.owed->put(key_, hash_, subkey, value));
  return true;
}

result<void> over_changes::owe() {
  const std::string subkey = owed_subkey();
  SYSTOLE_ASSIGN(const std::optional<std::string_view> found, store_.owed->get(key_, hash_, subkey));
  std::string value;
  append_varint(value, (found ? byte_reader(*found).varint() : 0) + 1);
  return store_.owed->put(key_, hash_, subkey, value);
}

}  // namespace systole
