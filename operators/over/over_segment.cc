#include "operators/over/over_segment.h"

#include <algorithm>

namespace systole {

result<void> over_segment::read(size_t limit, std::vector<over_row>& into) {
  to_emit_ = ahead_ = 0;
  closed_ = false;
  if (!begun_) {
    begun_ = true;
    changes_left_ = changes_.size();
    cursor_ = changes_.begin()->first;
    SYSTOLE_TRY(read_before(into));
  } else {
    for (over_row& each : context_) into.push_back(std::move(each));
    context_.clear();
  }
  return read_forward(limit, into);
}

/// Rows before the first change: the last of them may see another lead, the others are there for their lag, and one for
/// its running values.
result<void> over_segment::read_before(std::vector<over_row>& into) {
  const size_t wanted = std::max(reach_.rows_after + reach_.rows_before, size_t{reach_.running});
  if (wanted == 0) return {};
  const size_t begin = into.size();
  SYSTOLE_TRY(
      store_.rows->scan_backwards(key_, hash_, {}, cursor_, [&](std::string_view subkey, std::string_view value) {
        into.push_back({std::string(subkey), std::string(value)});
        into.back().emitted = into.size() - begin <= reach_.rows_after;
        return into.size() - begin < wanted;
      }));
  std::reverse(into.begin() + static_cast<ptrdiff_t>(begin), into.end());
  return {};
}

/// Takes the next row in order. False where no more are needed.
bool over_segment::take(over_row row, size_t limit, std::vector<over_row>& into) {
  const bool changed = row.before != row.after;
  if (closed_) {
    if (!changed) ++ahead_;
    into.push_back(std::move(row));
    return ahead_ < reach_.rows_after;
  }
  row.emitted = true;
  row.recompute = reach_.running;
  cursor_ = row.subkey;
  cursor_.push_back('\0');
  into.push_back(std::move(row));
  ++to_emit_;
  if (changed) {
    --changes_left_;
    settled_ = 0;
  } else {
    ++settled_;
  }
  if (changes_left_ == 0 && settled_ >= reach_.rows_before && !reach_.running) done_ = true;
  closed_ = done_ || to_emit_ >= limit;
  return !closed_ || reach_.rows_after > 0;
}

result<void> over_segment::read_forward(size_t limit, std::vector<over_row>& into) {
  auto change = changes_.lower_bound(cursor_);
  bool more = true;
  SYSTOLE_TRY(
      store_.rows->scan(key_, hash_, std::string(cursor_), {}, [&](std::string_view subkey, std::string_view value) {
        for (; more && change != changes_.end() && change->first < subkey; ++change)
          more = take(change->second, limit, into);
        if (!more) return false;
        if (change != changes_.end() && change->first == subkey) {
          more = take(change->second, limit, into);  // taken away
          ++change;
        } else {
          more = take({std::string(subkey), std::string(value)}, limit, into);
        }
        return more;
      }));
  for (; more && change != changes_.end(); ++change) more = take(change->second, limit, into);
  if (more && !closed_) done_ = true;  // the partition's end
  return {};
}

result<void> over_segment::finish(over_row* first, size_t rows, const std::vector<uint8_t>& changed) {
  size_t last = rows;  // the end of those that were emitted
  while (last > 0 && !first[last - 1].emitted) --last;
  for (size_t i = 0; i < last; ++i) {
    const over_row& each = first[i];
    if (!each.emitted) continue;
    if (!each.after) SYSTOLE_TRY(store_.rows->erase(key_, hash_, each.subkey));
    else if (!each.before || changed[i]) SYSTOLE_TRY(store_.rows->put(key_, hash_, each.subkey, each.value));
  }
  // Running values that are the same again stay the same behind.
  if (!done_ && changes_left_ == 0 && settled_ >= reach_.rows_before && last > 0 && first[last - 1].before &&
      first[last - 1].after && !changed[last - 1])
    done_ = true;
  if (done_) return {};
  const size_t wanted = std::max(reach_.rows_before, size_t{reach_.running});
  size_t before = 0, after = 0, from = last;
  while (from > 0 && (before < wanted || after < wanted)) {
    --from;
    before += first[from].before;
    after += first[from].after;
  }
  context_.assign(std::make_move_iterator(first + from), std::make_move_iterator(first + last));
  for (over_row& each : context_) each.emitted = each.recompute = false;
  return {};
}

}  // namespace systole
