#include "operators/aggregate/distinct_values.h"

#include <cstring>
#include <vector>

namespace systole {

result<void> distinct_values::open(keyed_state& state, table_descriptor table) {
  table.name += "_distinct";
  table.layout = "key,value->count:i64";
  SYSTOLE_ASSIGN(counts_, state.open_map(table));
  return {};
}

result<int8_t> distinct_values::weigh(const accumulator_group& group, const column& values, size_t row, int8_t weight) {
  subkey_.clear();
  append_key_value(subkey_, values, row);
  SYSTOLE_ASSIGN(const std::optional<std::string_view> found, counts_->get(group.key, group.hash, subkey_));
  if (found && !changelog_) return int8_t{0};
  int64_t old_count = 0;
  if (found) std::memcpy(&old_count, found->data(), sizeof old_count);
  const int64_t new_count = old_count + weight;
  if (new_count == 0) {
    SYSTOLE_TRY(counts_->erase(group.key, group.hash, subkey_));
  } else {
    SYSTOLE_TRY(counts_->put(group.key, group.hash, subkey_,
                             {reinterpret_cast<const char*>(&new_count), sizeof new_count}));
  }
  return static_cast<int8_t>((new_count > 0) - (old_count > 0));
}

result<void> distinct_values::erase(const accumulator_group& group) {
  std::vector<std::string> subkeys;
  SYSTOLE_TRY(counts_->scan(group.key, group.hash, {}, {}, [&](std::string_view subkey, std::string_view) {
    subkeys.emplace_back(subkey);
    return true;
  }));
  for (const std::string& subkey : subkeys) SYSTOLE_TRY(counts_->erase(group.key, group.hash, subkey));
  return {};
}

}  // namespace systole
