#include "actors/exchange.h"

#include <algorithm>
#include <utility>

namespace systole {
namespace {

class hash_partitioner final : public partitioner {
 public:
  hash_partitioner(std::vector<expression_ptr> keys, size_t receivers, uint32_t max_parallelism, const clock* time)
      : keys_(std::move(keys)), context_{time}, max_parallelism_(max_parallelism), starts_(receivers + 1) {
    for (uint32_t group = 0; group < max_parallelism; ++group)
      receiver_of_group_.push_back(static_cast<uint16_t>(subtask_of_key_group(
          key_group_id(static_cast<uint16_t>(group)), static_cast<uint32_t>(receivers), max_parallelism)));
  }

  void split(batch rows, const std::function<void(size_t, batch)>& give) override {
    const size_t count = rows.rows();
    errors_.clear();
    held_.clear();
    columns_.clear();
    for (const expression_ptr& key : keys_) {
      const int index = key->as_column();
      held_.push_back(index >= 0 ? rows.share(static_cast<size_t>(index)) : key->evaluate(rows, context_, errors_));
      columns_.push_back(held_.back().get());
    }
    encoded_.encode(columns_, count);
    receiver_.resize(count);
    const std::span<const uint64_t> hashes = encoded_.hashes();
    for (size_t row = 0; row < count; ++row) receiver_[row] = receiver_of_group_[hashes[row] % max_parallelism_];
    for (const row_error& error : errors_) receiver_[error.row] = 0;
    std::fill(starts_.begin(), starts_.end(), 0);
    for (size_t row = 0; row < count; ++row) ++starts_[receiver_[row] + 1];
    for (size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
    order_.resize(count);
    next_.assign(starts_.begin(), starts_.end() - 1);
    for (size_t row = 0; row < count; ++row) order_[next_[receiver_[row]]++] = static_cast<uint32_t>(row);
    for (size_t i = 0; i + 1 < starts_.size(); ++i) {
      const size_t length = starts_[i + 1] - starts_[i];
      if (length == 0) continue;
      if (length == count) return give(i, std::move(rows));
      const std::span<const uint32_t> part = std::span(order_).subspan(starts_[i], length);
      // A part on its way would keep the whole megabyte that it was read from; only the original lines are too long to copy.
      give(i, rows.has(hidden::raw) ? gather(rows, part) : gather_copy(rows, part));
    }
  }

 private:
  std::vector<expression_ptr> keys_;
  evaluation_context context_;
  uint32_t max_parallelism_;
  std::vector<uint16_t> receiver_of_group_;
  // Reused from batch to batch.
  std::vector<column_ptr> held_;
  std::vector<const column*> columns_;
  std::vector<row_error> errors_;
  encoded_keys encoded_;
  std::vector<uint16_t> receiver_;
  std::vector<uint32_t> starts_, next_, order_;
};

class rebalancer final : public partitioner {
 public:
  rebalancer(size_t receivers, size_t first) : receivers_(receivers), next_(first % receivers) {}
  void split(batch rows, const std::function<void(size_t, batch)>& give) override {
    const size_t receiver = next_;
    next_ = (next_ + 1) % receivers_;
    give(receiver, std::move(rows));
  }

 private:
  size_t receivers_;
  size_t next_;
};

class broadcaster final : public partitioner {
 public:
  explicit broadcaster(size_t receivers) : receivers_(receivers) {}
  void split(batch rows, const std::function<void(size_t, batch)>& give) override {
    for (size_t i = 0; i + 1 < receivers_; ++i) give(i, rows);
    give(receivers_ - 1, std::move(rows));
  }

 private:
  size_t receivers_;
};

uint64_t text_bytes(const column& of) {
  if (!of.type().is_text_like()) return 0;
  uint64_t bytes = 0;
  const text_view* texts = of.values<text_view>();
  for (size_t row = 0; row < of.size(); ++row) bytes += texts[row].is_inline() ? 0 : texts[row].size();
  return bytes;
}

}  // namespace

uint64_t exchange_bytes(const batch& rows) {
  uint64_t bytes = 1 + rows.memory_bytes();
  for (const column_ptr& each : rows.columns()) bytes += text_bytes(*each);
  if (rows.has(hidden::raw)) bytes += text_bytes(*rows.hidden_column(hidden::raw));
  return bytes;
}

std::unique_ptr<partitioner> make_hash_partitioner(std::vector<expression_ptr> keys, size_t receivers,
                                                   uint32_t max_parallelism, const clock* time) {
  return std::make_unique<hash_partitioner>(std::move(keys), receivers, max_parallelism, time);
}
std::unique_ptr<partitioner> make_rebalancer(size_t receivers, size_t first) {
  return std::make_unique<rebalancer>(receivers, first);
}
std::unique_ptr<partitioner> make_broadcaster(size_t receivers) { return std::make_unique<broadcaster>(receivers); }

exchange_output::exchange_output(std::vector<uint32_t> channels, std::unique_ptr<partitioner> split,
                                 uint64_t budget_bytes)
    : split_(std::move(split)) {
  for (const uint32_t channel : channels) lanes_.push_back({channel, credit_sender(budget_bytes), 0, {}});
}

/// Keeps starved_ right while a lane changes.
template <class Change>
void exchange_output::with_lane(lane& at, Change change) {
  const bool before = at.starved();
  change();
  if (at.starved() != before) starved_ += before ? size_t(-1) : size_t{1};
}

result<void> exchange_output::write(batch rows) {
  split_->split(std::move(rows), [this](size_t receiver, batch part) {
    auto made = std::make_shared<frame>();
    made->what = frame::kind::rows;
    made->bytes = exchange_bytes(part);
    made->rows = std::move(part);
    put(lanes_[receiver], std::move(made));
  });
  return {};
}

result<void> exchange_output::watermark(timestamp_us watermark, bool idle) {
  control({.what = frame::kind::watermark, .watermark = watermark, .idle = idle});
  return {};
}

result<void> exchange_output::end() {
  control({.what = frame::kind::end});
  return {};
}

void exchange_output::cut(const barrier& what) { control({.what = frame::kind::barrier, .cut = what}); }

void exchange_output::control(const frame& what) {
  for (lane& each : lanes_) put(each, std::make_shared<frame>(what));
}

bool exchange_output::on_credit(uint32_t channel, uint64_t bytes) {
  for (lane& each : lanes_) {
    if (each.channel != channel) continue;
    with_lane(each, [&] {
      each.credit.grant(bytes);
      flush(each);
    });
    return true;
  }
  return false;
}

void exchange_output::put(lane& at, std::shared_ptr<frame> what) {
  with_lane(at, [&] {
    what->channel = at.channel;
    what->sequence = ++at.sequence;
    if (read_us_) what->read_us = *read_us_;
    at.waiting.push_back(std::move(what));
    flush(at);
  });
}

void exchange_output::flush(lane& at) {
  while (!at.waiting.empty() && (at.waiting.front()->bytes == 0 || at.credit.has_credit())) {
    if (at.waiting.front()->bytes > 0) at.credit.spend(at.waiting.front()->bytes);
    send_(std::move(at.waiting.front()));
    at.waiting.pop_front();
  }
}

}  // namespace systole
