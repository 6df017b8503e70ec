#include "kafka/partition_feed.h"

namespace systole {

void kafka_feed_queue::push(kafka_fetched_item item) {
  const std::lock_guard lock(mutex_);
  bytes_ += item.bytes;
  items_.push_back(std::move(item));
  ++items_left_;
}

kafka_fetched_item kafka_feed_queue::take() {
  const std::lock_guard lock(mutex_);
  kafka_fetched_item made = std::move(items_.front());
  items_.pop_front();
  bytes_ -= made.bytes;
  --items_left_;
  return made;
}

kafka_partition_feed::kind kafka_partition_feed::refuse(failure cause) {
  open_.reset();
  cause_ = std::move(cause);
  return kind::refused;
}

kafka_partition_feed::kind kafka_partition_feed::next(kafka_record& into) {
  while (true) {
    if (open_) {
      if (open_->next(into)) return kind::record;
      if (open_->problem()) return refuse(*open_->problem());
      open_.reset();
    }
    if (queue_->empty()) return kind::nothing;
    const bool was_full = queue_->is_full();
    kafka_fetched_item item = queue_->take();
    if (was_full && !queue_->is_full()) has_room_();
    offset_ = item.offset;
    switch (item.what) {
      case kafka_fetched_item::kind::records: open_ = std::move(item.records); break;
      case kafka_fetched_item::kind::caught_up: return kind::caught_up;
      case kafka_fetched_item::kind::out_of_range: return kind::out_of_range;
      case kafka_fetched_item::kind::refused: return refuse(std::move(item.cause));
    }
  }
}

}  // namespace systole
