#include "http/event_queue.h"

namespace systole {
namespace {

std::string encoded(std::string_view name, std::string_view data) {
  std::string out = "event: ";
  for (const char c : name)
    if (c != '\n' && c != '\r') out.push_back(c);
  out += "\ndata: ";
  for (size_t at = 0; at < data.size(); ++at) {
    const bool ends_line = data[at] == '\n' || data[at] == '\r';
    if (data[at] == '\r' && at + 1 < data.size() && data[at + 1] == '\n') ++at;
    if (ends_line) out += "\ndata: ";
    else out.push_back(data[at]);
  }
  out += "\n\n";
  return out;
}

}  // namespace

void event_queue::tell_ready(std::unique_lock<std::mutex>& held) {
  const bool tell = !told_;
  told_ = true;
  held.unlock();
  if (tell) on_ready_();
}

bool event_queue::send(std::string_view name, std::string_view data) {
  std::unique_lock held(mutex_);
  if (gone_ || closed_) return false;
  std::string event;
  if (waiting_.size() + data.size() <= limit_bytes_) event = encoded(name, data);
  if (event.empty() || waiting_.size() + event.size() > limit_bytes_) {
    ++dropped_;
    return true;
  }
  if (dropped_ > 0) waiting_ += encoded("dropped", std::to_string(std::exchange(dropped_, 0)));
  waiting_ += event;
  tell_ready(held);
  return true;
}

void event_queue::close() {
  std::unique_lock held(mutex_);
  if (closed_ || gone_) return;
  closed_ = true;
  tell_ready(held);
}

std::string event_queue::take() {
  const std::lock_guard held(mutex_);
  if (dropped_ > 0) waiting_ += encoded("dropped", std::to_string(std::exchange(dropped_, 0)));
  if (waiting_.empty()) told_ = false;
  return std::exchange(waiting_, {});
}

bool event_queue::closed() const {
  const std::lock_guard held(mutex_);
  return closed_;
}

void event_queue::on_client_gone() {
  const std::lock_guard held(mutex_);
  gone_ = true;
  waiting_ = {};
}

}  // namespace systole
