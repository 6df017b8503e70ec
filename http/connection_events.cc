#include <boost/asio/post.hpp>

#include "http/connection.h"

// A connection whose answer is a stream of server-sent events.
namespace systole {

void connection::begin_events(const std::function<void(std::shared_ptr<event_stream>)>& begin) {
  phase_ = phase::events;
  const auto ready = [weak = weak_from_this(), loop = server_->loop.lock()] {
    boost::asio::post(*loop, [weak] {
      if (const auto self = weak.lock()) self->write_events();
    });
  };
  events_ = std::make_shared<event_queue>(server_->limits.events_bytes, ready);
  watch_for_end();
  ping_later();
  // The sender's end is the stream's, also where it forgets to close.
  begin(std::shared_ptr<event_stream>(events_.get(), [queue = events_](event_stream*) { queue->close(); }));
}

void connection::watch_for_end() {
  bytes_->read_some(boost::asio::buffer(discarded_),
                    [self = shared_from_this()](boost::system::error_code problem, size_t) {
                      if (self->closed_ || self->phase_ == phase::lingering) return;
                      if (problem) self->close();
                      else self->watch_for_end();
                    });
}

void connection::write_events() {
  if (closed_ || writing_events_ || phase_ != phase::events) return;
  const bool last = events_->closed();
  std::string bytes = events_->take();
  if (bytes.empty()) {
    if (last) close_after_events();
    return;
  }
  writing_events_ = true;
  write(std::move(bytes), [this] {
    phase_ = phase::events;
    writing_events_ = false;
    ping_later();
    write_events();
  });
}

void connection::close_after_events() {
  phase_ = phase::lingering;
  ping_.cancel();
  set_deadline(server_->limits.linger);
  // The client's end is seen by the read that is under way, or the deadline comes.
  bytes_->finish([self = shared_from_this()](boost::system::error_code, size_t) { self->close(); });
}

void connection::ping_later() {
  ping_.expires_after(server_->limits.event_ping);
  ping_.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
    if (cancelled || self->closed_ || self->phase_ != phase::events) return;
    self->writing_events_ = true;
    self->write(":\n\n", [self = self.get()] {
      self->phase_ = phase::events;
      self->writing_events_ = false;
      self->ping_later();
      self->write_events();
    });
  });
}

}  // namespace systole
