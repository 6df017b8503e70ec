#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "http/message.h"

namespace systole {

/// The events that a client has not taken yet, as bytes of the event-stream format (HTML standard, 9.2). Senders may be
/// on any thread; one connection takes. Where `limit_bytes` would be passed, events are dropped, and an event `dropped`
/// with their number stands where they would have been.
class event_queue final : public event_stream {
 public:
  /// `on_ready` is called, on a sender's thread, when there is something to take or the end has come, and nothing was
  /// before.
  event_queue(size_t limit_bytes, std::function<void()> on_ready)
      : limit_bytes_(limit_bytes), on_ready_(std::move(on_ready)) {}
  ~event_queue() override = default;

  bool send(std::string_view name, std::string_view data) override;
  void close() override;

  /// All that waits. The next `on_ready` comes only after a call that gave nothing.
  std::string take();
  /// True once the sender has closed; what take() gives then is the last.
  bool closed() const;
  /// The client has gone: nothing is kept any more.
  void on_client_gone();

 private:
  void tell_ready(std::unique_lock<std::mutex>& held);

  const size_t limit_bytes_;
  const std::function<void()> on_ready_;
  mutable std::mutex mutex_;
  std::string waiting_;
  size_t dropped_ = 0;  ///< since the last event that was kept
  bool told_ = false;
  bool closed_ = false;
  bool gone_ = false;
};

}  // namespace systole
